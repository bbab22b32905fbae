"""Downloads: a file at an address that a customer names, streamed, guarded, never redirected.

The address may lead only where `reach` allows: in a sandbox to this machine, else to public ones.
Whoever reads takes the chunks as they come. Imports `http` and `reach`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
import msgspec

from headless.channels.http import Http
from headless.channels.reach import ForbiddenAddressError, GuardedResolver, Mode

CONNECT_SECONDS: Final = 20.0
SILENT_SECONDS: Final = 60.0
"""How long the other side may say nothing."""
LONGEST_SECONDS: Final = 6 * 3_600.0
CHUNK: Final = 64 * 1024


class DownloadError(ValueError):
    """The file could not be had, or not to its end."""


class Download(msgspec.Struct, frozen=True):
    """A file on its way: its media type, its size where the other side says it, and its chunks.

    `version` tells it from what stood there before, where the other side says so.
    """

    media: str
    size: int | None
    version: str | None
    chunks: AsyncIterator[bytes]


def refused(url: str, mode: Mode) -> str | None:
    """Why an address is never called, as far as it tells by itself; None: it may be."""
    return Http().obstacle(url, mode)


@asynccontextmanager
async def downloading(url: str, mode: Mode) -> AsyncIterator[Download]:
    """The file at an address, for the block; raises DownloadError, also while it is read."""
    obstacle = refused(url, mode)
    if obstacle is not None:
        raise DownloadError(obstacle)
    timeout = aiohttp.ClientTimeout(
        total=LONGEST_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS
    )
    connector = aiohttp.TCPConnector(resolver=GuardedResolver(mode), use_dns_cache=False)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            ) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                where = " (a redirect is not followed)" if 300 <= answer.status < 400 else ""
                raise DownloadError(f"`{url[:200]}` answers {answer.status}{where}")
            plain = "Content-Encoding" not in answer.headers
            size = answer.content_length if plain else None
            said = [answer.headers.get(name) for name in ("ETag", "Last-Modified")]
            version = next((one[:200] for one in said if one), None)
            yield Download(answer.content_type, size, version, _chunks(answer))
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, ForbiddenAddressError):
            raise DownloadError(str(error.os_error)) from error
        raise DownloadError(f"`{url[:200]}` cannot be reached") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise DownloadError(f"`{url[:200]}` cannot be read") from error


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.content.iter_chunked(CHUNK):
            yield chunk
    except (aiohttp.ClientError, TimeoutError) as error:
        raise DownloadError("the other side stopped before the file's end") from error
