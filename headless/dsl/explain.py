"""What a campaign does, in plain English: the compiler's own reading, nothing left to guess.

`explain` says who comes in (the implicit start too), what each step does, and from when every
stopwatch runs. A short rule becomes a paragraph, a longer campaign an indented list. Imports `ast`,
`clauses`, `deeds`, `entrances`, `flow`, `phrases`.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from headless.dsl import ast, phrases
from headless.dsl.clauses import condition, event, name
from headless.dsl.deeds import deed
from headless.dsl.entrances import (
    implicit_start,
    message_of,
    re_entry,
    single_events,
    started_by,
)
from headless.dsl.flow import bodies

_SHORT: Final = 5
"""The most steps that a paragraph tells of, those in branches counted."""


def explain(campaign: ast.Campaign) -> str:
    """The campaign's reading, without a line break at the end."""
    return _Reader(campaign).read()


class _Reader:
    def __init__(self, campaign: ast.Campaign) -> None:
        self._campaign = campaign
        self._start = implicit_start(campaign)
        self._steps = campaign.steps
        match self._start:
            case ast.When(branches=(branch,)) if started_by(branch.trigger):
                self._steps = (*branch.body.steps, *campaign.steps[1:])
            case _:
                pass
        self._sent = {
            (node.channel, node.message.text)
            for node in ast.walk(campaign)
            if isinstance(node, ast.SendMessage) and node.to is None
        }

    def read(self) -> str:
        count = sum(1 for _ in _all_steps(self._steps))
        simple = not any(bodies(step) for step in _inner(self._steps))
        if count <= _SHORT and simple and len(self._campaign.settings) <= 2:
            return self._paragraph()
        return "\n".join(self._list())

    # -- who, and under which terms

    def _entrance(self) -> str:
        told: list[str] = []
        for setting in self._campaign.settings:
            match setting:
                case ast.From(sources=sources):
                    told.extend(_source(source) for source in sources)
                case ast.StartWhen(event=start):
                    told.append(f"whenever {event(start, 'one')}")
                case _:
                    pass
        match self._start:
            case ast.When(branches=branches):
                told.extend(_implicit(branch.trigger) for branch in branches)
            case ast.Whenever(trigger=trigger):
                told.append(_whenever(trigger))
            case None:
                pass
        told = list(dict.fromkeys(told))
        return "; and ".join(told) or (
            "for each contact who is entered by hand, through the API or by another campaign"
        )

    def _terms(self) -> Iterator[str]:
        rules = [s for s in self._campaign.settings if isinstance(s, ast.ReEntry)]
        yield _again(rules[0] if rules else re_entry(self._campaign))
        for setting in self._campaign.settings:
            told = _term(setting)
            if told:
                yield told

    # -- one paragraph

    def _paragraph(self) -> str:
        sentences: list[str] = []
        run: list[str] = []
        for step in self._steps:
            told = self._inline(step)
            if told is not None:
                run.append(told)
                continue
            sentences.extend(self._sequence(run))
            run = []
            sentences.append(self._sentence(step))
        sentences.extend(self._sequence(run))
        opening = _capital(self._entrance())
        first, rest = sentences[0], sentences[1:]
        told = " ".join([f"{opening}: {first[0].lower()}{first[1:]}", *rest])
        terms = [t for t in self._terms() if not t.startswith(("They come in", "Nobody comes in"))]
        return " ".join([told, *terms])

    def _inline(self, step: ast.Step) -> str | None:
        if isinstance(step, ast.WaitForEvent):
            return self._wait_for(step.trigger)
        if bodies(step):
            return None
        return deed(step)  # type: ignore[arg-type]  # a step without bodies is a simple one

    def _sequence(self, run: list[str]) -> list[str]:
        if not run:
            return []
        told = run[0] if len(run) == 1 else f"{', '.join(run[:-1])}, then {run[-1]}"
        return [f"{_capital(told)}."]

    def _sentence(self, step: ast.Step) -> str:
        match step:
            case ast.When() | ast.If():
                told = "; ".join(
                    f"{head}, {self._body(body)}" for head, body in self._branches(step)
                )
            case ast.Split(arms=arms):
                parts = (f"{_share(arm)}: {self._body(arm.body)}" for arm in arms)
                told = f"deal them at random: {'; '.join(parts)}"
            case ast.Parallel(parts=several):
                told = f"side by side: {'; '.join(self._body(part) for part in several)}"
            case _:
                (body,) = bodies(step)
                told = f"{self._head(step)}: {self._body(body)}"
        return f"{_capital(told)}."

    def _body(self, body: ast.Block) -> str:
        told = [self._inline(step) or self._sentence(step).rstrip(".") for step in body.steps]
        return phrases.listed(told)

    # -- an indented list

    def _list(self) -> Iterator[str]:
        if self._campaign.name is not None:
            yield f"{self._campaign.name.text}"
        yield f"{_capital(self._entrance())}:"
        for number, step in enumerate(self._steps, 1):
            yield from self._item(step, "", f"{number}.")
        yield ""
        yield from self._terms()

    def _item(self, step: ast.Step, indent: str, bullet: str) -> Iterator[str]:
        label = f"({step.label.text}) " if step.label else ""
        lead = f"{indent}{bullet} {label}"
        inner = indent + " " * (len(bullet) + 1)
        told = self._inline(step)
        if told is not None:
            yield f"{lead}{_capital(told)}"
            return
        match step:
            case ast.When() | ast.If():
                for index, (head, body) in enumerate(self._branches(step)):
                    yield f"{inner if index else lead}{_capital(head)}:"
                    yield from self._items(body, inner)
            case ast.Split(arms=arms):
                yield f"{lead}Deal them at random, each contact always the same way:"
                for arm in arms:
                    yield f"{inner}- {_share(arm)}:"
                    yield from self._items(arm.body, f"{inner}  ")
            case ast.Parallel(parts=parts):
                yield f"{lead}Side by side, and on when all have finished:"
                for index, part in enumerate(parts, 1):
                    yield f"{inner}- part {index}:"
                    yield from self._items(part, f"{inner}  ")
            case _:
                (body,) = bodies(step)
                yield f"{lead}{_capital(self._head(step))}:"
                yield from self._items(body, inner)

    def _items(self, body: ast.Block, indent: str) -> Iterator[str]:
        for step in body.steps:
            yield from self._item(step, indent, "-")

    # -- questions

    def _branches(self, step: ast.When | ast.If) -> Iterator[tuple[str, ast.Block]]:
        if isinstance(step, ast.If):
            for index, asked in enumerate(step.branches):
                yield f"{'otherwise ' if index else ''}if {condition(asked.condition)}", asked.body
            if step.otherwise is not None:
                yield "otherwise", step.otherwise
            return
        implicit = step is self._start
        for index, branch in enumerate(step.branches):
            told = self._waited(branch.trigger, implicit=implicit)
            yield f"{'or ' if index else ''}{told}", branch.body
        if step.otherwise is not None:
            yield self._else(step), step.otherwise

    def _waited(self, trigger: ast.Trigger, *, implicit: bool) -> str:
        if trigger.negated:
            until = f" within {self._until(trigger, implicit=implicit)}" if trigger.within else ""
            return f"if {_negative(trigger.event)}{until}"
        if trigger.within is None:
            return f"as soon as {event(trigger.event)}, however long it takes"
        return f"if {event(trigger.event)} within {self._until(trigger, implicit=implicit)}"

    def _else(self, step: ast.When) -> str:
        if any(branch.trigger.negated for branch in step.branches):
            return "otherwise, as soon as they do"
        ends = {self._until(b.trigger, implicit=step is self._start) for b in step.branches}
        if len(ends) == 1:
            return f"otherwise, {ends.pop()}"
        return "otherwise, when all of this time is over"

    def _until(self, trigger: ast.Trigger, *, implicit: bool = False) -> str:
        """A window and the anchor from which it runs: `3 days from the sending of Welcome`."""
        within = trigger.within
        if within is None:
            return "the end of the campaign"
        return f"{phrases.duration(within.duration)} from {self._anchor(trigger, implicit)}"

    def _anchor(self, trigger: ast.Trigger, implicit: bool) -> str:
        match trigger.within.anchor if trigger.within else None:
            case ast.EntryAnchor():
                return "the start of their run"
            case ast.StepAnchor(label=label):
                return f"the end of the step {label.text}"
            case _:
                pass
        messages = [message_of(one) for one in single_events(trigger.event)]
        known = list(dict.fromkeys(message for message in messages if message is not None))
        if not known:
            return "the start" if implicit else "reaching this step"
        told = " and ".join(name(text) for _, text in known)
        if implicit or all(message in self._sent for message in known):
            return f"the sending of {told}"
        return f"the last sending of {told} by anyone, else from reaching this step"

    def _wait_for(self, trigger: ast.Trigger) -> str:
        told = _negative(trigger.event) if trigger.negated else event(trigger.event)
        if trigger.within is None:
            return f"wait until {told}, however long it takes"
        return f"wait until {told}, but no longer than {self._until(trigger)}"

    def _head(self, step: ast.Step) -> str:
        match step:
            case ast.Whenever(trigger=trigger, at_most=most):
                bound = "" if most is None else f", at most {phrases.count(most, 'time')}"
                lasts = "as long as the run lasts"
                if trigger.within is not None:
                    lasts = f"for {self._until(trigger)}"
                return f"beside the rest, {lasts}{bound}: each time {event(trigger.event)}"
            case ast.Repeat(times=times, until=until):
                stop = "" if until is None else f", or until {condition(until)}"
                return f"{phrases.count(times, 'time')} over{stop}"
            case ast.Every(schedule=schedule, stop=stop_rule):
                return f"{_schedule(schedule)}{_stop(stop_rule)}"
            case _:
                raise TypeError(f"no heading for {type(step).__name__}")


