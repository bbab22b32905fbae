"""The switchboard: which handler answers which verb, and which takes which click.

Every module that answers has its own `HANDLERS`, `ACTIONS` or `DOINGS`; here they come together,
and a test sees to it that no verb is left without an answer. Imports all of them and `desk`.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from headless.clock import Clock
from headless.settings import Settings as Environment
from headless.slack.answers import (
    checking,
    contacts,
    helping,
    journal,
    listing,
    numbers,
    repeating,
    roles,
    settings,
    showing,
    simulating,
    things,
)
from headless.slack.desk.desk import ClientFor, Desk, Doing, Handler
from headless.slack.flows import table as flows
from headless.slack.people.asker import Asker
from headless.storage.database import Database

Submission = Callable[[Desk, Asker, dict[str, Any]], Awaitable[dict[str, Any] | None]]
"""Answers a submitted view (Slack's own `view`) within two seconds: None closes the window, else a
`response_action` with what belongs to it. It checks the role itself."""
Timer = Callable[[Desk, datetime], Awaitable[None]]
"""Looks every two seconds for what changed elsewhere: cards to draw, digests to send."""

HANDLERS: Final[dict[str, Handler]] = {
    **listing.HANDLERS,
    **showing.HANDLERS,
    **numbers.HANDLERS,
    **journal.HANDLERS,
    **checking.HANDLERS,
    **simulating.HANDLERS,
    **contacts.HANDLERS,
    **things.HANDLERS,
    **helping.HANDLERS,
    **roles.HANDLERS,
    **settings.HANDLERS,
    **flows.HANDLERS,
}
"""By verb."""
CLICKS: Final[dict[str, Doing]] = {
    **repeating.ACTIONS,
    **roles.CLICKS,
    **settings.CLICKS,
    **flows.CLICKS,
}
"""By the beginning of an action id."""
DOINGS: Final[dict[str, Doing]] = {**flows.DOINGS}
"""By the kind of a task: `view`, `shortcut`, `home`, `link`, `event`."""
SUBMISSIONS: Final[dict[str, Submission]] = {**flows.SUBMISSIONS}
"""By the callback id of a view; answered in the request itself."""
TIMERS: Final[list[Timer]] = [*flows.TIMERS]
"""What the workers do now and then."""


def desk(database: Database, clock: Clock, environ: Environment, client: ClientFor) -> Desk:
    """The desk with everybody at their place."""
    return Desk(database, clock, environ, client, handlers=HANDLERS, clicks=CLICKS, doings=DOINGS)
