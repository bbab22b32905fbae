"""Beginnings as SQL: whether an activity is the one by which a run starts, where it takes several.

Pure. `start when E 3 times` and `E1 and E2` look back from each activity: to the last entry, for
what has started one run starts no other, and over the span that the text gives. What comes during
a run starts nothing, and the run's journal says so. Imports the language and `happenings`.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    SmallInteger,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from headless.audience.conditions import answers
from headless.audience.values import Sql, shifted
from headless.dsl import ast
from headless.runtime.flow.happenings import detail_scope, each_once
from headless.runtime.stands import NOW, Version, number
from headless.storage.codes import Outcome
from headless.storage.tables import activity, enrollment, journal, tally


def completes(
    version: Version, event: ast.Event, within: ast.Duration | None, last: FromClause
) -> ColumnElement[bool]:
    """Whether an event has happened with the activity `last`, and not only before."""
    match event:
        case ast.AnyOf(events=parts):
            return or_(*(completes(version, part, within, last) for part in parts))
        case ast.AllOf(events=parts):
            return and_(*(completes(version, part, within, last) for part in parts))
    a = activity.alias("earlier")
    often = (
        select(func.count())
        .where(
            a.c.workspace_id == version.workspace_id,
            a.c.contact_id == last.c.contact_id,
            answers(each_once(event), a, detail_scope(version)),
            a.c.occurred_at <= last.c.occurred_at,
            *_new(version, within, a, last),
        )
        .correlate(last)
        .scalar_subquery()
    )
    return often >= event.times


def _new(
    version: Version, within: ast.Duration | None, a: Any, last: FromClause
) -> list[ColumnElement[bool]]:
    entered: Sql = (
        select(func.max(enrollment.c.entered_at))
        .where(
            enrollment.c.workspace_id == version.workspace_id,
            enrollment.c.campaign_id == version.campaign_id,
            enrollment.c.contact_id == last.c.contact_id,
        )
        .correlate(last)
        .scalar_subquery()
    )
    since: list[ColumnElement[bool]] = [func.coalesce(a.c.occurred_at > entered, True)]
    if within is not None:
        zone = detail_scope(version).zone
        since.append(a.c.occurred_at > shifted(last.c.occurred_at, within, zone, back=True))
    return since


def ignored(version: Version, who: CTE) -> tuple[CTE, CTE]:
    """Two parts that journal the entries of those who are inside: beside the run's own entry.

    `who` has `inside`, `last_id` and `last_version` of the run under way, `at` and `activity_id`.
    """
    beside = (
        select(func.count())
        .where(
            journal.c.workspace_id == version.workspace_id,
            journal.c.enrollment_id == who.c.last_id,
            journal.c.step == number(0),
            journal.c.visit < 0,
        )
        .correlate(who)
        .scalar_subquery()
    )
    noted = (
        insert(journal)
        .from_select(
            ["workspace_id", "enrollment_id", "step", "visit", "at", "contact_id", "version_id",
             "outcome", "activity_id", "detail"],
            select(
                number(version.workspace_id), who.c.last_id, number(0), -(beside + 1), who.c.at,
                who.c.contact_id, who.c.last_version,
                cast(number(Outcome.IGNORED), SmallInteger), who.c.activity_id,
                cast(literal({"reason": "a run is under way"}, JSONB), JSONB),
            ).where(who.c.inside),
        )
        .on_conflict_do_nothing()
        .returning(journal.c.version_id, journal.c.outcome)
        .cte("ignored")
    )  # fmt: skip
    counted = (
        insert(tally)
        .from_select(
            ["workspace_id", "version_id", "at", "step", "outcome", "contacts"],
            select(
                number(version.workspace_id), noted.c.version_id, NOW, number(0),
                noted.c.outcome, func.count(),
            ).group_by(noted.c.version_id, noted.c.outcome),
        )
        .returning(tally.c.step)
        .cte("ignored_count")
    )  # fmt: skip
    return noted, counted
