"""Lifecycle: start, pause, resume and stop, each a small change that the engine then follows.

Starting takes the plan that the caller has agreed to, so that nobody starts what they have not
seen. Imports `publish`, the runtime and `audience`.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import (
    Interval,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from headless.audience.conditions import holds
from headless.audience.membership import refresh
from headless.audience.values import Scope
from headless.campaigns.publish import Campaign, check, faulty, find
from headless.dsl import ast
from headless.dsl.later import CODE as LATER_CODE
from headless.dsl.plan import Act, Plan, Source
from headless.dsl.wording import CANONICAL, written
from headless.problems import Problem
from headless.runtime.listen import listens, segment_of
from headless.runtime.stands import Version
from headless.runtime.versions import load
from headless.storage.codes import EnrollmentState, MessageState
from headless.storage.database import Transaction
from headless.storage.tables import (
    Instant,
    campaign,
    contact,
    enrollment,
    intake,
    listener,
    message,
    position,
    segment,
    segment_member,
    version,
)


class StartPlan(msgspec.Struct, frozen=True):
    """What starting would do: who would enter at once, and the mails that the first steps send."""

    hash: str
    enter_now: int
    emails_first_day: int
    warnings: tuple[str, ...]


async def plan_start(
    tx: Transaction, workspace_id: int, campaign_id: int, *, now: datetime
) -> StartPlan:
    """What starting a campaign would do now."""
    found = await find(tx, workspace_id, campaign_id)
    checked = await check(tx, workspace_id, found.source)
    made = await load(tx, found.version_id)
    entering = 0
    for source in found.plan.sources:
        entering += await _count(tx, made, source, now)
    sends_first = any(_is_send(step) for step in _first_steps(found.plan))
    return StartPlan(
        hash=found.hash,
        enter_now=entering,
        emails_first_day=entering if sends_first else 0,
        warnings=tuple(d.message for d in checked.diagnostics),
    )


def _is_send(step: Any) -> bool:
    return isinstance(step, Act) and isinstance(step.action, ast.SendMessage)


def _first_steps(plan: Plan) -> list[Any]:
    """The steps that run at once on entry, up to the first that is not a plain one."""
    steps: list[Any] = []
    number = plan.steps[0].next if hasattr(plan.steps[0], "next") else None
    while number is not None and isinstance(step := plan.steps[number], Act):
        steps.append(step)
        number = step.next
    return steps


async def _count(tx: Transaction, made: Version, source: Source, now: datetime) -> int:
    """How many contacts a source has now."""
    if source.new_only or (source.segment is None and not source.contacts):
        return 0
    scope = Scope(
        workspace_id=made.workspace_id,
        contact=contact,
        now=literal(now, Instant),
        zone=func.coalesce(contact.c.time_zone, made.zone),
        names=made.names,
    )
    query = select(func.count()).select_from(contact)
    query = query.where(contact.c.workspace_id == made.workspace_id)
    if source.segment is not None:
        member = (segment_member.c.workspace_id == made.workspace_id) & (
            segment_member.c.contact_id == contact.c.id
        )
        of = segment_member.c.segment_id == made.names.id("segment", source.segment)
        query = query.join(segment_member, member & of)
    if source.where is not None:
        query = query.where(holds(source.where, scope))
    counted: int = await tx.scalar(query)
    return counted


async def start(
    tx: Transaction, workspace_id: int, campaign_id: int, *, plan: str | None, now: datetime
) -> Campaign:
    """Let a campaign run.

    Raises Problem `plan_required` with the `plan` to agree to, `plan_drifted` when the text is no
    longer that plan, `wrong_state`, or `invalid_text` for what cannot run yet.
    """
    found = await find(tx, workspace_id, campaign_id, lock=True)
    if found.state != "draft":
        raise Problem(
            "wrong_state",
            f"`{found.name}` is {found.state} already"
            + (f" since {found.started_at:%Y-%m-%d %H:%M} UTC" if found.started_at else ""),
            state=found.state,
        )
    checked = await check(tx, workspace_id, found.source)
    if not checked.startable:
        raise _not_ready(checked)
    if plan is None:
        offered = await plan_start(tx, workspace_id, campaign_id, now=now)
        raise Problem(
            "plan_required", f'send {{"plan": "{found.hash}"}}', plan=msgspec.to_builtins(offered)
        )
    if plan != found.hash:
        raise Problem(
            "plan_drifted",
            "the text is no longer what that plan was made of; look at the new plan first",
            plan=found.hash,
        )
    return await _start(tx, workspace_id, found, now)


def _not_ready(checked: Any) -> Problem:
    if checked.plan is None:
        return faulty(checked)
    later = tuple(d for d in checked.diagnostics if d.code == LATER_CODE)
    return Problem(
        "invalid_text",
        "the text has statements that cannot run yet",
        text=checked.text,
        faults=later,
    )


async def _start(tx: Transaction, workspace_id: int, found: Campaign, now: datetime) -> Campaign:
    made = await load(tx, found.version_id)
    await _follow_sources(tx, made, now)
    await tx.execute(
        delete(listener).where(
            listener.c.workspace_id == workspace_id, listener.c.version_id == found.version_id
        )
    )
    rows = [
        {"workspace_id": workspace_id, "kind": int(kind), "ref": ref, "version_id": made.id,
         "step": step}
        for kind, ref, step in sorted(listens(made))
    ]  # fmt: skip
    if rows:
        await tx.execute(upsert(listener).values(rows).on_conflict_do_nothing())
    opens = _local(made.plan.active.start, made.plan.zone or made.zone) if made.plan.active else now
    await _intakes(tx, made, max(now, opens))
    zone = made.plan.zone or made.zone
    active = made.plan.active
    await tx.execute(
        update(campaign)
        .where(campaign.c.workspace_id == workspace_id, campaign.c.id == found.id)
        .values(
            state="running",
            started_at=now,
            updated_at=now,
            active_from=_local(active.start, zone) if active else None,
            active_to=_day_after(active.end, zone) if active and active.end else None,
        )
    )
    return await find(tx, workspace_id, found.id)


def _local(date: ast.Date, zone: str) -> datetime:
    """The instant of a date (its midnight, or its time) in the campaign's zone."""
    local = datetime.combine(date.date, date.time or time(0), ZoneInfo(zone))
    return local.astimezone(UTC)


