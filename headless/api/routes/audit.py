"""`GET /v1/audit`: who did what, and who looked at whose data."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from headless import ids
from headless.api.auth import Caller, needs
from headless.api.shapes import Cursor, Instant, Limit, Page, after, instant, moment, page
from headless.workspace import audit
from headless.workspace.audit import Entry, Sought

_Text = Annotated[str | None, QueryParameter(max_length=200)]


class EntryShape(msgspec.Struct, frozen=True):
    """One act; `actor` is a member, a token, or who else acts: `slack:T1/U2`, `system`."""

    id: str
    at: Instant
    actor: str
    act: str
    subject: str
    detail: dict[str, Any]


def _shape(entry: Entry) -> EntryShape:
    return EntryShape(
        ids.encode("aud", entry.id),
        instant(entry.at),
        entry.actor,
        entry.act,
        entry.subject,
        entry.detail,
    )


@get("/audit", opt=needs("audit:read"), tags=["Access"])
async def list_audit(
    call: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    actor: _Text = None,
    act: _Text = None,
    subject: _Text = None,
    since: _Text = None,
    until: _Text = None,
) -> Page[EntryShape]:
    """Who did what, and who looked at whose data, the newest first.

    `act` is the operation's name (`pause_campaign`), `subject` the id or name it was about. Slack
    and the command line are in it as well; what was refused is not. Times need their zone.
    """
    asked = {"actor": actor, "act": act, "subject": subject, "since": since, "until": until}
    start = after(cursor, list="audit", **asked)
    sought = Sought(actor, act, subject, moment("since", since), moment("until", until))
    async with call.transaction() as tx:
        rows = await audit.listing(tx, call.workspace_id, sought, limit=limit + 1, before=start)
    return page(rows, limit, lambda row: row.id, _shape, list="audit", **asked)


HANDLERS: Final[list[HTTPRouteHandler]] = [list_audit]
