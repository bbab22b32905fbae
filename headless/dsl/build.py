"""From what the grammar's rules have read to the tree: one method per rule, named as the rule.

A rule's parts arrive as grammar/campaign.lark tells: without keywords, absent options as None.
Faults that the grammar cannot see (the 30th of February, a number without end) go to `problems`;
what an `else` or an `end` answers goes to `answers` and each run of steps to `runs`, for the check
of the layout. Computes only; imports the tree, the tokens and the diagnostics.
"""
# ruff: noqa: D102 - each method is documented by the rule of its name in the grammar

import datetime
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from headless.dsl import ast
from headless.dsl.diagnostics import Diagnostic, Related, Span, error, replacing
from headless.dsl.lalr import Token
from headless.dsl.wording import is_label

MOST: Final = 1_000_000_000
"""The largest count or number of points."""
LONGEST_NUMBER: Final = 24
"""The most characters that a number may have."""
LONGEST_DAYS: Final = 36_600
"""The longest a duration may be: a hundred years."""

_DURATION = re.compile(r"(\d+)\s*([a-z]+)")
_UNITS = {"mo": "months", "w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_ESCAPE = re.compile(r'\\(["\\])')


class Answer(NamedTuple):
    """A word that answers an earlier one: `else` its `if`, `end` its `split`.

    `block` tells whether the one it answers stands in `do ... end`; what it answers ends at
    `before`.
    """

    word: str
    span: Span
    opener: str
    opener_span: Span
    block: bool
    before: int


def unquoted(token: str) -> str:
    """What a quoted text says; only the quote and the backslash are escaped by a backslash."""
    return _ESCAPE.sub(r"\1", token[1:-1])