# ---------------------------------------------------------------- pieces


def _all_steps(steps: tuple[ast.Step, ...]) -> Iterator[ast.Step]:
    for step in steps:
        yield step
        for body in bodies(step):
            yield from _all_steps(body.steps)


def _inner(steps: tuple[ast.Step, ...]) -> Iterator[ast.Step]:
    for step in steps:
        for body in bodies(step):
            yield from body.steps


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _source(source: ast.Source) -> str:
    match source:
        case ast.FromSegment(segment=segment, where=where):
            told = f"for everybody in the segment {name(segment.text)}, now and as they join"
        case ast.FromNewMembers(segment=segment, where=where):
            told = f"for whoever joins the segment {name(segment.text)} from now on"
        case ast.FromForm(form=form, where=where):
            told = f"for whoever submits the form {name(form.text)}"
        case ast.FromContacts(where=where):
            return f"for every contact for whom it is, or becomes, true that {condition(where)}"
    return f"{told}, if {condition(where)}" if where is not None else told


def _implicit(trigger: ast.Trigger) -> str:
    told = []
    for one in single_events(trigger.event):
        message = message_of(one)
        if message is None:
            told.append(_whenever(structs.replace(trigger, event=one)))
        else:
            told.append(f"whenever {name(message[1])} is sent to a contact, by anybody")
    return phrases.listed(dict.fromkeys(told), "or")


