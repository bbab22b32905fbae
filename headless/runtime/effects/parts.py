"""The parts of a run's statement that carry out its actions.

Pure. Imports the language and its neighbours, each of which knows one kind of effect.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import CTE, select

from headless.audience.erasing import mark
from headless.dsl import ast
from headless.runtime.effects import companies, consent, groups, slots
from headless.runtime.effects.batch import Action, Batch, changed, has_changed, told
from headless.runtime.effects.contact import changes_own_row, own_rows
from headless.runtime.effects.lists import added, pinned, removed
from headless.runtime.effects.messages import sending
from headless.runtime.stands import NOW, number
from headless.storage import tables
from headless.storage.codes import ActivityKind

_NEVER_ASKED: Final = (
    ast.SendMessage, ast.SendSlack, ast.SendWebhook, ast.PushTo, ast.Note, ast.ShowContent,
)  # fmt: skip
"""Actions that no segment's condition can ask about."""


def parts(batch: Batch, actions: Sequence[Action]) -> Iterator[CTE]:
    """The data-modifying parts for the actions of a run."""
    own = [(step, action) for step, action in actions if changes_own_row(action)]
    if own:
        yield own_rows(batch, own)
    touched: list[CTE] = []
    for step, action in actions:
        for part in _part(batch, step, action):
            if part.name == companies.name(step):
                touched.append(part)
            yield part
    if gone := [step for step, action in actions if isinstance(action, ast.DeleteContact)]:
        deleted = batch.written.c.step.in_([number(step) for step in gone])
        rows = select(batch.written.c.contact_id).where(deleted)
        yield mark(batch.version.workspace_id, rows, now=NOW)
    about = [step for step, action in actions if not isinstance(action, _NEVER_ASKED)]
    if about:
        yield changed(batch, about, touched)


def locks_contacts(actions: Sequence[Action]) -> bool:
    """Whether the batch must lock its contacts first, in the order of their ids."""
    kinds = (ast.AddPoints, ast.RemovePoints)
    return any(changes_own_row(action) or isinstance(action, kinds) for _, action in actions)


def _part(batch: Batch, step: int, action: ast.Simple) -> Iterator[CTE]:
    match action:
        case ast.SendMessage() | ast.SendSlack() | ast.SendWebhook() | ast.PushTo():
            yield sending(batch, step, action)
        case ast.AddTag() | ast.RemoveTag() | ast.AddTo() | ast.RemoveFrom():
            yield from _listed(batch, step, action)
        case ast.AddPoints(points=amount):
            yield from _points(batch, step, action, amount)
        case ast.RemovePoints(points=amount):
            yield from _points(batch, step, action, -amount)
        case ast.SetField(field=ast.Field(scope="company")):
            yield companies.field_changed(batch, step, action)
        case ast.ClearField(field=ast.Field(scope="company")):
            yield companies.field_changed(batch, step, action)
        case ast.SetField() | ast.ClearField() | ast.SetStage() | ast.SetOwner():
            yield from _own(batch, step, action)
        case ast.Unsubscribe():
            yield from consent.taken_off(batch, step, action)
        case ast.Subscribe():
            yield from consent.put_on(batch, step, action)
        case ast.ShowContent():
            yield slots.shown(batch, step, action)


def _listed(
    batch: Batch, step: int, action: ast.AddTag | ast.RemoveTag | ast.AddTo | ast.RemoveFrom
) -> Iterator[CTE]:
    names, kinds = batch.version.names, ActivityKind
    match action:
        case ast.AddTag(tag=name):
            key = {"tag_id": names.id("tag", name.text)}
            yield from added(batch, step, tables.contact_tag, key, "at", kinds.GOT_TAG)
        case ast.RemoveTag(tag=name):
            yield removed(batch, step, tables.contact_tag, {"tag_id": names.id("tag", name.text)})
        case ast.AddTo(container="segment", name=name):
            key = {"segment_id": names.id("segment", name.text)}
            yield from added(batch, step, tables.segment_member, key, "since", kinds.JOINED_SEGMENT)
            yield pinned(batch, step, key["segment_id"], inside=True)
        case ast.RemoveFrom(container="segment", name=name):
            key = {"segment_id": names.id("segment", name.text)}
            left = removed(batch, step, tables.segment_member, key)
            yield left
            yield from told(batch, step, kinds.LEFT_SEGMENT, key["segment_id"], left)
            yield pinned(batch, step, key["segment_id"], inside=False)
        case ast.AddTo(container="company", name=name):
            key = {"company_id": names.id("company", name.text)}
            yield from added(batch, step, tables.company_member, key, "since", None)
        case ast.RemoveFrom(container="company", name=name):
            key = {"company_id": names.id("company", name.text)}
            yield removed(batch, step, tables.company_member, key)


def _points(
    batch: Batch, step: int, action: ast.AddPoints | ast.RemovePoints, change: int
) -> Iterator[CTE]:
    group = None if action.group is None else batch.version.names.id("group", action.group.text)
    if action.company and group is not None:
        yield companies.points_in_group_changed(batch, step, group, change)
    elif action.company:
        yield companies.points_changed(batch, step, change)
    elif group is not None:
        yield from groups.points_changed(batch, step, group, change)
    else:
        yield from told(batch, step, ActivityKind.REACHED_POINTS, 0, None)
        yield from _field_told(batch, step, "points")


def _own(
    batch: Batch,
    step: int,
    action: ast.SetField | ast.ClearField | ast.SetStage | ast.SetOwner,
) -> Iterator[CTE]:
    """What others hear of a field, a stage or an owner that is not what it was."""
    match action:
        case ast.SetStage(stage=name):
            ref = batch.version.names.id("stage", name.text)
            entered = ActivityKind.ENTERED_STAGE
            yield from told(batch, step, entered, ref, None, only=has_changed)
            yield from _field_told(batch, step, "stage")
        case ast.SetOwner(owners=owners):
            yield from _field_told(batch, step, "owner", in_turn=len(owners) > 1)
        case ast.SetField(field=field) | ast.ClearField(field=field):
            yield from _field_told(batch, step, field.name)


def _field_told(batch: Batch, step: int, field: str, *, in_turn: bool = False) -> Iterator[CTE]:
    ref, name = batch.version.names.field_ref(field), f"{step}_field"
    only = None if in_turn else has_changed
    yield from told(batch, step, ActivityKind.CHANGED, ref, None, name=name, only=only)
