"""Each node in the language's own words, on one line: what the formatter sets in lines.

`written` gives the canonical words of anything but a block of steps. Names and texts stand bare
where the language lets them; with `keep_quotes` a value that was typed in quotes keeps them, for
there they can tell a text from a field. Computes only; imports the tree and the word lists.
"""

import datetime
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple

from headless.dsl import ast
from headless.dsl.tables import table

UNITS: Final = frozenset(
    (
        *("w", "d", "h", "m", "s", "mo", "week", "weeks", "day", "days", "hour", "hours"),
        *("minute", "minutes", "min", "mins", "second", "seconds", "sec", "secs"),
        *("month", "months", "eur", "usd", "gbp", "chf", "sek", "nok", "dkk", "pln", "czk"),
        *("jpy", "aud", "cad", "nzd", "inr", "brl", "zar"),
    )
)
"""Words that would run together with a number before them."""

_BARE = re.compile(r"[^\W\d][\w-]*\Z")
_OTHERS = re.compile(
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|week(?:days|ends)|times?|re-entry)\Z",
    re.IGNORECASE,
)
_FIRST_WORDS = frozenset(
    (
        *("starts", "ends", "waiting", "quiet", "owned", "new", "show", "reachable"),
        *("anniversary", "one", "push", "unsubscribed"),
    )
)
_SPECIAL = re.compile(r'\\(?=["\\]|\Z)')


@cache
def _reserved(*, field: bool) -> frozenset[str]:
    words = table().words
    soft = table().soft_fields if field else table().soft_names
    return frozenset(word for word, terminal in words.items() if terminal not in soft)


def is_name(text: str, *, field: bool = False) -> bool:
    """Whether a name (or a field's name) can stand without quotes."""
    return is_bare(text, field=field) and text.lower() not in _FIRST_WORDS


def is_bare(text: str, *, field: bool = False) -> bool:
    """Whether the language reads this as a name when no word of it follows."""
    if not _BARE.match(text) or _OTHERS.match(text):
        return False
    return text.lower() not in _reserved(field=field)


def is_label(text: str) -> bool:
    """Whether a step can be called so: labels have no quotes, and stand behind numbers."""
    return is_bare(text) and text.lower() not in UNITS


def in_quotes(text: str) -> str:
    """A text as the language quotes it."""
    said = text.replace("\r", " ").replace("\n", " ")
    return '"' + _SPECIAL.sub(r"\\\\", said).replace('"', '\\"') + '"'


def name(text: str) -> str:
    """A name, in quotes if it needs them."""
    return text if is_name(text) else in_quotes(text)


def number(value: Decimal) -> str:
    """A number without exponent and without zeros at its end."""
    told = f"{value:f}"
    return told.rstrip("0").rstrip(".") if "." in told else told


def clock(time: datetime.time) -> str:
    """A time of day: `09:00`."""
    return f"{time.hour:02}:{time.minute:02}"


def duration(length: ast.Duration) -> str:
    """A length of time as the language writes it: `3d`, `1h30m`."""
    parts = (
        (length.months, "mo"),
        (length.weeks, "w"),
        (length.days, "d"),
        (length.hours, "h"),
        (length.minutes, "m"),
        (length.seconds, "s"),
    )
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


class Style(NamedTuple):
    """How to write: `keep_quotes` leaves the quotes that a value was typed with."""

    keep_quotes: bool = False


CANONICAL: Final = Style()
AS_TYPED: Final = Style(keep_quotes=True)


def written(node: ast.Node, style: Style = CANONICAL) -> str:
    """The node in the language's words; for a step without its label."""
    return _WORDS[type(node)](node, style)


def _joined(parts: Iterable[ast.Node], style: Style, between: str = ", ") -> str:
    return between.join(written(part, style) for part in parts)


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _named(word: str, named: ast.Name | None) -> str:
    return f"{word} {name(named.text)}" if named is not None else ""


def _at(time: datetime.time | None) -> str:
    return f"at {clock(time)}" if time is not None else ""


def _times(count: int | None) -> str:
    return "" if count is None else f"at most {count} {'time' if count == 1 else 'times'}"


def _where(condition: ast.Condition | None, style: Style) -> str:
    return f"where ({written(condition, style)})" if condition is not None else ""


def _arguments(arguments: tuple[ast.Argument, ...], style: Style) -> str:
    return f"with ({_joined(arguments, style)})" if arguments else ""


# -- values


def _text(node: ast.Text, style: Style) -> str:
    return in_quotes(node.text) if style.keep_quotes and node.quoted else name(node.text)


