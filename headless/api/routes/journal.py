"""`/v1/campaigns/{name}/journal`: the steps that contacts took, page by page."""

from typing import Annotated, Any, Final

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from headless.api.auth import Caller, needs
from headless.api.routes.campaigns import LineShape, line_shape
from headless.api.shapes import (
    Cursor,
    Limit,
    Page,
    at_micros,
    micros,
    moment,
    number,
    opened,
    sealed,
)
from headless.campaigns import journal, publish
from headless.campaigns.journal import OutcomeWord, Sought
from headless.campaigns.stream import Mark
from headless.storage.codes import Outcome

_MARK: Final = "!qqhi"
_Time = Annotated[str | None, QueryParameter(max_length=200)]
_Contact = Annotated[str | None, QueryParameter(description="a contact's id: only its steps")]
_Outcome = Annotated[OutcomeWord | None, QueryParameter(description="only steps that ended so")]


@get("/campaigns/{name:str}/journal", opt=needs("campaigns:read"), tags=["Campaigns"])
async def campaign_journal(
    call: Caller,
    name: FromPath[str],
    limit: Limit = 50,
    cursor: Cursor = None,
    contact: _Contact = None,
    outcome: _Outcome = None,
    since: _Time = None,
    until: _Time = None,
) -> Page[LineShape]:
    """The steps that contacts took, the newest first; `since` and `until` need their zone.

    What happens meanwhile shifts no page: a cursor goes on behind the last line that you have.
    """
    asked: dict[str, Any] = {"contact": contact, "outcome": outcome, "since": since, "until": until}
    sought = Sought(
        None if contact is None else number("con", contact),
        None if outcome is None else Outcome[outcome.upper()],
        moment("since", since),
        moment("until", until),
    )
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        asked |= {"list": "journal", "campaign": found.id}
        lines = await journal.listing(
            tx,
            call.workspace_id,
            found.id,
            sought,
            limit=limit + 1,
            behind=_behind(opened(cursor, _MARK, **asked)),
            now=call.now,
        )
    following = None
    if len(lines) > limit:
        mark = lines[limit - 1][0]
        place = (micros(mark.at), mark.enrollment_id, mark.step, mark.visit)
        following = sealed(place, _MARK, **asked)
    return Page([line_shape(line) for _, line in lines[:limit]], following)


def _behind(numbers: tuple[int, ...] | None) -> Mark | None:
    """The place that a cursor stands for."""
    if numbers is None:
        return None
    at, enrollment_id, step, visit = numbers
    return Mark(at_micros(at), enrollment_id, step, visit)


HANDLERS: Final[list[HTTPRouteHandler]] = [campaign_journal]
