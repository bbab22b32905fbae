"""Versions: a running campaign gets a new text, and the people inside go on with it.

`plan` tells what a new version would do to everybody inside, step by step; `apply` does exactly
that, and refuses when things have moved since. With `drain` old runs end by the old version.
Imports `publish`, `sources`, `moving` and the runtime.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import and_, delete, func, insert, select, update

from headless.campaigns import moving
from headless.campaigns.moving import Moves, Waits
from headless.campaigns.publish import Campaign, check, edit, faulty, find, store
from headless.campaigns.sources import (
    brings_members,
    count,
    deafen,
    follow,
    listen,
    season,
    take_in,
    unfollow,
)
from headless.dsl.diff import Change, Diff, diff
from headless.dsl.examine import Examined
from headless.dsl.later import CODE as LATER_CODE
from headless.dsl.plan import Plan, Rule, Step, targets
from headless.dsl.succession import successor
from headless.problems import Problem
from headless.runtime.stands import Version
from headless.runtime.versions import load
from headless.storage.database import Transaction
from headless.storage.tables import campaign, intake, position, version
from headless.workspace.names import key, resolve

_UNNAMED = "label it by a version of its own, which moves nobody, then say"


class Told(msgspec.Struct, frozen=True):
    """One difference and what it means to people: how many, and what becomes of them.

    `sign` is `~`, `+` or `-`; `line` the line in the new text, for `-` in the old one; `people` are
    those who stand at the step, of an added one those who will come to it.
    """

    sign: str
    line: int
    was: str
    now: str
    people: int
    fate: str


class VersionPlan(msgspec.Struct, frozen=True):
    """What a new version would do. `stranded` are the steps that people would be lost at.

    `hash` stands for exactly this change; `was` and `becomes` are the versions' numbers, the same
    when nothing changes; `inside` are the runs that go over to it, `drained` those that end by the
    old one.
    """

    hash: str
    campaign: str
    was: int
    becomes: int
    waits: Waits
    drain: bool
    changes: tuple[Told, ...]
    inside: int
    drained: int
    enter_now: int
    stranded: tuple[str, ...]
    most_emails: tuple[int | None, int | None]
    longest_stay: tuple[str, str]
    warnings: tuple[str, ...]


class Stored(msgspec.Struct, frozen=True):
    """A stored version: when it was made, and how many runs go by it now."""

    number: int
    hash: str
    source: str
    created_at: datetime
    running: int
    current: bool


class _Change(msgspec.Struct, frozen=True):
    """A change in the making: both versions, how they differ, who stands where."""

    found: Campaign
    checked: Examined
    old: Version
    diff: Diff
    new: Plan
    """The new plan with the old one's numbers."""
    standing: Mapping[int, int]
    """Positions by step of the old version."""


async def listing(tx: Transaction, workspace_id: int, campaign_id: int) -> list[Stored]:
    """All versions of a campaign, the newest first."""
    found = await find(tx, workspace_id, campaign_id)
    runs = (
        select(func.count(func.distinct(position.c.enrollment_id)))
        .where(
            position.c.workspace_id == version.c.workspace_id,
            position.c.version_id == version.c.id,
        )
        .scalar_subquery()
    )
    rows = await tx.execute(
        select(version, runs.label("running"))
        .where(version.c.workspace_id == workspace_id, version.c.campaign_id == campaign_id)
        .order_by(version.c.number.desc())
    )
    return [
        Stored(row.number, row.hash, row.source, row.created_at, row.running,
               row.id == found.version_id)
        for row in rows
    ]  # fmt: skip


async def source_of(tx: Transaction, workspace_id: int, campaign_id: int, number: int) -> str:
    """The text of a version; raises Problem `not_found`."""
    text: str | None = await tx.scalar(
        select(version.c.source).where(
            version.c.workspace_id == workspace_id,
            version.c.campaign_id == campaign_id,
            version.c.number == number,
        )
    )
    if text is None:
        raise Problem("not_found", f"there is no version {number} of this campaign")
    return text


async def plan(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    text: str,
    *,
    waits: Waits = "keep",
    drain: bool = False,
    now: datetime,
) -> VersionPlan:
    """What a new text would do to a campaign and the people inside; changes nothing.

    Raises Problem `invalid_text`, `wrong_state` for a stopped campaign.
    """
    found = await find(tx, workspace_id, campaign_id)
    change = await _change(tx, workspace_id, found, text)
    return await _told(tx, workspace_id, change, waits, drain, now)