def _money(node: ast.Money, _style: Style) -> str:
    told = number(node.amount)
    cents = f"{told}0" if re.fullmatch(r"-?\d+\.\d", told) else told
    return f"{cents} {node.currency}"


def _date(node: ast.Date, _style: Style) -> str:
    return _words(node.date.isoformat(), "" if node.time is None else clock(node.time))


def _days(node: ast.Days, _style: Style) -> str:
    groups = {ast.WEEKDAYS[:5]: "weekdays", ast.WEEKDAYS[5:]: "weekends"}
    return groups.get(node.days) or " and ".join(node.days)


def _field(node: ast.Field, _style: Style) -> str:
    if node.scope == "contact":
        return node.name if is_name(node.name, field=True) else f"field {in_quotes(node.name)}"
    bare = _BARE.match(node.name)
    return f"{node.scope}.{node.name if bare else in_quotes(node.name)}"


def _value(node: ast.Node, style: Style) -> str:
    """A field as a value says so, for a bare name would be a text."""
    if isinstance(node, ast.Field) and node.scope == "contact":
        return f"field {name(node.name)}"
    return written(node, style)


def _answer(node: ast.Answer, _style: Style) -> str:
    form, field = node.form.text, node.field
    if _BARE.match(form) and _BARE.match(field):
        return f"answer {form}.{field}"
    return f"answer {in_quotes(form)}.{field if _plain_name(field) else in_quotes(field)}"


def _plain_name(text: str) -> bool:
    return is_name(text) and text.lower() not in table().words


def _argument(node: ast.Argument, style: Style) -> str:
    return f"{node.name} = {_value(node.value, style)}"


# -- events


def _an_email(verb: str, email: ast.Name | None) -> str:
    return f"{verb} any email" if email is None else f"{verb} email {name(email.text)}"


def _any_or(word: str, what: str, named: ast.Name | None) -> str:
    return f"{word} any {what}" if named is None else f"{word} {what} {name(named.text)}"


def _link_clicked(node: ast.LinkClicked, _style: Style) -> str:
    return _words("clicked link", in_quotes(node.link), _named("in email", node.email))


def _replied(node: ast.Replied, _style: Style) -> str:
    to = f"any {node.channel}" if node.message is None else _named(node.channel, node.message)
    return _words(
        "replied to", to, "" if node.pattern is None else f"with {in_quotes(node.pattern)}"
    )


def _visit(node: ast.PageVisited | ast.SiteVisited, what: str) -> str:
    referrer = "" if node.referrer is None else f"from {in_quotes(node.referrer)}"
    return _words(
        "visited", what, referrer, "" if node.device is None else f"on {node.device.text}"
    )


def _spent(node: ast.TimeSpent, _style: Style) -> str:
    return f"spent {duration(node.duration)} on {_named('page', node.page) or 'site'}"


def _unsubscribed(node: ast.Unsubscribed, _style: Style) -> str:
    return "unsubscribed" + (f" from {node.channel}" if node.channel else "")


def _did(node: ast.Did, style: Style) -> str:
    return _words("did", name(node.activity.text), _where(node.where, style))


def _all_of(node: ast.AllOf, style: Style) -> str:
    parts = (
        f"({written(e, style)})" if isinstance(e, ast.AnyOf | ast.AllOf) else written(e, style)
        for e in node.events
    )
    return " and ".join(parts)


def _within(node: ast.Within, style: Style) -> str:
    of = "" if node.anchor is None else f"of {written(node.anchor, style)}"
    return _words("within", duration(node.duration), of)


def _trigger(node: ast.Trigger, style: Style) -> str:
    event = written(node.event, style)
    if node.negated and isinstance(node.event, ast.AnyOf | ast.AllOf):
        event = f"({event})"
    window = "" if node.within is None else _within(node.within, style)
    return _words("not" if node.negated else "", event, window)


# -- conditions


def _inside(node: ast.Node, style: Style, brackets: tuple[type, ...]) -> str:
    said = written(node, style)
    return f"({said})" if isinstance(node, brackets) else said


def _and(node: ast.And, style: Style) -> str:
    return " and ".join(_inside(c, style, (ast.Or, ast.And)) for c in node.conditions)


def _compare(node: ast.Compare, style: Style) -> str:
    return f"{written(node.operand, style)} {node.operator} {_value(node.value, style)}"


def _is_in(node: ast.IsIn, style: Style) -> str:
    values = ", ".join(_value(v, style) for v in node.values)
    return f"{written(node.operand, style)} in ({values})"


def _between(node: ast.Between, style: Style) -> str:
    ends = f"{_value(node.low, style)} and {_value(node.high, style)}"
    return f"{written(node.operand, style)} between {ends}"


