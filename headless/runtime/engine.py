"""The engine as one object: what a worker does for each hint, and a loop for whoever drives time.

Workers hand their hints to `do`; tests, benchmarks and simulations call `settle`, which works until
nothing is due at that instant. Both run the same code. Imports the rest of the runtime.
"""

from datetime import datetime
from typing import Final

from headless.audience import bulk
from headless.audience.clearing import clear
from headless.audience.membership import refresh_changed, refresh_days
from headless.audience.remembered import Hashes
from headless.runtime.advance import BATCH, advance
from headless.runtime.entry import take_in
from headless.runtime.listen import hear_steps
from headless.runtime.sweep import sweep
from headless.runtime.versions import Versions
from headless.storage.database import Database
from headless.storage.wake import Wake

JOBS: Final = ("advance", "take_in", "hear", "refresh", "days", "clear", "bulk")


class Engine:
    """Moves contacts of all campaigns in one database."""

    def __init__(
        self, database: Database, *, batch: int = BATCH, hashes: Hashes | None = None
    ) -> None:
        """`hashes` keep what contacts were suppressed by when they are erased."""
        self.database = database
        self.versions = Versions()
        self.batch = batch
        self.hashes = hashes

    async def do(self, wake: Wake, *, now: datetime) -> int:
        """Work on one hint until there is nothing left; how many contacts or rows were moved."""
        total = 0
        while moved := await self.once(wake, now=now):
            total += moved
        return total

    async def once(self, wake: Wake, *, now: datetime) -> int:
        """Work on one batch of a hint; how much was moved, 0 when nothing is left."""
        match wake.job, wake.args:
            case "advance", (version_id, step):
                done = await advance(
                    self.database, self.versions, version_id, step, now=now, most=self.batch
                )
                return done.claimed
            case "take_in", (campaign_id,):
                entered = await take_in(self.database, self.versions, campaign_id, now=now)
                return 0 if entered is None else max(entered, 1)
            case "hear", (workspace_id,):
                return await hear_steps(self.database, self.versions, workspace_id, now=now)
            case "refresh", (workspace_id,):
                async with self.database.transaction() as tx:
                    return await refresh_changed(tx, workspace_id, now=now)
            case "days", (workspace_id,):
                async with self.database.transaction() as tx:
                    return await refresh_days(tx, workspace_id, now=now)
            case "clear", (workspace_id,):
                hashed = self.hashes.of(workspace_id) if self.hashes else None
                async with self.database.transaction() as tx:
                    return await clear(tx, workspace_id, now=now, hashed=hashed)
            case "bulk", (workspace_id,):
                return await bulk.work(self.database, workspace_id, now=now)
        raise ValueError(f"the engine has no job {wake.key}")

    async def settle(self, *, now: datetime) -> int:
        """Work until nothing is due at `now`; how many contacts or rows were moved."""
        total = 0
        while True:
            moved = 0
            for wake in await sweep(self.database, now=now):
                moved += await self.do(wake, now=now)
            if not moved:
                return total
            total += moved
