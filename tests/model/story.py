"""A story: who there is, what happens to them and when. Told to the reference and to the engine.

Values only. Times are minutes since the story's beginning.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

BEGINNING = datetime(2026, 1, 5, 9, tzinfo=UTC)  # a Monday


@dataclass(frozen=True)
class Person:
    """A contact as the story finds it."""

    name: str
    zone: str | None = None
    segments: tuple[str, ...] = ()
    fields: tuple[tuple[str, Any], ...] = ()
    tags: tuple[str, ...] = ()
    points: int = 0
    address: bool = True
    unsubscribed: bool = False


@dataclass(frozen=True)
class Does:
    """Contacts do something; it is heard at `at` and happened `late` minutes before.

    `what` is a kind (`opened`, `clicked`, `did`) and a name. The same `key` twice is one activity.
    """

    at: int
    who: tuple[str, ...]
    kind: str
    about: str
    late: int = 0
    key: str | None = None
    properties: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Joins:
    """Contacts are put into a segment by hand, or taken out of it."""

    at: int
    who: tuple[str, ...]
    segment: str
    leave: bool = False


@dataclass(frozen=True)
class Changes:
    """Somebody edits a field of a contact (None clears it)."""

    at: int
    who: str
    field: str
    value: Any


@dataclass(frozen=True)
class Holds:
    """The campaign is paused for some minutes, then resumed, shifted or not."""

    at: int
    minutes: int
    shifted: bool = False


@dataclass(frozen=True)
class Sleeps:
    """No worker runs for some minutes; activities are still taken down."""

    at: int
    minutes: int


Happening = Does | Joins | Changes | Holds | Sleeps


@dataclass(frozen=True)
class Story:
    """A campaign's text, its people, and what happens until so many `minutes` have passed."""

    text: str
    people: tuple[Person, ...]
    happenings: tuple[Happening, ...] = ()
    minutes: int = 14 * 24 * 60
    zone: str = "UTC"
    seed: int = 0  # of the workers' interleaving
    beginning: datetime = BEGINNING

    def moment(self, minutes: int) -> datetime:
        """The instant that many minutes after the beginning."""
        return self.beginning + timedelta(minutes=minutes)

    def acts(self) -> list[tuple[datetime, str, Happening | None]]:
        """What happens one after the other: a hold and a sleep are a begin and an end."""
        found: list[tuple[datetime, str, Happening | None]] = []
        for happening in self.happenings:
            begin = self.moment(happening.at)
            match happening:
                case Holds(minutes=length):
                    found.append((begin, "pause", happening))
                    found.append((begin + timedelta(minutes=length), "resume", happening))
                case Sleeps(minutes=length):
                    found.append((begin, "sleep", happening))
                    found.append((begin + timedelta(minutes=length), "wake", happening))
                case _:
                    found.append((begin, "happens", happening))
        found.sort(key=lambda act: act[0])
        return [act for act in found if act[0] < self.moment(self.minutes)] + [
            (self.moment(self.minutes), "end", None)
        ]


@dataclass(order=True, frozen=True)
class Line:
    """A line of the journal, as both sides tell it."""

    run: int
    at: str
    step: int
    outcome: str
    arm: int = 0


@dataclass
class Outcome:
    """What has become of a contact."""

    journal: list[Line] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    points: int = 0
    tags: list[str] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    messages: list[tuple[str, str]] = field(default_factory=list)
    unsubscribed: bool = False
