"""`home` and `list`: which campaigns there are."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select

from headless.campaigns import inspect
from headless.campaigns.publish import Campaign
from headless.slack import blocks, finding
from headless.slack.desk import Desk, Handler
from headless.slack.moments import ago
from headless.slack.parse import Command
from headless.slack.people import Asker, may
from headless.slack.refusals import SAY
from headless.slack.reply import Block, Reply
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
FIRST: Final = (
    ('new "Hello": start when did "signed up" send email Welcome', "Greet who signs up"),
    ("when opened email Welcome within 3d then add points 10", "Score who reads"),
    ("segments", "See the segments"),
)
"""What somebody can press who has nothing yet: a command and the words on its button."""


def sign(state: str) -> str:
    """The state of a campaign as one sign."""
    return _SIGNS.get(state, "•")


async def home(desk: Desk, asker: Asker, _command: Command) -> Reply:
    """The home card: how things stand, and what to do next."""
    async with desk.database.transaction() as tx:
        found = await _campaigns(tx, asker, None)
        held = (await tx.execute(_holds(asker.workspace_id))).all()
        house = await tx.scalar(
            select(tables.workspace.c.name).where(tables.workspace.c.id == asker.workspace_id)
        )
    body: list[Block] = [blocks.header(house)]
    body += [
        blocks.section(
            f"🛑 *Everything is held*: {blocks.escape(one.reason)}. Nothing is handed over; "
            "`/campaign release` lets it go on."
        )
        for one in held
    ]
    if not found:
        return _empty(asker, body)
    by_state: dict[str, int] = {}
    for each in found:
        by_state[each.state] = by_state.get(each.state, 0) + 1
    told = " · ".join(f"{sign(state)} {many} {state}" for state, many in by_state.items())
    body.append(blocks.section(told))
    running = [one for one in found if one.state in ("running", "paused")]
    newest = sorted(running or found, key=lambda one: one.updated_at, reverse=True)[:5]
    body += [_row(one, desk.clock.now()) for one in newest]
    presses = [("list", "All campaigns"), ("emails", "Emails"), ("help", "What can I say?")]
    if may(asker, "editor"):
        presses.insert(0, ("new", "New campaign"))
    body.append(blocks.actions(*_buttons(presses)))
    return Reply(text=f"{house}: {told}", blocks=blocks.fit(body))


def _empty(asker: Asker, body: list[Block]) -> Reply:
    """Nothing is there yet: three sentences to press."""
    body.append(
        blocks.section(
            "There are no campaigns yet. A campaign is a few lines that say what happens to whom, "
            "and when. Press one to begin, or type your own after `/campaign`:"
        )
    )
    shown = FIRST if may(asker, "editor") else FIRST[2:]
    for place, (command, label) in enumerate(shown):
        press = blocks.button(label, f"{SAY}:first{place}", command)
        body.append(blocks.section(blocks.quoted(f"/campaign {command}"), accessory=press))
    if not may(asker, "editor"):
        body.append(
            blocks.context(
                f"You are *{asker.role}*, so you can look. An admin makes you an editor: "
                f"`/campaign role @{blocks.escape(asker.name)} editor`"
            )
        )
    return Reply(text="There are no campaigns yet.", blocks=blocks.fit(body))


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
        text=f"{what.capitalize()} campaigns: {names}", blocks=blocks.fit(body), shareable=True
    )


def _holds(workspace_id: int) -> Select[*tuple[Any, ...]]:
    """Why all sending is held, if it is."""
    held = tables.hold.c
    return select(held.reason).where(held.workspace_id == workspace_id, held.scope == "workspace")


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
    command = f'show "{one.name}"'
    return blocks.section(text, accessory=blocks.button("Show", f"{SAY}:show{one.id}", command))


def _buttons(presses: list[tuple[str, str]]) -> list[Block]:
    return [
        blocks.button(label, f"{SAY}:{place}", command)
        for place, (command, label) in enumerate(presses)
    ]


HANDLERS: Final[dict[str, Handler]] = {"home": home, "list": list_}
