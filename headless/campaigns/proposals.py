"""Proposals: a new text for a campaign, and what it would do to everybody inside.

Reads, and changes nothing; `versions` carries a proposal out. Imports `publish`, `sources`,
`moving` and the runtime.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import func, select

from headless.campaigns import moving
from headless.campaigns.moving import Waits
from headless.campaigns.publish import Campaign, check, faulty
from headless.campaigns.sources import count
from headless.dsl.diff import Change, Diff, diff
from headless.dsl.examine import Examined
from headless.dsl.plan import Plan, Rule, Step, targets
from headless.dsl.succession import successor
from headless.problems import Problem
from headless.runtime.stands import Version
from headless.runtime.versions import load
from headless.storage.database import Transaction
from headless.storage.tables import position
from headless.workspace.names import resolve

_UNNAMED: Final = "label it by a version of its own, which moves nobody, then say"


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


class Proposal(msgspec.Struct, frozen=True):
    """A change in the making: both versions, how they differ, who stands where.

    `new` is the new plan with the old one's numbers; `standing` has the positions by step of the
    old version.
    """

    found: Campaign
    checked: Examined
    old: Version
    diff: Diff
    new: Plan
    standing: Mapping[int, int]


async def propose(tx: Transaction, workspace_id: int, found: Campaign, text: str) -> Proposal:
    """What a text would make of a campaign.

    Raises Problem `invalid_text`, `wrong_state` for a campaign that is over.
    """
    if found.state not in ("draft", "running", "paused"):
        raise Problem(
            "wrong_state",
            f"`{found.name}` is {found.state}; make a new campaign of the text",
            state=found.state,
        )
    checked = await check(tx, workspace_id, text)
    if checked.plan is None:
        raise faulty(checked)
    old = await load(tx, found.version_id)
    difference = diff(old.plan, checked.plan)
    return Proposal(
        found=found,
        checked=checked,
        old=old,
        diff=difference,
        new=successor(old.plan, checked.plan, difference),
        standing=await moving.standing(tx, old),
    )


# ---------------------------------------------------------------- the plan


async def foresee(
    tx: Transaction,
    workspace_id: int,
    change: Proposal,
    waits: Waits,
    drain: bool,
    now: datetime,
) -> VersionPlan:
    """What carrying a proposal out would do now."""
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


async def _entering(tx: Transaction, change: Proposal, now: datetime) -> int:
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


def _hash(change: Proposal, waits: Waits, drain: bool, stranded: tuple[int, ...]) -> str:
    """What an agreement is about: both texts, what becomes of waits, and who would be lost."""
    plan_ = change.checked.plan
    told = (change.old.id, plan_.hash if plan_ else "", waits, drain, stranded)
    return "sha256:" + hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def _stranded(change: Proposal) -> tuple[int, ...]:
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


def _line(change: Proposal, one: Change, waits: Waits, drain: bool) -> Told:
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


def _goes(change: Proposal, number: int, people: int) -> str:
    if number in change.diff.leaving:
        return "they leave the campaign"
    if number in change.diff.mapping:
        target = change.new.steps[change.new.order[change.diff.mapping[number]]]
        return f"they go on from `{target.text}`"
    if number in change.new.order:
        return "it stands elsewhere now; nobody gets it twice"
    return "they must be told where to go" if people else "nobody is lost"


def _coming(change: Proposal, number: int) -> int:
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


# ---------------------------------------------------------------- as a person reads it


def render(told: VersionPlan) -> str:
    """The plan as a person reads it in a terminal."""
    if told.becomes == told.was:
        return f"{told.campaign}: version {told.was} says the same; nothing changes\n"
    lines = [f"{told.campaign}   version {told.was} → {told.becomes}"]
    shown = [(_shown(one), one.fate) for one in told.changes]
    width = min(max((len(text) for text, _ in shown), default=0), 60)
    lines += [f"  {text:{width}}  {fate}".rstrip() for text, fate in shown]
    lines += [f"  ! {help_}" for help_ in told.stranded]
    went = f"{told.inside} inside go over to it"
    if told.drain:
        went = f"{told.drained} inside end by version {told.was}"
    lines.append(f"{went} · {told.enter_now} enter now")
    most = " → ".join("unbounded" if n is None else str(n) for n in told.most_emails)
    lines.append(f"most emails in 7 days {most} · longest stay {' → '.join(told.longest_stay)}")
    lines += [f"warning: {one}" for one in told.warnings]
    if told.stranded:
        lines.append("This cannot be applied: people would be lost.")
    else:
        lines += ["Nobody is lost, nobody gets a mail twice.", told.hash]
    return "\n".join(lines) + "\n"


def _shown(one: Told) -> str:
    where = f"{one.line:>3}  " if one.line else "     "
    words = f"{one.was} → {one.now}" if one.sign == "~" else one.now or one.was
    return f"{one.sign} {where}{words}"
