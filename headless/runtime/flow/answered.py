"""What has answered: which arm of a `when` has won, which occurrence a `whenever` takes next.

Pure. History decides: an activity only wakes a position, and this reading of the activities that
happened says which event came first, so that late events, races and windows already closed need no
rules of their own. Each builds `stood` for its kind of rest, with an `outcome`: -1 goes on waiting
until `wake_at`, -2 is a standing rule whose window has closed. Imports the language and
`happenings`.
"""

from typing import Any

import msgspec
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
)

from headless.audience.conditions import holds
from headless.audience.values import Scope, Sql
from headless.dsl import ast
from headless.dsl.entrances import message_of, single_events
from headless.dsl.plan import Arm, Rule, Wait, When
from headless.runtime import times
from headless.runtime.flow.happenings import Window, happened, is_counted, points_wanted
from headless.runtime.stands import FOREVER, LATE, NOW, Version, grace, not_late, number
from headless.runtime.unseen import takes_then, untracked
from headless.storage.codes import Outcome
from headless.storage.tables import Instant, contact, enrollment, journal

Stood = Select[*tuple[Any, ...]]


def when(version: Version, step: When, claimed: CTE) -> Stood:
    """The positions at a `when`, with the number of the arm that has won; behind them `else`."""
    heard = _heard(version, step, claimed)
    arms = range(len(step.arms))
    happens, dies, causes, wakes = (
        [heard.c[f"{name}{index}"] for index in arms] for name in ("wins", "dies", "cause", "wakes")
    )
    winner = func.least(*happens, type_=Instant)
    all_dead = and_(*(dead.is_not(None) for dead in dies))
    chosen = [(happen == winner, index) for index, happen in enumerate(happens)]
    outcome = case(
        *((test, number(index)) for test, index in chosen),
        (all_dead, number(len(step.arms))),
        else_=number(-1),
    )
    last = func.greatest(*dies, type_=Instant)
    at = case(
        *(
            (test, _moment(step.arms[index], _from_arrival(heard, happens[index])))
            for test, index in chosen
        ),
        else_=_dead_at(step, _from_arrival(heard, last)),
    )
    cause = case(*((test, causes[index]) for test, index in chosen), else_=heard.c.activity_id)
    return select(
        *(heard.c[column.name] for column in claimed.c),
        at.label("at"),
        outcome.label("outcome"),
        func.coalesce(cause, heard.c.activity_id).label("cause"),
        func.least(*wakes, type_=Instant).label("wake_at"),
    )


def _heard(version: Version, step: When, claimed: CTE) -> Any:
    """The positions with what has become of each arm.

    Of arm 0 `wins0` is when it wins, null while it does not; `dies0` when it can no longer win,
    null while it can; `cause0` the activity that it wins by; `wakes0` when it is asked again.
    """
    joined: Any = claimed
    about, scope = _with_contact(version, claimed)
    if any(True for arm in step.arms for _ in points_wanted(arm.trigger.event)):
        joined = about
    columns: list[Sql] = []
    place = 1
    for index, arm in enumerate(step.arms):
        event = arm.trigger.event
        asked = _once_begun(event) if step.implicit else event
        window = _window(version, step, arm, claimed, place)
        found = happened(joined, asked, claimed.c.contact_id, version, window, f"arm{index}")
        joined, at = found.rows, found.at
        for wanted in points_wanted(event):
            there = holds(ast.Happened(event=wanted), scope)
            at = func.coalesce(at, case((there, claimed.c.arrived_at)), type_=Instant)
        count = len(single_events(event))
        closes = _last([claimed.c.closes[place + n] for n in range(count)])
        place += count
        final = closes + grace(arm)
        closed = case((and_(at.is_(None), final <= NOW), closes))
        wins, loses = (closed, at) if arm.trigger.negated else (at, closed)
        unseen = untracked(version, claimed.c, [arm])
        if unseen is not None:
            negated, then = arm.trigger.negated, takes_then(version)
            wins, loses = _unless_unseen(unseen, then, negated, closed, wins, loses)
        columns += [
            wins.label(f"wins{index}"),
            loses.label(f"dies{index}"),
            (cast(null(), BigInteger) if arm.trigger.negated else found.id).label(f"cause{index}"),
            case((final > NOW, func.nullif(final, FOREVER, type_=Instant))).label(f"wakes{index}"),
        ]
    # without `offset` the planner would write each of these wherever it is spoken of
    fenced = select(claimed, *columns).select_from(joined).offset(literal_column("0"))
    return fenced.subquery("heard")