def _whenever(trigger: ast.Trigger) -> str:
    counted = any(one.times > 1 for one in single_events(trigger.event))
    told = f"whenever {event(trigger.event, 'one')}"
    if counted and trigger.within is not None:
        return f"{told} within {phrases.duration(trigger.within.duration)}"
    return told


def _negative(one: ast.Event) -> str:
    return phrases.listed((event(each, "never") for each in single_events(one)), "and")


def _again(rule: ast.ReEntry) -> str:
    if rule.after is not None:
        return f"They come in again at the earliest {phrases.duration(rule.after)} later."
    if rule.mode == "always":
        return "They come in again each time, once the run before has ended."
    return "Nobody comes in a second time."


def _term(setting: ast.Setting) -> str:
    match setting:
        case ast.Active(start=start, end=end):
            until = f" to {phrases.date(end)}" if end else " on"
            return f"Active from {phrases.date(start)}{until}."
        case ast.TimeZone(zone=zone):
            return f"Times are in {zone or 'each contact’s own time zone'}."
        case ast.QuietHours(start=start_time, end=end_time):
            between = f"{phrases.clock(start_time)} to {phrases.clock(end_time)}"
            return f"Nothing is sent from {between}; it waits."
        case ast.QuietDays(days=days):
            return f"Nothing is sent on {phrases.days(days)}; it waits."
        case ast.Limit(count=count, channel=channel, period=period):
            what = phrases.count(count, channel, channel if channel == "sms" else "")
            return f"A contact gets at most {what} in any {period}; more of them wait."
        case ast.Goal(event=reached, label=label):
            called = f" {name(label.text)}" if label else ""
            return f"Goal{called}: the run ends as soon as {event(reached)}."
        case ast.StopWhen(event=stopped):
            return f"The run also ends as soon as {event(stopped)}."
        case _:
            return ""


def _share(arm: ast.Arm) -> str:
    share = "the rest" if arm.share is None else f"{phrases.plain(arm.share)}%"
    return f"{share} ({arm.name.text})" if arm.name else share


def _schedule(schedule: ast.EveryDuration | ast.EveryPeriod) -> str:
    at = f" at {phrases.clock(schedule.time)}" if schedule.time else ""
    if isinstance(schedule, ast.EveryDuration):
        return f"every {phrases.duration(schedule.duration)}{at}"
    on = f" on {phrases.days(schedule.days)}" if schedule.days else ""
    on += f" on day {schedule.day}" if schedule.day is not None else ""
    return f"every {schedule.period}{on}{at}"


def _stop(stop: ast.ForDuration | ast.UntilDate | ast.ForTimes | None) -> str:
    match stop:
        case ast.ForTimes(times=times):
            return f", {phrases.count(times, 'time')}"
        case ast.ForDuration(duration=length):
            return f", for {phrases.duration(length)}"
        case ast.UntilDate(date=date):
            return f", until {phrases.date(date)}"
        case None:
            return ""
