"""Sending: takes posts out of their table and into Slack, each channel's in order, one a second.

At most one post of a channel is under way, and a channel waits as long as Slack asks; nobody sleeps
meanwhile. What fails for a while is tried again, what never will work is given up and said to
whoever asked for it. A worker that dies between Slack's answer and ours says the thing twice: Slack
knows no key to prevent that. Imports `posting`, `clients`, `pictures` and storage.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp
import msgspec
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import and_, bindparam, delete, exists, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from headless.slack.outgoing import posting
from headless.slack.outgoing.pictures import upload, with_picture
from headless.slack.teams.clients import ENDED, Clients, NotInstalledError
from headless.storage.database import Database, Transaction
from headless.storage.tables import Instant, slack_pace, slack_post

_PACE: Final = timedelta(seconds=1)
_LEASE: Final = timedelta(seconds=60)
_ATTEMPTS: Final = 8
_KEPT: Final = timedelta(days=30)
_LATER: Final = frozenset(
    ("internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org")
)
_CLOSED: Final = frozenset(("not_in_channel", "channel_not_found", "is_archived"))
log = structlog.get_logger(__name__)


class _Post(msgspec.Struct, frozen=True):
    workspace_id: int
    id: int
    team_id: str
    channel: str
    kind: posting.Kind
    payload: dict[str, Any]
    picture: bytes | None
    attempts: int


class _Outcome(msgspec.Struct, frozen=True):
    """What became of one post: sent (`ts`), put off (`after`), or given up (`error` alone)."""

    ts: str | None = None
    error: str | None = None
    after: timedelta | None = None
    hold: bool = False  # the whole channel waits


async def send_due(database: Database, clients: Clients, *, now: datetime, batch: int = 20) -> int:
    """Send what is due and may go now; answers how many were tried."""
    taken = await _take(database, now, batch)
    await asyncio.gather(*(_send(database, clients, each, now) for each in taken))
    return len(taken)


async def anything_due(tx: Transaction, *, now: datetime) -> bool:
    """Whether a post waits whose time has come."""
    due = and_(slack_post.c.state == "pending", slack_post.c.due_at <= now)
    return bool(await tx.scalar(select(exists().where(due))))


async def forget(tx: Transaction, *, now: datetime) -> None:
    """Drop what was sent or given up a month ago, in all workspaces."""
    await tx.execute(
        delete(slack_post).where(
            slack_post.c.created_at < now - _KEPT, slack_post.c.state != "pending"
        )
    )


async def _take(database: Database, now: datetime, batch: int) -> list[_Post]:
    """The first post of each channel that is due and may be written to; ours for a minute."""
    first = (
        select(slack_post.c.workspace_id, slack_post.c.id, slack_post.c.due_at)
        .ext(distinct_on(slack_post.c.workspace_id, slack_post.c.team_id, slack_post.c.channel))
        .where(slack_post.c.state == "pending")
        .order_by(
            slack_post.c.workspace_id,
            slack_post.c.team_id,
            slack_post.c.channel,
            slack_post.c.id,
        )
        .subquery("first")
    )
    at = bindparam("now", now, type_=Instant)
    free = or_(slack_pace.c.free_at.is_(None), slack_pace.c.free_at <= at)
    due = (
        select(slack_post.c.workspace_id, slack_post.c.id)
        .join(
            first,
            and_(first.c.workspace_id == slack_post.c.workspace_id, first.c.id == slack_post.c.id),
        )
        .outerjoin(
            slack_pace,
            and_(
                slack_pace.c.workspace_id == slack_post.c.workspace_id,
                slack_pace.c.team_id == slack_post.c.team_id,
                slack_pace.c.channel == slack_post.c.channel,
            ),
        )
        .where(slack_post.c.state == "pending", slack_post.c.due_at <= at, free)
        .order_by(slack_post.c.due_at)
        .limit(batch)
        .with_for_update(of=slack_post, skip_locked=True)
        .cte("due")
    )
    taking = (
        update(slack_post)
        .where(slack_post.c.workspace_id == due.c.workspace_id, slack_post.c.id == due.c.id)
        .values(attempts=slack_post.c.attempts + 1, due_at=now + _LEASE)
        .returning(*(slack_post.c[name] for name in _Post.__struct_fields__))
    )
    async with database.transaction() as tx:
        return [_Post(**dict(row)) for row in (await tx.execute(taking)).mappings()]


async def _send(database: Database, clients: Clients, each: _Post, now: datetime) -> None:
    outcome = await _try(database, clients, each)
    async with database.transaction() as tx:
        await _settle(tx, each, outcome, now)
    if outcome.error in ENDED:
        await clients.ended(each.workspace_id, each.team_id, str(outcome.error))


async def _try(database: Database, clients: Clients, each: _Post) -> _Outcome:
    try:
        client = await clients.of(each.workspace_id, each.team_id)
        async with database.glance() as tx:
            payload = await _addressed(tx, each)
        if payload is None:
            return _Outcome(error="the message that it belongs to was never sent")
        if each.picture is not None:
            title, alt = str(payload["title"]), str(payload["alt"])
            file_id = await upload(client, each.picture, title=title, alt=alt)
            payload["blocks"] = with_picture(payload["blocks"], file_id, alt)
        return _Outcome(ts=await _say(client, each, payload))
    except SlackApiError as error:
        return _refused(error, each.attempts)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return _again(type(error).__name__, each.attempts)
    except NotInstalledError as error:
        return _Outcome(error=str(error))


async def _addressed(tx: Transaction, each: _Post) -> dict[str, Any] | None:
    """The payload with the `ts` that were not known when it was stored; None: they never will."""
    payload = dict(each.payload)
    for key, member in (("of", "ts"), ("thread_of", "thread_ts")):
        if wanted := payload.get(key):
            found = await posting.posted(tx, each.workspace_id, wanted)
            if found is None or found.ts is None:
                return None
            payload[member] = found.ts
    return payload


async def _say(client: AsyncWebClient, each: _Post, payload: Mapping[str, Any]) -> str:
    text, blocks = payload["text"], payload["blocks"] or None
    if each.kind == "edit":
        channel = await _conversation(client, each.channel)
        answer = await client.chat_update(
            channel=channel, ts=payload["ts"], text=text, blocks=blocks or []
        )
        return str(answer["ts"])
    if each.kind == "whisper":
        answer = await client.chat_postEphemeral(
            channel=each.channel,
            user=payload["user"],
            text=text,
            blocks=blocks,
            thread_ts=payload.get("thread_ts"),
        )
        return str(answer["message_ts"])
    answer = await client.chat_postMessage(
        channel=each.channel,
        text=text,
        blocks=blocks,
        thread_ts=payload.get("thread_ts"),
        unfurl_links=False,
        unfurl_media=False,
    )
    return str(answer["ts"])


async def _conversation(client: AsyncWebClient, channel: str) -> str:
    """Where a message is: one to a person (`U…`) is in a conversation that has its own id."""
    if channel[:1] not in ("U", "W"):
        return channel
    return str((await client.conversations_open(users=[channel]))["channel"]["id"])


def _refused(error: SlackApiError, attempts: int) -> _Outcome:
    told = error.response
    code = str(told.get("error") or told.status_code)
    if told.status_code == 429 or code == "ratelimited":
        return _Outcome(error=code, after=timedelta(seconds=_patience(told.headers)), hold=True)
    if code in _LATER or told.status_code >= 500:
        return _again(code, attempts)
    return _Outcome(error=code)


def _again(error: str, attempts: int) -> _Outcome:
    if attempts >= _ATTEMPTS:
        return _Outcome(error=error)
    return _Outcome(error=error, after=timedelta(seconds=2**attempts))


def _patience(headers: Mapping[str, str]) -> float:
    told = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return float(told) if told.isdigit() else 30.0


async def _settle(tx: Transaction, each: _Post, outcome: _Outcome, now: datetime) -> None:
    """Keep what became of a post; an edit that was changed meanwhile stays to be sent."""
    values: dict[str, Any] = {"error": outcome.error}
    if outcome.ts is not None:
        values |= {"state": "sent", "ts": outcome.ts, "sent_at": now, "picture": None}
    elif outcome.after is None:
        values |= {"state": "failed", "picture": None}
    else:
        values |= {"due_at": now + outcome.after}
        if outcome.hold:
            values |= {"attempts": each.attempts - 1}  # we came too early, that is all
    await tx.execute(
        update(slack_post)
        .where(
            slack_post.c.workspace_id == each.workspace_id,
            slack_post.c.id == each.id,
            slack_post.c.attempts == each.attempts,
        )
        .values(**values)
    )
    wait = outcome.after if outcome.hold and outcome.after else _PACE
    row = insert(slack_pace).values(
        workspace_id=each.workspace_id,
        team_id=each.team_id,
        channel=each.channel,
        free_at=now + wait,
    )
    await tx.execute(
        row.on_conflict_do_update(
            index_elements=["workspace_id", "team_id", "channel"],
            set_={"free_at": row.excluded.free_at},
        )
    )
    if outcome.ts is None and outcome.after is None:
        log.warning("slack_post_failed", post=each.id, error=outcome.error)
        await _tell(tx, each, str(outcome.error), now)


async def _tell(tx: Transaction, each: _Post, error: str, now: datetime) -> None:
    """Say to whoever asked for a post why it cannot be made, and what to do."""
    person = each.payload.get("tell")
    if person is None or error not in _CLOSED:
        return
    await posting.post(
        tx,
        each.workspace_id,
        each.team_id,
        person,
        text=f"I cannot write in <#{each.channel}> ({error}). If it is a private channel, invite "
        "me there: `/invite` and my name. Then ask me again.",
        key=f"tell:{each.id}",
        now=now,
    )
