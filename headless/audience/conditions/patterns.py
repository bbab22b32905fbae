"""Patterns: texts in which `*` stands for anything, and addresses of pages.

Pure. Case does not matter. Imports `values`.
"""

from typing import Any

from sqlalchemy import ColumnElement, false, func

Sql = ColumnElement[Any]


def sure(condition: Sql) -> ColumnElement[bool]:
    """False where the condition is null: what is missing makes every comparison false."""
    return func.coalesce(condition, false())


def like(text: Sql, pattern: str) -> ColumnElement[bool]:
    """Whether a text fits a pattern where `*` stands for anything."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return sure(text.ilike(escaped.replace("*", "%")))


def like_page(url: Sql, pattern: str) -> ColumnElement[bool]:
    """Whether an address fits; a pattern of a path (`/pricing*`) looks at what is behind the host.

    What follows `?` or `#` counts only where the pattern speaks of it.
    """
    if not ("?" in pattern or "#" in pattern or pattern.endswith("*")):
        url = func.regexp_replace(url, "[?#].*$", "")
    if pattern.startswith("/"):
        url = func.regexp_replace(url, "^[a-z][a-z0-9+.-]*://[^/?#]*", "", "i")
    return like(url, pattern)
