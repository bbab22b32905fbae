"""Fields: which ones there are, and what is known of their types.

Contact fields come from the catalogue; the properties of events are typed from what has been seen
of them, so an unseen one is a warning, not an error. Imports `ast`, `catalogue`, `diagnostics`,
`names`, `near`, `wording`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from headless.dsl import ast
from headless.dsl.catalogue import Catalogue, FieldType
from headless.dsl.diagnostics import Diagnostic, error, replacing, warning
from headless.dsl.names import found
from headless.dsl.near import did_you_mean, nearest, some_of
from headless.dsl.wording import written

Fields = Mapping[str, FieldType | None]
"""Fields and their types; None for one that has come with several."""
_UTM: Final = ("source", "medium", "campaign", "term", "content")
_DEVICE: Final = ("kind", "brand", "os")
_SCOPES: Final = ("contact", "company", "utm", "device", "entry", "event")
_SETTABLE: Final = ("contact", "company")
_OWN: Final = ("email", "external_id", "points", "created_at", "updated_at")
"""Who a contact is, and what is kept of it by itself: no campaign sets these."""


_BY_HAND: Final = "who a contact is changes by hand, by an import or through the API"


class Known(msgspec.Struct, frozen=True):
    """The fields that a place in the text can speak of, by scope; None means any.

    In the scopes of `seen` are properties of events: what has not been seen may still come.
    """

    scopes: Mapping[str, Fields | None]
    seen: frozenset[str] = frozenset({"entry", "event"})

    def type_of(self, field: ast.Field) -> FieldType | None:
        """The type of a field, None when it is not known."""
        return type_in(self.scopes.get(field.scope), field.name)


def type_in(fields: Fields | None, name: str) -> FieldType | None:
    """The type of one of these fields, None when it is not known."""
    meant = found(name, fields) if fields else None
    return fields[meant] if fields and meant else None


def form_fields(form: ast.Name, catalogue: Catalogue) -> Fields | None:
    """The fields of a form, None when they are taken on trust."""
    forms = {} if catalogue.open else catalogue.forms or {}
    called = found(form.text, forms)
    return forms[called].fields if called else None


def seen_with(activity: ast.Name, catalogue: Catalogue) -> Fields | None:
    """The properties that an activity has come with, None when there are none."""
    events = {} if catalogue.open else catalogue.events or {}
    called = found(activity.text, events)
    return (events[called] or None) if called else None


def known_fields(campaign: ast.Campaign, catalogue: Catalogue) -> Known:
    """What the text of one campaign can speak of, by scope."""
    if catalogue.open:
        return Known({})
    starts = tuple(s for s in campaign.settings if isinstance(s, ast.From | ast.StartWhen))
    return Known(
        {
            "contact": catalogue.fields,
            "company": catalogue.company_fields,
            "utm": dict.fromkeys(_UTM, "text"),
            "device": dict.fromkeys(_DEVICE, "text"),
            "entry": _properties(starts or campaign.steps[:1], catalogue),
            "event": _properties((*starts, *campaign.steps), catalogue),
        }
    )


def _properties(nodes: tuple[ast.Node, ...], catalogue: Catalogue) -> Fields | None:
    """The properties that the events in some nodes have come with; None when none are known."""
    properties: dict[str, FieldType | None] = {}

    def add(seen: Fields | None) -> None:
        for name, kind in (seen or {}).items():
            properties[name] = kind if properties.get(name, kind) == kind else None

    for below in (below for node in nodes for below in ast.walk(node)):
        match below:
            case ast.Did(activity=activity):
                add(seen_with(activity, catalogue))
            case ast.FromForm(form=form) | ast.FormSubmitted(form=ast.Name() as form):
                add(form_fields(form, catalogue))
            case _:
                pass
    return properties or None


def in_context(
    node: ast.Node, known: Known, catalogue: Catalogue
) -> Iterator[tuple[ast.Node, Known]]:
    """A node and all below it, each with the fields that it can speak of.

    Inside `did ... where (...)` bare names are the properties of that activity.
    """
    yield node, known
    inside = known
    if isinstance(node, ast.Did):
        seen = seen_with(node.activity, catalogue)
        inside = Known({**known.scopes, "contact": seen, "event": seen}, known.seen | {"contact"})
    for child in ast.children(node):
        yield from in_context(child, inside, catalogue)


def check_fields(node: ast.Node, known: Known, catalogue: Catalogue) -> Iterator[Diagnostic]:
    """The fields in a campaign or a condition that are not there, or cannot be set."""
    for below, here in in_context(node, known, catalogue):
        match below:
            case ast.Field():
                yield from _field(below, here)
            case ast.Answer():
                yield from _answer(below, catalogue)
            case ast.SetField(field=field) | ast.ClearField(field=field):
                yield from _settable(field)
            case _:
                pass


def _field(field: ast.Field, known: Known) -> Iterator[Diagnostic]:
    if field.scope not in _SCOPES:
        yield error(
            "E203",
            f"`{field.scope}` has no fields",
            field.span,
            help=did_you_mean(field.scope, _SCOPES)
            or "what can stand before the dot: `company`, `utm`, `device`, `entry` or `event`",
        )
        return
    fields = known.scopes.get(field.scope)
    if fields is None or field.name in fields:
        return
    told = written(field)
    near = nearest(field.name, fields)
    fix = None
    if near:
        instead = ast.Field(name=near[0], scope=field.scope)
        fix = replacing(field.span, written(instead))
    if field.scope in known.seen:
        if near:
            yield warning(
                "W203",
                f"nothing has come with `{field.name}` yet",
                field.span,
                help=f"did you mean `{near[0]}`? if it is new, leave it as it is",
                fix=fix,
            )
        return
    yield error(
        "E201",
        f"there is no field `{told}`",
        field.span,
        help=did_you_mean(field.name, fields) or f"the fields are {some_of(fields)}",
        fix=fix,
    )


def _answer(answer: ast.Answer, catalogue: Catalogue) -> Iterator[Diagnostic]:
    fields = form_fields(answer.form, catalogue)
    if fields is None or found(answer.field, fields):
        return
    yield error(
        "E201",
        f"the form `{answer.form.text}` has no field `{answer.field}`",
        answer.span,
        help=did_you_mean(answer.field, fields)
        or f"its fields are {some_of(fields) or 'not known yet'}",
    )


def _settable(field: ast.Field) -> Iterator[Diagnostic]:
    if field.scope == "contact" and field.name in _OWN:
        yield error(
            "E225",
            f"`{field.name}` cannot be changed by a campaign",
            field.span,
            help="points are added and removed" if field.name == "points" else _BY_HAND,
        )
    if field.scope in _SCOPES and field.scope not in _SETTABLE:
        yield error(
            "E225",
            f"`{written(field)}` cannot be changed: it says what has happened",
            field.span,
            help="set a field of the contact, or of `company.`",
        )
