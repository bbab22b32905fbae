"""The vocabulary, read off the tree's own classes: every statement, its parts, its fixed words.

`EmailOpened` is a word; so are `AddPoints.group` (a part that may be there or not),
`SendMessage.channel=sms` (one of a fixed set) and `Happening.times`. A word that is added to the
language is in the set as soon as the tree can hold it.
"""

from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from headless.dsl import ast
from headless.dsl.fields import _SCOPES as SCOPES

_UNTOLD = {"span", "quoted", "label"}


def vocabulary() -> set[str]:
    """Every word that a campaign can have."""
    return set(_of(ast.Campaign, set())) | {f"Field.scope={scope}" for scope in SCOPES}


def words(node: ast.Node) -> set[str]:
    """The words of one campaign."""
    return {word for each in ast.walk(node) for word in _in(each)}


def _of(kind: type[Any], seen: set[type[Any]]) -> Iterator[str]:
    if kind in seen:
        return
    seen.add(kind)
    yield kind.__name__
    hints = get_type_hints(kind, vars(ast))
    for field in msgspec.structs.fields(kind):
        if field.name in _UNTOLD:
            continue
        hint = hints[field.name]
        fixed = [word for part in _parts(hint) for word in _words_of(part)]
        yield from (f"{kind.__name__}.{field.name}={word}" for word in fixed)
        if _may_lack(field) and not fixed:
            yield f"{_told_by(kind, field.name)}.{field.name}"
        for part in _parts(hint):
            if isinstance(part, type) and issubclass(part, ast.Node):
                yield from _of(part, seen)


def _in(node: ast.Node) -> Iterator[str]:
    kind = type(node)
    yield kind.__name__
    hints = get_type_hints(kind, vars(ast))
    for field in msgspec.structs.fields(kind):
        if field.name in _UNTOLD:
            continue
        value = getattr(node, field.name)
        fixed = {word for part in _parts(hints[field.name]) for word in _words_of(part)}
        several = value if isinstance(value, tuple) else (value,)
        yield from (f"{kind.__name__}.{field.name}={v}" for v in several if v in fixed)
        if _may_lack(field) and not fixed and value != field.default:
            yield f"{_told_by(kind, field.name)}.{field.name}"
        if isinstance(node, ast.Field):
            yield f"Field.scope={node.scope}"


def _told_by(kind: type[Any], field: str) -> str:
    """The class that a field was first written in: `times` is one word for all events."""
    return next(
        c.__name__ for c in reversed(kind.__mro__) if field in vars(c).get("__annotations__", {})
    )


def _may_lack(field: msgspec.structs.FieldInfo) -> bool:
    """Whether a part may be there or not; a flag and a number that is 1 are such parts too."""
    return field.default is not msgspec.NODEFAULT


def _parts(hint: Any) -> Iterator[Any]:
    if get_origin(hint) in (Union, UnionType):
        for part in get_args(hint):
            yield from _parts(part)
    elif get_origin(hint) is tuple:
        yield from _parts(get_args(hint)[0])
    else:
        yield hint


def _words_of(part: Any) -> tuple[str, ...]:
    if get_origin(part) is Literal:
        return get_args(part)
    return ()
