"""The worker: a process that moves contacts and hands messages over.

Hints come from Redis (as arq jobs, which only put them into the runner's line) and from a sweep of
the database each second; either alone is enough. PostgreSQL holds the truth, so a worker may be
killed at any moment, and any number of them may run. With `storage.wake` the only module that
knows arq.
"""

import asyncio
import contextlib
import os
import platform
import signal
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any, Final, cast

import structlog
import uvloop
from arq.connections import RedisSettings
from arq.typing import WorkerCoroutine
from arq.worker import Function, func
from arq.worker import Worker as Listener
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from headless.audience import seen
from headless.audience.remembered import Hashes, ring
from headless.campaigns import fetched, tripping
from headless.campaigns.fetched import JOB as FETCH
from headless.campaigns.tripping import JOB as TRIP
from headless.channels.notices import Notices
from headless.channels.post import Post
from headless.channels.restored import Gate, arrive
from headless.channels.returned import listening
from headless.channels.returns import Returns
from headless.runtime.engine import JOBS, Engine
from headless.runtime.runner import Runner
from headless.runtime.sweep import sweep
from headless.seals import Seals
from headless.settings import Settings, diary_of
from headless.slack import face
from headless.slack.tasks import JOB as SLACK
from headless.storage import measures, metrics_server, partitions
from headless.storage import wake as wakes
from headless.storage.database import Database, connect
from headless.storage.diary import Diary
from headless.storage.measures import measured
from headless.storage.partitions import Kept
from headless.storage.tables import worker
from headless.storage.time import DatabaseClock
from headless.storage.wake import Wake
from headless.workspace import audit

SWEEP_SECONDS: Final = 1.0
_HEARTBEAT_SWEEPS: Final = 5
_FORGOTTEN: Final = timedelta(days=1)
_TEND_SECONDS: Final = 3_600.0
_FOR_EVER: Final = Kept()
DELIVER: Final = "deliver"
SWEEP: Final = "sweep"
SENDING: Final = (DELIVER, TRIP)

log = structlog.get_logger(__name__)

Deliver = Callable[[Wake], Awaitable[int]]
"""Hands over one batch of a channel's messages; answers how many."""
Chat = Callable[[], Awaitable[int]]
"""Does what was asked in Slack and says there what is to be said, or runs an import; answers how
much that was."""
Due = Callable[[], Awaitable[Iterable[Wake]]]
"""The hints for messages that are due."""


class Worker:
    """One worker process's work; `run` returns after `stop`."""

    def __init__(
        self,
        database: Database,
        redis_url: str,
        *,
        clock: DatabaseClock,
        deliver: Deliver,
        due: Due,
        chat: Chat | None = None,
        fetch: Chat | None = None,
        kept: Kept = _FOR_EVER,
        hashes: Hashes | None = None,
        stop_seconds: float = 20,
    ) -> None:
        self.database = database
        self.clock = clock
        self.engine = Engine(database, hashes=hashes)
        self.name = f"{platform.node()}:{os.getpid()}"
        self._redis_url = redis_url
        self._deliver = deliver
        self._due = due
        self._kept = kept
        self._stop_seconds = stop_seconds
        self._stopping = asyncio.Event()
        self._look = asyncio.Event()
        self.moving = Runner(self._move, tasks=2)
        self.sending = Runner(self._send, tasks=2)
        self._chat = chat
        self.chatting = Runner(self._say, tasks=2)
        self._fetch = fetch
        self.fetching = Runner(self._take_in, tasks=2)
        database.waker = self

    async def send(self, given: Iterable[Wake]) -> None:
        """Put hints into the line of those who can work on them."""
        moving = [wake for wake in given if wake.job in JOBS]
        sending = [wake for wake in given if wake.job in SENDING]
        if chatting := [wake for wake in given if wake.job == SLACK]:
            await self.chatting.send(chatting)
        if fetching := [wake for wake in given if wake.job == FETCH]:
            await self.fetching.send(fetching)
        if any(wake.job == SWEEP for wake in given):
            self._look.set()
        if moving:
            await self.moving.send(moving)
        if sending:
            await self.sending.send(sending)

    async def _move(self, wake: Wake) -> int:
        with measured(wake.job):
            moved = await self.engine.once(wake, now=self.clock.now())
        measures.MOVED.labels(wake.job).inc(moved)
        return moved

    async def _send(self, wake: Wake) -> int:
        with measured(wake.job):
            return await self._deliver(wake)

    async def _say(self, _: Wake) -> int:
        return 0 if self._chat is None else await self._chat()

    async def _take_in(self, _: Wake) -> int:
        return 0 if self._fetch is None else await self._fetch()

    async def run(self) -> None:
        """Work until `stop` is called, then finish or roll back what is under way."""
        await self.clock.read()
        await self._beat()
        self.moving.start()
        self.sending.start()
        self.chatting.start()
        self.fetching.start()
        tasks = [
            asyncio.create_task(self._sweep(), name="sweep"),
            asyncio.create_task(self._listen(), name="listen"),
            asyncio.create_task(self._tend(), name="tend"),
        ]
        await self._stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        finished = await asyncio.gather(
            *(
                runner.stop(self._stop_seconds)
                for runner in (self.moving, self.sending, self.chatting)
            ),
            self.fetching.stop(0),  # an import is put back and goes on elsewhere
        )
        log.info("worker_stopped", worker=self.name, finished=all(finished))

    def stop(self) -> None:
        """Ask the worker to end."""
        self._stopping.set()

    async def _sweep(self) -> None:
        """Each second look for what is due: waits end by themselves, wake-ups may be lost."""
        count = 0
        while True:
            try:
                if count % _HEARTBEAT_SWEEPS == 0:
                    await self.clock.read()
                    await self._beat()
                await self.send(await sweep(self.database, now=self.clock.now()))
                await self.send(tuple(await self._due()))
            except (DBAPIError, OSError) as error:
                log.warning("sweep_failed", error=str(error).splitlines()[0])
            count += 1
            self._look.clear()
            try:
                await asyncio.wait_for(self._look.wait(), SWEEP_SECONDS)
            except TimeoutError:
                continue

    async def _tend(self) -> None:
        """Each hour make the partitions of the months to come, and drop what is kept no longer."""
        while True:
            try:
                now = self.clock.now()
                if made := await partitions.prepare(self.database, now=now):
                    log.info("partitions_made", count=made)
                if dropped := await partitions.drop(self.database, self._kept, now=now):
                    log.info("partitions_dropped", names=dropped)
                if gone := await audit.drop(self.database, self._kept.audit, now=now):
                    log.info("audit_dropped", count=gone)
                if forgotten := await seen.drop(self.database, now=now):
                    log.info("sender_ids_dropped", count=forgotten)
            except (DBAPIError, OSError) as error:
                log.warning("tending_failed", error=str(error).splitlines()[0])
            await asyncio.sleep(_TEND_SECONDS)

    async def _beat(self) -> None:
        now = self.clock.now()
        async with self.database.transaction() as tx:
            told = {"seen_at": now, "told": measures.written()}
            row = insert(worker).values(name=self.name, started_at=now, **told)
            await tx.execute(row.on_conflict_do_update(index_elements=["name"], set_=told))
            await tx.execute(delete(worker).where(worker.c.seen_at < now - _FORGOTTEN))

    async def _listen(self) -> None:
        """Take hints from Redis; while it is away, the sweep alone brings the work."""
        wait = 0.1
        while True:
            listener = self._listener()
            try:
                await listener.async_run()
            except (RedisError, OSError) as error:
                log.warning("redis_away", error=str(error))
            finally:
                await listener.close()
            await asyncio.sleep(wait)
            wait = min(wait * 2, 5.0)

    def _listener(self) -> Listener:
        settings = RedisSettings.from_dsn(self._redis_url)
        settings.conn_retries = 1
        settings.retry_on_error = [RedisConnectionError, RedisTimeoutError, OSError]
        settings.retry = Retry(ExponentialBackoff(cap=1, base=0.05), 5)
        return Listener(
            [self._handler(job) for job in (*JOBS, *SENDING, SLACK, FETCH, SWEEP)],
            redis_settings=settings,
            queue_name=wakes.QUEUE,
            handle_signals=False,
            keep_result=0,
            job_timeout=30,
            max_jobs=100,
            poll_delay=0.05,
            job_serializer=wakes.encode,
            job_deserializer=wakes.decode,
            log_results=False,
        )

    def _handler(self, job: str) -> Function:
        async def take(_: dict[Any, Any], *args: int) -> None:
            await self.send((Wake(job, tuple(args)),))

        return func(cast(WorkerCoroutine, take), name=job)


