"""Holds: nothing is handed over while one stands, of a workspace, of a channel or of a campaign.

Everything else goes on: contacts move, messages gather in the outbox, links are answered. What was
on the wire when a hold began still arrives. Imports storage.
"""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import RowMapping, delete, select
from sqlalchemy.dialects.postgresql import insert

from headless import ids
from headless.problems import Problem
from headless.storage.codes import Channel, word
from headless.storage.database import Transaction
from headless.storage.tables import hold as table
from headless.workspace.webhooks import telling

Kind = Literal["workspace", "channel", "campaign"]
WORKSPACE: Final = "workspace"
"""The scope of everything that a workspace sends."""
MOST_WORDS: Final = 500
_DELIVER: Final = "deliver"  # the job of the outbox


class Hold(msgspec.Struct, frozen=True):
    """What is held, since when, by whom and why; `subject` is a channel's code or a campaign's
    number, 0 for the workspace."""

    scope: Kind
    subject: int
    reason: str
    actor: str
    since: datetime

    @property
    def words(self) -> str:
        """`everything`, `email`, `this campaign`."""
        match self.scope:
            case "workspace":
                return "everything"
            case "channel":
                return word(Channel(self.subject))
            case _:
                return "this campaign"


def of_channel(channel: Channel) -> str:
    """The scope of a channel: `channel:email`."""
    return f"channel:{word(channel)}"


def of_campaign(campaign_id: int) -> str:
    """The scope of a campaign: `campaign:17`."""
    return f"campaign:{campaign_id}"


async def hold(
    tx: Transaction,
    workspace_id: int,
    *,
    scope: str,
    on: bool,
    reason: str,
    actor: str,
    now: datetime,
) -> bool:
    """Hold a scope (`workspace`, `channel:email`, `campaign:17`) or let it go; whether it was new.

    A hold that stands keeps its reason. What has gathered goes out after the commit. Raises Problem
    `invalid_value` for a scope that there is not, or to hold without a reason.
    """
    kind, subject = _read_scope(scope)
    mine = (table.c.workspace_id == workspace_id, table.c.scope == kind, table.c.subject == subject)
    if not on:
        gone = await tx.execute(delete(table).where(*mine).returning(table.c.subject))
        freed = bool(gone.all())
        if freed:
            await _tell(tx, workspace_id, "hold.off", kind, subject, None, now)
        for channel in Channel if freed else ():
            if kind != "channel" or channel == subject:
                tx.wake(_DELIVER, workspace_id, int(channel))
        return freed
    words = " ".join(reason.split())
    if not 1 <= len(words) <= MOST_WORDS:
        raise Problem("invalid_value", f"say why it is held, in 1 to {MOST_WORDS} characters")
    made = await tx.execute(
        insert(table)
        .values(
            workspace_id=workspace_id,
            scope=kind,
            subject=subject,
            reason=words,
            actor=actor,
            since=now,
        )
        .on_conflict_do_nothing()
        .returning(table.c.subject)
    )
    new = bool(made.all())
    if new:
        await _tell(tx, workspace_id, "hold.on", kind, subject, words, now)
    return new


async def _tell(
    tx: Transaction,
    workspace_id: int,
    type_: str,
    kind: Kind,
    subject: int,
    reason: str | None,
    now: datetime,
) -> None:
    match kind:
        case "channel":
            named: str | None = word(Channel(subject))
        case "campaign":
            named = ids.encode("cmp", subject)
        case _:
            named = None
    told = {"scope": kind, "subject": named, "reason": reason}
    await telling.tell(tx, workspace_id, type_, [told], now=now)


async def holds(tx: Transaction, workspace_id: int) -> list[Hold]:
    """What of a workspace is held, the widest first."""
    order = {"workspace": 0, "channel": 1, "campaign": 2}
    rows = await tx.execute(select(table).where(table.c.workspace_id == workspace_id))
    found = [_read(row) for row in rows.mappings()]
    return sorted(found, key=lambda each: (order[each.scope], each.subject))


async def holding(
    tx: Transaction, workspace_id: int, channel: Channel, campaign_id: int | None
) -> Hold | None:
    """The widest hold that keeps a message of this channel and campaign back; None: it may go."""
    for each in await holds(tx, workspace_id):
        match each.scope:
            case "workspace":
                return each
            case "channel" if each.subject == channel:
                return each
            case "campaign" if each.subject == campaign_id:
                return each
    return None


def _read(row: RowMapping) -> Hold:
    values: dict[str, Any] = {name: row[name] for name in Hold.__struct_fields__}
    return Hold(**values)


def _read_scope(scope: str) -> tuple[Kind, int]:
    kind, _, subject = scope.partition(":")
    if kind == "workspace" and not subject:
        return "workspace", 0
    if kind == "channel" and subject.upper() in Channel.__members__:
        return "channel", int(Channel[subject.upper()])
    if kind == "campaign" and subject.isdecimal():
        return "campaign", int(subject)
    raise Problem(
        "invalid_value",
        f"`{scope[:60]}` cannot be held; `workspace`, `channel:email` or `campaign:17` can",
    )
