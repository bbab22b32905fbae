"""`/v1/exports`, `/v1/contacts/{id}/export` and `/v1/events`: what is known, as data to take along.

Exports are NDJSON, streamed page by page; one person's is a ZIP of such files.
"""

import io
import zipfile
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from headless import ids
from headless.api.auditing import shows_nobody
from headless.api.auth import Caller, needs
from headless.api.shapes import Cursor, Instant, Limit, Page, after, instant, moment, number, page
from headless.audience import exports, segments
from headless.workspace import names
from headless.workspace.names import Event

_NDJSON: Final = "application/x-ndjson"
_SCOPE: Final = "contacts:export"
_EVENT_SCOPES: Final = ("campaigns:read", "activities:write")


class EventShape(msgspec.Struct, frozen=True):
    """Something that contacts do, with the properties that it was seen with and their types."""

    name: str
    properties: dict[str, str]
    created_at: Instant


@get("/exports/contacts", opt=needs(_SCOPE), tags=["Exports"], media_type=_NDJSON)
async def export_contacts(
    call: Caller,
    tag: FromQuery[str | None] = None,
    segment: FromQuery[str | None] = None,
) -> Stream:
    """All contacts, or those of a tag or a segment: a line of JSON each, which an import takes."""
    segment_id = None
    if segment is not None:
        async with call.transaction() as tx:
            segment_id = (await segments.find(tx, call.workspace_id, segment)).id
    lines = exports.contacts(
        call.house.database, call.workspace_id, tagged=tag, segment_id=segment_id
    )
    return Stream(lines, media_type=_NDJSON, headers=_as_file("contacts.ndjson"))


@get("/exports/activities", opt=needs(_SCOPE), tags=["Exports"], media_type=_NDJSON)
async def export_activities(
    call: Caller,
    since: Annotated[
        str | None, QueryParameter(description="only what was reported from then on")
    ] = None,
) -> Stream:
    """What contacts did, in the order in which it was reported: a line of JSON each."""
    begins = moment("since", since)
    lines = exports.activities(call.house.database, call.workspace_id, since=begins)
    return Stream(lines, media_type=_NDJSON, headers=_as_file("activities.ndjson"))


@get(
    "/contacts/{contact_id:str}/export",
    opt=needs(_SCOPE),
    tags=["Exports"],
    media_type="application/zip",
)
async def export_contact(call: Caller, contact_id: FromPath[str]) -> Response[bytes]:
    """All that is kept of one person, as a ZIP of NDJSON files: for whoever asks what you have."""
    found = number("con", contact_id)
    async with call.transaction() as tx:
        kept = await exports.everything_of(tx, call.workspace_id, found)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, lines in kept.items():
            archive.writestr(f"{name}.ndjson", b"".join(exports.line(one) for one in lines))
    headers = _as_file(f"{ids.encode('con', found)}.zip")
    return Response(whole.getvalue(), media_type="application/zip", headers=headers)


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


@get("/events", opt={**needs(*_EVENT_SCOPES), **shows_nobody()}, tags=["Activities"])
async def list_events(call: Caller, limit: Limit = 50, cursor: Cursor = None) -> Page[EventShape]:
    """The names by which `did "…"` can ask, with the properties that were seen; learned by use."""
    above = after(cursor, list="events") or 0
    async with call.transaction() as tx:
        rows = await names.events(tx, call.workspace_id, limit=limit + 1, above=above)
    return page(rows, limit, lambda row: row.id, _event, list="events")


def _event(known: Event) -> EventShape:
    properties: dict[str, Any] = known.properties
    return EventShape(known.name, properties, instant(known.created_at))


HANDLERS: Final[list[HTTPRouteHandler]] = [
    export_contacts, export_activities, export_contact, list_events,
]  # fmt: skip
