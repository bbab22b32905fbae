"""Lifecycle: start, pause, resume and stop, each a small change that the engine then follows.

Starting takes the plan that the caller has agreed to, so that nobody starts what they have not
seen. Imports `publish`, `sources` and the runtime.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import and_, case, delete, func, literal, literal_column, select, update

from headless.campaigns import approvals, news
from headless.campaigns.approvals import Signer
from headless.campaigns.publish import Campaign, check, faulty, find
from headless.campaigns.sources import (
    brings_members,
    count,
    follow,
    listen,
    season,
    take_in,
    unfollow,
)
from headless.campaigns.unseen import Unseen, of_entering
from headless.dsl import ast
from headless.dsl.plan import Act, Plan
from headless.problems import Problem
from headless.runtime import left
from headless.runtime.stands import Version
from headless.runtime.versions import load
from headless.storage.codes import EnrollmentState, MessageState
from headless.storage.database import Transaction
from headless.storage.tables import (
    Instant,
    campaign,
    enrollment,
    intake,
    listener,
    message,
    position,
    version,
)

_NEWS: Final = {"paused": "paused", "running": "resumed", "stopped": "stopped"}


class StartPlan(msgspec.Struct, frozen=True):
    """What starting would do: who would enter at once, and the mails that the first steps send.

    `unseen` is how many of them cannot be seen opening or clicking, where the text asks for that.
    """

    hash: str
    enter_now: int
    emails_first_day: int
    warnings: tuple[str, ...]
    unseen: Unseen | None = None


async def plan_start(
    tx: Transaction, workspace_id: int, campaign_id: int, *, now: datetime
) -> StartPlan:
    """What starting a campaign would do now."""
    found = await find(tx, workspace_id, campaign_id)
    checked = await check(tx, workspace_id, found.source)
    made = await load(tx, found.version_id)
    entering = await _entering(tx, made, now)
    unseen = await of_entering(tx, made, entering, now=now)
    sends_first = any(_is_send(step) for step in _first_steps(found.plan))
    return StartPlan(
        hash=found.hash,
        enter_now=entering,
        emails_first_day=entering if sends_first else 0,
        warnings=(
            *(d.message for d in checked.diagnostics),
            *([] if unseen is None else [unseen.sentence]),
        ),
        unseen=unseen,
    )


async def _entering(tx: Transaction, made: Version, now: datetime) -> int:
    """How many would enter at once."""
    return sum([await count(tx, made, source, now) for source in made.plan.sources])


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


async def start(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    *,
    plan: str | None,
    by: Signer | None = None,
    now: datetime,
) -> Campaign:
    """Let a campaign run; `by` is who starts it.

    Raises Problem `plan_required` with the `plan` to agree to, `plan_drifted` when the text is no
    longer that plan, `approval_required` when a second person must agree, `wrong_state`, or
    `invalid_text` for a text that has faults by now.
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
    if not checked.ok:
        raise faulty(checked)
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
    if await approvals.threshold(tx, workspace_id) is not None:
        entering = await _entering(tx, await load(tx, found.version_id), now)
        await approvals.require(tx, workspace_id, campaign_id, plan=plan, contacts=entering, by=by)
    return await _start(tx, workspace_id, found, now)


async def _start(tx: Transaction, workspace_id: int, found: Campaign, now: datetime) -> Campaign:
    made = await load(tx, found.version_id)
    await follow(tx, made, made.plan.sources, now)
    await listen(tx, made)
    dates = season(made)
    for index, source in enumerate(made.plan.sources):
        if brings_members(source):
            await take_in(tx, made, index, max(now, dates.opens or now))
    await tx.execute(
        update(campaign)
        .where(campaign.c.workspace_id == workspace_id, campaign.c.id == found.id)
        .values(
            state="running",
            started_at=now,
            updated_at=now,
            active_from=dates.opens,
            active_to=dates.closes,
        )
    )
    await news.tell(tx, workspace_id, found.id, "started", now=now)
    return await find(tx, workspace_id, found.id)


# ---------------------------------------------------------------- pause, resume, stop


async def pause(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    *,
    now: datetime,
    reason: str | None = None,
) -> Campaign:
    """Hold a running campaign: everybody keeps their place, and messages not yet handed over wait.

    `reason` is kept until it goes on. Raises Problem `wrong_state`.
    """
    found = await _in_state(tx, workspace_id, campaign_id, "running", "pause")
    await _pending(tx, workspace_id, campaign_id, due_at=literal_column("'infinity'", Instant))
    return await _change(
        tx, found, workspace_id, now, state="paused", paused_at=now, pause_reason=reason
    )


class Resumed(msgspec.Struct, frozen=True):
    """A campaign that runs again, and how many waits had come due while it was paused."""

    campaign: Campaign
    overdue: int