async def apply(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    text: str,
    *,
    agreed: str | None,
    waits: Waits = "keep",
    drain: bool = False,
    now: datetime,
) -> tuple[Campaign, VersionPlan]:
    """Give a campaign a new version and take the people inside over to it.

    `agreed` is the hash of the plan that the caller has seen. The same text again changes nothing.
    Raises Problem `plan_required` with the plan, `plan_drifted` when it is another one by now,
    `stranded` when people would be lost, and what `plan` raises.
    """
    await tx.execute(  # in the order in which newcomers lock them
        select(intake.c.source)
        .where(intake.c.workspace_id == workspace_id, intake.c.campaign_id == campaign_id)
        .with_for_update()
    )
    found = await find(tx, workspace_id, campaign_id, lock=True)
    if found.state in ("running", "paused"):
        await moving.lock(tx, await load(tx, found.version_id))
    change = await _change(tx, workspace_id, found, text)
    told = await _told(tx, workspace_id, change, waits, drain, now)
    if told.becomes == told.was:
        return found, told
    if agreed is None:
        raise Problem(
            "plan_required", f'send {{"plan": "{told.hash}"}}', plan=msgspec.to_builtins(told)
        )
    if told.stranded:
        raise Problem(
            "stranded", f"people would be lost: {told.stranded[0]}", plan=msgspec.to_builtins(told)
        )
    if agreed != told.hash:
        raise Problem(
            "plan_drifted",
            "things have moved since that plan was made; look at the new plan first",
            plan=msgspec.to_builtins(told),
        )
    if found.state == "draft":
        edited, _ = await edit(tx, workspace_id, campaign_id, text, now=now)
        return edited, told
    await _replace(tx, workspace_id, change, waits, drain, now)
    tx.wake("sweep")
    return await find(tx, workspace_id, campaign_id), told


async def _change(tx: Transaction, workspace_id: int, found: Campaign, text: str) -> _Change:
    if found.state not in ("draft", "running", "paused"):
        raise Problem(
            "wrong_state",
            f"`{found.name}` is {found.state}; make a new campaign of the text",
            state=found.state,
        )
    checked = await check(tx, workspace_id, text)
    if checked.plan is None:
        raise faulty(checked)
    if not checked.startable:
        later = tuple(d for d in checked.diagnostics if d.code == LATER_CODE)
        raise Problem(
            "invalid_text", "the text has statements that cannot run yet", text=text, faults=later
        )
    old = await load(tx, found.version_id)
    difference = diff(old.plan, checked.plan)
    return _Change(
        found=found,
        checked=checked,
        old=old,
        diff=difference,
        new=successor(old.plan, checked.plan, difference),
        standing=await moving.standing(tx, old),
    )


# ---------------------------------------------------------------- the plan


async def _told(
    tx: Transaction,
    workspace_id: int,
    change: _Change,
    waits: Waits,
    drain: bool,
    now: datetime,
) -> VersionPlan:
    found, checked = change.found, change.checked
    same = checked.plan is not None and checked.plan.hash == found.hash
    stranded = () if drain or same else _stranded(change)
    inside = await _inside(tx, change.old)
    before = await check(tx, workspace_id, found.source)
    return VersionPlan(
        hash=_hash(change, waits, drain, stranded),
        campaign=found.name,
        was=found.version,
        becomes=found.version if same else found.version + 1,
        waits=waits,
        drain=drain,
        changes=() if same else tuple(_line(change, c, waits, drain) for c in change.diff.changes),
        inside=0 if drain else inside,
        drained=inside if drain else 0,
        enter_now=0 if same else await _entering(tx, change, now),
        stranded=tuple(_help(change.old.plan.steps[n], change.standing[n]) for n in stranded),
        most_emails=(_emails(before), _emails(checked)),
        longest_stay=(_stay(before), _stay(checked)),
        warnings=tuple(d.message for d in checked.diagnostics if d.severity == "warning"),
    )


async def _entering(tx: Transaction, change: _Change, now: datetime) -> int:
    """The members of sources that the old version did not have; leaves no trace of new names."""
    fresh = [source for source in change.new.sources if source not in change.old.plan.sources]
    if not fresh:
        return 0
    async with tx.connection.begin_nested() as trial:
        names = await resolve(tx, change.old.workspace_id, [change.new], now=now)
        made = msgspec.structs.replace(change.old, plan=change.new, names=names)
        total = sum([await count(tx, made, source, now) for source in fresh])
        await trial.rollback()
    return total


def _emails(checked: Examined) -> int | None:
    return checked.analysis.most_emails_in_7_days if checked.analysis else None


def _stay(checked: Examined) -> str:
    return checked.analysis.stay if checked.analysis else ""


async def _inside(tx: Transaction, made: Version) -> int:
    p = position.c
    inside: int = await tx.scalar(
        select(func.count(func.distinct(p.enrollment_id))).where(
            p.workspace_id == made.workspace_id, p.version_id == made.id
        )
    )
    return inside


def _hash(change: _Change, waits: Waits, drain: bool, stranded: tuple[int, ...]) -> str:
    """What an agreement is about: both texts, what becomes of waits, and who would be lost."""
    plan_ = change.checked.plan
    told = (change.old.id, plan_.hash if plan_ else "", waits, drain, stranded)
    return "sha256:" + hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def _stranded(change: _Change) -> tuple[int, ...]:
    """The steps where people stand now, that are gone, and of which the text says nothing.

    A standing rule is no place to be lost at: the path itself goes on. The implicit one is.
    """
    kept = {0, *change.diff.mapping, *change.diff.leaving, *change.new.order}
    steps = change.old.plan.steps
    return tuple(
        number
        for number, people in sorted(change.standing.items())
        if people
        and number not in kept
        and not (isinstance(rule := steps[number], Rule) and not rule.implicit)
    )


