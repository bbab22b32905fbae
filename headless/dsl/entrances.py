"""How people come into a campaign and what ends their runs: the header, and what it leaves unsaid.

Without a source, a first `when` or `whenever` is the campaign's start as well: the implicit start.
Imports `ast`, `plan`, `wording`.
"""

from headless.dsl import ast, plan
from headless.dsl.wording import name, written


def implicit_start(campaign: ast.Campaign) -> ast.When | ast.Whenever | None:
    """The first step when it is also the campaign's start: no source, and `when` comes first."""
    if any(isinstance(setting, ast.From | ast.StartWhen) for setting in campaign.settings):
        return None
    first = campaign.steps[0] if campaign.steps else None
    return first if isinstance(first, ast.When | ast.Whenever) else None


def message_of(event: ast.Event) -> tuple[ast.Channel, str] | None:
    """The message that an event speaks of by name, and its channel."""
    match event:
        case (
            ast.EmailOpened(email=ast.Name(text=name))
            | ast.EmailClicked(email=ast.Name(text=name))
            | ast.EmailBounced(email=ast.Name(text=name))
            | ast.LinkClicked(email=ast.Name(text=name))
        ):
            return "email", name
        case ast.Replied(channel=channel, message=ast.Name(text=name)):
            return channel, name
        case _:
            return None


def single_events(event: ast.Event) -> tuple[ast.Single, ...]:
    """The events that an event is made of, in the order of the text."""
    if isinstance(event, ast.AnyOf | ast.AllOf):
        return tuple(one for part in event.events for one in single_events(part))
    return (event,)


def started_by(trigger: ast.Trigger) -> bool:
    """Whether an implicit start waits for the event itself, not for the sending of its message."""
    events = single_events(trigger.event)
    return not trigger.negated and not any(message_of(event) for event in events)


def sources(campaign: ast.Campaign) -> tuple[plan.Source, ...]:
    """The ways in, the implicit start among them; none when people enter by hand."""
    found: list[plan.Source] = []
    for setting in campaign.settings:
        match setting:
            case ast.From(sources=written):
                found.extend(_written_source(source) for source in written)
            case ast.StartWhen(event=event):
                found.append(plan.Source(event=event))
            case _:
                pass
    match implicit_start(campaign):
        case ast.When(branches=branches):
            found.extend(s for branch in branches for s in _sources_of(branch.trigger))
        case ast.Whenever(trigger=trigger):
            found.append(_event_source(trigger.event, trigger.within))
        case None:
            pass
    return tuple(dict.fromkeys(found))


def _written_source(source: ast.Source) -> plan.Source:
    match source:
        case ast.FromSegment(segment=segment, where=where):
            return plan.Source(segment=segment.text, where=where)
        case ast.FromNewMembers(segment=segment, where=where):
            return plan.Source(segment=segment.text, new_only=True, where=where)
        case ast.FromForm(form=form, where=where):
            return plan.Source(form=form.text, where=where)
        case ast.FromContacts(where=where):
            return plan.Source(contacts=True, where=where)


def _sources_of(trigger: ast.Trigger) -> list[plan.Source]:
    """One way in for each event of an implicit start, since each has its own stopwatch."""
    found = []
    for event in single_events(trigger.event):
        message = message_of(event)
        if message is None:
            found.append(_event_source(event, trigger.within))
        else:
            channel, name = message
            found.append(plan.Source(event=event, sent=name, channel=channel))
    return found


def _event_source(event: ast.Event, within: ast.Within | None) -> plan.Source:
    counted = any(one.times > 1 for one in single_events(event))
    return plan.Source(event=event, within=within.duration if within and counted else None)


def endings(campaign: ast.Campaign) -> list[plan.Ending]:
    """The goals and the stop rules."""
    found = []
    for setting in campaign.settings:
        match setting:
            case ast.Goal(event=event, label=label):
                name = label.text if label else ""
                found.append(plan.Ending(event=event, goal=True, label=name))
            case ast.StopWhen(event=event):
                found.append(plan.Ending(event=event))
            case _:
                pass
    return found


def re_entry(campaign: ast.Campaign) -> ast.ReEntry:
    """What holds when the header is silent: never again, but always after an implicit start."""
    return ast.ReEntry(mode="never" if implicit_start(campaign) is None else "always")


def source_words(source: plan.Source) -> str:
    """One way in, in the language's words."""
    where = "" if source.where is None else f" where ({written(source.where)})"
    if source.event is not None:
        return f"start when {written(source.event)}"
    if source.segment is not None:
        members = "new members of " if source.new_only else ""
        return f"from {members}segment {name(source.segment)}{where}"
    if source.form is not None:
        return f"from form {name(source.form)}{where}"
    return f"from contacts{where}"