def _unless_unseen(
    unseen: ColumnElement[bool],
    then: ColumnElement[bool],
    negated: bool,
    closed: Sql,
    wins: Sql,
    loses: Sql,
) -> tuple[Sql, Sql]:
    """The same where opens can be seen; else the arm has lost when its time is up.

    Where the workspace says that such mails take `then`, it has won.
    """
    if negated:  # who is not seen opening would win by that
        lost = and_(closed.is_not(None), ~then, unseen)
        return case((lost, null()), else_=wins), case((lost, closed), else_=loses)
    won = and_(closed.is_not(None), then, unseen)
    return case((won, closed), else_=wins), case((won, null()), else_=loses)


def _last(instants: list[Sql]) -> Sql:
    return instants[0] if len(instants) == 1 else func.greatest(*instants, type_=Instant)


def _from_arrival(claimed: Any, instant: Sql) -> Sql:
    """What was there before the arrival answers at the arrival: a path never goes back in time."""
    return func.greatest(claimed.c.arrived_at, instant, type_=Instant)


def _moment(arm: Arm, happened: Sql) -> Sql:
    """An event brings its own time along; a deadline that is long past counts from now."""
    return not_late(happened + LATE, happened) if arm.trigger.negated else happened


def _dead_at(step: When, last: Sql) -> Sql:
    """The `else` begins at the last deadline, or at the event that a `not` had hoped against."""
    negated = any(arm.trigger.negated for arm in step.arms)
    return last if negated else not_late(last + LATE, last)


def _once_begun(event: ast.Event) -> ast.Event:
    """A counted event that started the run has happened already: the run's start answers it."""
    if isinstance(event, ast.AnyOf | ast.AllOf):
        return type(event)(tuple(_once_begun(part) for part in event.events))
    if event.times == 1 or message_of(event) is not None:
        return event
    return msgspec.structs.replace(event, times=1)


def _window(version: Version, step: When, arm: Arm, claimed: CTE, first: int) -> Window:
    singles = single_events(arm.trigger.event)

    def fits(a: FromClause, index: int) -> ColumnElement[bool]:
        place, one = first + index, singles[index]
        inside = and_(
            a.c.occurred_at >= claimed.c.opens[place], a.c.occurred_at < claimed.c.closes[place]
        )
        if step.implicit:
            counted = one.times > 1 and message_of(one) is None
            return and_(inside, a.c.id == claimed.c.activity_id) if counted else inside
        return and_(inside, _is_news(version, arm, a, claimed, place))

    return Window(fits, lambda index: claimed.c.opens[first + index])


def _is_news(
    version: Version, arm: Arm, a: FromClause, claimed: CTE, place: int
) -> ColumnElement[bool]:
    """No event answers twice: what brought the contact to where the window opens does not count."""
    within = arm.trigger.within
    if within is not None and isinstance(within.anchor, ast.EntryAnchor):
        started = (
            select(enrollment.c.activity_id)
            .where(
                enrollment.c.workspace_id == version.workspace_id,
                enrollment.c.id == claimed.c.enrollment_id,
            )
            .correlate(claimed)
            .scalar_subquery()
        )
        return a.c.id.is_distinct_from(started)
    return or_(
        a.c.id.is_distinct_from(claimed.c.activity_id),
        claimed.c.opens[place] < claimed.c.arrived_at,
    )


