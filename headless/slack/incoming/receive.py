"""Receiving: everything that Slack sends, over HTTP or over the socket, on slack_bolt.

Verify, find the workspace and the person in our own tables, store the task, acknowledge: nothing is
asked of Slack before it has its answer, and all that comes at the same moment is looked up in one
question and stored by one statement. What a worker does goes straight there; bolt has the rest, and
all that comes over the socket. Submitted windows are answered in the request, since their
diagnostics are the answer. Imports bolt, `reading`, `signature`, `tasks`, `people`, `windows`.
"""

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.request.async_request import AsyncBoltRequest

from headless.channels.senders.slack import escaped
from headless.clock import Clock
from headless.problems import Problem
from headless.settings import Settings
from headless.slack import tasks
from headless.slack.desk import refusals
from headless.slack.incoming import reading, signature
from headless.slack.incoming.reading import Payload, UnreadableError
from headless.slack.incoming.windows import Loading, Windows
from headless.slack.people import origins
from headless.slack.people.asker import Asker
from headless.slack.people.origins import Met, Origin
from headless.slack.tasks import Task
from headless.slack.teams import installations
from headless.slack.teams.clients import Clients
from headless.storage.database import Database
from headless.storage.gathering import Gathering

Submit = Callable[[Asker, Payload], Awaitable[dict[str, Any] | None]]
"""Answers a submitted view: None closes the window, else a `response_action`."""
_ANYTHING: Final = re.compile("")
_JSON: Final = (("content-type", "application/json;charset=utf-8"),)
_SUBMIT_SECONDS: Final = 2.5
_NOT_HERE: Final = (
    "Headless is not installed for this team, or no longer. An admin can install it again: "
    "`headless slack install`"
)
_SLOW: Final = "This takes longer than Slack waits. Nothing was saved: press the button once more."
log = structlog.get_logger(__name__)