async def resume(
    tx: Transaction, workspace_id: int, campaign_id: int, *, shifted: bool = False, now: datetime
) -> Resumed:
    """Let a paused campaign go on.

    What came due in the meantime runs now; with `shifted` every wait and deadline is moved by the
    length of the pause instead. Raises Problem `wrong_state`.
    """
    found = await _in_state(tx, workspace_id, campaign_id, "paused", "resume")
    mine = _places(workspace_id, campaign_id)
    due = await overdue(tx, workspace_id, campaign_id, now=now)
    if shifted and found.paused_at is not None:
        await tx.execute(_shift(mine, found.paused_at, now))
    await _pending(tx, workspace_id, campaign_id, due_at=now)
    campaign_ = await _change(
        tx, found, workspace_id, now, state="running", paused_at=None, pause_reason=None
    )
    tx.wake("sweep")
    return Resumed(campaign_, due)


async def overdue(tx: Transaction, workspace_id: int, campaign_id: int, *, now: datetime) -> int:
    """How many waits of a campaign are due: those of a paused one run when it goes on."""
    due: int = await tx.scalar(
        select(func.count())
        .select_from(position)
        .where(_places(workspace_id, campaign_id), position.c.due_at <= now)
    )
    return due


def _places(workspace_id: int, campaign_id: int) -> Any:
    """The positions of all versions of a campaign."""
    return and_(
        position.c.workspace_id == workspace_id,
        position.c.version_id.in_(_versions(workspace_id, campaign_id)),
    )


def _versions(workspace_id: int, campaign_id: int) -> Any:
    return select(version.c.id).where(
        version.c.workspace_id == workspace_id, version.c.campaign_id == campaign_id
    )


def _shift(mine: Any, paused_at: datetime, now: datetime) -> Any:
    """Every wait and deadline later by the pause; who came during it, by what they saw of it.

    A window that was open stays open: what happened during the pause counts in it. So a position
    that was woken, or whose deadline passed, is looked at now, with the new deadline.
    """
    p = position.c
    length = literal(now, Instant) - func.greatest(literal(paused_at, Instant), p.arrived_at)

    def later(instants: Any) -> Any:
        each = func.unnest(instants).column_valued("instant")
        return func.array(select(each + length).scalar_subquery())

    listens = p.closes.is_not(None)
    return (
        update(position)
        .where(mine, p.due_at.is_not(None))
        .values(
            due_at=case(
                (and_(listens, p.due_at <= now), literal(now, Instant)), else_=p.due_at + length
            ),
            closes=case((listens, later(p.closes))),
            arrived_at=case((listens, p.arrived_at), else_=p.arrived_at + length),
            opens=case((listens, p.opens), (p.opens.is_not(None), later(p.opens))),
        )
    )


async def stop(tx: Transaction, workspace_id: int, campaign_id: int, *, now: datetime) -> Campaign:
    """End a campaign for everybody in it, for good; what was not handed over yet never is.

    Raises Problem `wrong_state`.
    """
    found = await find(tx, workspace_id, campaign_id, lock=True)
    if found.state not in ("running", "paused"):
        raise _wrong(found, "stop", "running or paused")
    await tx.execute(delete(position).where(_places(workspace_id, campaign_id)))
    heard = listener.c.version_id.in_(_versions(workspace_id, campaign_id))
    await tx.execute(delete(listener).where(listener.c.workspace_id == workspace_id, heard))
    made = await load(tx, found.version_id)
    await _end_runs(tx, made, now)
    await _pending(
        tx,
        workspace_id,
        campaign_id,
        state=MessageState.SKIPPED,
        reason="the campaign was stopped",
    )
    await tx.execute(
        delete(intake).where(
            intake.c.workspace_id == workspace_id, intake.c.campaign_id == campaign_id
        )
    )
    await unfollow(tx, made, made.plan.sources)
    return await _change(tx, found, workspace_id, now, state="stopped", stopped_at=now)


async def _end_runs(tx: Transaction, made: Version, now: datetime) -> None:
    """End the runs of all versions; whoever waits for `left campaign` hears of each."""
    ended = (
        update(enrollment)
        .where(
            enrollment.c.workspace_id == made.workspace_id,
            enrollment.c.campaign_id == made.campaign_id,
            enrollment.c.state == EnrollmentState.RUNNING,
        )
        .values(state=EnrollmentState.ENDED, ended_at=now)
        .returning(*left.ENDED)
        .cte("ended_runs")
    )
    noted, todo = left.tell(made, ended, name="stop")
    if await tx.scalar(select(func.count()).select_from(todo).add_cte(noted), {"now": now}):
        tx.wake("hear", made.workspace_id)


async def _pending(tx: Transaction, workspace_id: int, campaign_id: int, **values: Any) -> None:
    """Change the campaign's messages that still wait in the outbox."""
    await tx.execute(
        update(message)
        .where(
            message.c.workspace_id == workspace_id,
            message.c.state == literal_column(str(int(MessageState.PENDING))),
            message.c.version_id.in_(_versions(workspace_id, campaign_id)),
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
    reason = values.get("pause_reason")
    await news.tell(tx, workspace_id, found.id, _NEWS[values["state"]], now=now, reason=reason)
    return await find(tx, workspace_id, found.id)
