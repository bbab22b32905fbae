"""Happenings as SQL: the activity by which an event has happened, for each row of a batch.

Pure. Of a counted event it is the N-th activity, of `or` the first, of `and` the last of the parts.
Each single event is one look into history by index; what they come to together is an expression.
Imports the language and `audience`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    FromClause,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    true,
)

from headless.audience.conditions import answers
from headless.audience.values import Scope, Sql
from headless.dsl import ast
from headless.dsl.entrances import single_events
from headless.runtime.stands import NOW, Version
from headless.storage.tables import Instant, activity, contact


class Window(msgspec.Struct, frozen=True):
    """Which activities count for an event, beyond answering it, and when its window opened.

    Both are told of the single events that it is made of, which count from 0.
    """

    fits: Callable[[FromClause, int], ColumnElement[bool]]
    opens: Callable[[int], Sql]


class Happened(msgspec.Struct, frozen=True):
    """The rows with the looks into history joined to them; null `id` and `at`: it has not."""

    rows: Any
    id: Sql
    at: Sql


def happened(
    rows: Any, event: ast.Event, contact_id: Sql, version: Version, window: Window, name: str
) -> Happened:
    """By which activity an event has happened to the contacts of some rows."""
    return _Search(contact_id, version, window, name).found(rows, event, 0)


def detail_scope(version: Version) -> Scope:
    """For the details of an event: they speak of its own properties, not of the contact."""
    return Scope(
        workspace_id=version.workspace_id,
        contact=contact,
        now=NOW,
        zone=literal(version.plan.zone or version.zone),
        names=version.names,
    )


class _Search(msgspec.Struct, frozen=True):
    contact_id: Sql
    version: Version
    window: Window
    name: str

    def found(self, rows: Any, event: ast.Event, place: int) -> Happened:
        singles = single_events(event)
        plain = all(one.times == 1 for one in singles) and not _has_all(event)
        if plain:
            return self._look(rows, list(enumerate(singles, place)), 1)
        if not isinstance(event, ast.AnyOf | ast.AllOf):
            return self._look(rows, [(place, event)], event.times)
        parts = []
        for part in event.events:
            parts.append(self.found(rows, part, place))
            rows, place = parts[-1].rows, place + len(single_events(part))
        times = [part.at for part in parts]
        if isinstance(event, ast.AnyOf):
            at: Sql = func.least(*times, type_=Instant)
        else:
            everything = and_(*(time.is_not(None) for time in times))
            at = case((everything, func.greatest(*times, type_=Instant)))
        return Happened(rows, case(*((part.at == at, part.id) for part in parts)), at)

    def _look(self, rows: Any, events: Sequence[tuple[int, ast.Single]], times: int) -> Happened:
        a = activity.alias(f"{self.name}_heard{events[0][0]}")
        scope = detail_scope(self.version)
        opens, fits = self.window.opens, self.window.fits
        wanted = or_(
            *(and_(answers(_once(e), a, scope, since=opens(n)), fits(a, n)) for n, e in events)
        )
        one = (
            select(a.c.id, a.c.occurred_at)
            .where(
                a.c.workspace_id == self.version.workspace_id,
                a.c.contact_id == self.contact_id,
                wanted,
            )
            .order_by(a.c.occurred_at, a.c.id)
            .offset(times - 1 if times > 1 else None)
            .limit(1)
            .lateral(f"{self.name}_{events[0][0]}")
        )
        return Happened(rows.outerjoin(one, true()), one.c.id, one.c.occurred_at)


def _once(event: ast.Single) -> ast.Single:
    return event if event.times == 1 else msgspec.structs.replace(event, times=1)


def each_once(event: ast.Event) -> ast.Event:
    """Any of the single events, without regard to how often it must happen."""
    return ast.AnyOf(tuple(_once(one) for one in single_events(event)))


def _has_all(event: ast.Event) -> bool:
    if isinstance(event, ast.AllOf):
        return True
    return isinstance(event, ast.AnyOf) and any(_has_all(part) for part in event.events)


def is_counted(event: ast.Event) -> bool:
    """Whether more than one activity may be needed for an event to happen."""
    return _has_all(event) or any(one.times > 1 for one in single_events(event))


def points_wanted(event: ast.Event) -> Iterator[ast.PointsReached]:
    """The `reached N points` that alone make an event happen."""
    if isinstance(event, ast.PointsReached):
        yield event
    if isinstance(event, ast.AnyOf):
        for part in event.events:
            yield from points_wanted(part)
