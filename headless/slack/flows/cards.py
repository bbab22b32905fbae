"""Cards: one message for each campaign and watching channel, edited in place, whoever changed it.

A sweep compares what cards tell with what is so: a change of state or text is drawn at once, other
numbers once a minute. Lifecycle, errors and milestones go into the card's thread, as the channel's
filters say; in a direct message nobody is told of their own acts. Imports the use cases, `posting`,
the views and storage.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Text, cast, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from headless.campaigns import inspect, publish
from headless.campaigns.publish import Campaign
from headless.slack.flows import running, views
from headless.slack.kit import blocks
from headless.slack.outgoing import posting
from headless.slack.people.asker import Asker
from headless.storage.database import Database, Transaction
from headless.storage.tables import campaign, slack_card, slack_installation, slack_watch
from headless.workspace import hold

FILTERS: Final = ("lifecycle", "errors", "milestones")
MILESTONES: Final = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
_EVERY: Final = timedelta(minutes=1)
_BATCH: Final = 50
_LOST: Final = frozenset(
    ("message_not_found", "channel_not_found", "is_archived", "not_in_channel")
)
"""What Slack answers to an edit that will never go through."""


class Told(msgspec.Struct, frozen=True):
    """How far a channel has been told of a campaign."""

    state: str
    version: int
    trouble: int = 0
    entered: int = 0
    goal: int = 0


# ---------------------------------------------------------------- watching


async def watch(
    tx: Transaction,
    asker: Asker,
    campaign_id: int,
    channel: str,
    *,
    filters: Mapping[str, bool] | None = None,
    now: datetime,
    quiet: bool = False,
) -> None:
    """Let a channel, or a person, see a campaign's card; a second time changes the filters only.

    With `quiet` a channel that watches already keeps its filters.
    """
    found = await publish.find(tx, asker.workspace_id, campaign_id)
    told, _ = await _numbers(tx, asker.workspace_id, asker.team_id, found)
    kinds = dict(filters or {"lifecycle": True, "errors": True, "milestones": True})
    far = Told(found.state, found.version, told.trouble, told.entered, told.goal)
    row = insert(slack_watch).values(
        workspace_id=asker.workspace_id,
        team_id=asker.team_id,
        channel=channel,
        campaign_id=campaign_id,
        **kinds,
        told=msgspec.to_builtins(far),
        made_by=asker.user_id,
        created_at=now,
    )
    if quiet:
        row = row.on_conflict_do_nothing()
    else:
        keys = ["workspace_id", "team_id", "channel", "campaign_id"]
        row = row.on_conflict_do_update(index_elements=keys, set_=kinds)
    await tx.execute(row)
    await _post(tx, asker, found, channel, told, now)


async def _post(
    tx: Transaction, asker: Asker, found: Campaign, channel: str, told: views.Shown, now: datetime
) -> None:
    """Post the card, unless the channel has it already."""
    key = f"card:{asker.team_id}:{channel}:{found.id}:{int(now.timestamp())}"
    made = await tx.execute(
        insert(slack_card)
        .values(
            workspace_id=asker.workspace_id,
            team_id=asker.team_id,
            channel=channel,
            campaign_id=found.id,
            key=key,
            shown=msgspec.to_builtins(told),
            due_at=now + _EVERY,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing()
        .returning(slack_card.c.key)
    )
    if made.scalar_one_or_none() is None:
        return
    text, said = views.card(found, told)
    await posting.post(
        tx,
        asker.workspace_id,
        asker.team_id,
        channel,
        text=text,
        blocks=said,
        tell=asker.user_id,
        key=key,
        now=now,
    )


async def unwatch(tx: Transaction, asker: Asker, campaign_id: int, channel: str) -> bool:
    """Take a campaign's news out of a channel; its card stays as it is. False: it was not there."""
    return await _drop(tx, asker.workspace_id, asker.team_id, channel, campaign_id)


