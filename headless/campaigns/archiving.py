"""What becomes of campaigns that nobody wants any more: drafts vanish, what ever ran is kept.

And a campaign's name, which stands beside its text. Imports `publish`, `news` and storage.
"""

from datetime import datetime

from sqlalchemy import delete as deleting
from sqlalchemy import func, select, update

from headless import ids
from headless.campaigns import news
from headless.campaigns.publish import MOST_NAME, Campaign, find
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import approval, campaign, segment, version
from headless.workspace import former


async def archive(
    tx: Transaction, workspace_id: int, campaign_id: int, *, now: datetime
) -> Campaign:
    """Put a campaign that is over out of sight; its numbers stay. Raises Problem `wrong_state`."""
    found = await find(tx, workspace_id, campaign_id, lock=True)
    if found.state != "stopped":
        hint = "stop it first" if found.state in ("running", "paused") else "delete it instead"
        if found.state == "archived":
            hint = "it is put away already"
        raise Problem(
            "wrong_state",
            f"`{found.name}` is {found.state}, and only a stopped campaign is archived; {hint}",
            state=found.state,
        )
    await tx.execute(
        update(campaign)
        .where(campaign.c.workspace_id == workspace_id, campaign.c.id == campaign_id)
        .values(state="archived", updated_at=now)
    )
    await news.tell(tx, workspace_id, campaign_id, "archived", now=now)
    return await find(tx, workspace_id, campaign_id)


async def delete(tx: Transaction, workspace_id: int, campaign_id: int) -> None:
    """Throw a draft away, with all its versions. Raises Problem `wrong_state` for what ever ran."""
    found = await find(tx, workspace_id, campaign_id, lock=True)
    if found.state != "draft":
        raise Problem(
            "wrong_state",
            f"`{found.name}` is {found.state}, and what ever ran is kept; stop it, then archive it",
            state=found.state,
        )
    for table, column in (
        (approval, approval.c.campaign_id),
        (segment, segment.c.campaign_id),
        (version, version.c.campaign_id),
        (campaign, campaign.c.id),
    ):
        await tx.execute(
            deleting(table).where(table.c.workspace_id == workspace_id, column == campaign_id)
        )


async def rename(
    tx: Transaction, workspace_id: int, campaign_id: int, name: str, *, now: datetime
) -> Campaign:
    """Call a campaign something else; for thirty days the old name leads to it.

    Raises Problem `name_taken`, `invalid_value`, and `wrong_state` where the text itself says the
    name: change it there.
    """
    found = await find(tx, workspace_id, campaign_id, lock=True)
    called = " ".join(name.split())
    if not 1 <= len(called) <= MOST_NAME or not called.isprintable():
        raise Problem("invalid_value", f"a campaign's name has 1 to {MOST_NAME} characters")
    if found.plan.name is not None and found.plan.name != called:
        raise Problem("wrong_state", "its text says the name in its first line; change it there")
    taken = await tx.scalar(
        select(campaign.c.id).where(
            campaign.c.workspace_id == workspace_id,
            campaign.c.id != campaign_id,
            func.lower(campaign.c.name) == called.lower(),
        )
    )
    if taken is not None:
        raise Problem(
            "name_taken",
            f"there is a campaign called `{called}` already",
            id=ids.encode("cmp", taken),
        )
    await tx.execute(
        update(campaign)
        .where(campaign.c.workspace_id == workspace_id, campaign.c.id == campaign_id)
        .values(name=called, updated_at=now, revision=campaign.c.revision + 1)
    )
    await former.note(tx, workspace_id, "cmp", found.name, called, campaign_id, now=now)
    return await find(tx, workspace_id, campaign_id)
