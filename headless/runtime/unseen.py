"""Unseen as SQL: mails that nobody may see being opened or clicked, and the branch that is taken.

A contact who has not agreed to be tracked gets mails without a picture and with plain links. That
such a mail was not opened says nothing, so neither `when opened` nor `when not opened` may take it
for an answer: when the time is up the `else` is taken, or the other branch where the workspace
says so. Pure. Imports the language, `stands` and `effects.channels`.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, case, exists, false, func, not_, or_, select, true

from headless.dsl import ast
from headless.dsl.entrances import single_events
from headless.dsl.plan import Arm
from headless.runtime.effects.channels import CODES
from headless.runtime.stands import Version, number
from headless.storage import tables

BY_US: Final = (ast.EmailOpened, ast.EmailClicked, ast.LinkClicked)
"""What is seen by the picture and the links of a mail, and by nothing else."""


def hangs_on_it(arm: Arm) -> bool:
    """Whether an arm waits for opens and clicks only."""
    return all(isinstance(event, BY_US) for event in single_events(arm.trigger.event))


def untracked(version: Version, people: Any, arms: Sequence[Arm]) -> ColumnElement[bool] | None:
    """Whether the mail whose opens and clicks are waited for could not be seen opening.

    None where no arm asks for such. `people` has a `contact_id`. While nobody in the workspace was
    asked about tracking, it costs one look for all contacts together.
    """
    events = [event for arm in arms for event in single_events(arm.trigger.event)]
    mails = [event.email for event in events if isinstance(event, BY_US)]
    if not mails:
        return None
    names = sorted({mail.text for mail in mails if mail is not None})
    refs = [number(version.names.id("email", name)) for name in names]
    w, t = tables.workspace.c, tables.tracking.c
    asked = or_(
        exists(select(1).where(w.id == version.workspace_id, w.tracking.is_not(None))),
        exists(select(1).where(t.workspace_id == version.workspace_id)),
    )
    m = tables.message.c
    last = (
        select(m.tracked)
        .where(
            m.workspace_id == version.workspace_id,
            m.contact_id == people.contact_id,
            m.channel == number(CODES["email"]),
            true() if None in mails else m.ref.in_(refs),
            is_to_contact(m),
        )
        .order_by(m.created_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return case((asked, last.is_(False)), else_=false())


def takes_then(version: Version) -> ColumnElement[bool]:
    """Whether the workspace says that such mails take the branch of `then`; asked once."""
    w = tables.workspace.c
    says = w.tracking["untracked"].as_string() == "then"
    return exists(select(1).where(w.id == version.workspace_id, says))


def is_to_contact(messages: Any) -> ColumnElement[bool]:
    """Whether a message goes to the contact itself."""
    return not_(func.coalesce(messages.data.has_key("to"), false()))
