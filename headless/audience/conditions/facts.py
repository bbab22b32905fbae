"""Facts as SQL: what is so of a contact now, and how questions are put together.

Pure. Events that a condition looks back at are asked through the function that is handed in, for
an event may itself ask `where (...)`. Imports the language's tree, `values`, `patterns` and the
tables.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, not_, or_, select

from headless.audience.conditions.patterns import sure
from headless.audience.values import Operand, Scope, compare, operand_of
from headless.dsl import ast
from headless.storage import tables
from headless.storage.codes import Channel, EnrollmentState

CHANNELS: Final = {"email": Channel.EMAIL, "sms": Channel.SMS, "push message": Channel.PUSH}
LookBack = Callable[[ast.Happened, Scope], ColumnElement[bool]]


def asked(  # noqa: C901 - a table
    condition: ast.Condition, scope: Scope, happened: LookBack
) -> ColumnElement[bool]:
    """The condition as SQL that is true or false and never null."""
    match condition:
        case ast.And(conditions=parts):
            return and_(*(asked(part, scope, happened) for part in parts))
        case ast.Or(conditions=parts):
            return or_(*(asked(part, scope, happened) for part in parts))
        case ast.Not(condition=part):
            return not_(asked(part, scope, happened))
        case ast.IsEmpty(operand=operand):
            return not_(_is_set(operand_of(operand, scope, "text")))
        case ast.IsNotEmpty(operand=operand):
            return _is_set(operand_of(operand, scope, "text"))
        case ast.Compare(operand=operand, operator=operator, value=value):
            return sure(compare(operand, operator, value, scope))
        case ast.IsIn(operand=operand, values=values):
            return sure(or_(*(compare(operand, "is", value, scope) for value in values)))
        case ast.Between(operand=operand, low=low, high=high):
            return sure(compare(operand, ">=", low, scope) & compare(operand, "<=", high, scope))
        case ast.Dated(operand=operand, direction=direction, value=value):
            return sure(compare(operand, "<" if direction == "before" else ">", value, scope))
        case ast.Matches(operand=operand, pattern=pattern):
            text = cast(operand_of(operand, scope, "text").sql, Text)
            return sure(text.regexp_match(pattern, flags="i"))
        case ast.InSegment(segment=name):
            number = scope.names.id("segment", name.text)
            return related(tables.segment_member, scope, segment_id=number)
        case ast.HasTag(tag=name):
            return related(tables.contact_tag, scope, tag_id=scope.names.id("tag", name.text))
        case ast.InCampaign(campaign=name):
            number = scope.names.id("campaign", name.text)
            running = EnrollmentState.RUNNING
            return related(tables.enrollment, scope, campaign_id=number, state=running)
        case ast.ReachableBy(channel="message"):
            return or_(*(_reachable(channel, scope) for channel in CHANNELS))
        case ast.ReachableBy(channel=channel):
            return _reachable(channel, scope)
        case ast.Happened():
            return happened(condition, scope)
    raise TypeError(f"no SQL for {condition!r}")


def related(table: Any, scope: Scope, *more: Any, **wanted: int) -> ColumnElement[bool]:
    """Whether a table has a row of the contact with these values."""
    return exists(
        select(1).where(
            table.c.workspace_id == scope.workspace_id,
            table.c.contact_id == scope.contact.c.id,
            *(table.c[column] == value for column, value in wanted.items()),
            *more,
        )
    )


def suppressed(channel: Channel, scope: Scope) -> ColumnElement[bool]:
    """Whether the contact wants, or may be sent, nothing on a channel."""
    return related(tables.suppression, scope, channel=channel)


def _reachable(channel: str, scope: Scope) -> ColumnElement[bool]:
    """There is an address and no refusal."""
    return and_(*_address(channel, scope), not_(suppressed(CHANNELS[channel], scope)))


def _address(channel: str, scope: Scope) -> Iterator[ColumnElement[bool]]:
    match channel:
        case "email":
            yield scope.contact.c.email.is_not(None)
        case "sms":
            yield scope.contact.c.phone.is_not(None)
        case _:
            yield related(tables.push_device, scope)


def _is_set(operand: Operand) -> ColumnElement[bool]:
    return func.coalesce(cast(operand.sql, Text), "") != ""
