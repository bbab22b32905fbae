"""Endings as SQL: a `goal` or a `stop when` ends runs at once, with all that they wait for.

Pure. One statement looks into the history of the runs concerned, deletes their positions, closes
them and says so in the journal, beside the entry, under negative visits. Whoever carries it out
holds the positions of those runs. Imports the language, `audience` and `happenings`.
"""

from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    SmallInteger,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from headless.audience.conditions import holds
from headless.audience.values import Scope
from headless.dsl import ast
from headless.dsl.plan import Ending
from headless.dsl.wording import written
from headless.runtime import left
from headless.runtime.flow.happenings import Window, happened, points_wanted
from headless.runtime.stands import NOW, Version, number
from headless.storage import tables
from headless.storage.codes import EnrollmentState, Outcome
from headless.storage.tables import Instant, activity, contact, enrollment, journal, position

ENDING: Final = -1
"""Listeners of the first ending stand at this step, of the second at the one below it."""
_IDS: Final = bindparam("ids", type_=ARRAY(BigInteger))
_COLUMNS: Final = [
    "workspace_id", "enrollment_id", "step", "visit", "at", "contact_id", "version_id",
    "outcome", "activity_id", "detail",
]  # fmt: skip


def end_by(version: Version) -> Select[*tuple[Any, ...]]:
    """End the runs that the activities `:ids` end; answers how many, `ended`, and `todo`,
    of activities for others to hear. Takes `:now`.
    """
    about = select(activity.c.contact_id).where(
        activity.c.workspace_id == version.workspace_id, activity.c.id == _IDS.any_()
    )
    return _end(version, enrollment.c.contact_id.in_(about), entering=False)


def end_of(version: Version, *, entering: bool = False) -> Select[*tuple[Any, ...]]:
    """The same for the runs `:ids`; when they are only `entering`, the journal says that too."""
    return _end(version, enrollment.c.id == _IDS.any_(), entering=entering)


def _end(
    version: Version, concerned: ColumnElement[bool], *, entering: bool
) -> Select[*tuple[Any, ...]]:
    hits = _hits(version, concerned)
    gone = (
        delete(position)
        .where(
            position.c.workspace_id == version.workspace_id,
            position.c.enrollment_id == hits.c.id,
        )
        .returning(position.c.branch)
        .cte("gone")
    )
    ended = (
        update(enrollment)
        .where(enrollment.c.workspace_id == version.workspace_id, enrollment.c.id == hits.c.id)
        .values(state=_by_ending(version, hits, _state), ended_at=hits.c.at)
        .returning(*left.ENDED)
        .cte("ended_runs")
    )
    told = [_told(version, hits), *([_entered(version, hits)] if entering else [])]
    noted = (
        insert(journal)
        .from_select(_COLUMNS, union_all(*told) if len(told) > 1 else told[0])
        .on_conflict_do_nothing()
        .returning(journal.c.step, journal.c.outcome)
        .cte("noted")
    )
    counted = (
        insert(tables.tally)
        .from_select(
            ["workspace_id", "version_id", "at", "step", "outcome", "contacts"],
            select(
                number(version.workspace_id), literal(version.id, BigInteger), NOW,
                noted.c.step, noted.c.outcome, func.count(),
            ).group_by(noted.c.step, noted.c.outcome),
        )
        .returning(tables.tally.c.step)
        .cte("tallied")
    )  # fmt: skip
    heard, todo = left.tell(version, ended, name="ending")
    return select(
        select(func.count()).select_from(ended).scalar_subquery().label("ended"),
        select(func.count()).select_from(todo).scalar_subquery().label("todo"),
    ).add_cte(gone, noted, counted, heard)


def _hits(version: Version, concerned: ColumnElement[bool]) -> CTE:
    """The runs that are over, with the ending that was first and when."""
    runs = (
        select(enrollment)
        .where(
            enrollment.c.workspace_id == version.workspace_id,
            enrollment.c.campaign_id == version.campaign_id,
            enrollment.c.version_id == version.id,
            enrollment.c.state == number(EnrollmentState.RUNNING),
            concerned,
        )
        .cte("runs")
        .prefix_with("materialized")
    )
    mine = and_(contact.c.workspace_id == runs.c.workspace_id, contact.c.id == runs.c.contact_id)
    scope = Scope(
        workspace_id=version.workspace_id,
        contact=contact,
        now=NOW,
        zone=func.coalesce(contact.c.time_zone, version.zone),
        names=version.names,
    )
    joined: Any = runs.join(contact, mine)
    causes: list[Any] = []
    times: list[Any] = []
    for index, ending in enumerate(version.plan.endings):
        window = Window(_since(runs), lambda _: runs.c.entered_at)
        event = ending.event
        found = happened(joined, event, runs.c.contact_id, version, window, f"ending{index}")
        joined, at = found.rows, found.at
        for wanted in points_wanted(event):
            there = holds(ast.Happened(event=wanted), scope)
            at = func.coalesce(at, case((there, NOW)), type_=Instant)
        causes.append(found.id)
        times.append(at)
    first = func.least(*times, type_=Instant)
    ways = [(at == first, number(index)) for index, at in enumerate(times)]
    by = [(at == first, cause) for at, cause in zip(times, causes, strict=True)]
    return (
        select(
            runs.c.id,
            runs.c.contact_id,
            runs.c.entered_at,
            runs.c.activity_id,
            first.label("at"),
            case(*ways).label("ending"),
            case(*by).label("cause"),
        )
        .select_from(joined)
        .where(first.is_not(None))
        .cte("hits")
        .prefix_with("materialized")
    )


def _since(runs: CTE) -> Any:
    """What happened since the entry, save what brought the contact in."""

    def fits(a: FromClause, _: int) -> ColumnElement[bool]:
        return and_(
            a.c.occurred_at >= runs.c.entered_at, a.c.id.is_distinct_from(runs.c.activity_id)
        )

    return fits


def _by_ending(version: Version, hits: CTE, told: Any) -> Any:
    ways = [(hits.c.ending == n, told(one)) for n, one in enumerate(version.plan.endings)]
    return case(*ways)


def _state(ending: Ending) -> Any:
    return number(EnrollmentState.GOAL if ending.goal else EnrollmentState.STOPPED)


def _outcome(ending: Ending) -> Any:
    return number(Outcome.GOAL if ending.goal else Outcome.STOPPED)


def _detail(ending: Ending) -> Any:
    told = {"reason": written(ending.event)} | ({"label": ending.label} if ending.label else {})
    return literal(told, JSONB)


def _told(version: Version, hits: CTE) -> Select[*tuple[Any, ...]]:
    beside = (
        select(func.count())
        .where(
            journal.c.workspace_id == version.workspace_id,
            journal.c.enrollment_id == hits.c.id,
            journal.c.step == number(0),
            journal.c.visit < 0,
        )
        .correlate(hits)
        .scalar_subquery()
    )
    return select(
        number(version.workspace_id), hits.c.id, number(0), -(beside + 1), hits.c.at,
        hits.c.contact_id, literal(version.id, BigInteger),
        cast(_by_ending(version, hits, _outcome), SmallInteger), hits.c.cause,
        cast(_by_ending(version, hits, _detail), JSONB),
    )  # fmt: skip


def _entered(version: Version, hits: CTE) -> Select[*tuple[Any, ...]]:
    return select(
        number(version.workspace_id), hits.c.id, number(0), number(1), hits.c.entered_at,
        hits.c.contact_id, literal(version.id, BigInteger),
        cast(number(Outcome.ENTERED), SmallInteger), hits.c.activity_id, cast(null(), JSONB),
    )  # fmt: skip
