"""The names in a campaign: what sort of thing each one names, and whether there is one.

A name is found exactly, else by the one name that differs only in capitals, else it is an error
with the nearest names. Tags, activities and groups of points come into being by use, so of those
only a near miss is told, as a warning. Imports `ast`, `catalogue`, `diagnostics`, `near` and
`wording`.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

from headless.dsl import ast
from headless.dsl.catalogue import CREATED_BY_USE, Catalogue, Sort
from headless.dsl.diagnostics import Diagnostic, error, replacing, warning
from headless.dsl.near import did_you_mean, nearest, some_of
from headless.dsl.wording import in_quotes

_SORTS: Final[dict[type[ast.Node], tuple[tuple[str, Sort], ...]]] = {
    ast.EmailOpened: (("email", "email"),),
    ast.EmailClicked: (("email", "email"),),
    ast.EmailBounced: (("email", "email"),),
    ast.LinkClicked: (("email", "email"),),
    ast.PageVisited: (("page", "page"),),
    ast.TimeSpent: (("page", "page"),),
    ast.FormSubmitted: (("form", "form"),),
    ast.Answer: (("form", "form"),),
    ast.FromForm: (("form", "form"),),
    ast.AssetDownloaded: (("asset", "asset"),),
    ast.SlotRequested: (("slot", "slot"),),
    ast.ShowContent: (("content", "content"), ("slot", "slot")),
    ast.TagGot: (("tag", "tag"),),
    ast.HasTag: (("tag", "tag"),),
    ast.AddTag: (("tag", "tag"),),
    ast.RemoveTag: (("tag", "tag"),),
    ast.StageEntered: (("stage", "stage"),),
    ast.SetStage: (("stage", "stage"),),
    ast.PointsReached: (("group", "group"),),
    ast.Points: (("group", "group"),),
    ast.AddPoints: (("group", "group"),),
    ast.RemovePoints: (("group", "group"),),
    ast.Did: (("activity", "event"),),
    ast.InSegment: (("segment", "segment"),),
    ast.FromSegment: (("segment", "segment"),),
    ast.FromNewMembers: (("segment", "segment"),),
    ast.InCampaign: (("campaign", "campaign"),),
    ast.MoveTo: (("campaign", "campaign"),),
    ast.SetOwner: (("owners", "owner"),),
    ast.OwnedBy: (("owner", "owner"),),
    ast.SendWebhook: (("webhook", "webhook"),),
    ast.PushTo: (("integration", "integration"),),
}
_SHOWN: Final[dict[Sort, tuple[str, str]]] = {
    "event": ("activity", "activities"),
    "group": ("group of points", "groups of points"),
    "owner": ("colleague", "colleagues"),
    "sms": ("sms", "sms"),
    "company": ("company", "companies"),
}


def is_pattern(name: str) -> bool:
    """Whether a text is a pattern of addresses and no name: `*`, a leading `/`, or `://`."""
    return "*" in name or name.startswith("/") or "://" in name


def named_things(node: ast.Node) -> Iterator[tuple[ast.Name, Sort]]:
    """The things that one node (not those below it) speaks of by name."""
    for attribute, sort in _SORTS.get(type(node), ()):
        value: Any = getattr(node, attribute)
        for name in value if isinstance(value, tuple) else (value,):
            if name is not None and not (sort in ("page", "webhook") and is_pattern(name.text)):
                yield name, sort
    match node:
        case ast.SendMessage(message=ast.Name() as name, channel=channel):
            yield name, channel
        case ast.Replied(message=ast.Name() as name, channel=channel):
            yield name, channel
        case ast.Joined(name=name, gathering=container) | ast.Left(name=name, gathering=container):
            yield name, container
        case ast.AddTo(name=name, container=holder) | ast.RemoveFrom(name=name, container=holder):
            yield name, holder
        case ast.Compare(operand=ast.Stage(), value=ast.Text(text=text, span=span)):
            yield ast.Name(text=text, span=span), "stage"
        case ast.IsIn(operand=ast.Stage(), values=values):
            for value in values:
                if isinstance(value, ast.Text):
                    yield ast.Name(text=value.text, span=value.span), "stage"
        case _:
            pass


def found(name: str, known: Collection[str]) -> str | None:
    """The known name that is meant: the same, else the only one that differs in capitals."""
    if name in known:
        return name
    folded = name.casefold()
    same = [each for each in known if each.casefold() == folded]
    return same[0] if len(same) == 1 else None


def check_names(tree: ast.Node, catalogue: Catalogue) -> Iterator[Diagnostic]:
    """What is wrong with the names of things in a campaign or a condition."""
    own = tree.name.text if isinstance(tree, ast.Campaign) and tree.name else None
    for node in ast.walk(tree):
        for name, sort in named_things(node):
            known = catalogue.names(sort)
            if known is None or (sort == "campaign" and name.text == own):
                continue
            yield from check_name(name, sort, known)


def check_name(name: ast.Name, sort: Sort, known: Collection[str]) -> Iterator[Diagnostic]:
    """What is wrong with one name of a sort."""
    if name.text in known:
        return
    one, many = _SHOWN.get(sort, (sort, f"{sort}s"))
    meant = found(name.text, known)
    if meant is not None:
        yield warning(
            "W201",
            f"the {one} is called `{meant}`",
            name.span,
            help="capitals are forgiven, but the name is clearer as it is written elsewhere",
            fix=replacing(name.span, in_quotes(meant), safe=True),
        )
        return
    if sort in CREATED_BY_USE:
        yield from _near_miss(name, one, known)
        return
    folded = name.text.casefold()
    same = sorted(each for each in known if each.casefold() == folded)
    if same:
        yield error(
            "E202",
            f"`{name.text}` could be any of {len(same)} {many}",
            name.span,
            help=f"write it exactly: {some_of(same)}",
        )
        return
    near = nearest(name.text, known)
    fix = replacing(name.span, in_quotes(near[0])) if near else None
    yield error(
        "E200",
        f"there is no {one} called `{name.text}`",
        name.span,
        help=did_you_mean(name.text, known) or _what_there_is(many, known),
        fix=fix,
    )


def _near_miss(name: ast.Name, one: str, known: Collection[str]) -> Iterator[Diagnostic]:
    near = nearest(name.text, known, most=1)
    if near:
        yield warning(
            "W202",
            f"the {one} `{name.text}` has not been seen yet",
            name.span,
            help=f"did you mean `{near[0]}`? if it is new, leave it as it is",
            fix=replacing(name.span, in_quotes(near[0])),
        )


def _what_there_is(many: str, known: Collection[str]) -> str:
    if not known:
        return f"there are no {many} yet; make it first"
    return f"the {many} are {some_of(known)}"
