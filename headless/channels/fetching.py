"""Documents that providers publish and we must read: certificates, confirmations.

Only public addresses are called, over https, without redirects, bounded in size and time. Imports
`reach`.
"""

from typing import Final, Protocol

import aiohttp

from headless.channels.reach import GuardedResolver

SECONDS: Final = 10.0
LIMIT: Final = 64 * 1024
_MOST_KEPT: Final = 100


class FetchError(ValueError):
    """The document could not be had."""


class Fetcher(Protocol):
    """Gets a document by its address."""

    async def get(self, url: str) -> bytes:
        """The body, at most 64 KB; raises FetchError."""
        ...


class WebFetcher:
    """Fetches over the network; what was fetched once is kept, for certificates do not change."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    async def get(self, url: str) -> bytes:
        """The body, at most 64 KB; raises FetchError."""
        if url not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[url] = await _get(url)
        return self._kept[url]


async def _get(url: str) -> bytes:
    connector = aiohttp.TCPConnector(resolver=GuardedResolver("live"), use_dns_cache=False)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            body = await answer.content.read(LIMIT + 1)
            if answer.status != 200 or len(body) > LIMIT:
                raise FetchError(f"`{url[:200]}` answers {answer.status}")
            return body
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise FetchError(f"`{url[:200]}` cannot be reached: {error}") from error
