"""The same ten steps for 1,000,000 contacts: what a step costs there, and how they come in.

First 100,000 on the same empty database, then a million, so that the two costs can be compared. The
memory is that of this process at its most, which does what a worker does and more.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from sqlalchemy import text

from benchmarks import steps
from benchmarks.results import Result
from headless.storage.database import Database
from headless.storage.tables import metadata

TARGET_ENTRY: Final = 10.0
TARGET_MEMORY: Final = 150
_PAGE: Final = 4096 / 2**20


class Memory:
    """The most memory that this process has while the block runs, in megabytes."""

    def __init__(self) -> None:
        self.most = 0.0

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watching.cancel()
        with suppress(asyncio.CancelledError):
            await self._watching

    async def _watch(self) -> None:
        statm = Path("/proc/self/statm")
        while True:
            self.most = max(self.most, int(statm.read_text().split()[1]) * _PAGE)
            await asyncio.sleep(0.1)


async def empty(database: Database) -> None:
    """Forget everything, and number from 1 again."""
    async with database.transaction() as tx:
        names = ", ".join(f'"{name}"' for name in metadata.tables)
        await tx.execute(text(f"truncate {names} restart identity"))
        await tx.execute(text("drop table if exists floor_journal, floor_message, floor_tag,"
                              " floor_enrollment"))  # fmt: skip


async def run(database: Database, count: int = 1_000_000) -> list[Result]:
    """The figures of a large campaign."""
    few = count // 10
    await steps.people(database, few)
    _, small = await steps.engine_run(database, few)
    await empty(database)
    await steps.people(database, count)
    async with Memory() as memory:
        entry, large = await steps.engine_run(database, count)
    floor = await steps.floor_run(database, count)
    growth = large / count / (small / few)
    total = count * steps.STEPS
    return [
        Result(
            name=f"contact-steps a second, {count:,} contacts x {steps.STEPS} steps",
            value=total / large,
            unit="/s",
            floor=total / floor,
            ratio=large / floor,
        ),
        Result(
            name=f"cost of a step with {count:,} contacts, in microseconds",
            value=large / total * 1e6,
            unit="us",
            floor=small / few / steps.STEPS * 1e6,
            ratio=growth,
            target=round(1.2 * small / few / steps.STEPS * 1e6, 2),
            reached=growth <= 1.2,
        ),
        Result(
            name="memory of the process that moves them",
            value=memory.most,
            unit="MB",
            target=TARGET_MEMORY,
            reached=memory.most <= TARGET_MEMORY,
        ),
        Result(
            name=f"entry of {count:,} members of a segment",
            value=entry,
            unit="s",
            target=TARGET_ENTRY,
            reached=entry <= TARGET_ENTRY,
        ),
    ]
