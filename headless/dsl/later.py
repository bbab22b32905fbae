"""What the language can say and the engine cannot run yet: one table, shrunk as the engine grows.

A statement that is not ready gets a warning with its place, never silence: such a campaign can be
stored, checked and drawn, but not started. To make a statement ready, take its line out of
`_WHOLE` or `_PARTS`; when both are empty this module can go. Imports `ast`, `diagnostics`.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from headless.dsl import ast
from headless.dsl.diagnostics import Diagnostic, Span, in_order, warning

CODE: Final = "W490"

_WHOLE: Final[dict[type[ast.Node], str]] = {
    # settings
    ast.FromForm: "from form",
    ast.Goal: "goal",
    ast.StopWhen: "stop when",
    ast.OwnedBy: "owned by",
    # steps
    ast.SendSlack: "send slack",
    ast.MoveTo: "move to campaign",
    ast.PushTo: "push to",
    ast.Unsubscribe: "unsubscribe",
    ast.Subscribe: "subscribe",
    ast.ShowContent: "show content",
    ast.DeleteContact: "delete contact",
    # events
    ast.AllOf: "and between events",
    ast.Replied: "replied to",
    ast.TimeSpent: "spent",
    ast.SlotRequested: "requested slot",
    ast.StageEntered: "entered stage",
    ast.FieldChanged: "changed",
    # conditions
    ast.Answer: "answer",
    ast.Device: "device",
    # anchors
    ast.StepAnchor: "of LABEL",
}
"""Statements that cannot run at all, and the words that a reader knows them by."""

_Part = tuple[type[ast.Node], Callable[[Any], bool], str]
_PARTS: Final[tuple[_Part, ...]] = (
    (ast.SendMessage, lambda s: s.channel != "email", "send {0.channel}"),
    (ast.SendMessage, lambda s: s.to is not None, "to"),
    (ast.AddPoints, lambda s: s.group is not None, "in group"),
    (ast.AddPoints, lambda s: s.company, "to company"),
    (ast.RemovePoints, lambda s: s.group is not None, "in group"),
    (ast.RemovePoints, lambda s: s.company, "from company"),
    (ast.AddTo, lambda s: s.container != "segment", "add to {0.container}"),
    (ast.RemoveFrom, lambda s: s.container != "segment", "remove from {0.container}"),
    (ast.SetOwner, lambda s: len(s.owners) > 1, "one of"),
    (ast.Joined, lambda e: e.gathering != "segment", "joined {0.gathering}"),
    (ast.Left, lambda e: e.gathering != "segment", "left {0.gathering}"),
    (ast.PointsReached, lambda e: e.group is not None, "in group"),
    (ast.Happening, lambda e: e.times > 1, "{0.times} times"),
    (ast.PageVisited, lambda e: e.referrer is not None, "from"),
    (ast.PageVisited, lambda e: e.device is not None, "on {0.device.text}"),
    (ast.SiteVisited, lambda e: e.referrer is not None, "from"),
    (ast.SiteVisited, lambda e: e.device is not None, "on {0.device.text}"),
    (ast.Points, lambda p: p.group is not None, "in group"),
    (ast.ReachableBy, lambda r: r.channel != "email", "reachable by {0.channel}"),
    (ast.Field, lambda f: f.scope in ("company", "utm", "device"), "{0.scope}.{0.name}"),
)
"""Parts of statements that cannot run, though the rest of the statement can."""


def unready(campaign: ast.Campaign) -> tuple[Diagnostic, ...]:
    """A warning for each statement, or part of one, that the engine cannot run yet."""
    return in_order(found for node in ast.walk(campaign) for found in _one(node))


def _one(node: ast.Node) -> Iterator[Diagnostic]:
    if type(node) in _WHOLE:
        yield _told(_WHOLE[type(node)], node)
        return
    for kind, lacks, words in _PARTS:
        if isinstance(node, kind) and lacks(node):
            yield _told(words.format(node), node)


def _told(words: str, node: ast.Node) -> Diagnostic:
    return warning(
        CODE,
        f"`{words}` cannot run yet; the campaign can be stored and checked, but not started",
        _head(node, words),
    )


def _head(node: ast.Node, words: str) -> Span:
    """Of a block only its first word, so that the caret does not run over the whole body."""
    if isinstance(node, ast.Parallel | ast.Repeat | ast.Every):
        start = node.span.start
        return Span(start, start + len(words))
    return node.span
