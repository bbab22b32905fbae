"""Bulk: one change to all contacts for whom a condition holds, piece by piece, as a job.

What would be done is told first, with a hash over who is meant (`foresee`); `begin` does exactly
that and refuses when another set of contacts fits by now. The contacts are written down with the
job, so that what the change itself does to the condition changes nothing, and any worker can take
the next piece (`work`). Each contact is written as if it were changed alone. Imports `saving`,
`segments` and the workspace's jobs.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import (
    ColumnElement,
    delete,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from headless import ids
from headless.audience import fields, saving, segments
from headless.audience.rows import among
from headless.audience.saving import Saved
from headless.audience.writes import LONGEST_NAME, Row, Write, check
from headless.problems import Problem
from headless.storage.database import Database, Transaction
from headless.storage.tables import bulk_target, contact
from headless.workspace import jobs
from headless.workspace.jobs import BULK, Job

AT_ONCE: Final = 2_000
"""Contacts of one piece and transaction."""
EXAMPLES: Final = 20
_TRIES: Final = 5
_MOST_TAGS: Final = 100
Text = str | None | UnsetType
Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
Tags = Annotated[list[Tag], msgspec.Meta(max_length=_MOST_TAGS)]


class Deed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be done with each contact, at least one thing; null clears, absent keeps.

    Segments are lists, by id or name.
    """

    add_tag: Tag | Tags | UnsetType = UNSET
    remove_tag: Tag | Tags | UnsetType = UNSET
    add_to_segment: str | UnsetType = UNSET
    remove_from_segment: str | UnsetType = UNSET
    fields: dict[str, Any] | UnsetType = UNSET
    stage: Text = UNSET
    owner: Text = UNSET
    time_zone: Text = UNSET
    preferred_channel: Text = UNSET

    @property
    def members(self) -> list[str]:
        """The names of what is given."""
        return [name for name in self.__struct_fields__ if getattr(self, name) is not UNSET]

    @property
    def writes(self) -> bool:
        """Whether contacts themselves are written, not only lists that they are in."""
        return not set(self.members) <= {"add_to_segment", "remove_from_segment"}


class BulkPlan(msgspec.Struct, frozen=True):
    """How many contacts are meant, the first 20 of them, and the hash that agrees to it."""

    hash: str
    contacts: int
    examples: tuple[str, ...]


async def foresee(
    tx: Transaction, workspace_id: int, where: str, deed: Deed, *, now: datetime
) -> BulkPlan:
    """Whom a change would concern now; changes nothing.

    Raises Problem `invalid_text` for the condition, and for the deed `invalid_value`,
    `unknown_field`, `not_found` or `wrong_state` (a segment that is no list).
    """
    await _sound(tx, workspace_id, deed)
    holds = await segments.asked(tx, workspace_id, where, now=now)
    await tx.whole_tables()
    count, digest = (
        await tx.execute(select(func.count(), _digest(contact.c.id)).where(holds))
    ).one()
    first = await tx.execute(
        select(contact.c.id).where(holds).order_by(contact.c.id).limit(EXAMPLES)
    )
    return BulkPlan(
        hash=_hash(where, deed, count, digest),
        contacts=count,
        examples=tuple(ids.encode("con", number) for number in first.scalars()),
    )


