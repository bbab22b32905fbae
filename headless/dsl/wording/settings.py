"""The words of the settings and of the sources behind `from`.

Imports the tree, the literals and the style.
"""

from typing import Any, Final

from headless.dsl import ast
from headless.dsl.wording.literals import clock, duration, in_quotes, name
from headless.dsl.wording.style import Style, Words, called, joined, spaced, where, written


def _source(what: str, node: Any, style: Style) -> str:
    named = node.form if isinstance(node, ast.FromForm) else node.segment
    return spaced(what, name(named.text), where(node.where, style))


def _active(node: ast.Active, style: Style) -> str:
    end = "" if node.end is None else f"to {written(node.end, style)}"
    return spaced("active", written(node.start, style), end)


def _zone(node: ast.TimeZone, _style: Style) -> str:
    return "time zone " + ("contact" if node.zone is None else in_quotes(node.zone))


def _limit(node: ast.Limit, _style: Style) -> str:
    many = node.channel if node.count == 1 or node.channel == "sms" else f"{node.channel}s"
    return f"limit {node.count} {many} per {node.period}"


def _reentry(node: ast.ReEntry, _style: Style) -> str:
    return spaced("re-entry", node.mode, "" if node.after is None else duration(node.after))


def _goal(node: ast.Goal, style: Style) -> str:
    label = "" if node.label is None else name(node.label.text)
    return spaced("goal", label, "when", written(node.event, style))


WORDS: Final[dict[type[ast.Node], Words]] = {
    ast.FromSegment: lambda n, s: _source("segment", n, s),
    ast.FromNewMembers: lambda n, s: _source("new members of segment", n, s),
    ast.FromForm: lambda n, s: _source("form", n, s),
    ast.FromContacts: lambda n, s: f"contacts {where(n.where, s)}",
    ast.Language: lambda n, _: f"language {n.edition}",
    ast.From: lambda n, s: f"from {joined(n.sources, s)}",
    ast.StartWhen: lambda n, s: f"start when {written(n.event, s)}",
    ast.Active: _active,
    ast.TimeZone: _zone,
    ast.QuietHours: lambda n, _: f"quiet hours {clock(n.start)} to {clock(n.end)}",
    ast.QuietDays: lambda n, s: f"quiet days {written(n.days, s)}",
    ast.Limit: _limit,
    ast.ReEntry: _reentry,
    ast.Goal: _goal,
    ast.StopWhen: lambda n, s: f"stop when {written(n.event, s)}",
    ast.Priority: lambda n, _: f"priority {n.priority}",
    ast.OwnedBy: lambda n, _: called("owned by", n.owner),
    ast.Moved: lambda n, _: f"{called('moved', n.old)} {called('to', n.new)}",
    ast.WaitingAt: lambda n, _: f"{called('waiting at', n.step)} exit",
}
