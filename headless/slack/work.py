"""Work: what a worker does for the Slack face, one hint at a time.

It takes the tasks that are due, asks Slack who the people are where we have forgotten, hands each
task to the desk, brings the reply, and then sends posts. Timers look, every few seconds, for what
changed elsewhere. Every task has three attempts; the person hears when they were in vain.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import aiohttp
import msgspec
import structlog
from slack_sdk.errors import SlackApiError
from sqlalchemy import exists, select
from sqlalchemy.exc import DBAPIError

from headless.clock import Clock
from headless.slack import tasks
from headless.slack.desk import refusals
from headless.slack.kit.reply import Reply
from headless.slack.outgoing import answering, sending
from headless.slack.people.lookups import Lookups
from headless.slack.tasks import JOB, Task
from headless.slack.teams.clients import ENDED, Clients, NotInstalledError
from headless.storage.database import Database
from headless.storage.tables import slack_installation, slack_post, slack_task
from headless.storage.wake import Wake

Timer = Callable[[datetime], Awaitable[None]]
"""Looks for what changed elsewhere: cards to draw, digests to send."""
_TICK: Final = timedelta(seconds=2)
_TEND: Final = timedelta(hours=1)
_SORRY: Final = (
    "Something broke on our side, and I have tried three times. Nothing is half done; please ask "
    "again, or tell whoever runs Headless."
)
log = structlog.get_logger(__name__)


class Doer(Protocol):
    """Whoever answers tasks: the desk."""

    async def run(self, task: Task) -> Reply | None:
        """Do a task; what is to be said to the asker, if anything."""
        ...


class Line:
    """One worker's Slack work."""

    def __init__(
        self,
        database: Database,
        clients: Clients,
        clock: Clock,
        desk: Doer,
        timers: Sequence[Timer] = (),
    ) -> None:
        self._database = database
        self.clients = clients
        self._clock = clock
        self.desk = desk
        self._timers = tuple(timers)
        self._lookups = Lookups(database, clients, clock)
        self._ticked: datetime | None = None
        self._tended: datetime | None = None

    async def due(self) -> list[Wake]:
        """The hint, when something waits or the timers' time has come."""
        now = self._clock.now()
        waits = exists().where(
            slack_task.c.state.in_(("queued", "running")), slack_task.c.due_at <= now
        )
        async with self._database.glance() as tx:
            if await tx.scalar(select(waits)) or await sending.anything_due(tx, now=now):
                return [Wake(JOB)]
            if not self._timers or not self._time_has_come(now):
                return []
            installed = exists().where(slack_installation.c.state == "active")
            return [Wake(JOB)] if await tx.scalar(select(installed)) else []

    async def once(self) -> int:
        """Do what is due; answers how many tasks and posts that were."""
        taken = await tasks.take(self._database, now=self._clock.now())
        await asyncio.gather(*(self._do(each) for each in taken))
        if self._time_has_come(self._clock.now()):
            await self._tick()
        sent = await sending.send_due(self._database, self.clients, now=self._clock.now())
        return len(taken) + sent

    async def waiting(self) -> bool:
        """Whether anything is still to be done, now or a little later."""
        async with self._database.glance() as tx:
            tasks_left = exists().where(slack_task.c.state.in_(("queued", "running")))
            posts_left = exists().where(slack_post.c.state == "pending")
            return bool(await tx.scalar(select(tasks_left | posts_left)))

    async def close(self) -> None:
        """End all connections."""
        await self.clients.close()

    def _time_has_come(self, now: datetime) -> bool:
        return self._ticked is None or now - self._ticked >= _TICK

    async def _tick(self) -> None:
        now = self._ticked = self._clock.now()
        for timer in self._timers:
            try:
                await timer(now)
            except (DBAPIError, SlackApiError, aiohttp.ClientError, OSError) as error:
                log.warning("slack_timer_failed", error=type(error).__name__)
        if self._tended is None or now - self._tended >= _TEND:
            self._tended = now
            async with self._database.transaction() as tx:
                await tasks.forget(tx, now=now)
                await sending.forget(tx, now=now)

    async def _do(self, task: Task) -> None:
        try:
            asker = await self._lookups.known(task.asker)
            if asker is None:
                reply: Reply | None = Reply(text=refusals.NOBODY)
            else:
                task = msgspec.structs.replace(task, asker=asker)
                reply = await self.desk.run(task)
        except Exception as broken:
            await self._settle(task, await self._fault(task, broken))
            return
        unheard = None if reply is None else await self._unheard(task, reply)
        async with self._database.transaction() as tx:
            await tasks.finish(tx, task, error=unheard)

    async def _unheard(self, task: Task, reply: Reply) -> str | None:
        """Bring a reply; why nobody hears it. What is done is not done again for that."""
        try:
            await self._answer(task, reply)
        except Exception as broken:
            return await self._fault(task, broken)
        return None

    async def _fault(self, task: Task, broken: Exception) -> str:
        """What went wrong, in a word; a token that Slack refuses ends the installation."""
        if isinstance(broken, NotInstalledError):
            return str(broken)
        if isinstance(broken, SlackApiError):
            error = str(broken.response["error"])
            if error in ENDED:
                await self.clients.ended(task.asker.workspace_id, task.asker.team_id, error)
            return error
        error = type(broken).__name__
        where = traceback.extract_tb(broken.__traceback__)[-1]  # its words may be personal
        log.error(
            "slack_task_broke",
            task=task.id,
            kind=task.kind,
            attempt=task.attempt,
            error=error,
            where=f"{where.filename}:{where.lineno}",
        )
        return error

    async def _answer(self, task: Task, reply: Reply) -> None:
        """Say a reply, or store it to be said later."""
        now = self._clock.now()
        try:
            await answering.answer(self._database, self.clients, task, reply, now=now)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("slack_answer_late", task=task.id, error=type(error).__name__)
        except SlackApiError as error:
            if error.response["error"] in ENDED:
                raise
            log.warning("slack_answer_refused", task=task.id, error=error.response["error"])
        else:
            return
        await answering.later(self._database, task, reply, reply.blocks, now=now)

    async def _settle(self, task: Task, error: str) -> None:
        """It could not be done: try once more, or say so."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            again = await tasks.put_off(tx, task, error=error, now=now)
        if not again:
            log.warning("slack_task_failed", task=task.id, kind=task.kind, error=error)
            await self._apologize(task)

    async def _apologize(self, task: Task) -> None:
        try:
            await self._answer(task, Reply(text=_SORRY))
        except (SlackApiError, NotInstalledError) as error:
            log.warning("slack_apology_failed", task=task.id, error=type(error).__name__)
