"""`list`: which campaigns there are."""

from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from headless.campaigns import inspect
from headless.campaigns.publish import Campaign
from headless.slack.desk import finding
from headless.slack.desk.desk import Desk, Handler
from headless.slack.desk.refusals import SAY
from headless.slack.kit import blocks
from headless.slack.kit.moments import ago
from headless.slack.kit.reply import Block, Reply
from headless.slack.people.asker import Asker, may
from headless.slack.verbs.parse import Command, spoken
from headless.storage import tables
from headless.storage.codes import EnrollmentState
from headless.storage.database import Transaction

_MOST: Final = 40
_SIGNS: Final = {
    "running": "🟢",
    "paused": "⏸️",
    "draft": "✏️",
    "stopped": "⏹️",
    "archived": "🗄️",
}


def sign(state: str) -> str:
    """The state of a campaign as one sign."""
    return _SIGNS.get(state, "•")


async def list_(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The campaigns, of one state or all."""
    wanted = command.options.get("state")
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await _campaigns(tx, asker, wanted)
        inside = await _inside(tx, asker.workspace_id)
    what = wanted or "all"
    if not found:
        text = "There are no campaigns yet." if wanted is None else f"No campaign is {what}."
        if wanted == "mine":
            text = "No campaign is yours: a text says `owned by` whose it is."
        presses = [("list", "All campaigns")] if wanted else []
        if may(asker, "editor"):
            presses.append(("new", "New campaign"))
        body: list[Block] = [blocks.section(text)]
        if presses:
            body.append(blocks.actions(*_buttons(presses)))
        return Reply(text=text, blocks=tuple(body))
    body = [blocks.header(f"Campaigns: {what}" if wanted else "Campaigns")]
    body += [_row(one, now, inside.get(one.id, 0)) for one in found[:_MOST]]
    if len(found) > _MOST:
        body.append(blocks.context(f"and {len(found) - _MOST} more: `/campaign list running`"))
    names = ", ".join(one.name for one in found[:_MOST])
    return Reply(
        text=f"{what.capitalize()} campaigns: {blocks.escape(names)}",
        blocks=blocks.fit(body),
        shareable=True,
    )


async def _campaigns(tx: Transaction, asker: Asker, wanted: str | None) -> list[Campaign]:
    state = {"active": "running", "mine": None}.get(wanted or "", wanted)
    found: list[Campaign] = []
    while True:
        after = found[-1].id if found else 0
        some = await inspect.listing(tx, asker.workspace_id, limit=500, after_id=after, state=state)
        found += some
        if len(some) < 500:
            break
    if wanted is None:
        found = [one for one in found if one.state != "archived"]
    if wanted == "mine":
        mine = await finding.own_names(tx, asker)
        found = [one for one in found if (one.plan.owner or "").casefold() in mine]
    return sorted(found, key=lambda one: (_order(one.state), one.name.casefold()))


def _order(state: str) -> int:
    return list(_SIGNS).index(state) if state in _SIGNS else len(_SIGNS)


async def _inside(tx: Transaction, workspace_id: int) -> dict[int, int]:
    """How many runs go on, by campaign."""
    e = tables.enrollment.c
    rows = await tx.execute(
        select(e.campaign_id, func.count())
        .where(e.workspace_id == workspace_id, e.state == EnrollmentState.RUNNING)
        .group_by(e.campaign_id)
    )
    return {row[0]: row[1] for row in rows}


def _row(one: Campaign, now: datetime, inside: int = 0) -> Block:
    about = f"{one.state}, version {one.version}"
    if one.state == "paused" and one.paused_at is not None:
        about = f"paused {ago(one.paused_at, now)}"
        if one.pause_reason:
            about += f": {blocks.escape(one.pause_reason)}"
    elif one.started_at is not None and one.state == "running":
        about = f"running since {ago(one.started_at, now)}"
    people = f" · {inside:,} inside" if inside else ""
    text = f"{sign(one.state)} *{blocks.escape(one.name)}* · {about}{people}"
    command = f"show {spoken(one.name, one.public_id)}"
    return blocks.section(text, accessory=blocks.button("Show", f"{SAY}:show{one.id}", command))


def _buttons(presses: list[tuple[str, str]]) -> list[Block]:
    return [
        blocks.button(label, f"{SAY}:{place}", command)
        for place, (command, label) in enumerate(presses)
    ]


HANDLERS: Final[dict[str, Handler]] = {"list": list_}
