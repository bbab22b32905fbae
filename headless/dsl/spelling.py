"""What can be said of a text's words before they are read as sentences.

Blocks nested too deep, names that mix scripts, a comment where a chat would swallow the line.
Computes only; imports tokens and diagnostics.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from headless.dsl.ast import Comment
from headless.dsl.diagnostics import Diagnostic, Span, error, replacing, warning
from headless.dsl.expect import STEPS
from headless.dsl.lalr import Token

DEEPEST: Final = 32
"""How deep blocks and brackets may be nested."""
MOST_STEPS: Final = 2_000
"""So many steps a campaign may have."""


def check_words(
    tokens: Sequence[Token], comments: Iterable[Comment], text: str, *, chat: bool
) -> list[Diagnostic]:
    """What is wrong with single words, wherever they stand."""
    found = _nesting(tokens) or _steps(tokens)
    if not text.isascii():
        found += (_mixed(t) for t in tokens if t.type in ("NAME", "LABEL", "DOTTED") and _mixes(t))
    if "\n" not in text.strip() and "\r" not in text.strip():
        if chat:
            found += (_comment_in_chat(comment) for comment in comments)
        elif not any(token.type in STEPS for token in tokens):
            found += (_all_comment(comment) for comment in comments if _hides_steps(comment))
    return found


def _nesting(tokens: Sequence[Token]) -> list[Diagnostic]:
    depth = negations = 0
    for token in tokens:
        kind = token.type
        if kind in ("DO", "LPAR"):
            depth += 1
        elif kind in ("END", "RPAR"):
            depth = max(0, depth - 1)
        negations = negations + 1 if kind == "NOT" else 0
        if depth > DEEPEST or negations > DEEPEST:
            return [_too_deep(token)]
    return []


def _steps(tokens: Sequence[Token]) -> list[Diagnostic]:
    count = 0
    for token in tokens:
        count += token.type in STEPS
        if count > MOST_STEPS:
            return [_too_many(token)]
    return []


def _too_many(token: Token) -> Diagnostic:
    return error(
        "E009",
        f"this is one step too many: a campaign may have {MOST_STEPS:,}",
        token.span,
        help="move a part into a campaign of its own: `move to campaign`",
    )


def _too_deep(token: Token) -> Diagnostic:
    return error(
        "E006",
        f"this is nested deeper than {DEEPEST} levels",
        token.span,
        help="move a part into a campaign of its own: `move to campaign`",
    )


def _mixes(token: Token) -> bool:
    return not token.text.isascii() and len(_scripts(token.text)) > 1


def _scripts(word: str) -> set[str]:
    scripts = {unicodedata.name(c, "?").split()[0] for c in word if c.isalpha()}
    return scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}


def _mixed(token: Token) -> Diagnostic:
    scripts = " and ".join(sorted(s.capitalize() for s in _scripts(token.text)))
    return warning(
        "W420",
        f"`{token.text.rstrip(': ')}` mixes letters of {scripts} that look alike",
        token.span,
        help="type it again in one alphabet, or put it in quotes if it is meant",
    )


def _hides_steps(comment: Comment) -> bool:
    return any(word.upper() in STEPS for word in comment.text.split())


def _all_comment(comment: Comment) -> Diagnostic:
    """A file whose line breaks have been lost: its first comment takes all that follows."""
    return error(
        "E007",
        "this text is one line, so everything after `#` is a comment and nothing is left to do",
        comment.span,
        help='put the line breaks back, or write the remark as the step `note "…"`',
    )


def _comment_in_chat(comment: Comment) -> Diagnostic:
    said = comment.text.lstrip("# ").replace('"', "'")
    whole = Span(comment.span.start, comment.span.end)
    return error(
        "E007",
        "on one line, everything after `#` is a comment and would be lost",
        whole,
        help='to keep a remark in the campaign write the step `note "…"`',
        fix=replacing(whole, f'note "{said}"'),
    )