def _day_after(date: ast.Date, zone: str) -> datetime:
    """The end of `to DATE`: that day is the last one, a time on it is the end itself."""
    if date.time is not None:
        return _local(date, zone)
    return _local(ast.Date(date=date.date + timedelta(days=1)), zone)


async def _follow_sources(tx: Transaction, made: Version, now: datetime) -> None:
    """From now on `from contacts where (…)` is a segment kept up to date, seen by nobody else."""
    for source in made.plan.sources:
        if source.contacts and source.where is not None:
            segment_id = segment_of(made, source)
            await _define(tx, made.workspace_id, segment_id, written(source.where, CANONICAL))
            await refresh(tx, made.workspace_id, segment_id, now=now)


async def _define(
    tx: Transaction, workspace_id: int, segment_id: int, condition: str | None
) -> None:
    await tx.execute(
        update(segment)
        .where(segment.c.workspace_id == workspace_id, segment.c.id == segment_id)
        .values(condition=condition)
    )


async def _intakes(tx: Transaction, made: Version, opens: datetime) -> None:
    """Who is in the sources when it opens enters in the contacts' order, batch by batch."""
    for index, source in enumerate(made.plan.sources):
        if not source.new_only and (source.segment is not None or source.contacts):
            await tx.execute(
                insert(intake).values(
                    workspace_id=made.workspace_id,
                    campaign_id=made.campaign_id,
                    version_id=made.id,
                    source=index,
                    segment_id=segment_of(made, source),
                    before=opens,
                )
            )
            tx.wake("take_in", made.campaign_id)


# ---------------------------------------------------------------- pause, resume, stop


async def pause(tx: Transaction, workspace_id: int, campaign_id: int, *, now: datetime) -> Campaign:
    """Hold a running campaign: everybody keeps their place, and messages not yet handed over wait.

    Raises Problem `wrong_state`.
    """
    found = await _in_state(tx, workspace_id, campaign_id, "running", "pause")
    await _pending(tx, workspace_id, campaign_id, due_at=literal_column("'infinity'", Instant))
    return await _change(tx, found, workspace_id, now, state="paused", paused_at=now)


class Resumed(msgspec.Struct, frozen=True):
    """A campaign that runs again, and how many waits had come due while it was paused."""

    campaign: Campaign
    overdue: int


