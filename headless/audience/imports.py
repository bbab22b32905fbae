"""Imports: a stream of CSV or NDJSON becomes contacts, piece by piece, its progress in a job.

While one piece is written the next is read in a thread. Each piece is a transaction, so what came
in before a fault stays, and the same file sent again changes nothing twice. Imports `sheet`,
`saving`, `segments` and the workspace's jobs.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from headless import ids
from headless.audience import fields as contact_fields
from headless.audience import saving, segments
from headless.audience.records import Records
from headless.audience.remembered import Hashes
from headless.audience.saving import OnConflict, Saved
from headless.audience.sheet import Column, Fault, Mark, OnMissing, Piece, Sheet, missing
from headless.clock import Clock
from headless.problems import Problem
from headless.storage.database import Database, Transaction
from headless.workspace import jobs
from headless.workspace.jobs import Job
from headless.workspace.webhooks import telling

log = structlog.get_logger(__name__)

AT_ONCE: Final = 5_000
"""Rows of one piece and transaction."""
_TRIES: Final = 5
COUNTED: Final = ("created", "updated", "unchanged", "rejected", "warnings", "suppressed")
"""What an import counts of its rows; those that are suppressed on a channel stay so."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is taken in."""

    dry_run: bool = False
    on_conflict: OnConflict = "update"
    on_missing: OnMissing = "fail"
    delimiter: str | None = None
    mapping: Mapping[str, str] = {}
    size: int | None = None  # bytes of the whole, where the sender says
    form: Literal["csv", "ndjson"] = "csv"
    digest: str | None = None  # SHA-256 of the whole in hexadecimal, where the sender says
    start: int = 0  # bytes that another import of the same file has taken in; these come no more

    @property
    def signature(self) -> list[Any]:
        """What must be the same for an import to go on where another has stopped."""
        return [self.on_conflict, self.on_missing, self.delimiter, dict(self.mapping), self.form]


_NONE_STOPPED: Final = "no import of this file with these options has stopped; send all of it"
_BROKE_OFF: Final = "the stream broke off"
_ANOTHER: Final = "the body is not the file that its digest names; what came in stays"


class _DryRun(Exception):  # noqa: N818 - no error: it rolls a piece back
    """Raised to undo a piece that was only tried."""


