"""A run and its paths: what one contact's way through a campaign is made of. Values only."""

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from model.asking import Contact, Deed
from model.story import Line

from headless.dsl import ast


@dataclass(eq=False)
class Rest:
    """Where a path stands still: what came of it (None: not yet), and when to look again."""

    ready: Callable[[], Any]
    due: Callable[[], datetime | None]


Walk = Generator[Rest, Any, None]


@dataclass(eq=False)
class Path:
    """One position: its own time, and the deed that moved it last."""

    at: datetime
    cause: Deed | None
    keeps_open: bool = True
    walk: Walk | None = None
    rest: Rest | None = None
    over: bool = False
    busy: "Rule | None" = None


@dataclass(eq=False)
class Rule:
    """A `whenever` that is up: what it hears, and what it has answered or dropped."""

    step: ast.Whenever
    number: int
    since: datetime
    heard: set[Deed] = field(default_factory=set)


class Jumped(Exception):  # noqa: N818 - no error
    def __init__(self, to: str, number: int) -> None:
        self.to, self.number = to, number


class Ended(Exception):  # noqa: N818 - no error
    """The run ends here and now, with everything that it waits for."""


@dataclass(eq=False)
class Run:
    """One contact's way through the campaign."""

    contact: Contact
    number: int
    entered: datetime
    heard_at: datetime
    cause: Deed | None
    state: str = "running"
    paths: list[Path] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    jumps: Counter[int] = field(default_factory=Counter)
    finished: dict[str, datetime] = field(default_factory=dict)
    sent: list[datetime] = field(default_factory=list)
    journal: list[Line] = field(default_factory=list)
