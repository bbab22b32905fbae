"""Breakers: when too many refuse us, we stop asking, before our reputation is gone.

A domain that refuses us gets nothing for a while; a campaign whose mails are refused wherever they
go is paused, by whoever works on the hint `trip`. Only refusals that are about us count, never dead
addresses. A row exists only while refusals do: healthy traffic writes nothing. Webhooks are told
when a channel or a domain stops working, and when something is taken there again. Imports storage
and the workspace's webhooks.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    SmallInteger,
    Text,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from headless.storage.codes import Channel, word
from headless.storage.database import Transaction
from headless.storage.tables import Instant, breaker, version
from headless.workspace.webhooks import telling

WINDOW: Final = timedelta(minutes=10)
OPEN: Final = timedelta(minutes=15)
LEAST_OF_A_DOMAIN: Final = 5
LEAST_OF_A_CAMPAIGN: Final = 20
SHARE_OF_A_DOMAIN: Final = 0.5
SHARE_OF_A_CAMPAIGN: Final = 0.2
Scope = Literal["domain", "campaign", "channel"]
_ITSELF: Final[tuple[Scope, str]] = ("channel", "")


class Outcome(msgspec.Struct, frozen=True):
    """What a hand-over came to: to which domain, by which version of a campaign, refused or not."""

    domain: str
    version_id: int | None
    refused: bool


class Tripped(msgspec.Struct, frozen=True):
    """A breaker that has just opened, with the counts that opened it.

    `again`: nothing was taken since it opened the last time.
    """

    scope: Scope
    subject: str
    refused: int
    of: int
    again: bool = False


async def count(
    tx: Transaction,
    workspace_id: int,
    channel: Channel,
    outcomes: Sequence[Outcome],
    *,
    now: datetime,
) -> list[Tripped]:
    """Count hand-overs; answers the breakers that opened by it."""
    refused = [each for each in outcomes if each.refused]
    campaigns = await _campaigns(tx, workspace_id, outcomes if refused else ())
    by_subject: dict[tuple[Scope, str], list[int]] = {}
    for each in outcomes:
        for key in _subjects(each, campaigns):
            counts = by_subject.setdefault(key, [0, 0])
            counts[0] += 1
            counts[1] += each.refused
    fresh = {key: counts for key, counts in by_subject.items() if counts[1]}
    calm = {key: counts[0] for key, counts in by_subject.items() if not counts[1]}
    if outcomes:
        calm[_ITSELF] = len(outcomes)  # whatever it answers, it answers
    await _note_calm(tx, workspace_id, channel, calm, now)
    return await _note_refusals(tx, workspace_id, channel, fresh, now)


async def broken(
    tx: Transaction, workspace_id: int, channel: Channel, *, reason: str, now: datetime
) -> None:
    """The channel itself does not work; told once, until it answers for a message again."""
    scope, subject = _ITSELF
    row = insert(breaker).values(
        workspace_id=workspace_id, channel=int(channel), scope=scope, subject=subject, taken=0,
        refused=0, since=now, open_until=now,
    )  # fmt: skip
    new = await tx.execute(row.on_conflict_do_nothing().returning(breaker.c.scope))
    if new.first() is not None:
        await _tell(tx, workspace_id, channel, "degraded", None, reason, now)


async def closed_to(
    tx: Transaction, workspace_id: int, channel: Channel, domains: Iterable[str], *, now: datetime
) -> dict[str, datetime]:
    """Of some domains those that get nothing now, and until when."""
    rows = await tx.execute(
        _CLOSED,
        {
            "workspace": workspace_id,
            "channel": int(channel),
            "now": now,
            "domains": sorted(set(domains)),
        },
    )
    return {row.subject: row.open_until for row in rows}


async def tripped_campaigns(tx: Transaction) -> list[tuple[int, int]]:
    """Workspaces and campaigns whose breaker opened and which nobody has paused yet."""
    b = breaker.c
    rows = await tx.execute(
        select(b.workspace_id, b.subject).where(b.scope == "campaign", b.waiting)
    )
    return [(row.workspace_id, int(row.subject)) for row in rows]


async def handled(tx: Transaction, workspace_id: int, campaign_id: int) -> tuple[int, int]:
    """The campaign was paused; answers refused and handed over, for the reason to be given."""
    b = breaker.c
    mine = (
        (b.workspace_id == workspace_id)
        & (b.scope == "campaign")
        & (b.subject == str(campaign_id))
        & b.waiting
    )
    row = (await tx.execute(select(b.refused, b.taken).where(mine).with_for_update())).first()
    if row is None:
        return 0, 0
    await tx.execute(update(breaker).where(mine).values(waiting=False, taken=0, refused=0))
    return row.refused, row.taken


def _subjects(each: Outcome, campaigns: dict[int, int]) -> list[tuple[Scope, str]]:
    found: list[tuple[Scope, str]] = [("domain", each.domain)] if each.domain else []
    if each.version_id in campaigns:
        found.append(("campaign", str(campaigns[each.version_id])))
    return found


async def _campaigns(
    tx: Transaction, workspace_id: int, outcomes: Sequence[Outcome]
) -> dict[int, int]:
    versions = sorted({each.version_id for each in outcomes if each.version_id is not None})
    if not versions:
        return {}
    rows = await tx.execute(
        select(version.c.id, version.c.campaign_id).where(
            version.c.workspace_id == workspace_id,
            version.c.id == func.any(bindparam("versions", versions, type_=ARRAY(BigInteger))),
        )
    )
    return {row.id: row.campaign_id for row in rows}


async def _note_calm(
    tx: Transaction,
    workspace_id: int,
    channel: Channel,
    calm: dict[tuple[Scope, str], int],
    now: datetime,
) -> None:
    """Hand-overs that went well count only where a refusal is being counted, or nothing went."""
    b = breaker.c
    watched = await tx.execute(
        _WATCHED,
        {"workspace": workspace_id, "channel": int(channel), "now": now, "since": now - WINDOW},
    )
    for scope, subject, open_until in watched.all():
        if taken := calm.get((scope, subject)):
            if open_until is not None and open_until <= now:
                await _recovered(tx, workspace_id, channel, (scope, subject), now)
            await tx.execute(
                update(breaker)
                .where(*_one(workspace_id, channel, (scope, subject)))
                .values(taken=b.taken + taken)
            )


async def _recovered(
    tx: Transaction, workspace_id: int, channel: Channel, key: tuple[Scope, str], now: datetime
) -> None:
    """Something was taken where nothing was; of two that see it, one tells."""
    mine = _one(workspace_id, channel, key)
    if key == _ITSELF:
        change: Any = delete(breaker).where(*mine)
    else:
        was = breaker.c.open_until.is_not(None)
        change = update(breaker).where(*mine, was).values(open_until=None)
    done = await tx.execute(change.returning(breaker.c.scope))
    if done.first() is not None:
        await _tell(tx, workspace_id, channel, "recovered", key[1] or None, None, now)


async def _tell(
    tx: Transaction,
    workspace_id: int,
    channel: Channel,
    what: str,
    domain: str | None,
    reason: str | None,
    now: datetime,
) -> None:
    told = {"channel": word(channel), "domain": domain, "reason": reason}
    await telling.tell(tx, workspace_id, f"channel.{what}", [told], now=now)


def _one(workspace_id: int, channel: Channel, key: tuple[Scope, str]) -> tuple[Any, ...]:
    b = breaker.c
    scope, subject = key
    return (
        b.workspace_id == workspace_id,
        b.channel == int(channel),
        b.scope == scope,
        b.subject == subject,
    )


async def _note_refusals(
    tx: Transaction,
    workspace_id: int,
    channel: Channel,
    fresh: dict[tuple[Scope, str], list[int]],
    now: datetime,
) -> list[Tripped]:
    if not fresh:
        return []
    rows: list[dict[str, Any]] = [
        {
            "workspace_id": workspace_id, "channel": int(channel), "scope": scope,
            "subject": subject, "taken": taken, "refused": refused, "since": now,
        }
        for (scope, subject), (taken, refused) in sorted(fresh.items())
    ]  # fmt: skip
    given = insert(breaker).values(rows)
    b, new = breaker.c, given.excluded
    old = b.since <= now - WINDOW
    result = await tx.execute(
        given.on_conflict_do_update(
            index_elements=["workspace_id", "channel", "scope", "subject"],
            set_={
                "taken": case((old, new.taken), else_=b.taken + new.taken),
                "refused": case((old, new.refused), else_=b.refused + new.refused),
                "since": case((old, new.since), else_=b.since),
            },
        ).returning(b.scope, b.subject, b.taken, b.refused, b.open_until, b.waiting)
    )
    tripped = [
        Tripped(row.scope, row.subject, row.refused, row.taken, row.open_until is not None)
        for row in result
        if _is_too_much(row) and not row.waiting and (row.open_until or now) <= now
    ]
    for each in tripped:
        await _open(tx, workspace_id, channel, each, now)
    return tripped


# ------------------- asked for each handful of messages, so they are built once

_OF_CHANNEL: Final = (
    breaker.c.workspace_id == bindparam("workspace", type_=Integer),
    breaker.c.channel == bindparam("channel", type_=SmallInteger),
)
_CLOSED: Final = select(breaker.c.subject, breaker.c.open_until).where(
    *_OF_CHANNEL,
    breaker.c.scope == "domain",
    breaker.c.open_until > bindparam("now", type_=Instant),
    breaker.c.subject == func.any(bindparam("domains", type_=ARRAY(Text))),
)
_WATCHED: Final = select(breaker.c.scope, breaker.c.subject, breaker.c.open_until).where(
    *_OF_CHANNEL,
    or_(
        breaker.c.since > bindparam("since", type_=Instant),
        breaker.c.open_until <= bindparam("now", type_=Instant),
    ),
)


def _is_too_much(row: Any) -> bool:
    least, share = (
        (LEAST_OF_A_DOMAIN, SHARE_OF_A_DOMAIN)
        if row.scope == "domain"
        else (LEAST_OF_A_CAMPAIGN, SHARE_OF_A_CAMPAIGN)
    )
    return bool(row.refused >= least and row.refused >= share * row.taken)


async def _open(
    tx: Transaction, workspace_id: int, channel: Channel, each: Tripped, now: datetime
) -> None:
    until = {"open_until": now + OPEN, "taken": 0, "refused": 0}
    await tx.execute(
        update(breaker)
        .where(*_one(workspace_id, channel, (each.scope, each.subject)))
        .values(**(until if each.scope == "domain" else {"waiting": True}))
    )
    if each.scope == "campaign":
        tx.wake("trip", workspace_id, int(each.subject))
    elif not each.again:
        minutes = OPEN // timedelta(minutes=1)
        reason = (
            f"{each.refused} of the last {each.of} messages were refused there; "
            f"it gets nothing for {minutes} minutes, then we ask again"
        )
        await _tell(tx, workspace_id, channel, "degraded", each.subject, reason, now)