def _with_contact(version: Version, claimed: CTE) -> tuple[Any, Scope]:
    mine = and_(
        contact.c.workspace_id == claimed.c.workspace_id, contact.c.id == claimed.c.contact_id
    )
    zone = version.plan.zone
    scope = Scope(
        workspace_id=version.workspace_id,
        contact=contact,
        now=NOW,
        zone=literal(zone) if zone else func.coalesce(contact.c.time_zone, version.zone),
        names=version.names,
    )
    return claimed.join(contact, mine), scope


# ---------------------------------------------------------------- standing rules


def rule(version: Version, step: Rule, claimed: CTE) -> Stood:
    """The positions of a standing rule, with the first occurrence that it has not answered."""
    event = step.trigger.event
    counted = is_counted(event)
    asked = _once_begun(event) if step.implicit else event

    def fits(a: FromClause, _: int) -> ColumnElement[bool]:
        others = a.c.enrollment_id.is_distinct_from(claimed.c.enrollment_id)
        inside = and_(
            others, a.c.occurred_at >= claimed.c.opens[1], a.c.occurred_at < claimed.c.closes[1]
        )
        if step.implicit:
            began = a.c.id == claimed.c.activity_id if counted else true()
            return and_(inside, began, ~_answered(version, step, claimed, a))
        new = a.c.id.is_distinct_from(claimed.c.activity_id)
        if counted:
            return and_(inside, new, ~_before_the_last(version, step, claimed, a))
        return and_(inside, new, ~_answered(version, step, claimed, a))

    window = Window(fits, lambda _: claimed.c.opens[1])
    found = happened(claimed, asked, claimed.c.contact_id, version, window, "occurrence")
    final = claimed.c.closes[1] + grace(Arm(step.trigger))
    outcome = case((found.at.is_not(None), number(0)), (final <= NOW, number(-2)), else_=number(-1))
    return select(
        claimed,
        found.at.label("at"),
        outcome.label("outcome"),
        found.id.label("cause"),
        case((final > NOW, func.nullif(final, FOREVER))).label("wake_at"),
    ).select_from(found.rows)


def _answered(version: Version, step: Rule, claimed: CTE, a: FromClause) -> ColumnElement[bool]:
    """Whether the rule has answered, or dropped, an activity."""
    return exists(
        select(1)
        .where(
            journal.c.workspace_id == version.workspace_id,
            journal.c.enrollment_id == claimed.c.enrollment_id,
            journal.c.step == number(step.number),
            journal.c.activity_id == a.c.id,
        )
        .correlate(claimed, a)
    )


def _before_the_last(
    version: Version, step: Rule, claimed: CTE, a: FromClause
) -> ColumnElement[bool]:
    """Whether an activity was counted for an earlier occurrence."""
    return exists(
        select(1)
        .where(
            journal.c.workspace_id == version.workspace_id,
            journal.c.enrollment_id == claimed.c.enrollment_id,
            journal.c.step == number(step.number),
            journal.c.outcome == number(Outcome.DONE),
            or_(
                journal.c.at > a.c.occurred_at,
                and_(journal.c.at == a.c.occurred_at, journal.c.activity_id >= a.c.id),
            ),
        )
        .correlate(claimed, a)
    )


# ---------------------------------------------------------------- a date in a field


def hangs_on_field(step: Any) -> str | None:
    """The contact's field that a `wait until` hangs on, if it hangs on one."""
    match step:
        case Wait(until=ast.AtField(field=field) | ast.AroundField(field=field)):
            return field.name if field.scope == "contact" else None
    return None


def dated(version: Version, step: Wait, claimed: CTE) -> Stood:
    """The positions that wait for a date in a field: a changed field has moved the wait."""
    joined, scope = _with_contact(version, claimed)
    ends = times.ends(step.until, claimed.c.arrived_at, scope)
    over = ends <= NOW
    return select(
        claimed,
        not_late(ends, ends).label("at"),
        case((over, number(0)), else_=number(-1)).label("outcome"),
        claimed.c.activity_id.label("cause"),
        case((~over, ends)).label("wake_at"),
    ).select_from(joined)
