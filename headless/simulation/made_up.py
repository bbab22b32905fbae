"""Contacts for a text that comes alone, and their ways in: so that any campaign can be tried.

Five people in five time zones; a field gets the values that the text asks for, in turn. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from headless.audience.field_values import FieldType, FieldValue
from headless.dsl import ast
from headless.dsl.plan import Plan, Source
from headless.simulation.activities import Cue, Did, Moved, Sent
from headless.simulation.contacts import Person, Roster

_PEOPLE: Final = (
    ("1", "ada", "Europe/Paris"),
    ("2", "grace", "America/New_York"),
    ("3", "alan", "Asia/Tokyo"),
    ("4", "katherine", "Australia/Sydney"),
    ("5", "linus", None),
)
IDS: Final = tuple(number for number, _, _ in _PEOPLE)
_WEEK: Final = timedelta(days=7)


def roster(
    campaign: ast.Campaign, plan: Plan, fields: Mapping[str, FieldType], start: datetime
) -> Roster:
    """The made-up contacts, members of every segment that the campaign takes people from."""
    segments = tuple(
        dict.fromkeys(s.segment for s in plan.sources if s.segment is not None and not s.new_only)
    )
    asked = dict(_asked(campaign))
    people = tuple(
        Person(
            id=number,
            email=f"{name}@example.org",
            time_zone=zone,
            texts={"phone": f"+1202555010{number}"},
            segments=segments,
            fields={
                field: value
                for field, type_ in fields.items()
                if (value := _value(asked.get(field, []), type_, at, start)) is not None
            },
        )
        for at, (number, name, zone) in enumerate(_PEOPLE)
    )
    return Roster(people, fields)


def _asked(campaign: ast.Campaign) -> Iterator[tuple[str, list[Any]]]:
    """The values that the text compares a field with, by field."""
    found: dict[str, list[Any]] = {}
    for node in ast.walk(campaign):
        match node:
            case ast.Compare(operand=ast.Field(scope="contact", name=name), value=value):
                found.setdefault(name, []).append(value)
            case ast.IsIn(operand=ast.Field(scope="contact", name=name), values=values):
                found.setdefault(name, []).extend(values)
            case _:
                pass
    yield from found.items()


def _value(asked: Sequence[Any], type_: FieldType, at: int, start: datetime) -> FieldValue | None:
    """What contact number `at` has in a field."""
    match type_:
        case "text":
            texts = [value.text for value in asked if isinstance(value, ast.Text)]
            return [*(texts or ["something"]), "other"][at % (len(texts or [0]) + 1)]
        case "number":
            numbers = [_plain(v.value) for v in asked if isinstance(v, ast.Number | ast.Percent)]
            numbers += [_plain(v.amount) for v in asked if isinstance(v, ast.Money)]
            return [each + by for each in numbers or [0] for by in (1, 0, -1)][at % 3]
        case "boolean":
            return at % 2 == 0
        case "date":
            return (start + (at + 1) * _WEEK).date().isoformat()
        case "datetime":
            later = start + (at + 1) * _WEEK
            return later.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(number: Any) -> int | float:
    return int(number) if number == int(number) else float(number)


def entries(plan: Plan, people: Sequence[Person], start: datetime) -> list[Cue]:
    """What made-up contacts do at the start so that they come in; by hand, if nothing else."""
    if not plan.sources:
        return [Cue(start, Moved("add"), person.id) for person in people]
    return [
        Cue(start, deed, person.id)
        for source in plan.sources
        if (deed := _way_in(source)) is not None
        for person in people
    ]


def _way_in(source: Source) -> Did | Sent | None:
    if source.segment is not None:
        joined = ast.Joined(gathering="segment", name=ast.Name(source.segment))
        return Did(joined) if source.new_only else None
    if source.form is not None:
        return Did(ast.FormSubmitted(form=ast.Name(source.form)))
    if source.sent is not None:
        return Sent(source.sent)
    event = source.event
    if isinstance(event, ast.AnyOf | ast.AllOf):
        event = event.events[0]
    if isinstance(event, ast.Did):
        return Did(event, dict(_fitting(event.where)) or None)
    return None if event is None or isinstance(event, ast.AnyOf | ast.AllOf) else Did(event)


def _fitting(where: Any) -> Iterator[tuple[str, Any]]:
    """Properties that satisfy the plain comparisons of a `where (…)`."""
    for node in ast.walk(where) if isinstance(where, ast.Node) else ():
        match node:
            case ast.Compare(operand=ast.Field(name=name), value=ast.Text(text=text)):
                yield name, text
            case ast.Compare(operand=ast.Field(name=name), operator=sign, value=ast.Number() as n):
                yield name, _plain(n.value) + {">": 1, "<": -1}.get(sign, 0)
            case ast.Compare(operand=ast.Field(name=name), value=ast.YesNo(value=yes)):
                yield name, yes
            case _:
                pass
