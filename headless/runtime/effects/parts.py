"""The parts of a run's statement that carry out its actions.

Pure. Imports the language and its neighbours, each of which knows one kind of effect.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import CTE

from headless.dsl import ast
from headless.runtime.effects.batch import Action, Batch, changed, told
from headless.runtime.effects.contact import OWN_ROW, own_rows
from headless.runtime.effects.lists import added, removed
from headless.runtime.effects.messages import mail_data, message, webhook_data
from headless.runtime.stands import number
from headless.storage import tables
from headless.storage.codes import ActivityKind, Channel

_ABOUT_CONTACT: Final = (*OWN_ROW, ast.AddTag, ast.RemoveTag, ast.AddTo, ast.RemoveFrom)


def parts(batch: Batch, actions: Sequence[Action]) -> Iterator[CTE]:
    """The data-modifying parts for the actions of a run."""
    own = [(step, action) for step, action in actions if isinstance(action, OWN_ROW)]
    if own:
        yield own_rows(batch, own)
    for step, action in actions:
        yield from _part(batch, step, action)
    about = [step for step, action in actions if isinstance(action, _ABOUT_CONTACT)]
    if about:
        yield changed(batch, about)


def locks_contacts(actions: Sequence[Action]) -> bool:
    """Whether the batch must lock its contacts first, in the order of their ids."""
    return any(isinstance(action, OWN_ROW) for _, action in actions)


def _part(batch: Batch, step: int, action: ast.Simple) -> Iterator[CTE]:
    names = batch.version.names
    match action:
        case ast.SendMessage(message=name):
            ref = number(names.id("email", name.text))
            yield message(batch, step, Channel.EMAIL, ref, mail_data(batch, action))
        case ast.SendWebhook():
            yield message(batch, step, Channel.WEBHOOK, number(0), webhook_data(batch, action))
        case ast.AddTag(tag=name):
            key = {"tag_id": names.id("tag", name.text)}
            yield from added(batch, step, tables.contact_tag, key, "at", ActivityKind.GOT_TAG)
        case ast.RemoveTag(tag=name):
            yield removed(batch, step, tables.contact_tag, {"tag_id": names.id("tag", name.text)})
        case ast.AddTo(container="segment", name=name):
            key = {"segment_id": names.id("segment", name.text)}
            joined = ActivityKind.JOINED_SEGMENT
            yield from added(batch, step, tables.segment_member, key, "since", joined)
        case ast.RemoveFrom(container="segment", name=name):
            key = {"segment_id": names.id("segment", name.text)}
            left = removed(batch, step, tables.segment_member, key)
            yield left
            yield from told(batch, step, ActivityKind.LEFT_SEGMENT, key["segment_id"], left)
        case ast.AddPoints() | ast.RemovePoints():
            yield from told(batch, step, ActivityKind.REACHED_POINTS, 0, None)
        case ast.SetField(field=field) | ast.ClearField(field=field):
            field_id = names.ids.get(f"field:{field.name.casefold()}", 0)
            yield from told(batch, step, ActivityKind.CHANGED, field_id, None)
