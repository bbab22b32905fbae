"""The steps that hold steps, from a question's branch to the campaign that holds them all.

A block is a run of steps; each of these statements says when or how often its blocks are walked.
`Step` is every step there is. Imports the other rooms of the tree, for a campaign is made of them.
"""

import datetime
from decimal import Decimal

from headless.dsl.ast.asking import Condition, Trigger
from headless.dsl.ast.node import Node
from headless.dsl.ast.settings import Setting
from headless.dsl.ast.steps import Simple, StepNode
from headless.dsl.ast.values import Date, Days, Duration, Name, Period


class Block(Node, frozen=True):
    """Steps one after the other: a branch, an arm, a part, a loop's body."""

    steps: tuple["Step", ...]


class WhenBranch(Node, frozen=True):
    """One trigger of a `when` (or `or when`) and what follows it."""

    trigger: Trigger
    body: Block


class When(StepNode, frozen=True):
    """`when T ... or when T ... else ...`: the path waits here for the first of its triggers."""

    branches: tuple[WhenBranch, ...]
    otherwise: Block | None = None


class IfBranch(Node, frozen=True):
    """One condition of an `if` (or `or if`) and what follows it."""

    condition: Condition
    body: Block


class If(StepNode, frozen=True):
    """`if C ... or if C ... else ...`: asked once, now."""

    branches: tuple[IfBranch, ...]
    otherwise: Block | None = None


class Whenever(StepNode, frozen=True):
    """`whenever T [at most N times] ...`: a standing rule beside the path."""

    trigger: Trigger
    body: Block
    at_most: int | None = None


class Arm(Node, frozen=True):
    """One part of a split: its share of 100 (None is the rest), its name, its steps."""

    share: Decimal | None
    name: Name | None
    body: Block


class Split(StepNode, frozen=True):
    """`split do 50% "A": ... rest: ... end`."""

    arms: tuple[Arm, ...]


class Parallel(StepNode, frozen=True):
    """`parallel do ... also ... end`: goes on when all parts have finished."""

    parts: tuple[Block, ...]


class Repeat(StepNode, frozen=True):
    """`repeat N times [until (C)] do ... end`."""

    times: int
    body: Block
    until: Condition | None = None


class EveryDuration(Node, frozen=True):
    """`every 2 weeks [at 09:00]`."""

    duration: Duration
    time: datetime.time | None = None


class EveryPeriod(Node, frozen=True):
    """`every week on monday at 09:00`, `every month on day 1 at 10:00`."""

    period: Period
    days: Days | None = None
    day: int | None = None
    time: datetime.time | None = None


class ForDuration(Node, frozen=True):
    """`for 3mo`: ticks for that long."""

    duration: Duration


class UntilDate(Node, frozen=True):
    """`until DATE`: ticks up to then."""

    date: Date


class ForTimes(Node, frozen=True):
    """`8 times`: that many ticks."""

    times: int


class Every(StepNode, frozen=True):
    """`every SCHEDULE [8 times|for 3mo|until DATE] do ... end`."""

    schedule: EveryDuration | EveryPeriod
    body: Block
    stop: ForDuration | UntilDate | ForTimes | None = None


Step = Simple | When | If | Whenever | Split | Parallel | Repeat | Every


class Campaign(Node, frozen=True):
    """A whole campaign; settings stand in `SETTING_ORDER`, steps in the order of the text."""

    name: Name | None
    settings: tuple[Setting, ...]
    steps: tuple[Step, ...]
