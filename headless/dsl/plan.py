"""The plan: a campaign as a graph of numbered steps, which is what the engine runs.

`compile` makes it from a checked tree; it is stored with its version and never changes. A plan
holds names, not database ids, so that the same text gives the same plan everywhere. Numbers count
from 1 in the order of the text; 0 is the entry. A version that follows another one keeps the
numbers of the steps that it has in common with it (`succession`). `next` and `then` are numbers;
`None` means that the path ends there. Conditions, events, values and moments are the tree's own
nodes with their spans taken off. Imports `ast`.
"""

from decimal import Decimal
from functools import cache
from typing import Any, Final

import msgspec

from headless.dsl import ast

Target = int | None


class Place(msgspec.Struct, frozen=True, tag_field="kind", kw_only=True, omit_defaults=True):
    """Base of all steps of a plan.

    `line` is the step's line in the source (from 1); `text` its canonical print on one line,
    without the bodies of its branches; `key` its identity across versions: its label, else where
    it hangs, what kind it is and what it speaks of; `parent` the step in whose body it stands, 0
    at the top. A rule stands in its `whenever`, a join in its fork.
    """

    number: int
    parent: int = 0
    line: int = 0
    text: str = ""
    key: str = ""


class Entry(Place, frozen=True, tag="entry"):
    """Number 0: where every run begins."""

    next: Target = None


class Act(Place, frozen=True, tag="act"):
    """A step that does one thing and goes on: sends, points, tags, fields, notes ..."""

    action: ast.Simple
    next: Target = None


class Wait(Place, frozen=True, tag="wait"):
    """Stands still for a duration or until a moment."""

    until: ast.Duration | ast.Moment
    next: Target = None