def _dated(node: ast.Dated, style: Style) -> str:
    return f"{written(node.operand, style)} {node.direction} {_value(node.value, style)}"


def _happened(node: ast.Happened, style: Style) -> str:
    back = "" if node.last is None else f"in last {duration(node.last)}"
    return _words(written(node.event, style), back, "ever" if node.ever else "")


# -- settings


def _source(what: str, node: Any, style: Style) -> str:
    named = node.form if isinstance(node, ast.FromForm) else node.segment
    return _words(what, name(named.text), _where(node.where, style))


def _active(node: ast.Active, style: Style) -> str:
    end = "" if node.end is None else f"to {written(node.end, style)}"
    return _words("active", written(node.start, style), end)


def _zone(node: ast.TimeZone, _style: Style) -> str:
    return "time zone " + ("contact" if node.zone is None else in_quotes(node.zone))


def _limit(node: ast.Limit, _style: Style) -> str:
    many = node.channel if node.count == 1 or node.channel == "sms" else f"{node.channel}s"
    return f"limit {node.count} {many} per {node.period}"


def _reentry(node: ast.ReEntry, _style: Style) -> str:
    return _words("re-entry", node.mode, "" if node.after is None else duration(node.after))


def _goal(node: ast.Goal, style: Style) -> str:
    label = "" if node.label is None else name(node.label.text)
    return _words("goal", label, "when", written(node.event, style))


# -- steps


