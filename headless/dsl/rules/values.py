"""Words, measures and values: from single tokens to names, numbers, dates and fields.

A number or a date that cannot be is noted as a fault, and a harmless one stands for it. Imports
the tree, the tokens and the diagnostics.
"""
# ruff: noqa: D102 - each method is documented by the rule of its name in the grammar

import datetime
import re
from decimal import Decimal
from typing import Any, Final

from headless.dsl import ast
from headless.dsl.diagnostics import Diagnostic, Span, error
from headless.dsl.lalr import Token
from headless.dsl.rules.notes import Notes

MOST: Final = 1_000_000_000
"""The largest count or number of points."""
LONGEST_NUMBER: Final = 24
"""The most characters that a number may have."""
LONGEST_DAYS: Final = 36_600
FIRST_YEAR: Final = 1000
LAST_YEAR: Final = 9000
"""Beyond them no time can be added, and none moved to another zone."""
"""The longest a duration may be: a hundred years."""

_DURATION = re.compile(r"(\d+)\s*([a-z]+)")
_UNITS = {"mo": "months", "w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_ESCAPE = re.compile(r'\\(["\\])')


def unquoted(token: str) -> str:
    """What a quoted text says; only the quote and the backslash are escaped by a backslash."""
    return _ESCAPE.sub(r"\1", token[1:-1])


class Values(Notes):
    """The rules of words, measures and values."""

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
            read = datetime.date.fromisoformat(day)
        except ValueError:
            self.problems.append(_no_such_day(day, span))
            return ast.Date(datetime.date(2000, 1, 1), at, span=span)
        if not FIRST_YEAR <= read.year <= LAST_YEAR:
            self.problems.append(_beyond_calendars(day, span))
            read = datetime.date(2000, 1, 1)
        return ast.Date(read, at, span=span)

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

    def share(self, span: Span, token: Token) -> Decimal | None:
        return None if token.type == "REST" else self._decimal(token, token.text.rstrip("% \t\n"))


def _channel(token: Token) -> str:
    return {
        "EMAILS": "email",
        "PUSH_MESSAGE": "push message",
        "PUSH_MESSAGES": "push message",
        "MESSAGES": "message",
    }.get(token.type, token.text.lower())


def _too_large(token: Token) -> Diagnostic:
    return error("E123", f"`{token.text}` is too large a number", token.span)


def _beyond_calendars(day: str, span: Span) -> Diagnostic:
    return error(
        "E122",
        f"`{day}` is beyond all calendars",
        span,
        help=f"a year is between {FIRST_YEAR} and {LAST_YEAR}",
    )


def _no_such_day(day: str, span: Span) -> Diagnostic:
    return error(
        "E122",
        f"there is no day `{day}`",
        span,
        help="write a date as year, month and day: 2026-12-24",
    )
