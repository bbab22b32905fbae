"""Operands and values as SQL: both sides of a comparison, typed, in a statement's scope.

Pure: builds SQLAlchemy expressions and runs nothing. What is missing is null here; `conditions`
makes false of it. Imports the language's tree, the resolved names and the tables.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Numeric,
    Text,
    Time,
    and_,
    case,
    cast,
    extract,
    func,
    literal,
    literal_column,
    not_,
    select,
)
from sqlalchemy.dialects.postgresql import INTERVAL, JSONB

from headless.dsl import ast
from headless.storage import tables
from headless.workspace.names import BUILT_IN_FIELDS, COMPANY_FIELDS, Names

Sql = ColumnElement[Any]


class Scope(msgspec.Struct, frozen=True):
    """What a condition may look at: expressions of the statement that it becomes part of.

    `contact` has the columns of the table `contact`; `zone` is the name of the zone that days are
    counted in; `entry` and `event` are JSONB, None where there are none; `since` is the instant
    that a bare event in a condition looks back to, None for ever.
    """

    workspace_id: int
    contact: FromClause
    now: Sql
    zone: Sql
    names: Names
    entry: Sql | None = None
    event: Sql | None = None
    since: Sql | None = None


class Operand(msgspec.Struct, frozen=True):
    """One side of a comparison: its SQL and its type in the language."""

    sql: Sql
    type: str
    json: Sql | None = None  # `entry.x` and `event.x` as they were sent


def operand_of(  # noqa: C901 - a table
    operand: ast.Operand, scope: Scope, expected: str
) -> Operand:
    """One side of a comparison; `expected` is the type that untyped properties are read as."""
    c = scope.contact.c
    match operand:
        case ast.Field(scope="contact", name=name):
            return contact_field(name, scope)
        case ast.Field(scope="company", name=name):
            return _company_field(name, scope)
        case ast.Field(scope="utm" | "device" as column, name=name):
            return Operand(_own(column, scope)[name].astext, "text")
        case ast.Device():
            return Operand(_own("device", scope)["kind"].astext, "text")
        case ast.Answer(form=form, field=name):
            return _answer(form.text, name, scope)
        case ast.Field(scope="entry", name=name):
            return _untyped(scope.entry, name, expected)
        case ast.Field(scope="event", name=name):
            return _untyped(scope.event, name, expected)
        case ast.Points(group=None):
            return Operand(c.points, "number")
        case ast.Points(group=ast.Name(text=name)):
            return Operand(points_in(name, scope), "number")
        case ast.Stage():
            return Operand(c.stage, "text")
        case ast.Owner():
            return Operand(c.owner, "text")
        case ast.Now():
            return Operand(scope.now, "datetime")
        case ast.Today():
            return Operand(today(scope), "date")
        case ast.Anniversary(field=field):
            return Operand(_anniversary(contact_field(field.name, scope).sql, scope), "date")
    raise TypeError(f"no SQL for {operand!r}")


def contact_field(name: str, scope: Scope) -> Operand:
    """A contact's field, of a column or of the declared ones, with its type."""
    type_ = scope.names.field(name)
    if name in BUILT_IN_FIELDS:
        return Operand(scope.contact.c["time_zone" if name == "timezone" else name], type_)
    return Operand(_typed(scope.contact.c.fields[name].astext, type_), type_)


def _company_field(name: str, scope: Scope) -> Operand:
    """A field of the company that the contact joined last."""
    of, member = tables.company, tables.company_member
    type_ = scope.names.company_field(name)
    column = of.c[name] if name in COMPANY_FIELDS else _typed(of.c.fields[name].astext, type_)
    joined = and_(of.c.workspace_id == member.c.workspace_id, of.c.id == member.c.company_id)
    found = (
        select(column)
        .select_from(member.join(of, joined))
        .where(
            member.c.workspace_id == scope.workspace_id,
            member.c.contact_id == scope.contact.c.id,
        )
        .order_by(member.c.since.desc(), member.c.company_id.desc())
        .limit(1)
    )
    return Operand(found.correlate(scope.contact).scalar_subquery(), type_)


def _own(column: str, scope: Scope) -> Sql:
    """A column of the contact that narrow statements do not carry along."""
    if column in scope.contact.c:
        return scope.contact.c[column]
    whole = tables.contact.alias()
    found = select(whole.c[column]).where(
        whole.c.workspace_id == scope.workspace_id, whole.c.id == scope.contact.c.id
    )
    return found.correlate(scope.contact).scalar_subquery()


