"""Steps that do one thing, as imperatives: "send Welcome", "wait 3 days", "add 10 points".

Imports `ast`, `clauses`, `phrases`.
"""

import datetime
from collections.abc import Callable
from typing import Any, Final

from headless.dsl import ast, phrases
from headless.dsl.clauses import name, what_of


def deed(step: ast.Simple) -> str:
    """What a simple step does; a wait for an event is told by `explain`, which knows its anchor."""
    return _DEEDS[type(step)](step)


def _send(step: ast.SendMessage) -> str:
    what = name(step.message.text)
    kind = "" if step.channel == "email" else f"the {step.channel} "
    told = f"send {kind}{what}"
    if step.channel == "message":
        told = f"send {what} on the channel they like best"
    match step.to:
        case ast.ToOwner():
            told += " to their owner"
        case ast.ToAddress(address=address):
            told += f" to {address}"
        case None:
            pass
    if step.hours is not None:
        told += f" between {phrases.clock(step.hours.start)} and {phrases.clock(step.hours.end)}"
    if step.days is not None:
        told += f" on {phrases.days(step.days)}"
    return f"{told}, also to who has unsubscribed" if step.transactional else told


def _slack(step: ast.SendSlack) -> str:
    where = " to their owner" if isinstance(step.to, ast.ToOwner) else ""
    if isinstance(step.to, ast.ToAddress):
        where = f" to {step.to.address}"
    return f'write "{step.text}"{where} in Slack'


def _points(step: ast.AddPoints | ast.RemovePoints) -> str:
    verb, to = ("add", "to") if isinstance(step, ast.AddPoints) else ("remove", "from")
    told = f"{verb} {phrases.count(step.points, 'point')}"
    if step.group is not None:
        told += f" in the group {name(step.group.text)}"
    return f"{told} {to} their company" if step.company else told


def _holding(step: ast.AddTo | ast.RemoveFrom) -> str:
    which = f"the {step.container} {name(step.name.text)}"
    if isinstance(step, ast.AddTo):
        return f"add them to {which}"
    return f"remove them from {which}"


def _set_owner(step: ast.SetOwner) -> str:
    names = [name(owner.text) for owner in step.owners]
    if len(names) == 1:
        return f"make {names[0]} their owner"
    return f"make {phrases.listed(names, 'or')} their owner, in turn"


def _unsubscribe(step: ast.Unsubscribe) -> str:
    what = {None: "email", "all": "everything"}.get(step.channel, str(step.channel))
    because = f' because "{step.because}"' if step.because else ""
    return f"unsubscribe them from {what}{because}"


def _set_field(step: ast.SetField) -> str:
    value = step.value
    told = what_of(value) if isinstance(value, ast.Field) else phrases.value(value)
    return f"set {what_of(step.field)} to {told}"


def _jump(step: ast.Jump) -> str:
    bound = "" if step.at_most is None else f", at most {phrases.count(step.at_most, 'time')}"
    return f"go to the step {step.to.text}{bound}"


def moment(until: ast.Moment) -> str:
    """`09:00`, `Friday at 17:00`, `3 days before their trial_ends at 09:00`."""
    match until:
        case ast.AtTime(time=time, days=days):
            return phrases.clock(time) + (f" on {phrases.days(days)}" if days else "")
        case ast.OnWeekday(day=day, time=time):
            return day.capitalize() + _at(time)
        case ast.OnDate(date=date):
            return phrases.date(date)
        case ast.AtField(field=field, time=time):
            return f"{what_of(field)}{_at(time)}"
        case ast.AroundField(duration=length, direction=direction, field=field, time=time):
            told = f"{phrases.duration(length)} {direction} {what_of(field)}"
            return told + _at(time)


def _at(time: datetime.time | None) -> str:
    return "" if time is None else f" at {phrases.clock(time)}"


_DEEDS: Final[dict[type[ast.Node], Callable[[Any], str]]] = {
    ast.SendMessage: _send,
    ast.SendSlack: _slack,
    ast.SendWebhook: lambda s: f"call the webhook {name(s.webhook.text)}",
    ast.AddPoints: _points,
    ast.RemovePoints: _points,
    ast.AddTag: lambda s: f"add the tag {name(s.tag.text)}",
    ast.RemoveTag: lambda s: f"remove the tag {name(s.tag.text)}",
    ast.AddTo: _holding,
    ast.RemoveFrom: _holding,
    ast.MoveTo: lambda s: f"move them to the campaign {name(s.campaign.text)}",
    ast.SetField: _set_field,
    ast.ClearField: lambda s: f"clear {what_of(s.field)}",
    ast.SetOwner: _set_owner,
    ast.SetStage: lambda s: f"set their stage to {name(s.stage.text)}",
    ast.PushTo: lambda s: f"push them to {name(s.integration.text)}",
    ast.Unsubscribe: _unsubscribe,
    ast.Subscribe: lambda s: f"subscribe them to {s.channel}",
    ast.ShowContent: lambda s: f"show {name(s.content.text)} in the slot {name(s.slot.text)}",
    ast.Note: lambda s: f'note "{s.text}" in the journal',
    ast.DeleteContact: lambda _: "delete the contact",
    ast.Exit: lambda _: "leave the campaign",
    ast.Jump: _jump,
    ast.WaitFor: lambda s: f"wait {phrases.duration(s.duration)}",
    ast.WaitUntil: lambda s: f"wait until {moment(s.moment)}",
}
