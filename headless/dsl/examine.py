"""A text read from end to end: parsed, checked, compiled and analysed, with all that was found.

`examine` is the one door for whoever takes a campaign's text in (HTTP, command line, Slack). The
plan and the analysis are there when no diagnostic is an error. Stands above all passes.
"""

import msgspec

from headless.dsl import ast
from headless.dsl.analysis import Analysis, analyse
from headless.dsl.catalogue import Catalogue
from headless.dsl.check import check
from headless.dsl.compile import compile_campaign
from headless.dsl.diagnostics import Diagnostic, has_errors, in_order
from headless.dsl.parser import parse
from headless.dsl.plan import Plan
from headless.dsl.silence import without_accepted
from headless.dsl.soundness import check_sound_parts


class Examined(msgspec.Struct, frozen=True):
    """What was read in a text; `plan` and `analysis` are None if it has errors."""

    text: str
    campaign: ast.Campaign | None
    diagnostics: tuple[Diagnostic, ...]
    plan: Plan | None = None
    analysis: Analysis | None = None

    @property
    def ok(self) -> bool:
        """Whether the text can be stored and started: it has no errors."""
        return self.plan is not None


def examine(text: str, catalogue: Catalogue | None = None, *, chat: bool = False) -> Examined:
    """Read a text through all passes; without a catalogue names are taken on trust.

    `chat` says that the text came through Slack, whose markup is undone.
    """
    parsed = parse(text, chat=chat)
    if parsed.campaign is None:
        more = [] if parsed.guess is None else check_sound_parts(parsed.guess, catalogue)
        return Examined(text, None, in_order([*parsed.diagnostics, *more]))
    found = [*parsed.diagnostics, *check(parsed.campaign, catalogue)]
    if has_errors(found):
        return Examined(text, parsed.campaign, _told(found, parsed.comments, text))
    made = compile_campaign(parsed.campaign, text)
    analysis = analyse(parsed.campaign, made, catalogue)
    found += analysis.diagnostics
    if has_errors(found):
        return Examined(text, parsed.campaign, _told(found, parsed.comments, text))
    told = _told(found, parsed.comments, text)
    return Examined(text, parsed.campaign, told, made, analysis)


def _told(
    found: list[Diagnostic], comments: tuple[ast.Comment, ...], text: str
) -> tuple[Diagnostic, ...]:
    return without_accepted(in_order(found), comments, text)
