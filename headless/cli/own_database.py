"""The database of this installation, for commands that work on it without the API.

The one that DATABASE_URL names; else the embedded one of the data folder, started for the length of
the command when it does not run.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from headless.cli.output import Exit, Failure
from headless.problems import Problem
from headless.settings import Settings
from headless.storage.data_folder import ServerError
from headless.storage.database import Database, connect
from headless.storage.embedded import embedded, running

T = TypeVar("T")


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """Where the database is, for the length of the block; raises Failure."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    there = running(settings.data_dir)
    if there is not None:
        yield there.database_url
        return
    try:
        with embedded(settings.data_dir) as servers:
            yield servers.database_url
    except ServerError as error:
        message, _, fix = str(error).partition("\n→ ")
        raise Failure(message, fix or "set DATABASE_URL") from error


def work(url: str, does: Callable[[Database], Awaitable[T]]) -> T:
    """What `does` answers over a database of its own; raises Failure where that is away."""

    async def run() -> T:
        database = connect(url, application="headless-command", pool_size=2)
        try:
            return await does(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except (OSError, SQLAlchemyError) as error:
        raise Failure(
            f"the database cannot be used: {str(error).splitlines()[0]}",
            "run `headless migrate`, or mend DATABASE_URL",
            Exit.TRY_AGAIN,
        ) from error
    except Problem as problem:
        raise Failure(problem.detail, "change what you asked for") from problem
