"""Fetched imports: files of contacts at an address, taken in by a worker while nobody waits.

`ask` queues one, and any worker runs it (`once`): it reads the file, writes piece by piece and says
how far it has come in the job. A worker that is stopped puts the job back, and the next one goes on
behind what is written, as long as the file is the same. The address may hold a secret, so it is
kept sealed and gone when the import is over. Imports `audience`, `channels` and the workspace.
"""

import asyncio
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
import structlog

from headless.audience.imports import Import, Options
from headless.audience.remembered import Hashes
from headless.channels.downloads import Download, DownloadError, downloading, refused
from headless.clock import Clock
from headless.problems import Problem
from headless.seals import SealError, Seals
from headless.storage.database import Database, Transaction
from headless.workspace import jobs, workspaces
from headless.workspace.jobs import Job

JOB: Final = "fetch"
KIND: Final = "import"
NDJSON: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_NAMED: Final = (".ndjson", ".jsonl")

log = structlog.get_logger(__name__)


class Asked(msgspec.Struct, frozen=True):
    """What a queued import is to do; `form` None: as the file's media type or name says."""

    url: str
    form: Literal["csv", "ndjson"] | None
    options: Options


async def ask(
    tx: Transaction, workspace_id: int, asked: Asked, *, seals: Seals, now: datetime
) -> Job:
    """Queue an import; raises Problem `invalid_value` for an address that is never called."""
    mode = (await workspaces.find(tx, workspace_id)).mode
    if (obstacle := refused(asked.url, mode)) is not None:
        raise Problem("invalid_value", obstacle)
    sealed = seals.seal(workspace_id, msgspec.json.encode(asked)).decode("ascii")
    detail: dict[str, Any] = {"dry_run": asked.options.dry_run, jobs.SEALED: sealed}
    job = await jobs.begin(tx, workspace_id, KIND, now=now, detail=detail, queued=True)
    tx.wake(JOB)
    return job


async def due(database: Database) -> bool:
    """Whether an import waits for a worker."""
    async with database.glance() as tx:
        return await jobs.waits(tx, KIND)


async def once(database: Database, clock: Clock, seals: Seals, hashes: Hashes | None) -> int:
    """Run the import that has waited longest, to its end; 0 when none waits."""
    async with database.transaction() as tx:
        claimed = await jobs.claim(tx, KIND, now=clock.now())
    if claimed is None:
        return 0
    workspace_id, job = claimed
    try:
        await _run(database, clock, seals, hashes, workspace_id, job)
    except asyncio.CancelledError:
        await asyncio.shield(_put_back(database, workspace_id, job.id))
        raise
    except (Problem, DownloadError, SealError) as error:
        reason = error.detail if isinstance(error, Problem) else str(error)
        async with database.transaction() as tx:
            known = await jobs.find(tx, workspace_id, job.id)
            detail = {**(known.detail or {}), "reason": reason}
            detail.pop(jobs.SEALED, None)
            await jobs.end(tx, workspace_id, job.id, "failed", now=clock.now(), detail=detail)
    return 1


async def _run(
    database: Database,
    clock: Clock,
    seals: Seals,
    hashes: Hashes | None,
    workspace_id: int,
    job: Job,
) -> None:
    sealed = (job.detail or {})[jobs.SEALED].encode("ascii")
    asked = msgspec.json.decode(seals.open(workspace_id, sealed), type=Asked)
    async with database.transaction() as tx:
        mode = (await workspaces.find(tx, workspace_id)).mode
    async with downloading(asked.url, mode) as found:
        job = _same(job, found)
        lines = found.media in NDJSON or urlsplit(asked.url).path.endswith(_NAMED)
        options = msgspec.structs.replace(
            asked.options,
            size=found.size,
            form=asked.form or ("ndjson" if lines else "csv"),
        )
        importing = Import(database, workspace_id, clock, options, hashes, job=job)
        ended = await importing.run(found.chunks)
    log.info("import_fetched", job=ended.id, state=ended.state)


def _same(job: Job, found: Download) -> Job:
    """The job, which knows the file's version; raises Problem when it is another one by now."""
    detail = job.detail or {}
    if job.done and (detail.get("file"), detail.get("total_bytes")) != (found.version, found.size):
        raise Problem(
            "wrong_state",
            "the file has changed while it was read; what came in stays, ask once more for the new "
            "one",
        )
    return msgspec.structs.replace(job, detail={**detail, "file": found.version})


async def _put_back(database: Database, workspace_id: int, job_id: int) -> None:
    async with database.transaction() as tx:
        await jobs.put_back(tx, workspace_id, job_id)
        tx.wake(JOB)