async def until_signalled(made: Worker) -> None:
    """Run a worker until SIGTERM or SIGINT; a second signal ends the process at once."""
    loop = asyncio.get_running_loop()
    signals = 0

    def end() -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            os._exit(130)
        made.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    await made.run()


async def _work(settings: Settings) -> None:
    if settings.database_url is None or settings.redis_url is None:
        raise ValueError("a worker needs DATABASE_URL and REDIS_URL")
    database = connect(settings.database_url, application="headless-worker")
    clock = DatabaseClock(database)
    keys = tuple(key.encode() for key in settings.secret_keys)
    post = Post(
        database,
        clock.now,
        keys=keys,
        base_url=settings.url,
        smtp_url=settings.smtp_url,
        redis_url=settings.redis_url,
    )

    notices = Notices(database, Seals(keys), clock.now)
    gate = Gate(database, settings.url, clock.now)

    line = face.line(database, clock, settings)

    async def deliver(wake: Wake) -> int:
        if wake.job == TRIP:
            workspace_id, campaign_id = wake.args
            return await tripping.trip(database, workspace_id, campaign_id, now=clock.now())
        return await post.deliver(wake) if await gate.open() else 0

    async def due() -> list[Wake]:
        hints = [*await tripping.tripped(database), *await line.due()]
        if await fetched.due(database):
            hints.append(Wake(FETCH))
        if not await gate.open():
            return hints
        await notices.begin()
        return [*hints, *await post.due()]

    async def chat() -> int:
        return 0 if await gate.copy() else await line.once()

    hashes = ring(settings.secret_keys)

    async def fetch() -> int:
        if not keys or await gate.copy():
            return 0
        return await fetched.once(database, clock, Seals(keys), hashes)

    database.diary = Diary(diary_of(settings), hashes.newest if hashes else None)
    try:
        await clock.read()
        await arrive(database, settings.url, now=clock.now())
        made = Worker(
            database,
            settings.redis_url,
            clock=clock,
            deliver=deliver,
            due=due,
            chat=chat,
            fetch=fetch,
            kept=Kept(
                activity=settings.activity_months,
                journal=settings.journal_months,
                message=settings.message_months,
                audit=settings.audit_months,
            ),
            hashes=hashes,
            stop_seconds=settings.stop_seconds,
        )
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(
                metrics_server.serving(database, settings.url, bind=settings.metrics)
            )
            if settings.return_port is not None:
                returns = Returns(keys)
                await stack.enter_async_context(
                    listening(
                        database, returns, clock, host=settings.host, port=settings.return_port
                    )
                )
            await until_signalled(made)
    finally:
        await line.close()
        await notices.close()
        await post.close()
        await database.close()


def run(settings: Settings) -> None:
    """Be a worker process until told to end."""
    uvloop.run(_work(settings))
