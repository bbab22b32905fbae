"""What a simulation needs before it begins: the text checked, the files read, everything named.

Pure. Raises FaultyTextError for a text that cannot run and FaultyFileError for lines of the files
that do not fit.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from headless.audience.field_values import FieldType
from headless.dsl import ast
from headless.dsl.catalogue import Sort
from headless.dsl.diagnostics import Diagnostic
from headless.dsl.examine import examine
from headless.dsl.plan import Plan
from headless.simulation import activities, contacts, made_up
from headless.simulation.activities import Changed, Cue, Did, Moved, Sent
from headless.simulation.contacts import COLUMNS, Roster, inferred
from headless.simulation.faults import FaultyTextError
from headless.simulation.inventory import Inventory, take
from headless.simulation.rows import Row

_STANDING: Final[tuple[Sort, ...]] = ("stage", "owner")


class Prepared(msgspec.Struct, frozen=True):
    """A simulation that can begin at `start`; `cues` are in the order of time."""

    text: str
    start: datetime
    plan: Plan
    roster: Roster
    cues: tuple[Cue, ...]
    inventory: Inventory
    events: tuple[ast.Single, ...]
    warnings: tuple[Diagnostic, ...]

    @property
    def others(self) -> list[str]:
        """The names of the other campaigns that are spoken of."""
        own = (self.plan.name or "").casefold()
        return [n for n in self.inventory.names.get("campaign", ()) if n.casefold() != own]


START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""A Monday morning: when a simulation begins that is not told when."""


def prepare(
    text: str,
    people: Sequence[Row] | None,
    happenings: Sequence[Row],
    start: datetime | None = None,
) -> Prepared:
    """Read everything; without `people` some are made up, with a way into the campaign.

    Without `start` it begins on a certain Monday, or when the campaign's `active` does.
    """
    read = examine(text)
    if read.campaign is None or read.plan is None:
        raise FaultyTextError(text, read.diagnostics)
    start = start or max(START, _opens(read.plan))
    roster = None if people is None else contacts.read(people)
    known = made_up.IDS if roster is None else [person.id for person in roster.people]
    cues = activities.read(happenings, set(known), start)
    types = {**_set_types(cues), **(roster.types if roster is not None else {})}
    events = tuple(cue.deed.event for cue in cues if isinstance(cue.deed, Did))
    inventory = take((read.campaign, *events), types, _answers(cues), _more(roster, cues))
    if roster is None:
        roster = made_up.roster(read.campaign, read.plan, inventory.fields, start)
        ways_in = made_up.entries(read.plan, roster.people, start) if not happenings else []
        events += tuple(cue.deed.event for cue in ways_in if isinstance(cue.deed, Did))
        cues = sorted([*ways_in, *cues], key=lambda cue: cue.at)
    if not read.plan.sources and not any(_enters(cue, read.plan) for cue in cues):
        by_hand = [Cue(start, Moved("add"), person.id) for person in roster.people]
        cues = sorted([*by_hand, *cues], key=lambda cue: cue.at)
    return Prepared(
        text, start, read.plan, roster, tuple(cues), inventory, events, read.diagnostics
    )


def _opens(plan: Plan) -> datetime:
    """When the campaign's `active` begins; long ago for one without."""
    if plan.active is None:
        return datetime.min.replace(tzinfo=UTC)
    day = plan.active.start
    local = datetime.combine(day.date, day.time or time(0), ZoneInfo(plan.zone or "UTC"))
    return local.astimezone(UTC)


def _enters(cue: Cue, plan: Plan) -> bool:
    """Whether somebody is brought into the campaign by hand."""
    match cue.deed:
        case Moved(order="add"):
            return True
        case Did(event=ast.Joined(gathering="campaign", name=name)):
            return name.text.casefold() == (plan.name or "").casefold()
        case _:
            return False


def _set_types(cues: Sequence[Cue]) -> dict[str, FieldType]:
    """The types of fields that activities set, by all the values that they get."""
    values: dict[str, list[Any]] = {}
    for cue in cues:
        given = cue.deed.values if isinstance(cue.deed, Changed) else {}
        if isinstance(cue.deed, Did) and isinstance(cue.deed.event, ast.FieldChanged):
            to = (cue.deed.properties or {}).get("to")
            given = {cue.deed.event.field.name: to}
        for name, value in given.items():
            if name not in COLUMNS and value is not None and value != "":
                values.setdefault(name, []).append(value)
    return {name: inferred(several) for name, several in values.items()}


def _answers(cues: Sequence[Cue]) -> Mapping[str, Mapping[str, FieldType]]:
    """The types of the answers that come with forms."""
    values: dict[str, dict[str, list[Any]]] = {}
    for cue in cues:
        match cue.deed:
            case Did(event=ast.FormSubmitted(form=ast.Name(text=form)), properties=dict(given)):
                for name, value in given.items():
                    values.setdefault(form, {}).setdefault(name, []).append(value)
            case _:
                pass
    return {
        form: {name: inferred(several) for name, several in fields.items()}
        for form, fields in values.items()
    }


def _more(roster: Roster | None, cues: Sequence[Cue]) -> Iterator[tuple[Sort, str]]:
    """Names that stand in the files only."""
    for person in roster.people if roster is not None else ():
        for name in person.segments:
            yield "segment", name
        for sort in _STANDING:
            if sort in person.texts:
                yield sort, person.texts[sort]
        if person.company is not None:
            yield "company", person.company
    for cue in cues:
        if isinstance(cue.deed, Sent):
            yield "email", cue.deed.email
        elif isinstance(cue.deed, Changed):
            for sort in _STANDING:
                if isinstance(value := cue.deed.values.get(sort), str) and value:
                    yield sort, value