async def begin(
    tx: Transaction,
    workspace_id: int,
    where: str,
    deed: Deed,
    *,
    agreed: str | None,
    now: datetime,
) -> Job:
    """A job that changes the contacts for whom the condition holds now.

    `agreed` is the hash of the plan that the caller has seen. Raises Problem `plan_required` with
    the plan, `plan_drifted` when it is another one by now, and what `foresee` raises.
    """
    told = await foresee(tx, workspace_id, where, deed, now=now)
    if agreed is None:
        raise Problem(
            "plan_required",
            f'{told.contacts} contacts are meant; send the same with "plan": "{told.hash}"',
            plan=msgspec.to_builtins(told),
        )
    if agreed != told.hash:
        raise _drifted(told)
    detail = {"where": where, "do": msgspec.to_builtins(deed), "hash": told.hash}
    job = await jobs.begin(
        tx, workspace_id, BULK, now=now, total=told.contacts, detail=detail, queued=True
    )
    holds = await segments.asked(tx, workspace_id, where, now=now)
    noted = (
        insert(bulk_target)
        .from_select(
            ["workspace_id", "job_id", "contact_id"],
            select(literal(workspace_id), literal(job.id), contact.c.id).where(holds),
        )
        .returning(bulk_target.c.contact_id)
        .cte("noted")
    )
    count, digest = (
        await tx.execute(select(func.count(), _digest(noted.c.contact_id)).select_from(noted))
    ).one()
    if _hash(where, deed, count, digest) != agreed:  # somebody was quicker
        raise _drifted(await foresee(tx, workspace_id, where, deed, now=now))
    tx.wake(BULK, workspace_id)
    return job


def _drifted(told: BulkPlan) -> Problem:
    return Problem(
        "plan_drifted",
        "other contacts are meant than when that plan was made; look at the new plan first",
        plan=msgspec.to_builtins(told),
    )


def _digest(number: Any) -> ColumnElement[Any]:
    """What tells one set of contacts from another, in whatever order they are read."""
    return func.coalesce(func.sum(func.hashint8extended(number, 0)), 0)


def _hash(where: str, deed: Deed, count: int, digest: Any) -> str:
    said = msgspec.json.encode([where, deed, count, str(digest)], order="deterministic")
    return f"sha256:{hashlib.sha256(said).hexdigest()}"


async def _sound(tx: Transaction, workspace_id: int, deed: Deed) -> None:
    if not deed.members:
        raise Problem("invalid_value", '`do` says nothing; such as `{"add_tag": "vip"}`')
    await _row(tx, workspace_id, deed)
    for name in (deed.add_to_segment, deed.remove_from_segment):
        if name is not UNSET:
            segments.need_list(await segments.find(tx, workspace_id, name))


async def _row(tx: Transaction, workspace_id: int, deed: Deed) -> Row:
    """What each contact is to become."""
    wanted = Write(
        contact_id=0,
        preferred_channel=deed.preferred_channel,
        time_zone=deed.time_zone,
        stage=deed.stage,
        owner=deed.owner,
        fields={} if deed.fields is UNSET else deed.fields,
        add_tags=_several(deed.add_tag),
        remove_tags=_several(deed.remove_tag),
    )
    return check(wanted, await fields.known(tx, workspace_id))


def _several(given: str | list[str] | UnsetType) -> Sequence[str]:
    if given is UNSET:
        return ()
    return [given] if isinstance(given, str) else given


# ---------------------------------------------------------------- doing it


async def work(database: Database, workspace_id: int, *, now: datetime, most: int = AT_ONCE) -> int:
    """Do the next piece of the oldest bulk change; how many contacts that were, at least 1.

    0 when there is none, or somebody else has it in hand.
    """
    for attempt in range(_TRIES):
        try:
            async with database.transaction() as tx:
                job = await jobs.take(tx, workspace_id, BULK, now=now)
                return 0 if job is None else await _piece(tx, workspace_id, job, now, most)
        except DBAPIError as error:
            if attempt == _TRIES - 1 or not saving.is_race(error):
                raise
    raise AssertionError("the last attempt answers or raises")


