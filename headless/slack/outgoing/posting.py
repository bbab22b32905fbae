"""Posting: what goes out to Slack is stored in the transaction that decides it, and sent later.

Each message has a key of its own in its workspace: storing it again changes nothing, and whoever
knows the key can edit the message, or answer in its thread, before it is even sent. `sending` takes
them out, a channel's in their order, one a second. Imports storage and `tasks`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from headless.slack.tasks import JOB
from headless.storage.database import Transaction
from headless.storage.tables import slack_post

State = Literal["pending", "sent", "failed"]
Kind = Literal["post", "edit", "whisper"]


class Posted(msgspec.Struct, frozen=True):
    """How a message stands: `ts` once it is sent, `error` when it never will be."""

    state: State
    ts: str | None
    error: str | None


async def post(
    tx: Transaction,
    workspace_id: int,
    team_id: str,
    channel: str,
    *,
    text: str,
    blocks: Sequence[dict[str, Any]] = (),
    thread_ts: str | None = None,
    thread_of: str | None = None,
    tell: str | None = None,
    key: str,
    now: datetime,
) -> None:
    """Post a message into a channel, or to a person (`channel` is a user's id).

    `thread_of` is the key of the message in whose thread it goes, where its `ts` is not known yet.
    `tell` is the user who hears of it when the channel cannot be written to.
    """
    payload = {"text": text, "blocks": list(blocks), "thread_ts": thread_ts}
    payload |= {"thread_of": thread_of, "tell": tell}
    await _store(tx, workspace_id, team_id, channel, "post", key, payload, now)


async def picture(
    tx: Transaction,
    workspace_id: int,
    team_id: str,
    channel: str,
    *,
    png: bytes,
    title: str,
    alt: str,
    text: str = "",
    blocks: Sequence[dict[str, Any]] = (),
    thread_ts: str | None = None,
    thread_of: str | None = None,
    tell: str | None = None,
    key: str,
    now: datetime,
) -> None:
    """The same with a picture: before the buttons, or where an image names `pictures.PICTURE`."""
    payload = {"text": text or title, "blocks": list(blocks), "thread_ts": thread_ts}
    payload |= {"thread_of": thread_of, "tell": tell, "title": title, "alt": alt}
    await _store(tx, workspace_id, team_id, channel, "post", key, payload, now, png)


async def whisper(
    tx: Transaction,
    workspace_id: int,
    team_id: str,
    channel: str,
    user_id: str,
    *,
    text: str,
    blocks: Sequence[dict[str, Any]] = (),
    thread_ts: str | None = None,
    png: bytes | None = None,
    alt: str = "",
    key: str,
    now: datetime,
) -> None:
    """A message in a channel that only one person sees, until they reload."""
    payload = {"text": text, "blocks": list(blocks), "thread_ts": thread_ts, "user": user_id}
    payload |= {"title": alt or text, "alt": alt or text}
    await _store(tx, workspace_id, team_id, channel, "whisper", key, payload, now, png)


async def edit(
    tx: Transaction,
    workspace_id: int,
    team_id: str,
    channel: str,
    *,
    text: str,
    blocks: Sequence[dict[str, Any]] = (),
    ts: str | None = None,
    of: str | None = None,
    png: bytes | None = None,
    alt: str = "",
    now: datetime,
    due: datetime | None = None,
) -> None:
    """Change a message: the one with `ts`, or the one that was stored under the key `of`.

    Of several edits of one message that wait, only the newest is sent; `due` puts it off.
    """
    if (ts is None) == (of is None):
        raise ValueError("an edit names its message by `ts` or by the key `of`")
    payload = {"text": text, "blocks": list(blocks), "ts": ts, "of": of}
    payload |= {"title": alt or text, "alt": alt or text}
    values = {
        "team_id": team_id,
        "channel": channel,
        "payload": payload,
        "picture": png,
        "state": "pending",
        "attempts": 0,
        "error": None,
        "due_at": due or now,
    }
    row = insert(slack_post).values(
        workspace_id=workspace_id,
        key=edit_key(channel, str(ts or of)),
        kind="edit",
        created_at=now,
        **values,
    )
    await tx.execute(row.on_conflict_do_update(index_elements=["workspace_id", "key"], set_=values))
    if due is None:
        tx.wake(JOB)


def edit_key(channel: str, which: str) -> str:
    """The key of the newest edit of a message, which is named by its `ts` or its own key."""
    return f"edit:{channel}:{which}"


async def posted(tx: Transaction, workspace_id: int, key: str) -> Posted | None:
    """How the message of a key stands; None when there is none, or its time is long past."""
    found = await tx.execute(
        select(slack_post.c.state, slack_post.c.ts, slack_post.c.error).where(
            slack_post.c.workspace_id == workspace_id, slack_post.c.key == key
        )
    )
    row = found.one_or_none()
    return None if row is None else Posted(row.state, row.ts, row.error)


async def _store(
    tx: Transaction,
    workspace_id: int,
    team_id: str,
    channel: str,
    kind: Kind,
    key: str,
    payload: dict[str, Any],
    now: datetime,
    png: bytes | None = None,
) -> None:
    row = insert(slack_post).values(
        workspace_id=workspace_id,
        team_id=team_id,
        channel=channel,
        key=key,
        kind=kind,
        payload=payload,
        picture=png,
        created_at=now,
        due_at=now,
    )
    await tx.execute(row.on_conflict_do_nothing(index_elements=["workspace_id", "key"]))
    tx.wake(JOB)
