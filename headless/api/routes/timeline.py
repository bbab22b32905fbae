"""`/v1/contacts/{id}/timeline`: everything that happened to one contact, the newest first."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from headless.api.auth import Caller, needs
from headless.api.shapes import (
    Cursor,
    Instant,
    Limit,
    Page,
    at_micros,
    instant,
    micros,
    number,
    opened,
    sealed,
)
from headless.campaigns import timeline
from headless.campaigns.timeline import KINDS, Entry, Kind, Place

_PLACE: Final = "!qhq"


class HappenedShape(msgspec.Struct, frozen=True):
    """One thing that happened, in words; `id` is the activity's, the message's or the run's.

    `detail` has an activity's properties, a message's state, a run's number, a consent's source.
    """

    at: Instant
    kind: Kind
    id: str | None
    what: str
    campaign: str | None
    detail: dict[str, Any] | None


@get("/contacts/{contact_id:str}/timeline", opt=needs("contacts:read"), tags=["Contacts"])
async def contact_timeline(
    call: Caller,
    contact_id: FromPath[str],
    limit: Limit = 50,
    cursor: Cursor = None,
    kind: Annotated[Kind | None, QueryParameter(description="only what is of this kind")] = None,
) -> Page[HappenedShape]:
    """What a contact did, was sent, agreed to, and where it came in and went out, newest first."""
    asked = {"list": "timeline", "contact": contact_id, "kind": kind}
    found = opened(cursor, _PLACE, **asked)
    behind = None if found is None else Place(at_micros(found[0]), found[1], found[2])
    async with call.transaction() as tx:
        entries = await timeline.listing(
            tx,
            call.workspace_id,
            number("con", contact_id),
            kinds=KINDS if kind is None else (kind,),
            limit=limit + 1,
            behind=behind,
        )
    following = None
    if len(entries) > limit:
        place = entries[limit - 1].place
        following = sealed((micros(place.at), place.kind, place.id), _PLACE, **asked)
    return Page([_shape(one) for one in entries[:limit]], following)


def _shape(one: Entry) -> HappenedShape:
    return HappenedShape(
        instant(one.place.at), one.kind, one.id, one.what, one.campaign, one.detail
    )


HANDLERS: Final[list[HTTPRouteHandler]] = [contact_timeline]