async def _drop(
    tx: Transaction, workspace_id: int, team_id: str, channel: str, campaign_id: int
) -> bool:
    gone = False
    for table in (slack_watch, slack_card):
        dropped = await tx.execute(
            delete(table)
            .where(
                table.c.workspace_id == workspace_id,
                table.c.team_id == team_id,
                table.c.channel == channel,
                table.c.campaign_id == campaign_id,
            )
            .returning(table.c.campaign_id)
        )
        gone = bool(dropped.all()) or gone
    return gone


async def _lost(tx: Transaction, workspace_id: int, channel: str, key: str, ts: str | None) -> bool:
    """Whether a card could never be posted, or somebody has thrown it away."""
    sent = await posting.posted(tx, workspace_id, key)
    if sent is not None and sent.state == "failed":
        return True
    edited = await posting.posted(tx, workspace_id, posting.edit_key(channel, ts or key))
    return edited is not None and edited.state == "failed" and edited.error in _LOST


async def look(tx: Transaction, workspace_id: int, team_id: str, found: Campaign) -> views.Shown:
    """What a card tells of a campaign now."""
    told, _ = await _numbers(tx, workspace_id, team_id, found)
    return told


async def _numbers(
    tx: Transaction, workspace_id: int, team_id: str, found: Campaign
) -> tuple[views.Shown, str]:
    """What a card tells of a campaign, and who brought it into its state, in words."""
    numbers = await inspect.stats(tx, workspace_id, found.id)
    held = any(one.scope == "workspace" for one in await hold.holds(tx, workspace_id))
    entry = await running.last_act(tx, workspace_id, found, found.state)
    who = ""
    if entry is not None:
        who = await running.who(tx, workspace_id, team_id, entry.actor)
    said = f"{found.state} by {who}" if who else ""
    if found.state == "paused" and found.pause_reason:
        said = f"{said or 'paused'}: {blocks.escape(found.pause_reason)}"
    return views.shown(found, numbers, held=held, note=said), who


# ---------------------------------------------------------------- following


async def follow(database: Database, *, now: datetime) -> int:
    """Bring the cards that tell something old up to date; answers how many were drawn."""
    c, k = campaign.c, slack_card.c
    changed = or_(
        k.shown["state"].astext != c.state,
        k.shown["revision"].astext != cast(c.revision, Text),
    )
    async with database.glance() as tx:
        rows = await tx.execute(
            select(k.workspace_id, k.team_id, k.channel, k.campaign_id)
            .join(campaign, (c.workspace_id == k.workspace_id) & (c.id == k.campaign_id))
            .join(
                slack_installation,
                (slack_installation.c.workspace_id == k.workspace_id)
                & (slack_installation.c.team_id == k.team_id)
                & (slack_installation.c.state == "active"),
            )
            .where(or_(changed, k.due_at <= now))
            .order_by(k.updated_at)
            .limit(_BATCH)
        )
        old = [tuple(row) for row in rows]
    for workspace_id, team_id, channel, campaign_id in old:
        async with database.transaction() as tx:
            await _draw(tx, workspace_id, team_id, channel, campaign_id, now)
    return len(old)


async def _draw(
    tx: Transaction,
    workspace_id: int,
    team_id: str,
    channel: str,
    campaign_id: int,
    now: datetime,
) -> None:
    k = slack_card.c
    mine = (
        k.workspace_id == workspace_id,
        k.team_id == team_id,
        k.channel == channel,
        k.campaign_id == campaign_id,
    )
    row = (
        await tx.execute(select(k.key, k.shown).where(*mine).with_for_update(skip_locked=True))
    ).one_or_none()
    if row is None:
        return
    if await _lost(tx, workspace_id, channel, row.key, row.shown.get("ts")):
        await _drop(tx, workspace_id, team_id, channel, campaign_id)
        return
    found = await publish.find(tx, workspace_id, campaign_id)
    told, who = await _numbers(tx, workspace_id, team_id, found)
    before = dict(row.shown)
    ts = before.pop("ts", None)
    if ts is None and (sent := await posting.posted(tx, workspace_id, row.key)) is not None:
        ts = sent.ts
    shown = msgspec.to_builtins(told)
    over = found.state in ("stopped", "archived")
    await tx.execute(
        update(slack_card)
        .where(*mine)
        .values(
            shown={**shown, **({"ts": ts} if ts else {})},
            due_at=None if over else now + _EVERY,
            updated_at=now,
        )
    )
    await _tell(tx, workspace_id, team_id, channel, found, told, who, row.key, ts, now)
    if shown == before:
        return
    text, said = views.card(found, told)
    where = {"ts": ts} if ts else {"of": row.key}
    await posting.edit(tx, workspace_id, team_id, channel, text=text, blocks=said, now=now, **where)


