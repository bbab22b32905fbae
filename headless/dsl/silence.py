"""`# ok W401`: a lint that has been read and accepted stays quiet on its line.

Only warnings can be accepted, and each by its code; a bare `# ok` accepts every warning of its
line. Imports `ast`, `diagnostics`.
"""

import re
from collections.abc import Iterable
from typing import Final

from headless.dsl import ast
from headless.dsl.diagnostics import Diagnostic

_OK: Final = re.compile(r"#\s*ok\b(?P<codes>(?:[\s,]+W\d{3})*)", re.IGNORECASE)


def without_accepted(
    diagnostics: Iterable[Diagnostic], comments: Iterable[ast.Comment], text: str
) -> tuple[Diagnostic, ...]:
    """The diagnostics but those whose line carries an `# ok` for them."""
    accepted: dict[int, set[str] | None] = {}
    for comment in comments:
        found = _OK.match(comment.text)
        if found is not None:
            codes = set(re.findall(r"W\d{3}", found["codes"].upper())) or None
            accepted[_line(text, comment.span.start)] = codes
    return tuple(d for d in diagnostics if not _is_accepted(d, accepted, text))


def _is_accepted(diagnostic: Diagnostic, accepted: dict[int, set[str] | None], text: str) -> bool:
    if diagnostic.severity != "warning":
        return False
    first = _line(text, diagnostic.span.start)
    last = _line(text, max(diagnostic.span.start, diagnostic.span.end - 1))
    for line in {first, last} & accepted.keys():
        codes = accepted[line]
        if codes is None or diagnostic.code in codes:
            return True
    return False


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset)