class Answer(msgspec.Struct, frozen=True):
    """What a request is answered: a status, headers, a body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


async def _anybody(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    """Whose a request is, is looked up where it is stored: once for all that come together."""
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)


class _Came(msgspec.Struct, frozen=True):
    """Something to be done, as Slack told it."""

    body: Payload
    origin: Origin


class _Kept(msgspec.Struct, frozen=True):
    """What became of it: refused with a sentence, or stored, maybe with a window to open."""

    refusal: str | None = None
    task: Task | None = None
    title: Loading | None = None


class _New(msgspec.Struct, frozen=True):
    """What is to be stored, and the title of the window that it opens."""

    new: tasks.New
    title: Loading | None


class Receiver:
    """Takes requests of all teams; one for each process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: Settings,
        clients: Clients,
        submit: Submit,
    ) -> None:
        self._database = database
        self._aside = database.aside()  # Slack waits three seconds, whoever else asks for much
        self._clock = clock
        self._secrets = settings.slack_signing_secret
        self._submit = submit
        self.windows = Windows(database, clients, clock)
        self._line: Gathering[_Came, _Kept] = Gathering(self._store)
        self._hints: set[asyncio.Task[None]] = set()
        self.app = self._bolt(clients)

    async def take(self, raw: bytes, headers: Mapping[str, str]) -> Answer:
        """Answer a signed request; `headers` know their names in lower case."""
        if not signature.holds(
            self._secrets,
            raw,
            timestamp=headers.get("x-slack-request-timestamp", ""),
            signature=headers.get("x-slack-signature", ""),
            now=self._clock.now(),
        ):
            log.warning("slack_signature_refused")
            return Answer(401, body="the signature does not hold\n")
        try:
            body = reading.body_of(raw, headers.get("content-type", ""))
        except UnreadableError as error:
            return Answer(400, body=f"{error}\n")
        if reading.waits(body):
            return await self._acknowledged(body)
        told = await self.app.async_dispatch(
            # the signature is proved: what follows is the same for HTTP and for the socket
            AsyncBoltRequest(mode="socket_mode", body=body)
        )
        kept = tuple((name, one) for name, values in told.headers.items() for one in values)
        return Answer(told.status, kept, told.body or "")

    async def settle(self) -> None:
        """Wait for the windows that are being opened, and for the hints on their way."""
        await self.windows.settle()
        await asyncio.gather(*self._hints)

    async def close(self) -> None:
        """Finish what is under way, and give the connections back."""
        await self.settle()
        await self._aside.close()

    async def _acknowledged(self, body: Payload) -> Answer:
        """What bolt would answer to something that a worker does, without its detours."""
        try:
            refusal = await self._kept(body)
        except Exception as error:
            await self._broke(error)
            return Answer(500)
        if refusal is None:
            return Answer(200)
        said = msgspec.json.encode({"response_type": "ephemeral", "text": refusal})
        return Answer(200, _JSON, said.decode())

    def _bolt(self, clients: Clients) -> AsyncApp:
        app = AsyncApp(
            name="headless",
            logger=_logger(),
            client=clients.bare(),
            authorize=_anybody,
            request_verification_enabled=False,  # `take` has done it, over the raw bytes
            process_before_response=True,
            attaching_function_token_enabled=False,
        )
        app.error(self._broke)
        app.command(_ANYTHING)(self._waits)
        app.event("app_uninstalled")(self._ended)
        app.event("tokens_revoked")(self._ended)
        app.event(_ANYTHING)(self._waits)
        app.action(_ANYTHING)(self._waits)
        app.shortcut(_ANYTHING)(self._waits)
        app.view(_ANYTHING)(self._view)
        app.view_closed(_ANYTHING)(self._nothing)
        app.options(_ANYTHING)(self._nothing)
        return app

    async def _waits(self, body: Payload, ack: AsyncAck) -> None:
        refusal = await self._kept(body)
        await (ack() if refusal is None else ack(response_type="ephemeral", text=refusal))

    async def _broke(self, error: Exception) -> None:
        where = traceback.extract_tb(error.__traceback__)[-1]  # its words may be personal
        log.error(
            "slack_request_broke",
            error=type(error).__name__,
            where=f"{where.filename}:{where.lineno}",
        )

    async def _nothing(self, ack: AsyncAck) -> None:
        await ack()

    async def _kept(self, body: Payload) -> str | None:
        """Store what is to be done. A sentence when it is refused and the answer can say so."""
        kept = await self._line.ask(_Came(body, reading.origin(body)))
        if kept.task is not None and kept.title is not None:
            self.windows.open(kept.task, kept.title)
        if kept.refusal is None or "command" in body:
            return kept.refusal
        if url := body.get("response_url"):
            self.windows.refuse(url, kept.refusal)
        return None

    async def _store(self, came: Sequence[_Came]) -> Sequence[_Kept]:
        """All that came at the same moment. It is committed when the second statement answers; the
        hint to the workers keeps nobody waiting."""
        now = self._clock.now()
        async with self._aside.glance() as tx:
            met = await origins.meet(tx, [one.origin for one in came])
            found = [self._found(*each, now) for each in zip(came, met, strict=True)]
            new = [one.new for one in found if isinstance(one, _New)]
            numbers = iter(await tasks.store_all(tx, new))
        if tx.wakes:
            hint = asyncio.create_task(self._database.waker.send(tuple(tx.wakes)))
            self._hints.add(hint)
            hint.add_done_callback(self._hints.discard)
        return [_stored(one, next(numbers)) if isinstance(one, _New) else one for one in found]

    def _found(self, came: _Came, met: Met, now: datetime) -> _New | _Kept:
        """The task to store, or why there is none."""
        made, asker = met.installation, met.asker
        if made is None:
            return _Kept(_NOT_HERE)
        if asker is None:
            return _Kept(refusals.NOBODY)
        if asker.user_id == made.bot_user_id:  # what we said ourselves
            return _Kept()
        task = reading.task(came.body, asker, now)
        if task is None:
            return _Kept()
        if asker.outsider and not made.whole:
            return _Kept(refusals.OUTSIDER)
        title = self.windows.wanted(task)
        due = None if title is None else now + tasks.WAIT
        return _New(tasks.New(task, reading.key(came.body), due), title)

    async def _view(self, body: Payload, ack: AsyncAck) -> None:
        async with self._aside.glance() as tx:
            (met,) = await origins.meet(tx, [reading.origin(body)])
        asker = met.asker
        if asker is None or asker.outsider:
            who = refusals.NOBODY if asker is None else refusals.OUTSIDER
            said = _NOT_HERE if met.installation is None else who
            await ack(response_action="update", view=_notice(said))
            return
        try:
            async with asyncio.timeout(_SUBMIT_SECONDS):
                told = await self._submit(asker, body["view"])
        except TimeoutError:
            told = {"response_action": "push", "view": _notice(_SLOW)}
        except Problem as problem:  # what was typed stays in the window underneath
            told = {"response_action": "push", "view": _notice(escaped(problem.detail))}
        await (ack() if told is None else ack(**told))

    async def _ended(self, body: Payload, ack: AsyncAck) -> None:
        event = reading.ended(body)
        origin = reading.origin(body)
        if event is not None:
            now = self._clock.now()
            async with self._database.transaction() as tx:
                found = await installations.find(tx, origin.team_id, origin.enterprise_id)
                if found is not None:
                    reason = f"Slack says `{event}`"
                    await installations.end(
                        tx, found.workspace_id, [found.team_id], reason, now=now
                    )
            log.info("slack_installation_ended", team=origin.team_id, event_type=event)
        await ack()


def _stored(found: _New, number: int | None) -> _Kept:
    """With the window to open, unless it is a repetition."""
    if number is None or found.title is None:
        return _Kept()
    return _Kept(task=msgspec.structs.replace(found.new.task, id=number), title=found.title)


def _notice(text: str) -> dict[str, Any]:
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Headless"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}],
    }


def _logger() -> logging.Logger:
    """Bolt's own words: only what is wrong, for it logs whole requests otherwise."""
    logger = logging.getLogger("headless.slack.bolt")
    logger.setLevel(logging.ERROR)
    return logger
