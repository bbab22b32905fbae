"""The words of the simple steps, and of the moments and schedules that steps wait for.

The words around a block of steps are the formatter's. Imports the tree, the literals, the style
and how a value is said.
"""

import datetime
from typing import Final

from headless.dsl import ast
from headless.dsl.wording.literals import clock, duration, in_quotes, name
from headless.dsl.wording.style import Style, Words, called, joined, spaced, written
from headless.dsl.wording.values import as_value


def _send_message(node: ast.SendMessage, style: Style) -> str:
    return spaced(
        "send",
        "transactional" if node.transactional else "",
        node.channel,
        name(node.message.text),
        _recipient(node.to, style),
        f"between {clock(node.hours.start)} and {clock(node.hours.end)}" if node.hours else "",
        f"on {written(node.days, style)}" if node.days else "",
        _arguments(node.arguments, style),
    )


def _recipient(to: ast.Recipient | None, style: Style) -> str:
    return "" if to is None else f"to {written(to, style)}"


def _arguments(arguments: tuple[ast.Argument, ...], style: Style) -> str:
    return f"with ({joined(arguments, style)})" if arguments else ""


def _points(verb: str, to: str, node: ast.AddPoints | ast.RemovePoints) -> str:
    group = called("in group", node.group)
    return spaced(f"{verb} points {node.points}", group, f"{to} company" if node.company else "")


def _set_owner(node: ast.SetOwner, _style: Style) -> str:
    owners = [name(owner.text) for owner in node.owners]
    return "set owner to " + (owners[0] if len(owners) == 1 else f"one of ({', '.join(owners)})")


def _unsubscribe(node: ast.Unsubscribe, _style: Style) -> str:
    because = "" if node.because is None else f"because {in_quotes(node.because)}"
    return spaced("unsubscribe", f"from {node.channel}" if node.channel else "", because)


def _times(count: int | None) -> str:
    return "" if count is None else f"at most {count} {'time' if count == 1 else 'times'}"


def _at(time: datetime.time | None) -> str:
    return f"at {clock(time)}" if time is not None else ""


def _at_time(node: ast.AtTime, style: Style) -> str:
    return spaced(clock(node.time), f"on {written(node.days, style)}" if node.days else "")


def _around_field(node: ast.AroundField, style: Style) -> str:
    about = f"{duration(node.duration)} {node.direction} {written(node.field, style)}"
    return spaced(about, _at(node.time))


def _every_period(node: ast.EveryPeriod, style: Style) -> str:
    on = f"on {written(node.days, style)}" if node.days else ""
    on = f"on day {node.day}" if node.day is not None else on
    return spaced(node.period, on, _at(node.time))


WORDS: Final[dict[type[ast.Node], Words]] = {
    ast.ToOwner: lambda _n, _: "owner",
    ast.ToAddress: lambda n, _: in_quotes(n.address),
    ast.SendMessage: _send_message,
    ast.SendSlack: lambda n, s: spaced("send slack", in_quotes(n.text), _recipient(n.to, s)),
    ast.SendWebhook: lambda n, s: spaced(
        called("send webhook", n.webhook), _arguments(n.arguments, s)
    ),
    ast.AddPoints: lambda n, _: _points("add", "to", n),
    ast.RemovePoints: lambda n, _: _points("remove", "from", n),
    ast.AddTag: lambda n, _: called("add tag", n.tag),
    ast.RemoveTag: lambda n, _: called("remove tag", n.tag),
    ast.AddTo: lambda n, _: called(f"add to {n.container}", n.name),
    ast.RemoveFrom: lambda n, _: called(f"remove from {n.container}", n.name),
    ast.MoveTo: lambda n, _: called("move to campaign", n.campaign),
    ast.SetField: lambda n, s: f"set {written(n.field, s)} to {as_value(n.value, s)}",
    ast.ClearField: lambda n, s: f"clear {written(n.field, s)}",
    ast.SetOwner: _set_owner,
    ast.SetStage: lambda n, _: called("set stage to", n.stage),
    ast.PushTo: lambda n, s: spaced(called("push to", n.integration), _arguments(n.arguments, s)),
    ast.Unsubscribe: _unsubscribe,
    ast.Subscribe: lambda n, _: f"subscribe to {n.channel}",
    ast.ShowContent: lambda n, _: (
        f"{called('show content', n.content)} {called('in slot', n.slot)}"
    ),
    ast.Note: lambda n, _: f"note {in_quotes(n.text)}",
    ast.DeleteContact: lambda _n, _: "delete contact",
    ast.Exit: lambda _n, _: "exit",
    ast.Jump: lambda n, _: spaced(f"jump to {n.to.text}", _times(n.at_most)),
    ast.AtTime: _at_time,
    ast.OnWeekday: lambda n, _: spaced(n.day, _at(n.time)),
    ast.OnDate: lambda n, s: written(n.date, s),
    ast.AtField: lambda n, s: spaced(written(n.field, s), _at(n.time)),
    ast.AroundField: _around_field,
    ast.WaitFor: lambda n, _: f"wait {duration(n.duration)}",
    ast.WaitUntil: lambda n, s: f"wait until {written(n.moment, s)}",
    ast.WaitForEvent: lambda n, s: f"wait until {written(n.trigger, s)}",
    ast.EveryDuration: lambda n, _: spaced(duration(n.duration), _at(n.time)),
    ast.EveryPeriod: _every_period,
    ast.ForDuration: lambda n, _: f"for {duration(n.duration)}",
    ast.UntilDate: lambda n, s: f"until {written(n.date, s)}",
    ast.ForTimes: lambda n, _: f"{n.times} {'time' if n.times == 1 else 'times'}",
}