class Builder:
    """Builds one tree; see the module."""

    def __init__(self) -> None:
        self.problems: list[Diagnostic] = []
        self.answers: list[Answer] = []
        self.runs: list[tuple[ast.Step, ...]] = []

    def build(self, method: str, span: Span, parts: list[Any]) -> Any:
        """The value of a rule."""
        return _METHODS[method](self, span, *parts)

    # -- the whole

    def start(self, span: Span, title: ast.Name | None, *parts: Any) -> ast.Campaign:
        settings = [p for p in parts if not isinstance(p, ast.StepNode)]
        steps = tuple(p for p in parts if isinstance(p, ast.StepNode))
        self.runs.append(steps)  # type: ignore[arg-type]  # every StepNode is a Step
        self._once(settings)
        settings.sort(key=lambda s: ast.SETTING_ORDER.index(type(s)))
        return ast.Campaign(title, tuple(settings), steps, span=span)  # type: ignore[arg-type]

    def _once(self, settings: list[Any]) -> None:
        seen: dict[type, Any] = {}
        for setting in settings:
            kind = type(setting)
            if kind in (ast.Moved, ast.WaitingAt):
                continue
            if kind in seen:
                self.problems.append(_twice(setting, seen[kind]))
            seen.setdefault(kind, setting)

    def condition(self, span: Span, condition: ast.Condition) -> ast.Condition:
        return condition

    def event_text(self, span: Span, event: ast.Event) -> ast.Event:
        return event

    # -- words and measures

    def ref(self, span: Span, token: Token) -> ast.Name:
        text = unquoted(token.text) if token.type == "STRING" else token.text
        if not text.strip():
            self.problems.append(
                error("E128", "a name cannot be empty", span, help="write it between the quotes")
            )
        return ast.Name(text, span=span)

    def name(self, span: Span, token: Token) -> ast.Name:
        return ast.Name(token.text, span=span)

    def token(self, span: Span, token: Token) -> Token:
        return token

    soft_name = soft_field = token

    def whole(self, span: Span, token: Token) -> int:
        number = int(token.text[:12])
        if number > MOST:
            self.problems.append(_too_large(token))
            return MOST
        return number

    def text(self, span: Span, token: Token) -> str:
        return unquoted(token.text)

    def duration(self, span: Span, token: Token) -> ast.Duration:
        parts: dict[str, int] = {}
        for amount, unit in _DURATION.findall(token.text.lower()):
            part = _UNITS["mo" if unit.startswith("mo") else unit[0]]
            parts[part] = parts.get(part, 0) + int(amount[:12])
        length = ast.Duration(**parts, span=span)
        if length.most_seconds > LONGEST_DAYS * 86400:
            self.problems.append(
                error("E123", f"`{token.text}` is longer than a hundred years", span)
            )
            return ast.Duration(days=LONGEST_DAYS, span=span)
        return length

    def date(self, span: Span, token: Token) -> ast.Date:
        day, _, clock = token.text.upper().replace("T", " ").partition(" ")
        at = self._clock(clock.strip(), span) if clock.strip() else None
        try:
            return ast.Date(datetime.date.fromisoformat(day), at, span=span)
        except ValueError:
            self.problems.append(_no_such_day(day, span))
            return ast.Date(datetime.date(2000, 1, 1), at, span=span)

    def clock(self, span: Span, token: Token) -> datetime.time:
        return self._clock(token.text, span)

    def _clock(self, text: str, span: Span) -> datetime.time:
        hour, minute = (int(part) for part in text.split(":"))
        if hour > 23 or minute > 59:
            midnight = (hour, minute) == (24, 0)
            self.problems.append(
                error(
                    "E122",
                    f"there is no `{text}`: a day goes from 00:00 to 23:59",
                    span,
                    help="the midnight that ends a day is the 00:00 of the next"
                    if midnight
                    else "",
                )
            )
            return datetime.time(0, 0)
        return datetime.time(hour, minute)

    def days(self, span: Span, *tokens: Token) -> ast.Days:
        named = {t.text.lower() for t in tokens}
        return ast.Days(tuple(d for d in ast.WEEKDAYS if d in named), span=span)

    def day_group(self, span: Span, token: Token) -> ast.Days:
        work = token.text.lower() == "weekdays"
        return ast.Days(ast.WEEKDAYS[:5] if work else ast.WEEKDAYS[5:], span=span)

    def channel(self, span: Span, token: Token) -> str:
        return _channel(token)

    consent = container = gathering = period = direction = limited = channel

    def order(self, span: Span, token: Token) -> str:
        return token.text

    def field_bare(self, span: Span, word: Token) -> ast.Field:
        return ast.Field(word.text, span=span)

    def field_named(self, span: Span, word: Token | ast.Name) -> ast.Field:
        name = word.text if isinstance(word, ast.Name) else unquoted(word.text)
        return ast.Field(name, span=span)

    def dotted(self, span: Span, token: Token) -> ast.Field:
        scope, _, name = token.text.partition(".")
        return ast.Field(name, scope.lower(), span=span)

    def company_field(self, span: Span, token: Token) -> ast.Field:
        return ast.Field(unquoted(token.text), "company", span=span)

    # -- values

    def quoted_text(self, span: Span, token: Token) -> ast.Text:
        return ast.Text(unquoted(token.text), span=span)

    def bare_text(self, span: Span, name: ast.Name) -> ast.Text:
        return ast.Text(name.text, quoted=False, span=span)

    def number(self, span: Span, token: Token) -> ast.Number:
        return ast.Number(self._decimal(token, token.text), span=span)

    def percent(self, span: Span, token: Token) -> ast.Percent:
        return ast.Percent(self._decimal(token, token.text.rstrip("% \t\n")), span=span)

    def money(self, span: Span, token: Token) -> ast.Money:
        amount, currency = token.text[:-3].strip(), token.text[-3:]
        return ast.Money(self._decimal(token, amount), currency.upper(), span=span)

    def _decimal(self, token: Token, text: str) -> Decimal:
        if len(text) > LONGEST_NUMBER:
            self.problems.append(_too_large(token))
            return Decimal(0)
        number = Decimal(text)
        whole = number == number.to_integral_value()
        return Decimal(int(number)) if whole else number.normalize()

    def yes_no(self, span: Span, token: Token) -> ast.YesNo:
        return ast.YesNo(token.type == "TRUE", span=span)

    def time_value(self, span: Span, clock: datetime.time) -> ast.TimeOfDay:
        return ast.TimeOfDay(clock, span=span)

    def now(self, span: Span) -> ast.Now:
        return ast.Now(span=span)

    def today(self, span: Span) -> ast.Today:
        return ast.Today(span=span)

    def ago(self, span: Span, duration: ast.Duration) -> ast.Ago:
        return ast.Ago(duration, span=span)

    def from_now(self, span: Span, duration: ast.Duration) -> ast.FromNow:
        return ast.FromNow(duration, span=span)

    def same(self, span: Span, value: Any) -> Any:
        return value

    operand = date_value = neg = event_one = same

    # -- settings

    def language(self, span: Span, edition: int) -> ast.Language:
        if edition != 1:
            self.problems.append(
                error(
                    "E129",
                    f"there is no edition {edition} of the language",
                    span,
                    help="this server speaks edition 1: write `language 1`",
                )
            )
        return ast.Language(edition, span=span)

    def source(self, span: Span, *sources: ast.Source) -> ast.From:
        return ast.From(sources, span=span)

    def from_segment(self, span: Span, segment: ast.Name, where: Any) -> ast.FromSegment:
        return ast.FromSegment(segment, where, span=span)

    def from_new_members(self, span: Span, segment: ast.Name, where: Any) -> ast.FromNewMembers:
        return ast.FromNewMembers(segment, where, span=span)

    def from_form(self, span: Span, form: ast.Name, where: Any) -> ast.FromForm:
        return ast.FromForm(form, where, span=span)

    def from_contacts(self, span: Span, where: ast.Condition) -> ast.FromContacts:
        return ast.FromContacts(where, span=span)

    def start_when(self, span: Span, event: ast.Event) -> ast.StartWhen:
        return ast.StartWhen(event, span=span)

    def active(self, span: Span, start: ast.Date, end: ast.Date | None) -> ast.Active:
        return ast.Active(start, end, span=span)

    def zone_contact(self, span: Span) -> ast.TimeZone:
        return ast.TimeZone(span=span)

    def zone_named(self, span: Span, zone: str) -> ast.TimeZone:
        return ast.TimeZone(zone, span=span)

    def quiet_hours(self, span: Span, start: datetime.time, end: datetime.time) -> ast.QuietHours:
        return ast.QuietHours(start, end, span=span)

    def quiet_days(self, span: Span, days: ast.Days) -> ast.QuietDays:
        return ast.QuietDays(days, span=span)

    def limit(self, span: Span, count: int, channel: Any, period: Any) -> ast.Limit:
        return ast.Limit(count, channel, period, span=span)

    def reentry_never(self, span: Span) -> ast.ReEntry:
        return ast.ReEntry("never", span=span)

    def reentry_always(self, span: Span) -> ast.ReEntry:
        return ast.ReEntry("always", span=span)

    def reentry_after(self, span: Span, after: ast.Duration) -> ast.ReEntry:
        return ast.ReEntry("after", after, span=span)

    def goal(self, span: Span, label: ast.Name | None, event: ast.Event) -> ast.Goal:
        return ast.Goal(event, label, span=span)

    def stop_when(self, span: Span, event: ast.Event) -> ast.StopWhen:
        return ast.StopWhen(event, span=span)

    def priority(self, span: Span, priority: int) -> ast.Priority:
        return ast.Priority(priority, span=span)

    def owned_by(self, span: Span, owner: ast.Name) -> ast.OwnedBy:
        return ast.OwnedBy(owner, span=span)

    def moved(self, span: Span, old: ast.Name, new: ast.Name) -> ast.Moved:
        return ast.Moved(old, new, span=span)

    def waiting_at(self, span: Span, step: ast.Name) -> ast.WaitingAt:
        return ast.WaitingAt(step, span=span)

    # -- simple steps

    def transactional(self, span: Span, token: Token) -> bool:
        return True

    to_company = from_company = lambda self, span, *_: True

    def send_message(
        self,
        span: Span,
        transactional: bool | None,
        channel: Any,
        message: ast.Name,
        to: ast.Recipient | None,
        hours: ast.Hours | None,
        days: ast.Days | None,
        arguments: tuple[ast.Argument, ...] | None,
    ) -> ast.SendMessage:
        return ast.SendMessage(
            channel, message, bool(transactional), to, hours, days, arguments or (), span=span
        )

    def send_slack(self, span: Span, text: str, to: ast.Recipient | None) -> ast.SendSlack:
        return ast.SendSlack(text, to, span=span)

    def send_webhook(self, span: Span, webhook: ast.Name, arguments: Any) -> ast.SendWebhook:
        return ast.SendWebhook(webhook, arguments or (), span=span)

    def to_owner(self, span: Span) -> ast.ToOwner:
        return ast.ToOwner(span=span)

    def to_address(self, span: Span, address: str) -> ast.ToAddress:
        return ast.ToAddress(address, span=span)

    def hours(self, span: Span, start: datetime.time, end: datetime.time) -> ast.Hours:
        return ast.Hours(start, end, span=span)

    def with_args(self, span: Span, *arguments: ast.Argument) -> tuple[ast.Argument, ...]:
        return arguments

    def arg(self, span: Span, name: ast.Name, value: ast.Value) -> ast.Argument:
        return ast.Argument(name.text, value, span=span)

    def add_points(self, span: Span, points: int, group: Any, company: Any) -> ast.AddPoints:
        return ast.AddPoints(points, group, bool(company), span=span)

    def remove_points(self, span: Span, points: int, group: Any, company: Any) -> ast.RemovePoints:
        return ast.RemovePoints(points, group, bool(company), span=span)

    def add_tag(self, span: Span, tag: ast.Name) -> ast.AddTag:
        return ast.AddTag(tag, span=span)

    def remove_tag(self, span: Span, tag: ast.Name) -> ast.RemoveTag:
        return ast.RemoveTag(tag, span=span)

    def add_to(self, span: Span, container: Any, name: ast.Name) -> ast.AddTo:
        return ast.AddTo(container, name, span=span)

    def remove_from(self, span: Span, container: Any, name: ast.Name) -> ast.RemoveFrom:
        return ast.RemoveFrom(container, name, span=span)

    def move_to(self, span: Span, campaign: ast.Name) -> ast.MoveTo:
        return ast.MoveTo(campaign, span=span)

    def set_field(self, span: Span, field: ast.Field, value: ast.Value) -> ast.SetField:
        return ast.SetField(field, value, span=span)

    def clear_field(self, span: Span, field: ast.Field) -> ast.ClearField:
        return ast.ClearField(field, span=span)

    def set_owner(self, span: Span, *owners: ast.Name) -> ast.SetOwner:
        return ast.SetOwner(owners, span=span)

    def set_stage(self, span: Span, stage: ast.Name) -> ast.SetStage:
        return ast.SetStage(stage, span=span)

    def push_to(self, span: Span, integration: ast.Name, arguments: Any) -> ast.PushTo:
        return ast.PushTo(integration, arguments or (), span=span)

    def unsubscribe(self, span: Span, channel: Any, because: str | None) -> ast.Unsubscribe:
        return ast.Unsubscribe(channel, because, span=span)

    def subscribe(self, span: Span, channel: Any) -> ast.Subscribe:
        return ast.Subscribe(channel, span=span)

    def show_content(self, span: Span, content: ast.Name, slot: ast.Name) -> ast.ShowContent:
        return ast.ShowContent(content, slot, span=span)

    def note(self, span: Span, text: str) -> ast.Note:
        return ast.Note(text, span=span)

    def delete_contact(self, span: Span) -> ast.DeleteContact:
        return ast.DeleteContact(span=span)

    def exit(self, span: Span) -> ast.Exit:
        return ast.Exit(span=span)

    def jump(self, span: Span, to: ast.Name, at_most: int | None) -> ast.Jump:
        return ast.Jump(to, at_most, span=span)

    def wait_for(self, span: Span, duration: ast.Duration) -> ast.WaitFor:
        return ast.WaitFor(duration, span=span)

    def wait_until(self, span: Span, moment: ast.Moment) -> ast.WaitUntil:
        return ast.WaitUntil(moment, span=span)

    def wait_for_event(self, span: Span, trigger: ast.Trigger) -> ast.WaitForEvent:
        return ast.WaitForEvent(trigger, span=span)

    def on_date(self, span: Span, date: ast.Date) -> ast.OnDate:
        return ast.OnDate(date, span=span)

    def at_time(self, span: Span, clock: datetime.time, days: ast.Days | None) -> ast.AtTime:
        return ast.AtTime(clock, days, span=span)

    def on_weekday(self, span: Span, day: Token, at: datetime.time | None) -> ast.OnWeekday:
        return ast.OnWeekday(_weekday(day), at, span=span)

    def at_field(self, span: Span, field: ast.Field, at: datetime.time | None) -> ast.AtField:
        return ast.AtField(field, at, span=span)

    def around_field(
        self, span: Span, duration: ast.Duration, direction: Any, field: ast.Field, at: Any
    ) -> ast.AroundField:
        return ast.AroundField(duration, direction, field, at, span=span)

    # -- steps that hold steps

    def labelled(self, span: Span, label: Token, step: Any) -> Any:
        bare = label.text.rstrip(": \t")
        name = ast.Name(bare, span=Span(label.start, label.start + len(bare)))
        if not is_label(bare):
            self.problems.append(_no_label(name))
        return msgspec.structs.replace(step, label=name, span=span)

    def body(self, span: Span, *steps: ast.Step) -> ast.Block:
        self.runs.append(steps)
        return ast.Block(steps, span=span)

    body_c = body

    def inline(self, span: Span, *steps: ast.Step) -> ast.Block:
        return ast.Block(steps, span=span)

    def chain_first(self, span: Span, asked: Any, body: ast.Block) -> tuple[Any, ...]:
        return ((asked, body, span),)

    def chain_next(
        self, span: Span, chain: tuple[Any, ...], word: Token, asked: Any, body: ast.Block
    ) -> tuple[Any, ...]:
        self._answers(word, chain[0][2].start, _question(chain[0][0]), chain[-1][1])
        return (*chain, (asked, body, Span(word.start, span.end)))

    def when_inline(
        self,
        span: Span,
        chain: tuple[Any, ...],
        word: Token | None = None,
        otherwise: ast.Block | None = None,
    ) -> Any:
        if word is not None and otherwise is not None:
            self._answers(word, span.start, _question(chain[0][0]), chain[-1][1])
            otherwise = _from(word, otherwise)
        return _asking(span, chain, otherwise)

    if_inline = when_inline

    def when_block(self, span: Span, *parts: Any) -> Any:
        chain: list[tuple[Any, ...]] = []
        otherwise = None
        opener = _question(parts[0])
        asked: Any = None
        begins = span.start
        for part in parts:
            if isinstance(part, Token):
                self._answers(part, span.start, opener)
                last = part
            elif not isinstance(part, ast.Block):
                asked = part
                begins = span.start if not chain else last.start
            elif asked is None:
                otherwise = _from(last, part)
            else:
                chain.append((asked, part, Span(begins, part.span.end)))
                asked = None
        return _asking(span, tuple(chain), otherwise)

    if_block = when_block

    def whenever_inline(
        self, span: Span, trigger: ast.Trigger, at_most: int | None, body: ast.Block
    ) -> ast.Whenever:
        return ast.Whenever(trigger, body, at_most, span=span)

    def whenever_block(
        self, span: Span, trigger: ast.Trigger, at_most: int | None, body: ast.Block, end: Token
    ) -> ast.Whenever:
        self._answers(end, span.start, "whenever")
        return ast.Whenever(trigger, body, at_most, span=span)

    def split(self, span: Span, *parts: Any) -> ast.Split:
        self._answers(parts[-1], span.start, "split")
        return ast.Split(parts[:-1], span=span)

    def arm(self, span: Span, share: Decimal | None, name: Any, body: ast.Block) -> ast.Arm:
        return ast.Arm(share, name, body, span=span)

    def share(self, span: Span, token: Token) -> Decimal | None:
        return None if token.type == "REST" else self._decimal(token, token.text.rstrip("% \t\n"))

    def arm_name(self, span: Span, name: str | Token | None) -> ast.Name | None:
        if isinstance(name, Token):
            return ast.Name(name.text.rstrip(": \t"), span=span)
        return None if name is None else ast.Name(name, span=span)

    def parallel(self, span: Span, *parts: Any) -> ast.Parallel:
        blocks: list[ast.Block] = []
        word: Token | None = None
        for part in parts:
            if isinstance(part, Token):
                word = part
                self._answers(part, span.start, "parallel")
            else:
                blocks.append(part if word is None else _from(word, part))
        return ast.Parallel(tuple(blocks), span=span)

    def repeat(self, span: Span, times: int, until: Any, body: ast.Block, end: Token) -> ast.Repeat:
        self._answers(end, span.start, "repeat")
        return ast.Repeat(times, body, until, span=span)

    def every(self, span: Span, schedule: Any, stop: Any, body: ast.Block, end: Token) -> ast.Every:
        self._answers(end, span.start, "every")
        return ast.Every(schedule, body, stop, span=span)

    def every_duration(self, span: Span, duration: ast.Duration, at: Any) -> ast.EveryDuration:
        return ast.EveryDuration(duration, at, span=span)

    def every_period(self, span: Span, period: Any, days: Any, at: Any) -> ast.EveryPeriod:
        return ast.EveryPeriod(period, days, None, at, span=span)

    def every_day_of(self, span: Span, period: Any, day: int, at: Any) -> ast.EveryPeriod:
        return ast.EveryPeriod(period, None, day, at, span=span)

    def every_days(self, span: Span, days: ast.Days, at: Any) -> ast.EveryPeriod:
        return ast.EveryPeriod("week", days, None, at, span=span)

    def for_duration(self, span: Span, duration: ast.Duration) -> ast.ForDuration:
        return ast.ForDuration(duration, span=span)

    def stop_at_date(self, span: Span, date: ast.Date) -> ast.UntilDate:
        return ast.UntilDate(date, span=span)

    def for_times(self, span: Span, times: int) -> ast.ForTimes:
        return ast.ForTimes(times, span=span)

    def _answers(
        self, word: Token, start: int, opener: str, inline: ast.Block | None = None
    ) -> None:
        opened = Span(start, start + len(opener))
        said = " ".join(word.text.lower().split())
        before = word.start if inline is None else inline.span.end
        self.answers.append(Answer(said, word.span, opener, opened, inline is None, before))

    # -- events

    def trigger(self, span: Span, event: ast.Event, within: ast.Within | None) -> ast.Trigger:
        return ast.Trigger(event, False, within, span=span)

    def trigger_not(self, span: Span, event: ast.Event, within: ast.Within | None) -> ast.Trigger:
        return ast.Trigger(event, True, within, span=span)

    def within(self, span: Span, duration: ast.Duration, of: ast.Name | None) -> ast.Within:
        anchor: ast.EntryAnchor | ast.StepAnchor | None = None
        if of is not None:
            entry = of.text.lower() == "entry"
            anchor = ast.EntryAnchor(span=of.span) if entry else ast.StepAnchor(of, span=of.span)
        return ast.Within(duration, anchor, span=span)

    def any_of(self, span: Span, *events: ast.Event) -> ast.Event:
        if len(events) == 1:
            return events[0]
        flat = [e for x in events for e in (x.events if isinstance(x, ast.AnyOf) else (x,))]
        return ast.AnyOf(tuple(flat), span=span)

    def all_of(self, span: Span, *events: ast.Event) -> ast.Event:
        if len(events) == 1:
            return events[0]
        flat = [e for x in events for e in (x.events if isinstance(x, ast.AllOf) else (x,))]
        return ast.AllOf(tuple(flat), span=span)

    def event(self, span: Span, event: ast.Single, times: int | None) -> ast.Single:
        if times is None:
            return event
        return msgspec.structs.replace(event, times=times, span=span)

    def that_email(self, span: Span, email: ast.Name) -> ast.Name:
        return email

    def any_email(self, span: Span) -> None:
        return None

    def opened(self, span: Span, email: ast.Name | None) -> ast.EmailOpened:
        return ast.EmailOpened(email, span=span)

    def clicked(self, span: Span, email: ast.Name | None) -> ast.EmailClicked:
        return ast.EmailClicked(email, span=span)

    def bounced(self, span: Span, email: ast.Name | None) -> ast.EmailBounced:
        return ast.EmailBounced(email, span=span)

    def clicked_link(self, span: Span, link: str, email: ast.Name | None) -> ast.LinkClicked:
        return ast.LinkClicked(link, email, span=span)

    def replied(
        self, span: Span, channel: Any, message: ast.Name, pattern: str | None
    ) -> ast.Replied:
        return ast.Replied(channel, message, pattern, span=span)

    def replied_any(self, span: Span, channel: Any, pattern: str | None) -> ast.Replied:
        return ast.Replied(channel, None, pattern, span=span)

    def visited(self, span: Span, page: ast.Name, referrer: Any, device: Any) -> ast.PageVisited:
        return ast.PageVisited(page, referrer, device, span=span)

    def visited_site(self, span: Span, referrer: Any, device: Any) -> ast.SiteVisited:
        return ast.SiteVisited(referrer, device, span=span)

    def spent_site(self, span: Span, duration: ast.Duration) -> ast.TimeSpent:
        return ast.TimeSpent(duration, span=span)

    def spent_page(self, span: Span, duration: ast.Duration, page: ast.Name) -> ast.TimeSpent:
        return ast.TimeSpent(duration, page, span=span)

    def submitted(self, span: Span, form: ast.Name) -> ast.FormSubmitted:
        return ast.FormSubmitted(form, span=span)

    def submitted_any(self, span: Span) -> ast.FormSubmitted:
        return ast.FormSubmitted(span=span)

    def downloaded(self, span: Span, asset: ast.Name) -> ast.AssetDownloaded:
        return ast.AssetDownloaded(asset, span=span)

    def downloaded_any(self, span: Span) -> ast.AssetDownloaded:
        return ast.AssetDownloaded(span=span)

    def requested(self, span: Span, slot: ast.Name) -> ast.SlotRequested:
        return ast.SlotRequested(slot, span=span)

    def joined(self, span: Span, gathering: Any, name: ast.Name) -> ast.Joined:
        return ast.Joined(gathering, name, span=span)

    def left(self, span: Span, gathering: Any, name: ast.Name) -> ast.Left:
        return ast.Left(gathering, name, span=span)

    def got_tag(self, span: Span, tag: ast.Name) -> ast.TagGot:
        return ast.TagGot(tag, span=span)

    def entered(self, span: Span, stage: ast.Name) -> ast.StageEntered:
        return ast.StageEntered(stage, span=span)

    def reached(self, span: Span, points: int, group: ast.Name | None) -> ast.PointsReached:
        return ast.PointsReached(points, group, span=span)

    def changed(self, span: Span, field: ast.Field) -> ast.FieldChanged:
        return ast.FieldChanged(field, span=span)

    def unsubscribed(self, span: Span, channel: Any = None) -> ast.Unsubscribed:
        return ast.Unsubscribed(channel, span=span)

    def did(self, span: Span, activity: ast.Name, where: ast.Condition | None) -> ast.Did:
        return ast.Did(activity, where, span=span)

    # -- conditions

    def or_(self, span: Span, *conditions: ast.Condition) -> ast.Condition:
        if len(conditions) == 1:
            return conditions[0]
        flat = [c for x in conditions for c in (x.conditions if isinstance(x, ast.Or) else (x,))]
        return ast.Or(tuple(flat), span=span)

    def and_(self, span: Span, *conditions: ast.Condition) -> ast.Condition:
        if len(conditions) == 1:
            return conditions[0]
        flat = [c for x in conditions for c in (x.conditions if isinstance(x, ast.And) else (x,))]
        return ast.And(tuple(flat), span=span)

    def not_(self, span: Span, condition: ast.Condition) -> ast.Not:
        return ast.Not(condition, span=span)

    def in_segment(self, span: Span, segment: ast.Name) -> ast.InSegment:
        return ast.InSegment(segment, span=span)

    def in_campaign(self, span: Span, campaign: ast.Name) -> ast.InCampaign:
        return ast.InCampaign(campaign, span=span)

    def has_tag(self, span: Span, tag: ast.Name) -> ast.HasTag:
        return ast.HasTag(tag, span=span)

    def reachable(self, span: Span, channel: Any) -> ast.ReachableBy:
        return ast.ReachableBy(channel, span=span)

    def happened(self, span: Span, event: ast.Single) -> ast.Happened:
        return ast.Happened(event, span=span)

    def happened_lately(self, span: Span, event: ast.Single, last: ast.Duration) -> ast.Happened:
        return ast.Happened(event, last, span=span)

    def happened_ever(self, span: Span, event: ast.Single) -> ast.Happened:
        return ast.Happened(event, None, True, span=span)

    def is_(self, span: Span, operand: Any, value: Any) -> ast.Compare:
        return ast.Compare(operand, "is", value, span=span)

    def is_not(self, span: Span, operand: Any, value: Any) -> ast.Compare:
        return ast.Compare(operand, "is not", value, span=span)

    def is_empty(self, span: Span, operand: Any) -> ast.IsEmpty:
        return ast.IsEmpty(operand, span=span)

    def is_not_empty(self, span: Span, operand: Any) -> ast.IsNotEmpty:
        return ast.IsNotEmpty(operand, span=span)

    def ordered(self, span: Span, operand: Any, order: Any, value: Any) -> ast.Compare:
        return ast.Compare(operand, order, value, span=span)

    def contains(self, span: Span, operand: Any, value: Any) -> ast.Compare:
        return ast.Compare(operand, "contains", value, span=span)

    def starts_with(self, span: Span, operand: Any, value: Any) -> ast.Compare:
        return ast.Compare(operand, "starts with", value, span=span)

    def ends_with(self, span: Span, operand: Any, value: Any) -> ast.Compare:
        return ast.Compare(operand, "ends with", value, span=span)

    def matches(self, span: Span, operand: Any, pattern: str) -> ast.Matches:
        return ast.Matches(operand, pattern, span=span)

    def is_in(self, span: Span, operand: Any, *values: ast.Value) -> ast.IsIn:
        return ast.IsIn(operand, values, span=span)

    def between(self, span: Span, operand: Any, low: Any, high: Any) -> ast.Between:
        return ast.Between(operand, low, high, span=span)

    def dated(self, span: Span, operand: Any, direction: Any, value: Any) -> ast.Dated:
        return ast.Dated(operand, direction, value, span=span)

    def op_points(self, span: Span, group: ast.Name | None) -> ast.Points:
        return ast.Points(group, span=span)

    def op_stage(self, span: Span) -> ast.Stage:
        return ast.Stage(span=span)

    def op_owner(self, span: Span) -> ast.Owner:
        return ast.Owner(span=span)

    def op_device(self, span: Span) -> ast.Device:
        return ast.Device(span=span)

    def op_anniversary(self, span: Span, field: ast.Field) -> ast.Anniversary:
        return ast.Anniversary(field, span=span)

    def op_answer(self, span: Span, form: Token, field: Token | None = None) -> ast.Answer:
        if field is None:
            name, _, inner = form.text.partition(".")
            named = ast.Name(name, span=Span(form.start, form.start + len(name)))
            return ast.Answer(named, inner, span=span)
        return ast.Answer(ast.Name(_plain(form), span=form.span), _plain(field), span=span)


