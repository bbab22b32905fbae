"""Which flow answers which verb, click, window and event, and what the workers do now and then."""

from datetime import datetime
from typing import Final

from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.flows import (
    approving,
    bringing,
    cards,
    declining,
    digest,
    drafting,
    editing,
    holding,
    home,
    running,
    starting,
    trying,
    unfurling,
    watching,
)
from headless.slack.flows.submitting import SUBMISSIONS

__all__ = ["CLICKS", "DOINGS", "HANDLERS", "SUBMISSIONS", "TIMERS"]


async def follow_cards(desk: Desk, now: datetime) -> None:
    """Draw the cards that tell something old."""
    await cards.follow(desk.database, now=now)


async def send_digests(desk: Desk, now: datetime) -> None:
    """Post the digests whose time has come."""
    await digest.send_due(desk.database, now=now)


async def tell_holds(desk: Desk, now: datetime) -> None:
    """Tell channels of holds that began elsewhere."""
    await holding.tell_others(desk.database, now=now)


HANDLERS: Final[dict[str, Handler]] = {
    **drafting.HANDLERS,
    **editing.HANDLERS,
    **starting.HANDLERS,
    **approving.HANDLERS,
    **declining.HANDLERS,
    **running.HANDLERS,
    **watching.HANDLERS,
    **digest.HANDLERS,
    **home.HANDLERS,
    **holding.HANDLERS,
    **trying.HANDLERS,
}
"""By verb."""
CLICKS: Final[dict[str, Doing]] = {
    **drafting.CLICKS,
    **editing.CLICKS,
    **bringing.CLICKS,
    **starting.CLICKS,
    **approving.CLICKS,
    **declining.CLICKS,
    **running.CLICKS,
    **holding.CLICKS,
    **trying.CLICKS,
}
"""By the beginning of an action id."""
DOINGS: Final[dict[str, Doing]] = {**bringing.DOINGS, **home.DOINGS, **unfurling.DOINGS}
"""By the kind of a task."""
TIMERS: Final = (follow_cards, send_digests, tell_holds)
"""What the workers do now and then."""