async def _piece(tx: Transaction, workspace_id: int, job: Job, now: datetime, most: int) -> int:
    who, gone = await _next(tx, workspace_id, job.id, most)
    deed = msgspec.convert((job.detail or {})["do"], Deed)
    try:
        async with tx.connection.begin_nested():
            counts, refused = await _change(tx, workspace_id, deed, who, gone, now)
    except Problem as problem:  # a field or a list that was there when it was agreed to
        await jobs.forget(tx, workspace_id, job.id)
        detail = (job.detail or {}) | {"reason": problem.detail}
        await jobs.end(tx, workspace_id, job.id, "failed", now=now, detail=detail)
        return 1
    await jobs.progress(
        tx,
        workspace_id,
        job.id,
        done=job.done + len(who),
        counts={name: job.counts.get(name, 0) + count for name, count in counts.items()},
        errors=_faults(job, who, refused),
        now=now,
    )
    if not await tx.scalar(select(_left(workspace_id, job.id))):
        await jobs.end(tx, workspace_id, job.id, "done", now=now)
    return max(len(who), 1)


def _left(workspace_id: int, job_id: int) -> ColumnElement[bool]:
    t = bulk_target.c
    return exists(select(1).where(t.workspace_id == workspace_id, t.job_id == job_id))


async def _next(
    tx: Transaction, workspace_id: int, job_id: int, most: int
) -> tuple[list[int], set[int]]:
    """The next contacts of a job, struck from its list, and those of them that are gone.

    They are locked first, as whoever erases one does it.
    """
    t = bulk_target.c
    mine = (t.workspace_id == workspace_id, t.job_id == job_id)
    rows = await tx.execute(select(t.contact_id).where(*mine).order_by(t.contact_id).limit(most))
    who = list(rows.scalars())
    held = await tx.execute(
        select(contact.c.id)
        .where(contact.c.workspace_id == workspace_id, among(contact.c.id, who))
        .order_by(contact.c.id)
        .with_for_update(key_share=True)
    )
    there = set(held.scalars())
    struck = await tx.execute(
        delete(bulk_target).where(*mine, among(t.contact_id, who)).returning(t.contact_id)
    )
    taken = sorted(struck.scalars())
    return taken, set(taken) - there


async def _change(
    tx: Transaction,
    workspace_id: int,
    deed: Deed,
    who: Sequence[int],
    gone: set[int],
    now: datetime,
) -> tuple[dict[str, int], dict[int, Problem]]:
    """Change some contacts; what came of it in numbers, and to whom it could not be done."""
    refused = {number: Problem("gone", "the contact is gone") for number in gone}
    there = [number for number in who if number not in gone]
    counts: dict[str, int] = {}
    touched = 0
    if deed.writes:
        pattern = await _row(tx, workspace_id, deed)
        saved = [Saved() for _ in there]
        rows = {n: msgspec.structs.replace(pattern, contact_id=id_) for n, id_ in enumerate(there)}
        await saving.put(tx, workspace_id, rows, saved, now=now)
        touched = sum(one.changed for one in saved)
        refused |= {
            id_: one.problem
            for id_, one in zip(there, saved, strict=True)
            if one.problem is not None
        }
        there = [number for number in there if number not in refused]
    if deed.add_to_segment is not UNSET:
        known = await segments.find(tx, workspace_id, deed.add_to_segment)
        counts["joined"] = await segments.join(tx, workspace_id, known, there, now=now)
    if deed.remove_from_segment is not UNSET:
        known = await segments.find(tx, workspace_id, deed.remove_from_segment)
        counts["left"] = await segments.leave(tx, workspace_id, known, there, now=now)
    if deed.writes:
        counts |= {"updated": touched, "unchanged": len(there) - touched}
    return counts | {"rejected": len(refused)}, refused


def _faults(job: Job, who: Sequence[int], refused: dict[int, Problem]) -> list[dict[str, Any]]:
    """To whom it could not be done, as far as the job keeps faults."""
    told = [
        {
            "line": job.done + place,
            "column": None,
            "reason": f"{ids.encode('con', number)}: {refused[number].detail}",
        }
        for place, number in enumerate(who, start=1)
        if number in refused
    ]
    return told[: max(0, jobs.KEPT_ERRORS - job.counts.get("rejected", 0))]
