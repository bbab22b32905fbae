"""The stopwatches of `when`: from when an event counts, until when, and what has come of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from model.asking import Contact, Deed, answers
from model.moments import shifted
from model.runs import Path, Run

from headless.dsl import ast
from headless.dsl.entrances import message_of, single_events

MOST_GRACE = timedelta(minutes=10)


def grace(within: ast.Duration) -> timedelta:
    """A deadline waits for late events: ten minutes, at most a tenth of the window."""
    return min(MOST_GRACE, timedelta(seconds=within.least_seconds / 10))


def first(
    event: ast.Event, deeds: list[Deed], contact: Contact, windows: Any = None
) -> Deed | None:
    """The deed by which an event has happened: of `or` the first, of `and` the last, of counts
    the N-th; `windows` may say which deeds count for which single event."""
    if isinstance(event, ast.AnyOf | ast.AllOf):
        parts = [first(part, deeds, contact, windows) for part in event.events]
        found = [part for part in parts if part is not None]
        if isinstance(event, ast.AnyOf):
            return min(found, key=lambda deed: deed.at, default=None)
        return max(found, key=lambda deed: deed.at) if len(found) == len(parts) else None
    fitting = sorted(
        (
            deed
            for deed in deeds
            if answers(event, deed, contact) and (windows is None or windows(event, deed))
        ),
        key=lambda deed: deed.at,
    )
    return fitting[event.times - 1] if len(fitting) >= event.times else None


class Windows:
    """The stopwatches of one trigger: each event has its own, the window closes with the last."""

    def __init__(
        self,
        now: Callable[[], datetime],
        run: Run,
        path: Path,
        trigger: ast.Trigger,
        implicit: bool,
    ) -> None:
        self.now, self.run, self.trigger = now, run, trigger
        self.arrival = path.at
        within, zone = trigger.within, run.contact.zone
        self.opens = {
            id(one): path.at if implicit else self._anchor(one)
            for one in single_events(trigger.event)
        }
        self.ends = {
            key: None if within is None else shifted(opens, within.duration, zone)
            for key, opens in self.opens.items()
        }
        all_ends = [end for end in self.ends.values() if end is not None]
        self.closes = max(all_ends, default=None)
        self.final = None if within is None else max(all_ends) + grace(within.duration)
        of_entry = within is not None and isinstance(within.anchor, ast.EntryAnchor)
        self.barred = None if implicit else run.cause if of_entry else path.cause
        self.there = self._points_there()

    def _anchor(self, event: ast.Single) -> datetime:
        """The last sending of its message, in this run, else by anyone; else the arrival."""
        anchor = self.trigger.within.anchor if self.trigger.within else None
        match anchor:
            case ast.EntryAnchor():
                return self.run.entered
            case ast.StepAnchor(label=label):
                return self.run.finished.get(label.text, self.arrival)
        spoken = message_of(event)
        if spoken is None:
            return self.arrival
        sent = [(at, run) for name, at, run in self.run.contact.messages if name == spoken[1]]
        mine = [at for at, run in sent if run is self.run]
        return max(mine or [at for at, _ in sent], default=self.arrival)

    def _points_there(self) -> bool:
        """`reached N points` is true at once if they are there."""
        event = self.trigger.event
        return isinstance(event, ast.PointsReached) and self.run.contact.points >= event.points

    def _counts(self, event: ast.Single, deed: Deed) -> bool:
        opens, ends = self.opens[id(event)], self.ends[id(event)]
        twice = deed is self.barred and opens >= self.arrival
        twice |= deed is self.barred and deed is self.run.cause and opens == self.run.entered
        return not twice and opens <= deed.at and (ends is None or deed.at < ends)

    def fate(self) -> tuple[datetime | None, datetime | None, Deed | None]:
        """When it wins, when it can no longer win, and the deed that decides; as far as known."""
        contact, deed = self.run.contact, None
        deed = first(self.trigger.event, contact.deeds, contact, self._counts)
        happened = self.arrival if self.there else deed.at if deed else None
        over = self.final is not None and self.final <= self.now()
        closed = self.closes if over and happened is None else None
        if self.trigger.negated:
            return closed, happened, None
        return happened, closed, deed