class Import:
    """One import from its first byte to its last."""

    def __init__(
        self,
        database: Database,
        workspace_id: int,
        clock: Clock,
        options: Options,
        hashes: Hashes | None = None,
        *,
        job: Job | None = None,
    ) -> None:
        """With `job`, which is running, it is the one that the progress goes to.

        What that has written before it was put back is passed over.
        """
        self._job = job
        self._hashes = hashes
        self._database = database
        self._workspace_id = workspace_id
        self._clock = clock
        self._options = options
        self._counts = dict.fromkeys(COUNTED, 0) | (job.counts if job else {})
        self._done = 0
        self._errors = 0
        self._mostly_new = True
        self._skip = job.done if job else 0  # rows that have been written, now or earlier
        self._digest = hashlib.sha256()
        self._detail: dict[str, Any] = dict(job.detail or {}) if job else {}

    async def run(self, stream: AsyncIterator[bytes]) -> Job:
        """Take in the whole stream; the answer is the finished job.

        Raises Problem where the heading cannot be used; then nothing has been written and there is
        no job. A stream that breaks leaves a failed job and what came before.
        """
        loop = asyncio.get_running_loop()

        async def receive() -> bytes:
            return await anext(stream, b"")

        def pull() -> bytes:  # called in the reading thread
            chunk = asyncio.run_coroutine_threadsafe(receive(), loop).result()
            self._digest.update(chunk)
            return chunk

        start = await self._start() if self._options.start else None
        sheet: Sheet | Records = (
            Records(pull, on_missing=self._options.on_missing, start=start)
            if self._options.form == "ndjson"
            else Sheet(pull, delimiter=self._options.delimiter, start=start)
        )
        columns = await asyncio.to_thread(sheet.open, self._options.mapping)
        job = await self._begin(sheet, columns)
        beating = asyncio.create_task(self._beat(job))
        try:
            await self._pieces(sheet, job)
        except asyncio.CancelledError:
            if self._job is None:
                await asyncio.shield(self._end(job, "failed", _BROKE_OFF))
            raise
        except BaseException as error:
            reason = error.detail if isinstance(error, Problem) else _BROKE_OFF
            await asyncio.shield(self._end(job, "failed", reason))
            raise
        finally:
            beating.cancel()
        whole = not self._options.start
        if whole and self._options.digest not in (None, self._digest.hexdigest()):
            return await self._end(job, "failed", _ANOTHER)
        return await self._end(job, "done")

    async def _start(self) -> Mark:
        """Where an earlier import of the same file has stopped.

        Raises Problem `wrong_state` when none has, `invalid_value` when it stopped elsewhere.
        """
        async with self._database.transaction() as tx:
            await jobs.bury(tx, self._workspace_id, now=self._clock.now())
            before = await jobs.unfinished(tx, self._workspace_id, "import", self._mark)
        known = (before.detail or {}).get("resume") if before is not None else None
        if before is None or known is None or self._options.digest is None:
            raise Problem("wrong_state", _NONE_STOPPED)
        place = msgspec.convert(known, Mark)
        if place.at != self._options.start:
            raise Problem(
                "invalid_value",
                f"the import goes on at byte {place.at}: `Content-Range: bytes {place.at}-…`",
                resume_at=place.at,
            )
        self._done = before.done
        self._detail = {"resumed": ids.encode("job", before.id), "skipped": before.done}
        return place

    @property
    def _mark(self) -> dict[str, Any]:
        """What tells an import of the same file with these options; a rehearsal wrote nothing."""
        return {
            "sha256": self._options.digest,
            "options": self._options.signature,
            "dry_run": self._options.dry_run,
        }

    async def _beat(self, job: Job) -> None:
        """Say now and then that the import goes on, also while its sender is slow."""
        while True:
            await asyncio.sleep(jobs.BEAT_SECONDS)
            try:
                async with self._database.transaction() as tx:
                    await jobs.beat(tx, self._workspace_id, job.id, now=self._clock.now())
            except (DBAPIError, OSError) as error:  # the next one may come through
                log.warning("job_not_heard", job=job.id, error=str(error))

    async def _begin(self, sheet: Sheet | Records, columns: list[Column]) -> Job:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            known = await contact_fields.known(tx, self._workspace_id)
        new = missing(columns, known, self._options.on_missing)
        types = await asyncio.to_thread(sheet.infer, new, AT_ONCE) if new else {}
        async with self._database.transaction() as tx:
            if types and self._options.dry_run:
                fields = known | {
                    name.lower(): contact_fields.Field(0, name, type_, now)
                    for name, type_ in types.items()
                }
            else:
                fields = await contact_fields.ensure(tx, self._workspace_id, types, now=now)
            sheet.settle(columns, fields)
            self._detail |= {
                "dry_run": self._options.dry_run,
                "columns": {c.heading: _told(c, fields) for c in columns},
                "new_fields": types,
                "bytes": self._options.start,
                "total_bytes": self._options.size,
            }
            if self._job is not None and self._job.done:
                return self._job  # it goes on by itself
            await self._resume(tx, now)
            if self._job is not None:
                await jobs.progress(
                    tx, self._workspace_id, self._job.id,
                    done=0, counts={}, now=now, detail=self._detail,
                )  # fmt: skip
                return self._job
            return await jobs.begin(tx, self._workspace_id, "import", now=now, detail=self._detail)

    async def _resume(self, tx: Transaction, now: datetime) -> None:
        """Know how far an earlier import of the same file has come, with the same options."""
        if self._options.digest is None:
            return
        self._detail |= self._mark
        if self._options.dry_run or self._options.start:
            return
        await jobs.bury(tx, self._workspace_id, now=now)
        before = await jobs.unfinished(tx, self._workspace_id, "import", self._mark)
        if before is not None and before.done:
            self._skip = before.done
            self._detail |= {"resumed": ids.encode("job", before.id), "skipped": before.done}

    async def _pieces(self, sheet: Sheet | Records, job: Job) -> None:
        reading = asyncio.create_task(asyncio.to_thread(sheet.piece, AT_ONCE))
        while (piece := await reading).read:
            reading = asyncio.create_task(asyncio.to_thread(sheet.piece, AT_ONCE))
            try:
                if self._done + piece.read <= self._skip:
                    self._done += piece.read  # a piece ends where a transaction has ended
                else:
                    await self._write(piece, job)
            except BaseException:
                await asyncio.wait([reading])
                raise

    async def _write(self, piece: Piece, job: Job) -> None:
        now = self._clock.now()
        for attempt in range(_TRIES):
            try:
                saved, told = await self._try(piece, now)
                break
            except DBAPIError as error:
                if attempt == _TRIES - 1 or not saving.is_race(error):
                    raise
        faults = sorted([*piece.faults, *piece.warnings, *told], key=lambda fault: fault.line)
        for one in saved:
            self._counts[_result(one)] += 1
            self._counts["suppressed"] += bool(one.suppressed)
        self._mostly_new = 2 * sum(one.created for one in saved) > len(saved)
        self._counts["rejected"] += piece.rejected
        self._counts["warnings"] += len(piece.warnings) + sum(f.column == "segments" for f in told)
        self._done += piece.read
        kept = faults[: max(0, jobs.KEPT_ERRORS - self._errors)]
        self._errors += len(kept)
        self._detail["bytes"] = piece.bytes
        self._detail["resume"] = msgspec.to_builtins(piece.end)
        async with self._database.transaction() as tx:
            await jobs.progress(
                tx,
                self._workspace_id,
                job.id,
                done=self._done,
                now=self._clock.now(),
                counts=self._counts,
                errors=[msgspec.to_builtins(fault) for fault in kept],
                detail=self._detail,
            )

    async def _try(self, piece: Piece, now: datetime) -> tuple[list[Saved], list[Fault]]:
        """Write a piece in one transaction, which a dry run rolls back."""
        saved = [Saved() for _ in piece.rows]
        told: list[Fault] = []
        try:
            async with self._database.transaction() as tx:
                rows = dict(enumerate(piece.rows))
                await saving.put(
                    tx,
                    self._workspace_id,
                    rows,
                    saved,
                    now=now,
                    on_conflict=self._options.on_conflict,
                    mostly_new=self._mostly_new,
                    hashes=self._hashes,
                )
                for one, line in zip(saved, piece.lines, strict=True):
                    if one.problem is not None:
                        told.append(Fault(line, one.problem.detail))
                if any(piece.segments):
                    told += await self._join(tx, piece, saved, now)
                if self._options.dry_run:
                    raise _DryRun
        except _DryRun:
            pass
        return saved, told

    async def _join(
        self, tx: Transaction, piece: Piece, saved: list[Saved], now: datetime
    ) -> list[Fault]:
        """Put the rows' contacts into the segments that they name."""
        wanted: dict[str, list[int]] = {}
        for index, names in enumerate(piece.segments):
            for name in names:
                if saved[index].contact_id is not None:
                    wanted.setdefault(name, []).append(index)
        told = []
        for name, indexes in sorted(wanted.items()):
            try:
                known = await self._segment(tx, name, now)
                who = [saved[i].contact_id or 0 for i in indexes]
                await segments.join(tx, self._workspace_id, known, who, now=now)
            except Problem as problem:
                reason = f"{problem.detail}; the contact came in without it"
                told += [Fault(piece.lines[index], reason, "segments") for index in indexes]
        return told

    async def _segment(self, tx: Transaction, name: str, now: datetime) -> segments.Segment:
        try:
            return await segments.find(tx, self._workspace_id, name)
        except Problem:
            if self._options.on_missing != "create":
                raise
            return await segments.create(tx, self._workspace_id, name, None, now=now)

    async def _end(self, job: Job, state: Any, reason: str | None = None) -> Job:
        detail = self._detail | ({"reason": reason} if reason else {})
        detail.pop(jobs.SEALED, None)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            ended = await jobs.end(tx, self._workspace_id, job.id, state, now=now, detail=detail)
            if not self._options.dry_run:
                told = {"job_id": ended.id, "state": ended.state, "counts": self._counts}
                await telling.tell(tx, self._workspace_id, "import.finished", [told], now=now)
            return ended


def _told(column: Column, fields: contact_fields.Fields) -> str | None:
    """Where a column goes, None for nowhere."""
    if not column.is_field:
        return column.target
    field = fields.get(column.target.lower())
    return field.name if field else None


def _result(one: Saved) -> str:
    if one.problem is not None:
        return "rejected"
    return "created" if one.created else "updated" if one.changed else "unchanged"
