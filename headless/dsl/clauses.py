"""Events and conditions as clauses of plain English: "they open Welcome", "their points are 5".

A clause has a subject and fits behind "if", "when" and "until". Imports `ast`, `phrases`.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

from headless.dsl import ast, phrases

Tense = Literal["they", "one", "past", "never"]
"""they open; a contact opens; they have opened; they have not opened."""

_OPERATORS: Final[dict[ast.Operator, str]] = {
    "is": "{be}",
    "is not": "{be} not",
    ">": "{be} more than",
    ">=": "{be} at least",
    "<": "{be} less than",
    "<=": "{be} at most",
    "contains": "contains",
    "starts with": "starts with",
    "ends with": "ends with",
}


def name(text: str) -> str:
    """A name as it stands in a sentence: in quotes when it is of several words."""
    return text if text and " " not in text and not text.endswith(".") else f'"{text}"'


def _someone(verb: str, third: str, done: str, rest: str, tense: Tense) -> str:
    told = {
        "they": f"they {verb}",
        "one": f"a contact {third}",
        "past": f"they have {done}",
        "never": f"they have not {done}",
    }[tense]
    return f"{told} {rest}".rstrip()


def _something(what: str, happens: str, happened: str, tense: Tense) -> str:
    told = {"past": f"has {happened}", "never": f"has not {happened}"}.get(tense, happens)
    return f"{what} {told}"


def event(one: ast.Event, tense: Tense = "they") -> str:
    """What happens: `they open Welcome 3 times`, `a contact does "order placed"`."""
    if isinstance(one, ast.AnyOf | ast.AllOf):
        word = "or" if isinstance(one, ast.AnyOf) else "and"
        return phrases.listed((event(each, tense) for each in one.events), word)
    told = _EVENTS[type(one)](one, tense)
    if one.times > 1:
        told = f"{told} {one.times} times"
    if isinstance(one, ast.Did) and one.where is not None:
        told = f"{told} where {condition(one.where, inside=True)}"
    return told


def _email(email: ast.Name | None) -> str:
    return name(email.text) if email else "any email"


def _bounced(one: ast.EmailBounced, tense: Tense) -> str:
    what = name(one.email.text) if one.email else "an email to them"
    return _something(what, "bounces", "bounced", tense)


def _link(one: ast.LinkClicked, tense: Tense) -> str:
    inside = f" in {name(one.email.text)}" if one.email else ""
    rest = f"the link {one.link}{inside}"
    return _someone("click", "clicks", "clicked", rest, tense)


def _replied(one: ast.Replied, tense: Tense) -> str:
    what = name(one.message.text) if one.message else f"any {one.channel}"
    pattern = f' with "{one.pattern}"' if one.pattern else ""
    return _someone("reply", "replies", "replied", f"to {what}{pattern}", tense)


def _visited(one: ast.PageVisited | ast.SiteVisited, tense: Tense) -> str:
    what = f"the page {one.page.text}" if isinstance(one, ast.PageVisited) else "the site"
    referrer = f" from {one.referrer}" if one.referrer else ""
    device = f" on {one.device.text}" if one.device else ""
    return _someone("visit", "visits", "visited", f"{what}{referrer}{device}", tense)


def _spent(one: ast.TimeSpent, tense: Tense) -> str:
    where = f"the page {one.page.text}" if one.page else "the site"
    rest = f"{phrases.duration(one.duration)} on {where}"
    return _someone("spend", "spends", "spent", rest, tense)


def _gathering(one: ast.Joined | ast.Left) -> str:
    return f"the {one.gathering} {name(one.name.text)}"


def _points(one: ast.PointsReached, tense: Tense) -> str:
    group = f" in the group {name(one.group.text)}" if one.group else ""
    return _someone("reach", "reaches", "reached", f"{one.points} points{group}", tense)


def _unsubscribed(one: ast.Unsubscribed, tense: Tense) -> str:
    what = "" if one.channel is None else f"from {one.channel}"
    if tense in ("past", "never"):
        state = "are" if tense == "past" else "are not"
        return f"they {state} unsubscribed {what}".rstrip()
    return _someone("unsubscribe", "unsubscribes", "unsubscribed", what, tense)


_EVENTS: Final[dict[type[ast.Node], Callable[[Any, Tense], str]]] = {
    ast.EmailOpened: lambda e, t: _someone("open", "opens", "opened", _email(e.email), t),
    ast.EmailClicked: lambda e, t: _someone(
        "click", "clicks", "clicked", f"a link in {_email(e.email)}", t
    ),
    ast.EmailBounced: _bounced,
    ast.LinkClicked: _link,
    ast.Replied: _replied,
    ast.PageVisited: _visited,
    ast.SiteVisited: _visited,
    ast.TimeSpent: _spent,
    ast.FormSubmitted: lambda e, t: _someone(
        "submit",
        "submits",
        "submitted",
        f"the form {name(e.form.text)}" if e.form else "any form",
        t,
    ),
    ast.AssetDownloaded: lambda e, t: _someone(
        "download", "downloads", "downloaded", name(e.asset.text) if e.asset else "any asset", t
    ),
    ast.SlotRequested: lambda e, t: _someone(
        "see", "sees", "seen", f"a page with the slot {name(e.slot.text)}", t
    ),
    ast.Joined: lambda e, t: _someone("join", "joins", "joined", _gathering(e), t),
    ast.Left: lambda e, t: _someone("leave", "leaves", "left", _gathering(e), t),
    ast.TagGot: lambda e, t: _someone("get", "gets", "got", f"the tag {name(e.tag.text)}", t),
    ast.StageEntered: lambda e, t: _someone(
        "enter", "enters", "entered", f"the stage {name(e.stage.text)}", t
    ),
    ast.PointsReached: _points,
    ast.FieldChanged: lambda e, t: _something(
        f"their {phrases.field(e.field)}", "changes", "changed", t
    ),
    ast.Unsubscribed: _unsubscribed,
    ast.Did: lambda e, t: _someone("do", "does", "done", f'"{e.activity.text}"', t),
}


# ---------------------------------------------------------------- conditions


def condition(one: ast.Condition, *, inside: bool = False) -> str:
    """What must hold; `inside` an activity's `where`, names are the activity's properties."""
    match one:
        case ast.Or(conditions=parts):
            return phrases.listed((_joined(part, inside) for part in parts), "or")
        case ast.And(conditions=parts):
            return phrases.listed((_joined(part, inside) for part in parts), "and")
        case ast.Not(condition=denied):
            return _not(denied, inside)
        case ast.InSegment(segment=segment):
            return f"they are in the segment {name(segment.text)}"
        case ast.InCampaign(campaign=campaign):
            return f"they are in the campaign {name(campaign.text)}"
        case ast.HasTag(tag=tag):
            return f"they have the tag {name(tag.text)}"
        case ast.ReachableBy(channel=channel):
            return f"they can be reached by {channel}"
        case ast.Happened():
            return _happened(one, "past")
        case _:
            return _test(one, inside)


def _joined(part: ast.Condition, inside: bool) -> str:
    told = condition(part, inside=inside)
    return f"({told})" if isinstance(part, ast.Or | ast.And) else told


def _not(denied: ast.Condition, inside: bool) -> str:
    match denied:
        case ast.InSegment() | ast.InCampaign():
            return condition(denied).replace("they are in", "they are not in", 1)
        case ast.HasTag():
            return condition(denied).replace("they have", "they do not have", 1)
        case ast.ReachableBy():
            return condition(denied).replace("they can", "they cannot", 1)
        case ast.Happened():
            return _happened(denied, "never")
        case ast.Not(condition=meant):
            return condition(meant, inside=inside)
        case _:
            return f"it is not so that {condition(denied, inside=inside)}"


def _happened(one: ast.Happened, tense: Tense) -> str:
    told = event(one.event, tense)
    if one.last is not None:
        return f"{told} in the last {phrases.duration(one.last)}"
    if one.ever:
        return f"{told} ever" if tense == "never" else f"{told} at any time"
    if isinstance(one.event, ast.Unsubscribed):
        return told
    return f"{told} since they came in"


def _test(one: Any, inside: bool) -> str:
    told = what_of(one.operand, inside=inside)
    be = "are" if isinstance(one.operand, ast.Points) else "is"
    match one:
        case ast.Compare(operator=operator, value=value):
            return f"{told} {_OPERATORS[operator].format(be=be)} {_value(value)}"
        case ast.Matches(pattern=pattern):
            return f"{told} matches the pattern {pattern}"
        case ast.IsIn(values=values):
            return f"{told} {be} one of {phrases.listed((_value(v) for v in values), 'or')}"
        case ast.Between(low=low, high=high):
            return f"{told} {be} from {_value(low)} to {_value(high)}"
        case ast.IsEmpty():
            return f"{told} {be} not known"
        case ast.IsNotEmpty():
            return f"{told} {be} known"
        case ast.Dated(direction=direction, value=value):
            return f"{told} {be} {direction} {_value(value)}"
        case _:
            raise TypeError(f"no clause for {type(one).__name__}")


def _value(one: ast.Value) -> str:
    return f"their {phrases.field(one)}" if isinstance(one, ast.Field) else phrases.value(one)


def what_of(operand: ast.Operand, *, inside: bool = False) -> str:
    """What is looked at: `their country`, `the size of their company`, `now`."""
    match operand:
        case ast.Field(name=field) if inside:
            return f"its {field}"
        case ast.Field(name=field, scope="contact"):
            return f"their {field}"
        case ast.Field(name=field, scope="company"):
            return f"the {field} of their company"
        case ast.Field(name=field, scope="entry"):
            return f"the {field} of what started their run"
        case ast.Field(name=field, scope="event"):
            return f"the {field} of the last event"
        case ast.Answer(form=form, field=field):
            return f"their answer {field} in the form {name(form.text)}"
        case ast.Points(group=ast.Name(text=group)):
            return f"their points in the group {name(group)}"
        case ast.Anniversary(field=field):
            return f"the anniversary of their {phrases.field(field)}"
        case ast.Now() | ast.Today():
            return phrases.operand(operand)
        case _:
            return f"their {phrases.operand(operand)}"
