"""The simple steps: deeds, and waits with the moments that they wait for.

Imports the tree and the tokens; finds no faults.
"""
# ruff: noqa: D102 - each method is documented by the rule of its name in the grammar

import datetime
from typing import Any

from headless.dsl import ast
from headless.dsl.diagnostics import Span
from headless.dsl.lalr import Token
from headless.dsl.rules.notes import Notes


class Steps(Notes):
    """The rules of the simple steps."""

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


def _weekday(token: Token) -> ast.Weekday:
    return next(day for day in ast.WEEKDAYS if day == token.text.lower())