def _send_message(node: ast.SendMessage, style: Style) -> str:
    return _words(
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


def _points(verb: str, to: str, node: ast.AddPoints | ast.RemovePoints) -> str:
    group = _named("in group", node.group)
    return _words(f"{verb} points {node.points}", group, f"{to} company" if node.company else "")


def _set_owner(node: ast.SetOwner, _style: Style) -> str:
    owners = [name(owner.text) for owner in node.owners]
    return "set owner to " + (owners[0] if len(owners) == 1 else f"one of ({', '.join(owners)})")


def _unsubscribe(node: ast.Unsubscribe, _style: Style) -> str:
    because = "" if node.because is None else f"because {in_quotes(node.because)}"
    return _words("unsubscribe", f"from {node.channel}" if node.channel else "", because)


def _at_time(node: ast.AtTime, style: Style) -> str:
    return _words(clock(node.time), f"on {written(node.days, style)}" if node.days else "")


def _around_field(node: ast.AroundField, style: Style) -> str:
    about = f"{duration(node.duration)} {node.direction} {written(node.field, style)}"
    return _words(about, _at(node.time))


def _every_period(node: ast.EveryPeriod, style: Style) -> str:
    on = f"on {written(node.days, style)}" if node.days else ""
    on = f"on day {node.day}" if node.day is not None else on
    return _words(node.period, on, _at(node.time))


Words = Callable[[Any, Style], str]

_WORDS: Final[dict[type[ast.Node], Words]] = {
    ast.Name: lambda n, _: name(n.text),
    ast.Text: _text,
    ast.Number: lambda n, _: number(n.value),
    ast.Percent: lambda n, _: f"{number(n.value)}%",
    ast.Money: _money,
    ast.YesNo: lambda n, _: "yes" if n.value else "no",
    ast.Date: _date,
    ast.TimeOfDay: lambda n, _: clock(n.time),
    ast.Days: _days,
    ast.Duration: lambda n, _: duration(n),
    ast.Now: lambda _n, _: "now",
    ast.Today: lambda _n, _: "today",
    ast.Ago: lambda n, _: f"{duration(n.duration)} ago",
    ast.FromNow: lambda n, _: f"{duration(n.duration)} from now",
    ast.Field: _field,
    ast.Answer: _answer,
    ast.Points: lambda n, _: _words("points", _named("in group", n.group)),
    ast.Stage: lambda _n, _: "stage",
    ast.Owner: lambda _n, _: "owner",
    ast.Device: lambda _n, _: "device",
    ast.Anniversary: lambda n, s: f"anniversary of {written(n.field, s)}",
    ast.Argument: _argument,
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
    ast.SlotRequested: lambda n, _: _named("requested slot", n.slot),
    ast.Joined: lambda n, _: _named(f"joined {n.gathering}", n.name),
    ast.Left: lambda n, _: _named(f"left {n.gathering}", n.name),
    ast.TagGot: lambda n, _: _named("got tag", n.tag),
    ast.StageEntered: lambda n, _: _named("entered stage", n.stage),
    ast.PointsReached: lambda n, _: _words(
        f"reached {n.points} points", _named("in group", n.group)
    ),
    ast.FieldChanged: lambda n, s: f"changed {written(n.field, s)}",
    ast.Unsubscribed: _unsubscribed,
    ast.Did: _did,
    ast.AnyOf: lambda n, s: _joined(n.events, s, " or "),
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
    ast.InSegment: lambda n, _: _named("in segment", n.segment),
    ast.InCampaign: lambda n, _: _named("in campaign", n.campaign),
    ast.HasTag: lambda n, _: _named("has tag", n.tag),
    ast.ReachableBy: lambda n, _: f"reachable by {n.channel}",
    ast.Happened: _happened,
    ast.FromSegment: lambda n, s: _source("segment", n, s),
    ast.FromNewMembers: lambda n, s: _source("new members of segment", n, s),
    ast.FromForm: lambda n, s: _source("form", n, s),
    ast.FromContacts: lambda n, s: f"contacts {_where(n.where, s)}",
    ast.Language: lambda n, _: f"language {n.edition}",
    ast.From: lambda n, s: f"from {_joined(n.sources, s)}",
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
    ast.OwnedBy: lambda n, _: _named("owned by", n.owner),
    ast.Moved: lambda n, _: f"{_named('moved', n.old)} {_named('to', n.new)}",
    ast.WaitingAt: lambda n, _: f"{_named('waiting at', n.step)} exit",
    ast.ToOwner: lambda _n, _: "owner",
    ast.ToAddress: lambda n, _: in_quotes(n.address),
    ast.SendMessage: _send_message,
    ast.SendSlack: lambda n, s: _words("send slack", in_quotes(n.text), _recipient(n.to, s)),
    ast.SendWebhook: lambda n, s: _words(
        _named("send webhook", n.webhook), _arguments(n.arguments, s)
    ),
    ast.AddPoints: lambda n, _: _points("add", "to", n),
    ast.RemovePoints: lambda n, _: _points("remove", "from", n),
    ast.AddTag: lambda n, _: _named("add tag", n.tag),
    ast.RemoveTag: lambda n, _: _named("remove tag", n.tag),
    ast.AddTo: lambda n, _: _named(f"add to {n.container}", n.name),
    ast.RemoveFrom: lambda n, _: _named(f"remove from {n.container}", n.name),
    ast.MoveTo: lambda n, _: _named("move to campaign", n.campaign),
    ast.SetField: lambda n, s: f"set {written(n.field, s)} to {_value(n.value, s)}",
    ast.ClearField: lambda n, s: f"clear {written(n.field, s)}",
    ast.SetOwner: _set_owner,
    ast.SetStage: lambda n, _: _named("set stage to", n.stage),
    ast.PushTo: lambda n, s: _words(_named("push to", n.integration), _arguments(n.arguments, s)),
    ast.Unsubscribe: _unsubscribe,
    ast.Subscribe: lambda n, _: f"subscribe to {n.channel}",
    ast.ShowContent: lambda n, _: (
        f"{_named('show content', n.content)} {_named('in slot', n.slot)}"
    ),
    ast.Note: lambda n, _: f"note {in_quotes(n.text)}",
    ast.DeleteContact: lambda _n, _: "delete contact",
    ast.Exit: lambda _n, _: "exit",
    ast.Jump: lambda n, _: _words(f"jump to {n.to.text}", _times(n.at_most)),
    ast.AtTime: _at_time,
    ast.OnWeekday: lambda n, _: _words(n.day, _at(n.time)),
    ast.OnDate: lambda n, s: written(n.date, s),
    ast.AtField: lambda n, s: _words(written(n.field, s), _at(n.time)),
    ast.AroundField: _around_field,
    ast.WaitFor: lambda n, _: f"wait {duration(n.duration)}",
    ast.WaitUntil: lambda n, s: f"wait until {written(n.moment, s)}",
    ast.WaitForEvent: lambda n, s: f"wait until {written(n.trigger, s)}",
    ast.EveryDuration: lambda n, _: _words(duration(n.duration), _at(n.time)),
    ast.EveryPeriod: _every_period,
    ast.ForDuration: lambda n, _: f"for {duration(n.duration)}",
    ast.UntilDate: lambda n, s: f"until {written(n.date, s)}",
    ast.ForTimes: lambda n, _: f"{n.times} {'time' if n.times == 1 else 'times'}",
}


def _counted(words: Words) -> Words:
    def with_count(node: ast.Happening, style: Style) -> str:
        return _words(words(node, style), f"{node.times} times" if node.times != 1 else "")

    return with_count


_WORDS.update(
    {kind: _counted(words) for kind, words in _WORDS.items() if issubclass(kind, ast.Happening)}
)
