"""The switchboard: which handler answers which verb, and which takes which click.

Every module that answers has its own `HANDLERS`, `ACTIONS` or `DOINGS`; here they come together,
and a test sees to it that no verb is left without an answer. Imports all of them and `desk`.
"""

from typing import Final

from headless.clock import Clock
from headless.settings import Settings
from headless.slack.desk import ClientFor, Desk, Doing, Handler
from headless.storage.database import Database

HANDLERS: Final[dict[str, Handler]] = {}
"""By verb."""
CLICKS: Final[dict[str, Doing]] = {}
"""By the beginning of an action id."""
DOINGS: Final[dict[str, Doing]] = {}
"""By the kind of a task: `view`, `shortcut`, `home`, `link`, `event`."""


def desk(database: Database, clock: Clock, settings: Settings, client: ClientFor) -> Desk:
    """The desk with everybody at their place."""
    return Desk(database, clock, settings, client, handlers=HANDLERS, clicks=CLICKS, doings=DOINGS)
