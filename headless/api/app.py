"""The application: routes, errors, limits and what it opens and closes.

`build` makes it from its parts and is what tests use; `create` reads the environment and is what a
server is given (`granian --interface asgi --factory headless.api.app:create`). `create_dev` adds
the development inbox. A plain ASGI application, without state of its own between requests.
"""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import structlog
from litestar import Litestar, Router
from litestar.di import Provide
from redis.exceptions import RedisError

from headless.api import budgets, commits, ending, openapi, pace, problems, repeats
from headless.api.auth import House, guard, known_parameters, provide_call
from headless.api.entrance import Entrance
from headless.api.mode import Mode, say_mode
from headless.api.routes import (
    dev,
    docs,
    health,
    hooks,
    join,
    public,
    sdk,
    slack,
    v1,
    web,
)
from headless.audience.remembered import ring
from headless.clock import Clock, SystemClock
from headless.settings import Settings, diary_of, load
from headless.slack.face import Face, listens
from headless.storage.database import Database, connect
from headless.storage.diary import Diary
from headless.storage.wake import RedisWaker, Wake
from headless.storage.wake import connect as connect_redis

log = structlog.get_logger(__name__)

BODY_LIMIT = 1024 * 1024
"""Bytes of a body, where a route says nothing else."""


class _Hints:
    """Wake-ups through Redis as soon as it is there; until then the sweep finds the work."""

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self._waker: RedisWaker | None = None
        self._connecting: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to connect; nobody waits for it."""
        self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        while self._waker is None:
            try:
                self._waker = await connect_redis(self._url)
            except (RedisError, OSError) as error:
                log.warning("redis_not_there", error=str(error))
                await asyncio.sleep(1)

    async def send(self, wakes: Iterable[Wake]) -> None:
        """Pass the hints on, or forget them while Redis is away."""
        if self._waker is not None:
            await self._waker.send(wakes)

    async def close(self) -> None:
        """Stop connecting and give the connections back."""
        if self._connecting is not None:
            self._connecting.cancel()
            with suppress(asyncio.CancelledError):
                await self._connecting
        if self._waker is not None:
            await self._waker.close()


@asynccontextmanager
async def _opened(app: Litestar) -> AsyncIterator[None]:
    house: House = app.state.house
    hints = _Hints(house.settings.redis_url) if house.settings.redis_url else None
    if hints is not None:
        hints.open()
        house.database.waker = hints
    mode: Mode = app.state.mode
    await mode.open()
    face: Face | None = app.state.slack
    if face is not None and mode.word != b"copy":
        await face.open()
    try:
        yield
    finally:
        if face is not None:
            await face.close()
        await mode.close()
        if hints is not None:
            await hints.close()
        if house.budgets is not None:
            await house.budgets.close()
        await house.notices.close()
        await house.database.close()


def build(
    database: Database,
    settings: Settings,
    clock: Clock | None = None,
    *,
    development: bool = False,
) -> Litestar:
    """The application over a database; its lifespan connects to Redis and closes both.

    `development` adds `/dev/inbox`, which anybody who reaches the port can read, and counts no
    requests.
    """
    authenticated = Router(
        "/v1",
        route_handlers=v1.HANDLERS,
        guards=[guard, known_parameters],
        middleware=[commits.around],
        dependencies={"call": Provide(provide_call)},
    )
    app = Entrance(
        route_handlers=[
            authenticated,
            *health.HANDLERS,
            *public.HANDLERS,
            *sdk.HANDLERS,
            *web.HANDLERS,
            *hooks.HANDLERS,
            *slack.PUBLIC,
            *join.HANDLERS,
            *docs.HANDLERS,
            *(dev.HANDLERS if development else ()),
        ],
        exception_handlers={**problems.HANDLERS, repeats.Replay: repeats.replay},
        before_send=[repeats.keep_answer, budgets.say_budget, problems.say_request_id, say_mode],
        middleware=[pace.around],
        lifespan=[_opened],
        openapi_config=openapi.CONFIG,
        request_max_body_size=BODY_LIMIT,
        logging_config=None,
    )
    return furnish(app, database, settings, clock, development=development)


def furnish(
    app: Litestar,
    database: Database,
    settings: Settings,
    clock: Clock | None = None,
    *,
    development: bool = False,
) -> Litestar:
    """Give an application what it works on; one that was used before can be furnished anew."""
    house = House(database, settings, clock or SystemClock())
    if not development:
        house.budgets = budgets.Budgets(settings)
    app.state.house = house
    app.state.slack = Face(database, house.clock, settings) if listens(settings) else None
    app.state.mode = Mode(database, settings.url, house.clock)
    return app


def create() -> Litestar:
    """The application as the environment describes it; raises SettingsError."""
    return _from_environment(development=False)


def create_dev() -> Litestar:
    """The same with the development inbox."""
    return _from_environment(development=True)


def _from_environment(*, development: bool) -> Litestar:
    settings = load(os.environ)
    if settings.database_url is None:
        raise SystemExit("DATABASE_URL is not set\n→ set it, or start `headless dev`")
    if not settings.secret_keys:
        raise SystemExit("HEADLESS_SECRET_KEYS is not set\n→ set it: every link in a mail needs it")
    database = connect(settings.database_url, application="headless-api")
    hashes = ring(settings.secret_keys)
    database.diary = Diary(diary_of(settings), hashes.newest if hashes else None)
    app = build(database, settings, development=development)
    app.on_startup.append(ending.listen)
    # what stands here now stays: to look through all of it for garbage, again and again, would
    # hold every request for a tenth of a second
    app.on_startup.append(gc.freeze)
    return app
