"""The steps that hold steps, their branches, and the labels before any step.

Notes down each run of steps and what each `else` or `end` answers, for the check of the layout.
Imports the tree, the tokens, the diagnostics and what can be a label.
"""
# ruff: noqa: D102 - each method is documented by the rule of its name in the grammar

from decimal import Decimal
from typing import Any

import msgspec

from headless.dsl import ast
from headless.dsl.diagnostics import Diagnostic, Span, error, replacing
from headless.dsl.lalr import Token
from headless.dsl.rules.notes import Answer, Notes
from headless.dsl.wording import is_label


class Blocks(Notes):
    """The rules of the steps that hold steps."""

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


def _no_label(name: ast.Name) -> Diagnostic:
    return error(
        "E115",
        f"`{name.text}` is a word of the language, so it cannot be a label",
        name.span,
        help=f"choose another name, such as `{name.text.lower()}-step`",
        fix=replacing(name.span, f"{name.text.lower()}-step"),
    )
