"""Versions: a running campaign gets a new text, and the people inside go on with it.

`plan` tells what a new version would do to everybody inside, step by step; `apply` does exactly
that, and refuses when things have moved since. With `drain` old runs end by the old version.
Imports `publish`, `proposals`, `sources`, `moving` and the runtime.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import and_, delete, func, insert, select, update

from headless.campaigns import approvals, moving
from headless.campaigns.approvals import Signer
from headless.campaigns.moving import Moves, Waits
from headless.campaigns.proposals import Proposal, VersionPlan, foresee, propose
from headless.campaigns.publish import Campaign, call_it, edit, find, store
from headless.campaigns.sources import (
    brings_members,
    deafen,
    follow,
    listen,
    season,
    take_in,
    unfollow,
)
from headless.problems import Problem
from headless.runtime.stands import Version
from headless.runtime.versions import load
from headless.storage.database import Transaction
from headless.storage.tables import campaign, intake, position, version
from headless.workspace.names import key


class Stored(msgspec.Struct, frozen=True):
    """A stored version: when it was made, and how many runs go by it now."""

    number: int
    hash: str
    source: str
    created_at: datetime
    running: int
    current: bool


async def listing(tx: Transaction, workspace_id: int, campaign_id: int) -> list[Stored]:
    """All versions of a campaign, the newest first."""
    found = await find(tx, workspace_id, campaign_id)
    return (await listings(tx, workspace_id, [found]))[campaign_id]


async def listings(
    tx: Transaction, workspace_id: int, campaigns: Sequence[Campaign]
) -> dict[int, list[Stored]]:
    """All versions of several campaigns, by their numbers, each with the newest first."""
    runs = (
        select(func.count(func.distinct(position.c.enrollment_id)))
        .where(
            position.c.workspace_id == version.c.workspace_id,
            position.c.version_id == version.c.id,
        )
        .scalar_subquery()
    )
    current = {one.id: one.version_id for one in campaigns}
    rows = await tx.execute(
        select(version, runs.label("running"))
        .where(version.c.workspace_id == workspace_id, version.c.campaign_id.in_(current))
        .order_by(version.c.number.desc())
    )
    stored: dict[int, list[Stored]] = {number: [] for number in current}
    for row in rows:
        newest = row.id == current[row.campaign_id]
        stored[row.campaign_id].append(
            Stored(row.number, row.hash, row.source, row.created_at, row.running, newest)
        )
    return stored


async def source_of(tx: Transaction, workspace_id: int, campaign_id: int, number: int) -> str:
    """The text of a version; raises Problem `not_found`."""
    text: str | None = await tx.scalar(
        select(version.c.source).where(
            version.c.workspace_id == workspace_id,
            version.c.campaign_id == campaign_id,
            version.c.number == number,
        )
    )
    if text is None:
        raise Problem("not_found", f"there is no version {number} of this campaign")
    return text


async def plan(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    text: str,
    *,
    waits: Waits = "keep",
    drain: bool = False,
    now: datetime,
) -> VersionPlan:
    """What a new text would do to a campaign and the people inside; changes nothing.

    Raises Problem `invalid_text`, `wrong_state` for a stopped campaign.
    """
    found = await find(tx, workspace_id, campaign_id)
    change = await propose(tx, workspace_id, found, text)
    return await foresee(tx, workspace_id, change, waits, drain, now)


async def apply(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    text: str,
    *,
    agreed: str | None,
    waits: Waits = "keep",
    drain: bool = False,
    by: Signer | None = None,
    now: datetime,
) -> tuple[Campaign, VersionPlan]:
    """Give a campaign a new version and take the people inside over to it.

    `agreed` is the hash of the plan that the caller has seen, `by` who applies it. The same text
    again changes nothing. Raises Problem `plan_required` with the plan, `plan_drifted` when it is
    another one by now, `stranded` when people would be lost, `approval_required` when a second
    person must agree, and what `plan` raises.
    """
    await tx.execute(  # in the order in which newcomers lock them
        select(intake.c.source)
        .where(intake.c.workspace_id == workspace_id, intake.c.campaign_id == campaign_id)
        .with_for_update()
    )
    found = await find(tx, workspace_id, campaign_id, lock=True)
    if found.state in ("running", "paused"):
        await moving.lock(tx, await load(tx, found.version_id))
    change = await propose(tx, workspace_id, found, text)
    told = await foresee(tx, workspace_id, change, waits, drain, now)
    if told.becomes == told.was:
        return found, told
    if agreed is None:
        raise Problem(
            "plan_required", f'send {{"plan": "{told.hash}"}}', plan=msgspec.to_builtins(told)
        )
    if told.stranded:
        raise Problem(
            "stranded", f"people would be lost: {told.stranded[0]}", plan=msgspec.to_builtins(told)
        )
    if agreed != told.hash:
        raise Problem(
            "plan_drifted",
            "things have moved since that plan was made; look at the new plan first",
            plan=msgspec.to_builtins(told),
        )
    if found.state == "draft":
        edited, _ = await edit(tx, workspace_id, campaign_id, text, now=now)
        return edited, told
    await approvals.require(
        tx,
        workspace_id,
        campaign_id,
        plan=told.hash,
        contacts=told.enter_now + told.inside,
        by=by,
    )
    await _replace(tx, workspace_id, change, waits, drain, now)
    tx.wake("sweep")
    return await find(tx, workspace_id, campaign_id), told


# ---------------------------------------------------------------- doing it


async def _replace(
    tx: Transaction,
    workspace_id: int,
    change: Proposal,
    waits: Waits,
    drain: bool,
    now: datetime,
) -> None:
    old, found = change.old, change.found
    was, becomes = old.plan.sources, change.new.sources
    hidden = {
        key("source", str(index)): old.names.id("source", str(was.index(source)))
        for index, source in enumerate(becomes)
        if source.contacts and source in was
    }
    await call_it(tx, workspace_id, found, change.new, now=now)
    version_id = await store(
        tx, workspace_id, found.id, found.version + 1, change.checked.text, change.new,
        now=now, hidden=hidden,
    )  # fmt: skip
    new = await load(tx, version_id)
    await unfollow(tx, old, [source for source in was if source not in becomes])
    await follow(tx, new, [source for source in becomes if source not in was], now)
    await deafen(tx, old, entries_only=drain)
    await listen(tx, new)
    dates = season(new)
    await _intakes(tx, old, new)
    for index, source in enumerate(becomes):
        if source not in was and brings_members(source):
            await take_in(tx, new, index, max(now, dates.opens or now))
    await tx.execute(
        update(campaign)
        .where(campaign.c.workspace_id == workspace_id, campaign.c.id == found.id)
        .values(active_from=dates.opens, active_to=dates.closes, updated_at=now)
    )
    if not drain:
        order, same = change.new.order, change.diff.same
        elsewhere = {
            here: order[there]
            for here, there in change.diff.mapping.items()
            if here not in same and order[there] != here
        }
        await moving.move(tx, old, new, Moves(elsewhere, list(change.diff.leaving), waits), now=now)


async def _intakes(tx: Transaction, old: Version, new: Version) -> None:
    """Whoever is still being let in comes in by the new version; what is no source is over."""
    mine = and_(intake.c.workspace_id == old.workspace_id, intake.c.campaign_id == old.campaign_id)
    rows = (await tx.execute(delete(intake).where(mine).returning(intake))).mappings().all()
    for row in rows:
        source = old.plan.sources[row["source"]] if row["version_id"] == old.id else None
        if source in new.plan.sources:
            index = new.plan.sources.index(source)
            await tx.execute(insert(intake).values({**row, "version_id": new.id, "source": index}))
