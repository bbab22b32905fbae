"""Arrays as one parameter: what PostgreSQL reads is what was given, however odd."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Boolean, DateTime, SmallInteger, Text, select
from sqlalchemy.dialects.postgresql import JSONB

from headless.storage.codes import ActivityKind
from headless.storage.database import connect
from headless.storage.many import many

TEXTS = [
    "",
    "a",
    "NULL",
    "null",
    '"',
    "\\",
    '\\"',
    "{",
    "}",
    ",",
    "a,b",
    " ",
    "\n\t",
    "ü日😀",
    "'",
    None,
]
INSTANTS = [
    datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC),
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    None,
]
DOCUMENTS = [
    {},
    {"a": 1},
    {"a": True},
    {"a": 'b"\\,{}', "n": [1, None, {"x": True}]},
    {"ü": "\n"},
    None,
]
CASES: list[tuple[Any, list[Any]]] = [
    (Text, TEXTS),
    (Text, []),
    (SmallInteger, [1, -32768, ActivityKind.DID, None]),
    (Boolean, [True, False, None]),
    (DateTime(timezone=True), INSTANTS),
    (JSONB(none_as_null=True), DOCUMENTS),
]


async def test_what_is_given_is_what_is_read(database_url: str) -> None:
    database = connect(database_url)
    async with database.transaction() as tx:
        for type_, values in CASES:
            assert await tx.scalar(select(many("given", type_)), {"given": values}) == values
        assert await tx.scalar(select(many("given", Text)), {"given": None}) is None
    with pytest.raises(Exception, match="0x00"):
        async with database.transaction() as tx:
            await tx.scalar(select(many("given", Text)), {"given": ["a\0b"]})
    await database.close()