_METHODS: Final[dict[str, Callable[..., Any]]] = {
    name: made for name, made in vars(Builder).items() if callable(made)
}


def _plain(token: Token) -> str:
    return unquoted(token.text) if token.type == "STRING" else token.text


def _channel(token: Token) -> str:
    return {
        "EMAILS": "email",
        "PUSH_MESSAGE": "push message",
        "PUSH_MESSAGES": "push message",
        "MESSAGES": "message",
    }.get(token.type, token.text.lower())


def _weekday(token: Token) -> ast.Weekday:
    return next(day for day in ast.WEEKDAYS if day == token.text.lower())


def _from(word: Token, block: ast.Block) -> ast.Block:
    """The block with the word before it, `else` or `also`, counted in."""
    return ast.Block(block.steps, span=Span(word.start, block.span.end))


def _question(asked: Any) -> str:
    return "when" if isinstance(asked, ast.Trigger) else "if"


def _asking(span: Span, chain: tuple[Any, ...], otherwise: ast.Block | None) -> ast.When | ast.If:
    if isinstance(chain[0][0], ast.Trigger):
        whens = tuple(ast.WhenBranch(asked, body, span=at) for asked, body, at in chain)
        return ast.When(whens, otherwise, span=span)
    ifs = tuple(ast.IfBranch(asked, body, span=at) for asked, body, at in chain)
    return ast.If(ifs, otherwise, span=span)


def _too_large(token: Token) -> Diagnostic:
    return error("E123", f"`{token.text}` is too large a number", token.span)


def _no_such_day(day: str, span: Span) -> Diagnostic:
    return error(
        "E122",
        f"there is no day `{day}`",
        span,
        help="write a date as year, month and day: 2026-12-24",
    )


def _no_label(name: ast.Name) -> Diagnostic:
    return error(
        "E115",
        f"`{name.text}` is a word of the language, so it cannot be a label",
        name.span,
        help=f"choose another name, such as `{name.text.lower()}-step`",
        fix=replacing(name.span, f"{name.text.lower()}-step"),
    )


def _twice(setting: ast.Node, first: ast.Node) -> Diagnostic:
    from_twice = isinstance(setting, ast.From)
    return error(
        "E107",
        "this setting stands here twice",
        setting.span,
        related=(Related(first.span, "first here"),),
        help="join the sources with a comma: `from segment A, form B`"
        if from_twice
        else "keep one of the two",
    )
