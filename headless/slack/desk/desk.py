"""The desk: takes what somebody said or pressed in Slack, and answers it.

It reads the text, checks the asker's role against the table of verbs, hands the command to its
handler and turns what goes wrong into words. It knows nothing of how the question came in or how
the reply goes out. Handlers are given to it by `switchboard`, so that they can import this module.
Imports `verbs`, `parse`, `people`, `refusals`, `tasks`, and what use cases need.
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from headless.clock import Clock
from headless.problems import Problem
from headless.runtime.versions import Versions
from headless.settings import Settings
from headless.slack.desk import faults, refusals, sharing
from headless.slack.kit.reply import Reply
from headless.slack.people.asker import Asker, may
from headless.slack.tasks import Task
from headless.slack.verbs import BY_NAME
from headless.slack.verbs.parse import Command, Mistake, parse, said
from headless.storage.database import Database

Handler = Callable[["Desk", Asker, Command], Awaitable[Reply]]
"""What answers one verb; it is called only for who may say it."""
Doing = Callable[["Desk", Task], Awaitable[Reply | None]]
"""What answers a click, a submitted view, a shortcut, an event; None when there is nothing to say.
It checks the role itself (`people.may`), since a button can be pressed by anybody."""
ClientFor = Callable[[int, str], Awaitable[AsyncWebClient]]
"""A workspace's id and a team's: Slack's client with that installation's token."""

_log = structlog.get_logger(__name__)


class Desk:
    """Answers for one installation of Headless, whichever workspace asks."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: Settings,
        client: ClientFor,
        *,
        handlers: Mapping[str, Handler],
        clicks: Mapping[str, Doing],
        doings: Mapping[str, Doing],
    ) -> None:
        """`handlers` by verb, `clicks` by how an action id begins, `doings` by a task's kind."""
        self.database = database
        self.clock = clock
        self.settings = settings
        self.client = client
        self.versions = Versions()
        self.handlers = handlers
        self.clicks = clicks
        self.doings = doings

    async def run(self, task: Task) -> Reply | None:
        """Do a task; the reply goes to the asker, unless it says otherwise. None: all is said.

        Whatever raises here but a Problem is a fault of ours, and the task may be tried again.
        """
        brings = task.kind == "mention" and task.payload.get("files")
        if task.kind == "command" or (task.kind == "mention" and not brings):
            return await self.answer(task.asker, task.text)
        doing = self._click(task.name) if task.kind == "action" else self.doings.get(task.kind)
        if doing is None:
            _log.info("nobody takes this", kind=task.kind, name=task.name)
            return None
        if task.asker.outsider:
            return refusals.outsider()
        try:
            return await doing(self, task)
        except refusals.Mistaken as mistaken:
            return refusals.mistake(mistaken.mistake)
        except Problem as problem:
            return refusals.problem(problem)

    async def answer(self, asker: Asker, text: str) -> Reply:
        """Read a command and obey it, or say what could not be read."""
        read = parse(text)
        if isinstance(read, Mistake):
            return refusals.outsider() if asker.outsider else refusals.mistake(read)
        return await self.obey(asker, read)

    async def obey(self, asker: Asker, command: Command) -> Reply:
        """Do what a command says, if the asker may say it."""
        verb = BY_NAME[command.verb]
        if asker.outsider:
            return refusals.outsider()
        if not may(asker, verb.role):
            return refusals.role(verb, asker)
        if verb.personal and asker.shared:
            return refusals.shared(verb)
        try:
            reply = await self.handlers[verb.name](self, asker, command)
        except refusals.Mistaken as mistaken:
            return refusals.mistake(mistaken.mistake)
        except Problem as problem:
            return await self._refused(asker, command, problem)
        return sharing.offered(reply, asker, command)

    async def _refused(self, asker: Asker, command: Command, problem: Problem) -> Reply:
        """What a use case refused; of a faulty text each fault, and the mended text to press."""
        found = problem.extra.get("faults")
        text = problem.extra.get("text")
        if problem.code != "invalid_text" or not found or text is None:
            return refusals.problem(problem, BY_NAME[command.verb])

        def again(mended: str) -> str:
            return said(msgspec.structs.replace(command, rest=mended))

        mendable = again if command.rest and command.rest == text else None
        async with self.database.transaction() as tx:
            return await faults.reply(tx, asker.workspace_id, text, found, mendable)

    def _click(self, action: str) -> Doing | None:
        """What answers a button: the longest beginning of its action id that is known."""
        known = [start for start in self.clicks if action.startswith(start)]
        return self.clicks[max(known, key=len)] if known else None
