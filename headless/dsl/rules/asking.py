"""Events, triggers, conditions and what conditions compare.

Imports the tree and the tokens; finds no faults.
"""
# ruff: noqa: D102 - each method is documented by the rule of its name in the grammar

from typing import Any

import msgspec

from headless.dsl import ast
from headless.dsl.diagnostics import Span
from headless.dsl.lalr import Token
from headless.dsl.rules.notes import Notes
from headless.dsl.rules.values import unquoted


class Asking(Notes):
    """The rules of what a contact does and of what `if` asks."""

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


def _plain(token: Token) -> str:
    return unquoted(token.text) if token.type == "STRING" else token.text
