"""Sendings as SQL: when a contact was last sent the message that an event speaks of.

A message is sent when its intent is released; what goes to the owner or to another address is not
sent to the contact. Pure. Imports the language, `batch`, `unseen` and `effects.channels`.
"""

from typing import Final

from sqlalchemy import ColumnElement, and_, case, false, func, select, true

from headless.audience.values import Sql
from headless.dsl import ast
from headless.dsl.plan import Act, Arm
from headless.runtime.batch import Frame
from headless.runtime.effects.channels import CODES, component, way_of
from headless.runtime.paths import Paths
from headless.runtime.stands import number
from headless.runtime.unseen import is_to_contact
from headless.storage import tables
from headless.storage.codes import MessageState

_ABOUT_MAIL: Final = (ast.EmailOpened, ast.EmailClicked, ast.EmailBounced, ast.LinkClicked)
Message = tuple[ast.Channel, str]


def message_of(event: ast.Event) -> Message | None:
    """The channel and the name of the message that an event speaks of; None for none or any."""
    match event:
        case ast.AnyOf(events=events):
            return next((found for part in events if (found := message_of(part))), None)
        case ast.Replied(channel=channel, message=ast.Name(text=name)):
            return channel, name
        case _ if isinstance(event, _ABOUT_MAIL):
            return ("email", event.email.text) if event.email else None
        case _:
            return None


def last_sent(frame: Frame, message: Message) -> tuple[Sql, ...]:
    """The last sending, as what to take first, next and last: here, in this run, by anyone.

    Each is null where there was none.
    """
    e = frame.rows.c
    here = [case((and_(frame.by(way), took), e.at)) for way, took in _sends(frame, message)]
    return (*here, _recorded(frame, message, mine=True), _recorded(frame, message, mine=False))


def just_sent(frame: Frame, arm: Arm, paths: Paths) -> bool:
    """Whether everybody who comes by these paths was sent the arm's message in this very run."""
    event, within = arm.trigger.event, arm.trigger.within
    if isinstance(event, ast.AnyOf) or (within is not None and within.anchor is not None):
        return False
    message = message_of(event)
    if message is None:
        return False
    sure = [way for way, took in _sends(frame, message) if took is _ALWAYS]
    return any(all(any(sent <= path for sent in way) for path in paths) for way in sure)


_ALWAYS: Final = true()


def _sends(frame: Frame, message: Message) -> list[tuple[Paths, ColumnElement[bool]]]:
    """The paths by which this run sends a message to the contact, the last step first.

    With each the test whether it took that channel, which for a `message` each contact decides.
    """
    channel, name = message
    found: list[tuple[Paths, ColumnElement[bool]]] = []
    for n, paths in frame.run.steps:
        step = frame.step(n)
        if not isinstance(step, Act) or not isinstance(step.action, ast.SendMessage):
            continue
        send = step.action
        if send.to is not None:
            continue
        if send.channel == channel and send.message.text.casefold() == name.casefold():
            found.append((paths, _ALWAYS))
        elif send.channel == "message":
            found.append((paths, _took(frame, send, message)))
    return found[::-1]


def _took(frame: Frame, send: ast.SendMessage, message: Message) -> ColumnElement[bool]:
    channel, name = message
    ref = number(frame.version.names.id(channel, name))
    way = frame.rows.c[f"by_{way_of(send)}"] == number(CODES[channel])
    return func.coalesce(and_(way, component(frame.scope, send, channel) == ref), false())


def _recorded(frame: Frame, message: Message, *, mine: bool) -> Sql:
    m, e = tables.message.c, frame.rows.c
    channel, name = message
    return (
        select(func.max(m.created_at))
        .where(
            m.workspace_id == frame.version.workspace_id,
            m.contact_id == e.contact_id,
            m.channel == number(CODES[channel]),
            m.ref == number(frame.version.names.id(channel, name)),
            m.state != number(MessageState.SKIPPED),
            is_to_contact(m),
            m.enrollment_id == e.enrollment_id if mine else true(),
        )
        .scalar_subquery()
    )
