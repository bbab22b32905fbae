"""What a step looks at and what it changes, as words: where the two meet, a run is cut.

All questions of a run are asked before any of its effects. So a step that reads what an earlier one
writes begins a run of its own; so does a step that changes a row which an earlier one has changed,
for a statement changes a row but once. Only the contact's own points add up inside a run. Pure;
imports the language.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from headless.dsl import ast
from headless.dsl.plan import Act, Step
from headless.workspace.names import everything

_ADDRESSES: Final = frozenset({"consent", "field:phone", "field:preferred_channel"})


def writes(step: Step) -> set[str]:
    """What a step changes about a contact, as words that `reads` uses too."""
    if not isinstance(step, Act):
        return set()
    match step.action:
        case ast.AddPoints(company=True) | ast.RemovePoints(company=True):
            return {"company"}
        case ast.AddPoints(group=group) | ast.RemovePoints(group=group):
            return {_points(group)}
        case ast.AddTag(tag=name) | ast.RemoveTag(tag=name):
            return {f"tag:{name.text.casefold()}"}
        case ast.AddTo(container=kind, name=name) | ast.RemoveFrom(container=kind, name=name):
            return {"company"} if kind == "company" else {f"{kind}:{name.text.casefold()}"}
        case ast.SetField(field=field) | ast.ClearField(field=field):
            return {_field(field)}
        case ast.SetStage():
            return {"field:stage"}
        case ast.SetOwner():
            return {"field:owner"}
        case ast.Unsubscribe() | ast.Subscribe():
            return {"consent"}
        case ast.ShowContent(slot=slot):
            return {f"slot:{slot.text.casefold()}"}
        case _:
            return set()


def reads(step: Step) -> set[str]:
    """What a step looks at: a question its condition, an action its values and what it changes."""
    words = set(_words(everything(step)))
    if not isinstance(step, Act):
        return words
    match step.action:
        case ast.AddPoints(group=None, company=False) | ast.RemovePoints(group=None, company=False):
            return words
        case ast.SendMessage():
            return words | _ADDRESSES
        case _:
            return words | writes(step)


def _points(group: ast.Name | None) -> str:
    return "points" if group is None else f"points:{group.text.casefold()}"


def _field(field: ast.Field) -> str:
    if field.scope == "company":
        return "company"
    return "points" if field.name == "points" else f"field:{_column(field.name)}"


def _column(name: str) -> str:
    return "time_zone" if name == "timezone" else name


def _words(nodes: Iterable[ast.Node]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Points(group=group) | ast.PointsReached(group=group):
                yield _points(group)
            case ast.Field(scope="contact" | "company"):
                yield _field(node)
            case ast.Stage():
                yield "field:stage"
            case ast.Owner() | ast.ToOwner():
                yield "field:owner"
            case ast.HasTag(tag=name) | ast.TagGot(tag=name):
                yield f"tag:{name.text.casefold()}"
            case ast.InSegment(segment=name):
                yield f"segment:{name.text.casefold()}"
            case ast.Joined(gathering=kind, name=name):
                yield f"{kind}:{name.text.casefold()}"
            case ast.InCampaign(campaign=name):
                yield f"campaign:{name.text.casefold()}"
            case ast.ReachableBy() | ast.Unsubscribed():
                yield from _ADDRESSES