def _answer(form: str, field: str, scope: Scope) -> Operand:
    """What the contact answered last in a field of a form."""
    given, type_ = tables.form_answer.alias(), scope.names.answer(form, field)
    found = (
        select(given.c.answers[field].astext)
        .where(
            given.c.workspace_id == scope.workspace_id,
            given.c.contact_id == scope.contact.c.id,
            given.c.form_id == scope.names.id("form", form),
        )
        .correlate(scope.contact)
        .scalar_subquery()
    )
    return Operand(_if_it_fits(found, type_), type_)


def points_in(group: str, scope: Scope) -> Sql:
    """The contact's points in a group; none are 0."""
    p = tables.contact_points.alias()
    found = (
        select(p.c.points)
        .where(
            p.c.workspace_id == scope.workspace_id,
            p.c.contact_id == scope.contact.c.id,
            p.c.group_id == scope.names.id("group", group),
        )
        .correlate(scope.contact)
        .scalar_subquery()
    )
    return func.coalesce(found, 0)


def _typed(text: Sql, type_: str) -> Sql:
    match type_:
        case "number":
            return cast(text, Numeric)
        case "boolean":
            return cast(text, Boolean)
        case "date":
            return cast(text, Date)
        case "datetime":
            return cast(text, DateTime(timezone=True))
        case _:
            return text


def _untyped(source: Sql | None, name: str, expected: str) -> Operand:
    """A property that somebody sent, read as what it is compared with; null if it does not fit."""
    if source is None:
        return Operand(cast(None, Text), "text")
    sent = cast(source, JSONB)
    if expected == "number":  # an amount of money comes as {"amount": "100.00", "currency": "EUR"}
        text = func.coalesce(sent[(name, "amount")].astext, sent[name].astext)
    else:
        text = sent[name].astext
    type_ = expected if expected in _SQL_TYPES else "text"
    return Operand(_if_it_fits(text, expected), type_, json=sent[name])


_SQL_TYPES: Final = {
    "number": "numeric",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamptz",
}


def _if_it_fits(text: Sql, type_: str) -> Sql:
    """What somebody sent, read as a type; null where it is none of that type."""
    if type_ not in _SQL_TYPES:
        return text
    return case((func.pg_input_is_valid(text, _SQL_TYPES[type_]), _typed(text, type_)))


def today(scope: Scope) -> Sql:
    """The day that it is in the scope's zone."""
    return cast(func.timezone(scope.zone, scope.now), Date)


def _anniversary(day: Sql, scope: Scope) -> Sql:
    """This year's day of a date; 29 February is kept on the 28th where there is none."""
    years = extract("year", today(scope)) - extract("year", cast(day, Date))
    return cast(cast(day, Date) + func.make_interval(cast(years, Integer)), Date)


_WHOLE: Final = 2**53
_TYPE_OF: Final[dict[type[ast.Node], str]] = {
    ast.Number: "number",
    ast.Percent: "number",
    ast.Money: "number",
    ast.YesNo: "boolean",
    ast.Date: "date",
    ast.Today: "date",
    ast.Now: "datetime",
    ast.Ago: "datetime",
    ast.FromNow: "datetime",
    ast.Text: "text",
}


def compare(operand: ast.Operand, operator: str, value: ast.Value, scope: Scope) -> Sql:
    """The comparison as SQL; null where one side is missing."""
    expected = _TYPE_OF.get(type(value), "text")
    if isinstance(value, ast.Date) and value.time is not None:
        expected = "datetime"
    if isinstance(value, ast.Field):
        expected = _field_type(value, scope)
    left = operand_of(operand, scope, expected)
    if isinstance(value, ast.Days):
        weekday = extract("isodow", _local(left, scope))
        among = weekday.in_([ast.WEEKDAYS.index(day) + 1 for day in value.days])
        return not_(among) if operator == "is not" else among
    if isinstance(value, ast.TimeOfDay) and left.type in ("date", "datetime"):
        return _ordered(cast(_local(left, scope), Time), operator, literal(value.time, Time))
    if isinstance(value, ast.Money) and left.json is not None:
        same = func.coalesce(left.json["currency"].astext, value.currency) == value.currency
        left = Operand(case((same, left.sql)), left.type)
    right = value_as(value, left.type, scope)
    if left.type == "date" and expected == "datetime" and not isinstance(value, ast.Date):
        right = cast(func.timezone(scope.zone, right), Date)
    elif left.type == "datetime" and expected == "date":
        return _instant_and_day(left.sql, operator, right, scope)
    if left.type == "text":
        return _compare_text(left.sql, operator, cast(right, Text))
    return _ordered(left.sql, operator, right)


