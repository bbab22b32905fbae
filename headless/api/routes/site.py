"""`/v1/site`: the workspace's websites and the script for them; `/v1/assets/…/file`: uploads."""

import re
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.routes.components import number_of
from headless.api.routes.web import INTEGRITY, VERSION, script_tag
from headless.api.shapes import Instant, maybe_instant
from headless.campaigns import beacon
from headless.content import sites
from headless.content.kinds import BY_WORD
from headless.content.variables import invalid
from headless.problems import Problem
from headless.storage import tables

FILE_LIMIT: Final = 10 * 1024 * 1024
_MEDIA: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")
_FILE_NAME: Final = re.compile(r"[\w][\w .()+-]{0,119}", re.ASCII)


class SiteWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hosts of your websites, without port: `www.example.com`."""

    hosts: list[str]


class SiteShape(msgspec.Struct, frozen=True):
    """The hosts, and the tag for the head of their pages."""

    hosts: tuple[str, ...]
    site: str
    script: str
    script_version: int
    integrity: str
    version: int
    updated_at: Instant | None


class FileShape(msgspec.Struct, frozen=True):
    """A file that was taken."""

    file_name: str
    media_type: str
    size: int
    address: str


def _answer(call: Any, site: sites.Site) -> Response[SiteShape]:
    public = beacon.site_text(call.workspace_id)
    body = SiteShape(
        hosts=site.hosts,
        site=public,
        script=script_tag(call.house.settings.url, public),
        script_version=VERSION,
        integrity=INTEGRITY,
        version=site.version,
        updated_at=maybe_instant(site.updated_at),
    )
    return Response(body, headers={"ETag": f'"{site.version}"'})


@get("/site", opt=needs("components:read"), tags=["Web"])
async def get_site(call: Caller) -> Response[SiteShape]:
    """The workspace's websites, and the script tag for their pages."""
    async with call.transaction() as tx:
        return _answer(call, await sites.get(tx, call.workspace_id))


@put("/site", opt={**needs("components:write"), **reads(SiteWrite)}, tags=["Web"])
async def replace_site(request: Request[Any, Any, Any], call: Caller) -> Response[SiteShape]:
    """Say which hosts are yours: where clicks say who comes, and where forms may lead."""
    body = await bodies.read(request, SiteWrite)
    wanted = bodies.expected_revision(request)
    async with call.transaction() as tx:
        saved = await sites.save(
            tx, call.workspace_id, body.hosts, now=call.now, expected_version=wanted
        )
    return _answer(call, saved)


@put(
    "/assets/{name:str}/file",
    opt={**needs("components:write"), **reads(None, "application/octet-stream")},
    tags=["Web"],
    request_max_body_size=FILE_LIMIT,
)
async def upload_asset_file(
    request: Request[Any, Any, Any],
    call: Caller,
    name: FromPath[str],
    file_name: Annotated[str, QueryParameter(description="as it is saved by who downloads it")],
) -> FileShape:
    """Upload the bytes of an asset, 10 MB at most; Content-Type says of what kind they are."""
    media = bodies.media_of(request) or "application/octet-stream"
    if not _MEDIA.fullmatch(media):
        raise invalid("content-type", "`Content-Type` must be a media type")
    if not _FILE_NAME.fullmatch(file_name):
        raise invalid("file_name", "`file_name` is of letters, digits, blanks and `.()+-_`")
    raw = await request.body()
    if not raw:
        raise invalid("", "the file is empty")
    kind, table, file = BY_WORD["asset"], tables.asset, tables.asset_file
    async with call.transaction() as tx:
        number = await number_of(tx, kind, call.workspace_id, name)
        changed = await tx.execute(
            update(table)
            .where(table.c.workspace_id == call.workspace_id, table.c.id == number)
            .values(
                file_name=file_name, media_type=media, size=len(raw), url=None, updated_at=call.now
            )
            .returning(table.c.slug)
        )
        slug = changed.scalar()
        if slug is None:
            raise Problem("not_found", f"there is no asset `{name[:60]}`")
        given = insert(file).values(workspace_id=call.workspace_id, asset_id=number, bytes=raw)
        await tx.execute(
            given.on_conflict_do_update(
                index_elements=["workspace_id", "asset_id"], set_={"bytes": given.excluded.bytes}
            )
        )
    return FileShape(file_name, media, len(raw), f"{call.house.settings.url}/a/{slug}")


HANDLERS: Final[list[HTTPRouteHandler]] = [get_site, replace_site, upload_asset_file]
