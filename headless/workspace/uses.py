"""Uses: what still speaks of a thing, so that nothing is deleted under those who need it.

A campaign uses what its newest version names, and what a version names that people are still in;
an archived one nothing. A segment uses what its condition names, a multi-channel message its parts.
Imports storage.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from headless.problems import Problem
from headless.storage import tables
from headless.storage.codes import Channel, MessageState
from headless.storage.database import Transaction

MOST: Final = 50
_CHANNELS: Final = {
    "email": Channel.EMAIL,
    "sms": Channel.SMS,
    "push message": Channel.PUSH,
    "webhook": Channel.WEBHOOK,
    "integration": Channel.INTEGRATION,
}


class Use(msgspec.Struct, frozen=True):
    """Something that uses a thing: its kind in the language's words, and its name."""

    kind: str
    name: str


async def uses(tx: Transaction, workspace_id: int, kind: str, number: int) -> list[Use]:
    """What uses a thing, 50 at most; `kind` is the language's word, such as `push message`."""
    found = union_all(*_queries(workspace_id, kind, number)).limit(MOST)
    return [Use(row.kind, row.name) for row in await tx.execute(found)]


async def refuse_used(
    tx: Transaction, workspace_id: int, kind: str, number: int, name: str
) -> None:
    """Raise Problem `in_use`, with the list, when anything uses it."""
    refuse(await uses(tx, workspace_id, kind, number), name)


def refuse(found: Sequence[Use], name: str) -> None:
    """Raise Problem `in_use`, with the list, unless it is empty."""
    if found:
        first = f"{found[0].kind} `{found[0].name}`"
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise Problem(
            "in_use",
            f"`{name}` is used by the {first}{more}; take it out there first",
            used_by=[msgspec.to_builtins(each) for each in found],
        )


def _queries(workspace_id: int, kind: str, number: int) -> list[Any]:
    campaigns, versions = tables.campaign, tables.version
    inside = exists(
        select(1).where(
            tables.position.c.workspace_id == workspace_id,
            tables.position.c.version_id == versions.c.id,
        )
    )
    queries = [
        _told("campaign", campaigns.c.name)
        .join(
            versions,
            and_(
                versions.c.workspace_id == campaigns.c.workspace_id,
                versions.c.campaign_id == campaigns.c.id,
            ),
        )
        .where(
            campaigns.c.workspace_id == workspace_id,
            campaigns.c.state != "archived",
            or_(versions.c.id == campaigns.c.version_id, inside),
            _names(versions.c.refs, kind, number),
        )
        .distinct(),
        _told("segment", tables.segment.c.name).where(
            tables.segment.c.workspace_id == workspace_id,
            tables.segment.c.campaign_id.is_(None),
            _names(tables.segment.c.refs, kind, number),
        ),
    ]
    if kind in ("email", "sms", "push message"):
        both = tables.multi_message
        queries.append(
            _told("message", both.c.name).where(
                both.c.workspace_id == workspace_id,
                both.c[f"{kind.replace(' ', '_')}_id"] == number,
            )
        )
    if kind == "content":
        queries.append(
            _told("slot", tables.slot.c.name).where(
                tables.slot.c.workspace_id == workspace_id,
                tables.slot.c.default_content_id == number,
            )
        )
    if kind in _CHANNELS:
        open_ = [int(MessageState.PENDING), int(MessageState.SENDING)]
        waiting = tables.message
        queries.append(
            _told("outbox", literal("messages that wait to be sent", Text))
            .select_from(waiting)
            .where(
                waiting.c.workspace_id == workspace_id,
                waiting.c.channel == int(_CHANNELS[kind]),
                waiting.c.ref == number,
                waiting.c.state.in_(open_),
            )
            .limit(1)
            .subquery()
            .select()
        )
    return queries


def _told(kind: str, name: ColumnElement[Any]) -> Any:
    return select(literal(kind, Text).label("kind"), name.label("name"))


def _names(refs: ColumnElement[Any], kind: str, number: int) -> ColumnElement[bool]:
    """Whether a document of resolved names has one of the kind with that number."""
    pairs = case((func.jsonb_typeof(refs["ids"]) == "object", refs["ids"]))
    pair = func.jsonb_each_text(pairs).table_valued("key", "value", name="pair")
    return exists(
        select(1)
        .select_from(pair)
        .where(
            func.starts_with(pair.c.key, f"{kind}:"),
            cast(pair.c.value, BigInteger) == number,
        )
    )