def _field_type(field: ast.Field, scope: Scope) -> str:
    """What an untyped property is read as when it is compared with this field."""
    match field.scope:
        case "contact":
            return scope.names.field(field.name)
        case "company":
            return scope.names.company_field(field.name)
        case _:
            return "text"


def _local(moment: Operand, scope: Scope) -> Sql:
    """A date or an instant as a local time in the scope's zone."""
    if moment.type == "datetime":
        return func.timezone(scope.zone, moment.sql)
    return cast(moment.sql, DateTime())


def _instant_and_day(instant: Sql, operator: str, day: Sql, scope: Scope) -> Sql:
    local = cast(func.timezone(scope.zone, instant), Date)
    if operator == "<" or operator == ">=":
        return _ordered(instant, operator, func.timezone(scope.zone, cast(day, DateTime())))
    return _ordered(local, operator, cast(day, Date))


def _compare_text(left: Sql, operator: str, right: Sql) -> Sql:
    left, right = func.lower(left), func.lower(right)
    match operator:
        case "contains":
            return func.strpos(left, right) > 0
        case "starts with":
            return func.starts_with(left, right)
        case "ends with":
            return func.right(left, func.length(right)) == right
        case _:
            return _ordered(left, operator, right)


def _ordered(left: Sql, operator: str, right: Sql) -> Sql:
    match operator:
        case "is":
            return left == right
        case "is not":
            return left != right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "<":
            return left < right
        case "<=":
            return left <= right
    return _compare_text(cast(left, Text), operator, cast(right, Text))


def value_as(value: ast.Value, type_: str, scope: Scope) -> Sql:  # noqa: C901 - a table
    """A value of the language as SQL of a field's type."""
    match value:
        case ast.Text(text=text):
            return cast(literal(text), Text) if type_ == "text" else _typed(literal(text), type_)
        case ast.Number(value=number) | ast.Percent(value=number) | ast.Money(amount=number):
            return _number(number) if type_ != "text" else literal(_plain(number))
        case ast.YesNo(value=yes):
            return literal("yes" if yes else "no") if type_ == "text" else literal(yes)
        case ast.Date(date=day, time=None):
            return literal(day, Date)
        case ast.Date(date=day, time=time):
            local = cast(literal(f"{day} {time}"), DateTime())
            instant = func.timezone(scope.zone, local)
            return cast(local, Date) if type_ == "date" else instant
        case ast.Now():
            return scope.now
        case ast.Today():
            return today(scope)
        case ast.Ago(duration=duration):
            return shifted(scope.now, duration, scope.zone, back=True)
        case ast.FromNow(duration=duration):
            return shifted(scope.now, duration, scope.zone)
        case ast.TimeOfDay(time=time):
            return literal(time.isoformat("minutes"))
        case ast.Field():
            return operand_of(value, scope, type_).sql
        case ast.Duration() | ast.Days():
            raise TypeError(f"{value!r} cannot be compared with a field")
    raise TypeError(f"no SQL for {value!r}")


def _number(number: Decimal) -> Sql:
    """A whole number as such: points are then compared without being turned into decimals."""
    if number == number.to_integral_value() and abs(number) < _WHOLE:
        return literal(int(number), BigInteger)
    return cast(literal(_plain(number)), Numeric)


def _plain(number: Decimal) -> str:
    return f"{number:f}"


def shifted(instant: Sql, duration: ast.Duration, zone: Sql, *, back: bool = False) -> Sql:
    """An instant moved by a duration: months and days by the zone's calendar, the rest exact."""
    sign = -1 if back else 1
    if duration.months or duration.calendar_days:
        months, days = sign * duration.months, sign * duration.calendar_days
        calendar = interval(f"{months} months {days} days")
        instant = func.timezone(zone, func.timezone(zone, instant) + calendar)
    if duration.exact_seconds:
        instant = instant + interval(f"{sign * duration.exact_seconds} seconds")
    return instant


def interval(length: str) -> Sql:
    """A fixed length of time, written into the statement: `10 seconds`, `1 months 3 days`."""
    return literal_column(f"interval '{length}'", INTERVAL)
