"""The words of events, triggers and conditions.

Imports the tree, the literals, the style and how a value is said.
"""

from typing import Final

from headless.dsl import ast
from headless.dsl.wording.literals import duration, in_quotes, name
from headless.dsl.wording.style import Style, Words, called, joined, spaced, where, written
from headless.dsl.wording.values import as_value

# -- events


def _an_email(verb: str, email: ast.Name | None) -> str:
    return f"{verb} any email" if email is None else f"{verb} email {name(email.text)}"


def _any_or(word: str, what: str, named: ast.Name | None) -> str:
    return f"{word} any {what}" if named is None else f"{word} {what} {name(named.text)}"


def _link_clicked(node: ast.LinkClicked, _style: Style) -> str:
    return spaced("clicked link", in_quotes(node.link), called("in email", node.email))


def _replied(node: ast.Replied, _style: Style) -> str:
    to = f"any {node.channel}" if node.message is None else called(node.channel, node.message)
    return spaced(
        "replied to", to, "" if node.pattern is None else f"with {in_quotes(node.pattern)}"
    )


def _visit(node: ast.PageVisited | ast.SiteVisited, what: str) -> str:
    referrer = "" if node.referrer is None else f"from {in_quotes(node.referrer)}"
    return spaced(
        "visited", what, referrer, "" if node.device is None else f"on {node.device.text}"
    )


def _spent(node: ast.TimeSpent, _style: Style) -> str:
    return f"spent {duration(node.duration)} on {called('page', node.page) or 'site'}"


def _unsubscribed(node: ast.Unsubscribed, _style: Style) -> str:
    return "unsubscribed" + (f" from {node.channel}" if node.channel else "")


def _did(node: ast.Did, style: Style) -> str:
    return spaced("did", name(node.activity.text), where(node.where, style))


def _all_of(node: ast.AllOf, style: Style) -> str:
    parts = (
        f"({written(e, style)})" if isinstance(e, ast.AnyOf | ast.AllOf) else written(e, style)
        for e in node.events
    )
    return " and ".join(parts)


def _within(node: ast.Within, style: Style) -> str:
    of = "" if node.anchor is None else f"of {written(node.anchor, style)}"
    return spaced("within", duration(node.duration), of)


def _trigger(node: ast.Trigger, style: Style) -> str:
    event = written(node.event, style)
    if node.negated and isinstance(node.event, ast.AnyOf | ast.AllOf):
        event = f"({event})"
    window = "" if node.within is None else _within(node.within, style)
    return spaced("not" if node.negated else "", event, window)


def _counted(words: Words) -> Words:
    def with_count(node: ast.Happening, style: Style) -> str:
        return spaced(words(node, style), f"{node.times} times" if node.times != 1 else "")

    return with_count


# -- conditions


def _inside(node: ast.Node, style: Style, brackets: tuple[type, ...]) -> str:
    said = written(node, style)
    return f"({said})" if isinstance(node, brackets) else said


def _and(node: ast.And, style: Style) -> str:
    return " and ".join(_inside(c, style, (ast.Or, ast.And)) for c in node.conditions)


def _compare(node: ast.Compare, style: Style) -> str:
    return f"{written(node.operand, style)} {node.operator} {as_value(node.value, style)}"


def _is_in(node: ast.IsIn, style: Style) -> str:
    values = ", ".join(as_value(v, style) for v in node.values)
    return f"{written(node.operand, style)} in ({values})"


def _between(node: ast.Between, style: Style) -> str:
    ends = f"{as_value(node.low, style)} and {as_value(node.high, style)}"
    return f"{written(node.operand, style)} between {ends}"


def _dated(node: ast.Dated, style: Style) -> str:
    return f"{written(node.operand, style)} {node.direction} {as_value(node.value, style)}"


def _happened(node: ast.Happened, style: Style) -> str:
    back = "" if node.last is None else f"in last {duration(node.last)}"
    return spaced(written(node.event, style), back, "ever" if node.ever else "")


_EVENTS: Final[dict[type[ast.Node], Words]] = {
    ast.EmailOpened: lambda n, _: _an_email("opened", n.email),
    ast.EmailClicked: lambda n, _: _an_email("clicked", n.email),
    ast.EmailBounced: lambda n, _: _an_email("bounced", n.email),
    ast.LinkClicked: _link_clicked,
    ast.Replied: _replied,
    ast.PageVisited: lambda n, _: _visit(n, f"page {name(n.page.text)}"),
    ast.SiteVisited: lambda n, _: _visit(n, "site"),
    ast.TimeSpent: _spent,
    ast.FormSubmitted: lambda n, _: _any_or("submitted", "form", n.form),
    ast.AssetDownloaded: lambda n, _: _any_or("downloaded", "asset", n.asset),
    ast.SlotRequested: lambda n, _: called("requested slot", n.slot),
    ast.Joined: lambda n, _: called(f"joined {n.gathering}", n.name),
    ast.Left: lambda n, _: called(f"left {n.gathering}", n.name),
    ast.TagGot: lambda n, _: called("got tag", n.tag),
    ast.StageEntered: lambda n, _: called("entered stage", n.stage),
    ast.PointsReached: lambda n, _: spaced(
        f"reached {n.points} points", called("in group", n.group)
    ),
    ast.FieldChanged: lambda n, s: f"changed {written(n.field, s)}",
    ast.Unsubscribed: _unsubscribed,
    ast.Did: _did,
}
WORDS: Final[dict[type[ast.Node], Words]] = {
    **{kind: _counted(words) for kind, words in _EVENTS.items()},
    ast.AnyOf: lambda n, s: joined(n.events, s, " or "),
    ast.AllOf: _all_of,
    ast.EntryAnchor: lambda _n, _: "entry",
    ast.StepAnchor: lambda n, _: n.label.text,
    ast.Within: _within,
    ast.Trigger: _trigger,
    ast.Or: lambda n, s: " or ".join(_inside(c, s, (ast.Or,)) for c in n.conditions),
    ast.And: _and,
    ast.Not: lambda n, s: f"not {_inside(n.condition, s, (ast.Or, ast.And))}",
    ast.Compare: _compare,
    ast.Matches: lambda n, s: f"{written(n.operand, s)} matches {in_quotes(n.pattern)}",
    ast.IsIn: _is_in,
    ast.Between: _between,
    ast.IsEmpty: lambda n, s: f"{written(n.operand, s)} is empty",
    ast.IsNotEmpty: lambda n, s: f"{written(n.operand, s)} is not empty",
    ast.Dated: _dated,
    ast.InSegment: lambda n, _: called("in segment", n.segment),
    ast.InCampaign: lambda n, _: called("in campaign", n.campaign),
    ast.HasTag: lambda n, _: called("has tag", n.tag),
    ast.ReachableBy: lambda n, _: f"reachable by {n.channel}",
    ast.Happened: _happened,
}
