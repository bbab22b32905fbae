"""Snippets: pieces of text that components take in when they are saved: `{% render 'footer' %}`.

A snippet becomes part of what is stored, so that a stored version never changes and is checked
whole; when a snippet is saved, the components that it stands in get a new version each. Snippets
take in no snippets, and nothing grows past its component's own limit. Pure.
"""

import re
from collections.abc import Mapping
from typing import Final

from headless.content.templates import TemplateError, fault_at
from headless.dsl.near import did_you_mean, some_of

MOST: Final = 200
BODY_LIMIT: Final = 64 * 1024  # bytes
USES_LIMIT: Final = 500  # components that one snippet may stand in
MOST_IN_ONE: Final = 100
_TAG: Final = re.compile(r"\{%-?\s*(render|include)\b(.*?)-?%\}", re.DOTALL)
_NAME: Final = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)")\s*""")

Bodies = Mapping[str, str]
"""The texts of a workspace's snippets by their names in lower case."""


def used(*sources: str | None) -> tuple[str, ...]:
    """The names of the snippets that stand in some texts, in lower case; raises TemplateError."""
    found: dict[str, None] = {}
    for source in sources:
        for tag in _TAG.finditer(source or ""):
            found[_named(tag, source or "").lower()] = None
    return tuple(found)


def expanded(source: str, bodies: Bodies) -> str:
    """The text with its snippets in it; raises TemplateError for one that does not exist."""
    count = 0

    def body(tag: re.Match[str]) -> str:
        nonlocal count
        count += 1
        if count > MOST_IN_ONE:
            raise TemplateError(
                fault_at(f"more than {MOST_IN_ONE} snippets in one text", tag.start(), source)
            )
        name = _named(tag, source)
        text = bodies.get(name.lower())
        if text is None:
            known = did_you_mean(name, bodies) or (
                f"there are {some_of(bodies)}" if bodies else "make it with `POST /v1/snippets`"
            )
            raise TemplateError(
                fault_at(f"there is no snippet `{name[:60]}`; {known}", tag.start(), source)
            )
        return text

    return _TAG.sub(body, source)


def _named(tag: re.Match[str], source: str) -> str:
    name = _NAME.fullmatch(tag[2])
    if tag[1] != "render" or name is None:
        raise TemplateError(
            fault_at(
                "a snippet is written `{% render 'its name' %}`, without anything behind the name",
                tag.start(),
                source,
            )
        )
    return str(name[1] if name[1] is not None else name[2]).strip()