# ---------------------------------------------------------------- news in the thread


async def _tell(
    tx: Transaction,
    workspace_id: int,
    team_id: str,
    channel: str,
    found: Campaign,
    shown: views.Shown,
    who: str,
    key: str,
    ts: str | None,
    now: datetime,
) -> None:
    w = slack_watch.c
    mine = (
        w.workspace_id == workspace_id,
        w.team_id == team_id,
        w.channel == channel,
        w.campaign_id == found.id,
    )
    row = (await tx.execute(select(slack_watch).where(*mine))).one_or_none()
    if row is None:
        return
    before = msgspec.convert(row.told, Told)
    after = Told(found.state, found.version, shown.trouble, shown.entered, shown.goal)
    if after == before:
        return
    await tx.execute(update(slack_watch).where(*mine).values(told=msgspec.to_builtins(after)))
    own = _direct(channel) and who == f"<@{row.made_by}>"
    news = [
        text for kind, text in told(found, before, after, who) if getattr(row, kind)
        and not (own and kind == "lifecycle")
    ]  # fmt: skip
    for place, text in enumerate(news):
        await posting.post(
            tx,
            workspace_id,
            team_id,
            channel,
            text=text,
            thread_ts=ts,
            thread_of=None if ts else key,
            key=f"news:{key}:{int(now.timestamp() * 1000)}:{place}",
            now=now,
        )


def told(found: Campaign, before: Told, after: Told, who: str) -> list[tuple[str, str]]:
    """What is new, each with the filter that it belongs to."""
    news: list[tuple[str, str]] = []
    by = f" by {who}" if who else ""
    if before.state != after.state:
        icon = {"running": ":arrow_forward:", "paused": ":double_vertical_bar:"}
        said = f"{icon.get(after.state, ':black_square_for_stop:')} {after.state}{by}"
        if after.state == "paused" and found.pause_reason:
            said += f": {blocks.escape(found.pause_reason)}"
        news.append(("lifecycle", said))
    if before.version != after.version:
        news.append(("lifecycle", f":pencil2: version {after.version} now, was {before.version}"))
    if after.trouble > before.trouble:
        more = views.many(after.trouble - before.trouble, "message needs", "messages need")
        news.append(("errors", f":warning: {more} a person: look at what was refused"))
    passed = [one for one in MILESTONES if before.entered < one <= after.entered]
    if passed:
        reached = views.many(passed[-1], "contact has", "contacts have")
        news.append(("milestones", f":tada: {reached} entered"))
    if after.goal and not before.goal:
        news.append(("milestones", ":checkered_flag: the first contact has reached the goal"))
    return news


def _direct(channel: str) -> bool:
    """Whether a channel is one person's."""
    return channel[:1] in ("D", "U", "W")


def filters(given: str) -> dict[str, bool]:
    """What a command named, as columns; nothing named is all of it."""
    named: list[str] = given.split()
    return {kind: not named or kind in named for kind in FILTERS}


async def watched(tx: Transaction, asker: Asker, channel: str) -> list[dict[str, Any]]:
    """The campaigns that a channel watches, by name, each with its filters."""
    w, c = slack_watch.c, campaign.c
    rows = await tx.execute(
        select(slack_watch, c.name, c.state)
        .join(campaign, (c.workspace_id == w.workspace_id) & (c.id == w.campaign_id))
        .where(
            w.workspace_id == asker.workspace_id, w.team_id == asker.team_id, w.channel == channel
        )
        .order_by(c.name)
    )
    return [dict(row) for row in rows.mappings()]
