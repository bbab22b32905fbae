"""From what the grammar's rules have read to the tree: one method per rule, named as the rule.

A rule's parts arrive as grammar/campaign.lark tells: without keywords, absent options as None.
Faults that the grammar cannot see (the 30th of February, a number without end) go to `problems`;
what an `else` or an `end` answers goes to `answers` and each run of steps to `runs`, for the check
of the layout. The methods stand in `rules`, in the rooms of the tree; here they are joined, and a
campaign is put together. Computes only; imports the tree, the rules and the diagnostics.
"""
# ruff: noqa: D102 - each method is documented by the rule of its name in the grammar

from collections.abc import Callable
from typing import Any, Final

from headless.dsl import ast
from headless.dsl.diagnostics import Diagnostic, Related, Span, error
from headless.dsl.rules.asking import Asking
from headless.dsl.rules.blocks import Blocks
from headless.dsl.rules.notes import Answer as Answer
from headless.dsl.rules.settings import Settings
from headless.dsl.rules.steps import Steps
from headless.dsl.rules.values import LONGEST_DAYS as LONGEST_DAYS
from headless.dsl.rules.values import LONGEST_NUMBER as LONGEST_NUMBER
from headless.dsl.rules.values import MOST as MOST
from headless.dsl.rules.values import Values
from headless.dsl.rules.values import unquoted as unquoted


class Builder(Values, Asking, Settings, Steps, Blocks):
    """Builds one tree; see the module."""

    def build(self, method: str, span: Span, parts: list[Any]) -> Any:
        """The value of a rule."""
        return _METHODS[method](self, span, *parts)

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


_METHODS: Final[dict[str, Callable[..., Any]]] = {
    name: getattr(Builder, name) for name in dir(Builder) if not name.startswith("_")
}


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
