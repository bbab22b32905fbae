"""The settings before the first step.

Imports the tree and the diagnostics. That a setting stands only once is checked by the builder of
the whole.
"""
# ruff: noqa: D102 - each method is documented by the rule of its name in the grammar

import datetime
from typing import Any

from headless.dsl import ast
from headless.dsl.diagnostics import Span, error
from headless.dsl.rules.notes import Notes


class Settings(Notes):
    """The rules of the settings."""

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