def _help(step: Step, people: int) -> str:
    """What to write so that nobody is lost at a step."""
    here = "1 person waits" if people == 1 else f"{people} people wait"
    label = step.key.removeprefix("@") if step.key.startswith("@") and "/" not in step.key else ""
    if label:
        say = f"say `moved {label} to NEW` or `waiting at {label} exit`"
    else:
        say = f"{_UNNAMED} `moved OLD to NEW` or `waiting at OLD exit`"
    return f"{here} at `{step.text}` (line {step.line}), which is gone; {say}"


def _line(change: _Change, one: Change, waits: Waits, drain: bool) -> Told:
    old, new = change.old.plan, change.new
    if one.old is None and one.new is None:
        return Told(one.sign, 0, one.was, one.now, 0, "")
    if one.new is not None:
        number = new.order[one.new]
        step = new.steps[number]
        people = 0 if drain else _coming(change, number)
        if one.sign == "+":
            fate = f"reaches {people} inside and everyone new"
        else:
            people = change.standing.get(number, 0)
            fate = _waits(old.steps[one.old or 0], step, people, waits) if not drain else ""
        return Told(one.sign, step.line, one.was, one.now, people, fate)
    here = one.old or 0
    people = change.standing.get(here, 0)
    return Told("-", old.steps[here].line, one.was, one.now, people, _goes(change, here, people))


def _waits(before: Step, step: Step, people: int, waits: Waits) -> str:
    if not people:
        return "nobody waits here"
    if not moving.changes_times(before, step):
        return "they go on"
    return "they keep their promised time" if waits == "keep" else "they are counted anew"


def _goes(change: _Change, number: int, people: int) -> str:
    if number in change.diff.leaving:
        return "they leave the campaign"
    if number in change.diff.mapping:
        target = change.new.steps[change.new.order[change.diff.mapping[number]]]
        return f"they go on from `{target.text}`"
    if number in change.new.order:
        return "it stands elsewhere now; nobody gets it twice"
    return "they must be told where to go" if people else "nobody is lost"


def _coming(change: _Change, number: int) -> int:
    """How many positions will come to a step of the new plan."""
    where = {here: change.new.order[there] for here, there in change.diff.mapping.items()}
    total = 0
    for here, people in change.standing.items():
        at = where.get(here)
        if at is not None and number in _ahead(change.new, at):
            total += people
    return total


def _ahead(made: Plan, start: int) -> set[int]:
    """The steps that can come after a step."""
    seen: set[int] = set()
    todo = [target for target in targets(made.steps[start]) if target is not None]
    while todo:
        number = todo.pop()
        if number not in seen:
            seen.add(number)
            step = made.steps[number]
            todo += [target for target in targets(step) if target is not None]
            todo += [rule for rule in (getattr(step, "rule", None),) if rule is not None]
    return seen


# ---------------------------------------------------------------- doing it


async def _replace(
    tx: Transaction,
    workspace_id: int,
    change: _Change,
    waits: Waits,
    drain: bool,
    now: datetime,
) -> None:
    old, found = change.old, change.found
    was, becomes = old.plan.sources, change.new.sources
    hidden = {
        key("source", str(index)): old.names.id("source", str(was.index(source)))
        for index, source in enumerate(becomes)
        if source.contacts and source in was
    }
    version_id = await store(
        tx, workspace_id, found.id, found.version + 1, change.checked.text, change.new,
        now=now, hidden=hidden,
    )  # fmt: skip
    new = await load(tx, version_id)
    await unfollow(tx, old, [source for source in was if source not in becomes])
    await follow(tx, new, [source for source in becomes if source not in was], now)
    await deafen(tx, old, entries_only=drain)
    await listen(tx, new)
    dates = season(new)
    await _intakes(tx, old, new)
    for index, source in enumerate(becomes):
        if source not in was and brings_members(source):
            await take_in(tx, new, index, max(now, dates.opens or now))
    await tx.execute(
        update(campaign)
        .where(campaign.c.workspace_id == workspace_id, campaign.c.id == found.id)
        .values(active_from=dates.opens, active_to=dates.closes, updated_at=now)
    )
    if not drain:
        order, same = change.new.order, change.diff.same
        elsewhere = {
            here: order[there]
            for here, there in change.diff.mapping.items()
            if here not in same and order[there] != here
        }
        await moving.move(tx, old, new, Moves(elsewhere, list(change.diff.leaving), waits), now=now)


async def _intakes(tx: Transaction, old: Version, new: Version) -> None:
    """Whoever is still being let in comes in by the new version; what is no source is over."""
    mine = and_(intake.c.workspace_id == old.workspace_id, intake.c.campaign_id == old.campaign_id)
    rows = (await tx.execute(delete(intake).where(mine).returning(intake))).mappings().all()
    for row in rows:
        source = old.plan.sources[row["source"]] if row["version_id"] == old.id else None
        if source in new.plan.sources:
            index = new.plan.sources.index(source)
            await tx.execute(insert(intake).values({**row, "version_id": new.id, "source": index}))
