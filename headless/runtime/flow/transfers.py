"""Transfers as SQL: a step brings contacts into another campaign, or takes them out of one.

Pure. Who is brought in enters as by hand, in the same transaction, with the data of the run that
sent them (`entry.*`). Who is taken out leaves at once with all that the other run waits for;
whoever carries that out holds its positions. Imports the language and `batch`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    SmallInteger,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from headless.audience.values import Sql
from headless.dsl import ast
from headless.runtime import left
from headless.runtime.batch import Frame
from headless.runtime.effects.batch import Action
from headless.runtime.stands import NOW, Version, number
from headless.storage import tables
from headless.storage.codes import EnrollmentState, Outcome
from headless.storage.tables import campaign, enrollment, journal, position

_JSON_NULL = cast(null(), JSONB)


def into(version: Version, action: ast.Simple) -> int | None:
    """The campaign that an action brings contacts into."""
    match action:
        case ast.MoveTo(campaign=name) | ast.AddTo(container="campaign", name=name):
            return version.names.id("campaign", name.text)
    return None


def ways(version: Version, actions: Sequence[Action]) -> Iterator[tuple[int, int]]:
    """The steps that bring contacts into campaigns, and which."""
    for n, action in actions:
        to = into(version, action)
        if to is not None:
            yield n, to


def out_of(version: Version, action: ast.Simple) -> int | None:
    """The campaign that an action takes contacts out of."""
    match action:
        case ast.RemoveFrom(container="campaign", name=name):
            return version.names.id("campaign", name.text)
    return None


def came_to(version: Version, to: int) -> tuple[Sql, Sql]:
    """The outcome of bringing contacts into a campaign, and its detail: it has to be running."""
    c = campaign.c
    open_ = exists(
        select(1).where(
            c.workspace_id == version.workspace_id,
            c.id == to,
            c.state.in_(["running", "paused"]),
            c.active_to.is_(None) | (c.active_to > NOW),
        )
    )
    outcome = case((open_, number(Outcome.DONE)), else_=number(Outcome.SKIPPED))
    why = func.jsonb_build_object("reason", "the campaign is not running")
    return outcome, case((~open_, why))


# ---------------------------------------------------------------- into another campaign


def brought(actions: Sequence[Action], version: Version, fed: CTE | None) -> list[Any]:
    """The runs whose contacts go into another campaign, and when: two arrays for each step."""
    found: list[Any] = []
    for n, action in actions:
        if fed is None or into(version, action) is None:
            continue
        mine = and_(fed.c.step == number(n), fed.c.outcome == number(Outcome.DONE))
        for name, column in (("into", fed.c.enrollment_id), ("at", fed.c.at)):
            wanted = select(func.array_agg(column)).where(mine)
            found.append(wanted.scalar_subquery().label(f"{name}{n}"))
    return found


# ---------------------------------------------------------------- out of another campaign


def held_with(version: Version, campaign_id: int) -> Any:
    """Which positions must be held together with one that is about to take its contact out."""
    v = tables.version.c
    theirs = select(v.id).where(
        v.workspace_id == version.workspace_id, v.campaign_id == campaign_id
    )

    def same(mine: FromClause, other: FromClause) -> ColumnElement[bool]:
        return and_(
            other.c.workspace_id == version.workspace_id,
            other.c.contact_id == mine.c.contact_id,
            other.c.version_id.in_(theirs),
            other.c.enrollment_id != mine.c.enrollment_id,
        )

    return same


def taken_out(frame: Frame, fed: CTE) -> Iterator[CTE]:
    """The parts that end the other campaign's runs, and say so in their journals."""
    for n, action in frame.actions:
        campaign_id = out_of(frame.version, action)
        if campaign_id is not None:
            yield from _taken(frame, fed, n, campaign_id)


def _taken(frame: Frame, fed: CTE, n: int, campaign_id: int) -> Iterator[CTE]:
    p, workspace_id = position, frame.version.workspace_id
    mine = and_(
        enrollment.c.workspace_id == workspace_id,
        enrollment.c.campaign_id == campaign_id,
        enrollment.c.contact_id == fed.c.contact_id,
        enrollment.c.state == number(EnrollmentState.RUNNING),
        enrollment.c.id != fed.c.enrollment_id,
    )
    run = enrollment.c
    runs = (
        select(run.id, run.contact_id, run.version_id, fed.c.at)
        .select_from(fed.join(enrollment, mine))
        .where(fed.c.step == number(n))
        .cte(f"others{n}")
    )
    yield (
        delete(p)
        .where(p.c.workspace_id == workspace_id, p.c.enrollment_id == runs.c.id)
        .returning(p.c.branch)
        .cte(f"let_go{n}")
    )
    ended = (
        update(enrollment)
        .where(enrollment.c.workspace_id == workspace_id, enrollment.c.id == runs.c.id)
        .values(state=number(EnrollmentState.EXITED), ended_at=runs.c.at)
        .returning(*left.ENDED)
        .cte(f"taken_out{n}")
    )
    yield ended
    theirs = msgspec.structs.replace(frame.version, campaign_id=campaign_id)
    yield from left.tell(theirs, ended, name=f"taken{n}")
    yield from _journaled(frame, runs, n)


def _journaled(frame: Frame, runs: CTE, n: int) -> Iterator[CTE]:
    workspace_id = frame.version.workspace_id
    beside = (
        select(func.count())
        .where(
            journal.c.workspace_id == workspace_id,
            journal.c.enrollment_id == runs.c.id,
            journal.c.step == number(0),
            journal.c.visit < 0,
        )
        .correlate(runs)
        .scalar_subquery()
    )
    why = literal({"reason": f"removed by the campaign `{frame.version.plan.name or ''}`"}, JSONB)
    noted = (
        insert(journal)
        .from_select(
            ["workspace_id", "enrollment_id", "step", "visit", "at", "contact_id", "version_id",
             "outcome", "detail"],
            select(
                number(workspace_id), runs.c.id, number(0), -(beside + 1), runs.c.at,
                runs.c.contact_id, runs.c.version_id,
                cast(number(Outcome.EXITED), SmallInteger), cast(why, JSONB),
            ),
        )
        .on_conflict_do_nothing()
        .returning(journal.c.version_id, journal.c.outcome)
        .cte(f"told_there{n}")
    )  # fmt: skip
    yield noted
    yield (
        insert(tables.tally)
        .from_select(
            ["workspace_id", "version_id", "at", "step", "outcome", "contacts"],
            select(
                number(workspace_id), noted.c.version_id, NOW, number(0), noted.c.outcome,
                func.count(),
            ).group_by(noted.c.version_id, noted.c.outcome),
        )
        .returning(tables.tally.c.step)
        .cte(f"tallied_there{n}")
    )  # fmt: skip
