"""Channels: which one a message takes to a contact, and why it cannot take it.

A contact has an address on a channel or has none, and may be suppressed there. `send message` takes
the channel that the contact prefers, else the first of email, sms and push message that reaches it
and that the message has words for. Pure. Imports the language, `audience.values` and the tables.
"""

from typing import Any, Final, cast
from zlib import crc32

from sqlalchemy import ColumnElement, and_, case, exists, func, literal, null, select
from sqlalchemy import cast as as_type
from sqlalchemy.types import SmallInteger, Text

from headless.audience.consents import MARKETING_ONLY
from headless.audience.values import Scope, Sql
from headless.audience.wanted import unwanted
from headless.dsl import ast
from headless.runtime.stands import number
from headless.storage import tables
from headless.storage.codes import Channel

CODES: Final[dict[ast.Channel, Channel]] = {
    "email": Channel.EMAIL, "sms": Channel.SMS, "push message": Channel.PUSH,
}  # fmt: skip
_COMPONENTS: Final[dict[ast.Channel, str]] = {
    "email": "email_id", "sms": "sms_id", "push message": "push_message_id",
}  # fmt: skip
_NO_ADDRESS: Final[dict[ast.Channel, str]] = {
    "email": "no address", "sms": "no phone number", "push message": "no device",
}  # fmt: skip


def channel_of(send: ast.SendMessage, scope: Scope) -> Sql:
    """The channel that a message takes to a contact, as its code; null where none reaches it."""
    if send.channel != "message":
        return number(CODES[send.channel])
    ways = {name: _reaches(name, send, scope) for name in CODES}
    preferred = scope.contact.c.preferred_channel
    chosen = [(and_(preferred == name, way), number(CODES[name])) for name, way in ways.items()]
    others = [(way, number(CODES[name])) for name, way in ways.items()]
    return case(*chosen, *others, else_=as_type(null(), SmallInteger))


def way_of(send: ast.SendMessage) -> str:
    """A word for how a message can be refused: `no_<word>` and `by_<word>` are columns of `e`."""
    to = "contact" if send.to is None else type(send.to).__name__
    kind = "transactional" if send.transactional else "marketing"
    # names may be long and hold anything; a column's may not
    of = f"_{crc32(send.message.text.casefold().encode()):x}" if send.channel == "message" else ""
    return f"{send.channel}_{kind}_{to}{of}".replace(" ", "_")


def component(scope: Scope, send: ast.SendMessage, name: ast.Channel) -> Sql:
    """The email, sms or push message that a `message` is on a channel; null where it has none."""
    of = tables.multi_message.c
    return (
        select(of[_COMPONENTS[name]])
        .where(
            of.workspace_id == scope.workspace_id,
            of.id == scope.names.id("message", send.message.text),
        )
        .scalar_subquery()
    )


def refusal(send: ast.SendMessage, scope: Scope) -> Sql:
    """Why a contact cannot be sent a message, as text; null when nothing is in the way.

    A transactional message goes to those who only unsubscribed from marketing.
    """
    match send:
        case ast.SendMessage(to=ast.ToAddress()):
            return as_type(null(), Text)
        case ast.SendMessage(to=ast.ToOwner()):
            if send.channel in ("email", "message"):
                return no_owner(scope, "email", "the owner has no address")
            return literal(f"an owner has no address for {send.channel}")
        case ast.SendMessage(channel="message"):
            nobody = channel_of(send, scope).is_(None)
            return case((nobody, literal("no channel reaches the contact")))
    reason = _kept_from(send.channel, send, scope)
    missing = (~_has_address(send.channel, scope.contact), literal(_NO_ADDRESS[send.channel]))
    return case(missing, else_=reason)


def owner_of(scope: Scope, column: str) -> Sql:
    """The `email` or `slack_id` of who looks after a contact; null where there is none."""
    member = tables.member.c
    return (
        select(func.min(member[column]))
        .where(
            member.workspace_id == scope.workspace_id,
            func.lower(member.name) == func.lower(scope.contact.c.owner),
        )
        .scalar_subquery()
    )


def no_owner(scope: Scope, column: str, missing: str) -> Sql:
    """Why nothing can be sent to a contact's owner; null when nothing is in the way."""
    return case(
        (scope.contact.c.owner.is_(None), literal("no owner")),
        (owner_of(scope, column).is_(None), literal(missing)),
    )


def _reaches(name: ast.Channel, send: ast.SendMessage, scope: Scope) -> ColumnElement[bool]:
    has_words = component(scope, send, name).is_not(None)
    free = _kept_from(name, send, scope).is_(None)
    return and_(_has_address(name, scope.contact), free, has_words)


def _kept_from(name: ast.Channel, send: ast.SendMessage, scope: Scope) -> Sql:
    """Why a contact is not to get a message on a channel where it has an address: suppressed, or
    not a reader of the topic."""
    reason = _suppressed(name, scope, transactional=send.transactional)
    if name != "email" or send.transactional:
        return reason
    ref: Sql = (
        component(scope, send, "email")
        if send.channel == "message"
        else number(scope.names.id("email", send.message.text))
    )
    return func.coalesce(reason, unwanted(literal(scope.workspace_id), ref, scope.contact.c.id))


def _has_address(name: ast.Channel, contact: Any) -> ColumnElement[bool]:
    match name:
        case "email":
            return cast(Sql, contact.c.email.is_not(None))
        case "sms":
            return cast(Sql, contact.c.phone.is_not(None))
    device = tables.push_device.c
    return exists(
        select(1).where(
            device.workspace_id == contact.c.workspace_id, device.contact_id == contact.c.id
        )
    )


def _suppressed(name: ast.Channel, scope: Scope, *, transactional: bool) -> Sql:
    suppression = tables.suppression.c
    counts = [suppression.reason.not_in(MARKETING_ONLY)] if transactional else []
    return (
        select(suppression.reason)
        .where(
            suppression.workspace_id == scope.workspace_id,
            suppression.contact_id == scope.contact.c.id,
            suppression.channel == number(CODES[name]),
            *counts,
        )
        .scalar_subquery()
    )
