"""Many: an array of values as one parameter of a statement, in PostgreSQL's own writing.

The driver asks each element of an array whether it is an array itself, which costs more than all
else that is done with it; the text costs a fifth, and PostgreSQL reads it as fast. Imports
SQLAlchemy and msgspec.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Cast,
    DateTime,
    Dialect,
    Integer,
    SmallInteger,
    Text,
    TypeDecorator,
    bindparam,
    cast,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine


def many(name: str, of: TypeEngine[Any] | type[TypeEngine[Any]], **more: Any) -> Cast[Any]:
    """A parameter for as many values of a type as are given, None among them; `more` is for
    `bindparam`."""
    type_ = of() if isinstance(of, type) else of
    return cast(bindparam(name, type_=_Listed(type(type_)), **more), ARRAY(type_))


class _Listed(TypeDecorator[Iterable[Any]]):
    """Values written as one text."""

    impl = Text
    cache_ok = True

    def __init__(self, of: type[TypeEngine[Any]]) -> None:
        super().__init__()
        self.of = of

    def process_bind_param(self, value: Iterable[Any] | None, dialect: Dialect) -> str | None:
        """`{1,2,NULL}`."""
        if value is None:
            return None
        write = _WRITERS[self.of]
        return "{" + ",".join(["NULL" if one is None else write(one) for one in value]) + "}"


def _number(value: int) -> str:
    return int.__repr__(value)  # also of an enumeration's member


def _truth(value: bool) -> str:
    return "t" if value else "f"


def _instant(value: datetime) -> str:
    return f'"{value.isoformat()}"'


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _document(value: Any) -> str:
    return _text(msgspec.json.encode(value).decode())


_WRITERS: Final[dict[type[TypeEngine[Any]], Callable[[Any], str]]] = {
    BigInteger: _number,
    Integer: _number,
    SmallInteger: _number,
    Boolean: _truth,
    DateTime: _instant,
    Text: _text,
    JSONB: _document,
}