class Arm(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way out of a `when`: its trigger, and where it leads."""

    trigger: ast.Trigger
    then: Target = None


class When(Place, frozen=True, tag="when"):
    """Stands still until the first of its arms' events, or until all windows have closed.

    `wait until EVENT` is a `when` whose arm and whose `otherwise` lead to the same step. `implicit`
    marks the `when` that is also the campaign's start: the event that started the run counts there.
    """

    arms: tuple[Arm, ...]
    otherwise: Target = None
    implicit: bool = False


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer of an `if`: its condition, and where it leads."""

    condition: ast.Condition
    then: Target = None


class If(Place, frozen=True, tag="if"):
    """Asks once; the first condition that holds shows the way."""

    choices: tuple[Choice, ...]
    otherwise: Target = None


class Share(msgspec.Struct, frozen=True, omit_defaults=True):
    """One arm of a split: percent of 100 (`rest` is worked out), its name, where it leads."""

    percent: Decimal
    name: str = ""
    then: Target = None


class Split(Place, frozen=True, tag="split"):
    """Deals contacts into arms by a hash of (campaign, seed, contact).

    `seed` is the key that the step had in the version that brought it; empty: its own.
    """

    shares: tuple[Share, ...]
    seed: str = ""


class Whenever(Place, frozen=True, tag="whenever"):
    """Sets up the standing rule `rule` on a branch of its own, and goes on."""

    rule: int
    next: Target = None


class Rule(Place, frozen=True, tag="rule"):
    """A standing rule: each occurrence runs the body, whose end leads back to this number.

    `implicit` marks the rule that is also the campaign's start: the event that started the run is
    its first occurrence.
    """

    trigger: ast.Trigger
    branch: int
    at_most: int | None = None
    body: Target = None
    implicit: bool = False


class Fork(Place, frozen=True, tag="fork"):
    """Starts each part on a branch of its own; they meet at `join`."""

    parts: tuple[Target, ...]
    branches: tuple[int, ...]
    join: int


class Join(Place, frozen=True, tag="join"):
    """Goes on when all parts of its fork have come."""

    fork: int
    next: Target = None


class Loop(Place, frozen=True, tag="loop"):
    """`repeat`: its body leads back here; goes on after `times` rounds or when `until` holds."""

    times: int
    until: ast.Condition | None = None
    body: Target = None
    next: Target = None


class Tick(Place, frozen=True, tag="tick"):
    """`every`: waits for a tick, runs the body, which leads back here; goes on at the stop."""

    schedule: ast.EveryDuration | ast.EveryPeriod
    stop: ast.ForDuration | ast.UntilDate | ast.ForTimes | None = None
    body: Target = None
    next: Target = None


class Jump(Place, frozen=True, tag="jump"):
    """Goes to a labelled step, at most so often in one run; then on to `next`."""

    to: int
    at_most: int | None = None
    next: Target = None


class Leave(Place, frozen=True, tag="leave"):
    """`exit`: the run ends here, with everything that it waits for."""


class Gone(Place, frozen=True, tag="gone"):
    """A number that an earlier version used for a step that is no more; nobody comes here.

    Steps keep their numbers from version to version, so that places and journals stay true.
    `branches` are those that the step had.
    """

    branches: tuple[int, ...] = ()


Step = (
    Entry
    | Act
    | Wait
    | When
    | If
    | Split
    | Whenever
    | Rule
    | Fork
    | Join
    | Loop
    | Tick
    | Jump
    | Leave
    | Gone
)


class Source(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One way in.

    Exactly one of `segment`, `form`, `contacts`, `event` is set. `event` is a `start when`, or the
    implicit start; with `sent` the run starts when that message of `channel` is sent to the contact
    by anybody; with `within` when the last of the event's `times` happens in any span that long.
    """

    segment: str | None = None
    new_only: bool = False
    form: str | None = None
    contacts: bool = False
    event: ast.Event | None = None
    sent: str | None = None
    channel: ast.Channel = "email"
    within: ast.Duration | None = None
    where: ast.Condition | None = None


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """A `goal` or a `stop when`: the event that ends the run."""

    event: ast.Event
    goal: bool = False
    label: str = ""


class Plan(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A whole campaign, ready to run. `steps[n].number == n`, and `steps[0]` is the entry.

    `zone` is None for the contact's own (else the workspace's). What the engine needs of the header
    stands as the tree's own nodes. `hash` is the SHA-256 of the canonical text. `moved`
    and `leaving` (`waiting at OLD exit`) say what becomes of people at steps that are gone.
    `order` are the numbers in the order of the text; empty where they count in that order.
    """

    name: str | None
    hash: str
    language: int = 1
    sources: tuple[Source, ...] = ()
    endings: tuple[Ending, ...] = ()
    re_entry: ast.ReEntry = msgspec.field(default_factory=lambda: ast.ReEntry(mode="never"))
    active: ast.Active | None = None
    zone: str | None = None
    quiet_hours: ast.QuietHours | None = None
    quiet_days: ast.QuietDays | None = None
    limits: tuple[ast.Limit, ...] = ()
    priority: int = 0
    owner: str | None = None
    moved: tuple[ast.Moved, ...] = ()
    leaving: tuple[ast.WaitingAt, ...] = ()
    order: tuple[int, ...] = ()
    steps: tuple[Step, ...]


_encoder: Final = msgspec.json.Encoder(decimal_format="number")


@cache
def _decoder() -> msgspec.json.Decoder[Plan]:
    """Made when the first plan is read: checking a text needs none, and it takes a while."""
    return msgspec.json.Decoder(Plan)


def to_json(plan: Plan) -> bytes:
    """A plan as JSON; `from_json` gives an equal one."""
    return _encoder.encode(plan)


def from_json(data: bytes | str) -> Plan:
    """The plan that `to_json` wrote; raises msgspec.ValidationError when it is none."""
    return _decoder().decode(data)


def from_builtins(data: Any) -> Plan:
    """The plan from JSON that has been read into dicts and lists already."""
    return msgspec.convert(data, Plan, strict=False)


def json_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of what `to_json` writes."""
    schema: dict[str, Any] = _with_numbers(msgspec.json.schema(Plan))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Plan"} | schema


def _with_numbers(schema: Any) -> Any:
    """The schema with decimals as the numbers that they are written as."""
    if isinstance(schema, list | tuple):
        return [_with_numbers(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return {"type": "number"}
    return {key: _with_numbers(part) for key, part in schema.items()}


def targets(step: Step) -> tuple[Target, ...]:
    """Where a contact can go from a step, in the order of the text."""
    match step:
        case When(arms=arms, otherwise=otherwise):
            return (*(arm.then for arm in arms), otherwise)
        case If(choices=choices, otherwise=otherwise):
            return (*(choice.then for choice in choices), otherwise)
        case Split(shares=shares):
            return tuple(share.then for share in shares)
        case Rule(body=body):
            return (body,)
        case Fork(parts=parts):
            return parts
        case Loop(body=body, next=next_) | Tick(body=body, next=next_):
            return (body, next_)
        case Jump(to=to, next=next_):
            return (to, next_)
        case Leave() | Gone():
            return ()
        case _:
            return (step.next,)


def in_order(made: Plan) -> tuple[Step, ...]:
    """The steps in the order of the text, the entry first, without those that are gone."""
    return tuple(made.steps[number] for number in made.order) if made.order else made.steps


def rank(made: Plan, number: int) -> int:
    """How many steps stand before a step in the text, the entry included."""
    return made.order.index(number) if made.order else number