async def resume(
    tx: Transaction, workspace_id: int, campaign_id: int, *, shifted: bool = False, now: datetime
) -> Resumed:
    """Let a paused campaign go on.

    What came due in the meantime runs now; with `shifted` every wait and window is moved by the
    length of the pause instead. Raises Problem `wrong_state`.
    """
    found = await _in_state(tx, workspace_id, campaign_id, "paused", "resume")
    mine = position.c.version_id.in_(
        select(version.c.id).where(
            version.c.workspace_id == workspace_id, version.c.campaign_id == campaign_id
        )
    )
    due = await tx.scalar(
        select(func.count()).select_from(position).where(mine, position.c.due_at <= now)
    )
    if shifted and found.paused_at is not None:
        await tx.execute(_shift(mine, now - found.paused_at))
    await _pending(tx, workspace_id, campaign_id, due_at=now)
    campaign_ = await _change(tx, found, workspace_id, now, state="running", paused_at=None)
    tx.wake("sweep")
    return Resumed(campaign_, due)


def _shift(mine: Any, by: timedelta) -> Any:
    length = literal(by, Interval)

    def moved(instants: Any) -> Any:
        each = func.unnest(instants).column_valued("instant")
        return func.array(select(each + length).scalar_subquery())

    return (
        update(position)
        .where(mine)
        .values(
            due_at=position.c.due_at + length,
            opens=moved(position.c.opens),
            closes=moved(position.c.closes),
        )
    )


async def stop(tx: Transaction, workspace_id: int, campaign_id: int, *, now: datetime) -> Campaign:
    """End a campaign for everybody in it, for good; what was not handed over yet never is.

    Raises Problem `wrong_state`.
    """
    found = await find(tx, workspace_id, campaign_id, lock=True)
    if found.state not in ("running", "paused"):
        raise _wrong(found, "stop", "running or paused")
    await tx.execute(
        delete(position).where(
            position.c.workspace_id == workspace_id,
            position.c.version_id.in_(
                select(version.c.id).where(
                    version.c.workspace_id == workspace_id, version.c.campaign_id == campaign_id
                )
            ),
        )
    )
    await tx.execute(
        update(enrollment)
        .where(
            enrollment.c.workspace_id == workspace_id,
            enrollment.c.campaign_id == campaign_id,
            enrollment.c.state == EnrollmentState.RUNNING,
        )
        .values(state=EnrollmentState.ENDED, ended_at=now)
    )
    await _pending(
        tx,
        workspace_id,
        campaign_id,
        state=MessageState.SKIPPED,
        reason="the campaign was stopped",
    )
    for table in (listener, intake):
        of_version = table.c.version_id == found.version_id
        await tx.execute(delete(table).where(table.c.workspace_id == workspace_id, of_version))
    made = await load(tx, found.version_id)
    for source in made.plan.sources:
        if source.contacts:
            await _define(tx, workspace_id, segment_of(made, source), None)
    return await _change(tx, found, workspace_id, now, state="stopped", stopped_at=now)


async def _pending(tx: Transaction, workspace_id: int, campaign_id: int, **values: Any) -> None:
    """Change the campaign's messages that still wait in the outbox."""
    await tx.execute(
        update(message)
        .where(
            message.c.workspace_id == workspace_id,
            message.c.state == literal_column(str(int(MessageState.PENDING))),
            message.c.version_id.in_(
                select(version.c.id).where(
                    version.c.workspace_id == workspace_id, version.c.campaign_id == campaign_id
                )
            ),
        )
        .values(**values)
    )


async def _in_state(
    tx: Transaction, workspace_id: int, campaign_id: int, state: str, verb: str
) -> Campaign:
    found = await find(tx, workspace_id, campaign_id, lock=True)
    if found.state != state:
        raise _wrong(found, verb, state)
    return found


def _wrong(found: Campaign, verb: str, state: str) -> Problem:
    return Problem(
        "wrong_state",
        f"`{found.name}` is {found.state}; only a campaign that is {state} can {verb}",
        state=found.state,
    )


async def _change(
    tx: Transaction, found: Campaign, workspace_id: int, now: datetime, **values: Any
) -> Campaign:
    await tx.execute(
        update(campaign)
        .where(campaign.c.workspace_id == workspace_id, campaign.c.id == found.id)
        .values(**values, updated_at=now)
    )
    return await find(tx, workspace_id, found.id)
