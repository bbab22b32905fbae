"""Home: what is mine, what runs, what needs somebody, and the first step where there is nothing.

The same stands in the Home tab and is answered to `/campaign` alone. Imports the use cases, the
views and the desk's values.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Table, func, literal_column, select

from headless import ids
from headless.slack.desk.acting import signer
from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.desk.finding import own_names
from headless.slack.flows import views
from headless.slack.kit import blocks
from headless.slack.kit.moments import moment
from headless.slack.kit.reply import Block, Reply
from headless.slack.people.asker import Asker, may
from headless.slack.tasks import Task
from headless.slack.verbs.parse import Command
from headless.storage.codes import MessageState
from headless.storage.database import Transaction
from headless.storage.tables import (
    approval,
    audit,
    campaign,
    email,
    message,
    segment,
    slack_watch,
    version,
)
from headless.workspace import hold

_MOST: Final = 6
_WITH_EMAIL: Final = (
    "when opened email {email} within 3d then add points 10",
    'start when did "signed up" send email {email} wait 2d add tag welcomed',
)
_BY_SEGMENT: Final = "from segment {segment} send email {email}"
_BY_ITSELF: Final = (
    'start when did "bought" add points 10 if points > 100 then add tag loyal',
    'start when did "signed up" wait 2d add tag welcomed',
    'start when did "asked for a demo" add tag lead',
)
_FIRST_STEPS: Final = 3
_STUCK: Final = (MessageState.PARKED, MessageState.UNCERTAIN)


class Row(msgspec.Struct, frozen=True):
    """A campaign in a list."""

    id: int
    name: str
    state: str
    revision: int
    trouble: int = 0
    waits_for: str = ""
    mine: bool = False
    watched: bool = False


class Overview(msgspec.Struct, frozen=True):
    """What the Home tab shows; `held` is why everything is held, None while nothing is."""

    rows: tuple[Row, ...]
    held: str | None
    email: str | None
    segment: str | None
    editor: bool
    approver: bool

    @property
    def attention(self) -> list[Row]:
        """What needs somebody."""
        return [one for one in self.rows if one.trouble or one.waits_for]


async def overview(tx: Transaction, asker: Asker) -> Overview:
    """Everything that concerns the asker."""
    mine = asker.workspace_id
    by = await signer(tx, asker)
    own = await own_names(tx, asker)
    made = await _made_by(tx, mine, {by.actor, asker.actor})
    trouble = await _trouble(tx, mine)
    waiting = await _waiting(tx, mine)
    watched = await _watched(tx, asker)
    rows = await tx.execute(
        select(
            campaign.c.id,
            campaign.c.name,
            campaign.c.state,
            campaign.c.revision,
            campaign.c.pause_reason,
            version.c.plan["owner"].astext.label("owner"),
        )
        .join(
            version,
            (version.c.workspace_id == campaign.c.workspace_id)
            & (version.c.id == campaign.c.version_id),
        )
        .where(campaign.c.workspace_id == mine, campaign.c.state != "archived")
        .order_by(campaign.c.updated_at.desc())
    )
    found = [
        Row(
            row.id,
            row.name,
            row.state,
            row.revision,
            trouble.get(row.id, 0),
            _needs(row.state, row.pause_reason, waiting.get(row.id)),
            ids.encode("cmp", row.id) in made or str(row.owner or "").casefold() in own,
            row.id in watched,
        )
        for row in rows
    ]
    held = [one for one in await hold.holds(tx, mine) if one.scope == hold.WORKSPACE]
    return Overview(
        tuple(found),
        held[0].reason if held else None,
        await _first(tx, mine, email),
        await _first(tx, mine, segment, segment.c.campaign_id.is_(None)),
        may(asker, "editor"),
        may(asker, "approver"),
    )


async def _first(
    tx: Transaction, workspace_id: int, table: Table, *where: ColumnElement[bool]
) -> str | None:
    """The name of the oldest thing of a kind that a sentence can name."""
    names = await tx.execute(
        select(table.c.name)
        .where(table.c.workspace_id == workspace_id, *where)
        .order_by(table.c.id)
        .limit(10)
    )
    return next((name for (name,) in names if '"' not in name and "\n" not in name), None)


def _needs(state: str, reason: str | None, asked_by: str | None) -> str:
    if state == "draft" and asked_by:
        return f"{asked_by} asks for an approval"
    return f"paused: {reason}" if state == "paused" and reason else ""


async def _made_by(tx: Transaction, workspace_id: int, actors: set[str]) -> set[str]:
    rows = await tx.execute(
        select(audit.c.subject)
        .where(
            audit.c.workspace_id == workspace_id,
            audit.c.actor.in_(sorted(actors)),
            audit.c.act == "create_campaign",
        )
        .distinct()
    )
    return {row.subject for row in rows}


async def _trouble(tx: Transaction, workspace_id: int) -> dict[int, int]:
    """How many messages of each campaign a person must look at."""
    stuck: list[ColumnElement[int]] = [literal_column(str(int(one))) for one in _STUCK]
    rows = await tx.execute(
        select(version.c.campaign_id, func.count())
        .join(
            message,
            (message.c.workspace_id == version.c.workspace_id)
            & (message.c.version_id == version.c.id),
        )
        .where(version.c.workspace_id == workspace_id, message.c.state.in_(stuck))
        .group_by(version.c.campaign_id)
    )
    return {row[0]: int(row[1]) for row in rows}


async def _waiting(tx: Transaction, workspace_id: int) -> dict[int, str]:
    rows = await tx.execute(
        select(approval.c.campaign_id, approval.c.asked_name).where(
            approval.c.workspace_id == workspace_id,
            approval.c.approved_by.is_(None),
            approval.c.declined_by.is_(None),
        )
    )
    return {row[0]: row[1] for row in rows}


async def _watched(tx: Transaction, asker: Asker) -> set[int]:
    """What the asker lets a channel watch, or the channel where they ask."""
    w = slack_watch.c
    mine = w.made_by == asker.user_id
    if asker.channel_id is not None:
        mine = mine | (w.channel == asker.channel_id)
    rows = await tx.execute(
        select(w.campaign_id).where(
            w.workspace_id == asker.workspace_id, w.team_id == asker.team_id, mine
        )
    )
    return {row[0] for row in rows}


# ---------------------------------------------------------------- as blocks


def shown(found: Overview) -> list[Block]:
    """The overview; without a campaign, the first steps."""
    said: list[Block] = []
    if found.held is not None:
        said.append(
            blocks.section(f":red_circle: *All sending is held*: {blocks.escape(found.held)}")
        )
        if found.approver:
            said.append(
                blocks.actions(
                    blocks.button("Release", "release", "workspace", style="danger"),
                )
            )
    if not found.rows:
        return [*said, *empty(found)]
    sections = (
        ("Needs attention", found.attention),
        ("Running", [one for one in found.rows if one.state == "running"]),
        ("Mine", [one for one in found.rows if one.mine]),
        ("Watched", [one for one in found.rows if one.watched]),
        ("Drafts", [one for one in found.rows if one.state == "draft"]),
    )
    for title, rows in sections:
        said += _section(title, rows)
    buttons = [blocks.button("All campaigns", "say:list", "list")]
    if found.editor:
        buttons.insert(0, blocks.button("Write a rule", "new:open", "new", style="primary"))
    said.append(blocks.actions(*buttons, blocks.button("Help", "say:help", "help")))
    return said


def _section(title: str, rows: Sequence[Row]) -> list[Block]:
    if not rows:
        return []
    said = [blocks.section(f"*{title}*")]
    for place, one in enumerate(rows[:_MOST]):
        told = f"{views.STATES[one.state]}   {blocks.quoted(one.name)}"
        if one.waits_for:
            told += f"\n{blocks.escape(one.waits_for)}"
        if one.trouble:
            needs = views.many(one.trouble, "message needs", "messages need")
            told += f"\n:warning: {needs} a person"
        command = f"show {ids.encode('cmp', one.id)}"
        look = blocks.button("Show", f"say:show:{title}:{place}", command)
        said.append(blocks.section(told, accessory=look))
    if len(rows) > _MOST:
        said.append(blocks.context(f"and {len(rows) - _MOST} more: `/campaign list`"))
    return said


def empty(found: Overview) -> list[Block]:
    """Where there is nothing yet: sentences to press."""
    said = [
        blocks.section(
            "*No campaigns yet.* A campaign is a sentence: what must happen, and what is done then."
        )
    ]
    if not found.editor:
        said.append(blocks.section("You may look. To write, ask an admin for the role `editor`."))
        return said
    if found.email is None:
        said.append(
            blocks.context(
                "There are no emails yet either: they are made by the API (`POST /v1/emails`)."
            )
        )
    for place, one in enumerate(_examples(found)):
        said.append(
            blocks.section(
                blocks.quoted(one),
                accessory=blocks.button("Make a draft", f"say:example:{place}", one),
            )
        )
    said.append(
        blocks.actions(
            blocks.button("Write a rule", "new:open", "new", style="primary"),
            blocks.button("Help", "say:help", "help"),
        )
    )
    return said


def _examples(found: Overview) -> list[str]:
    """Three sentences that are right here: of things that there are."""
    names = {"email": f'"{found.email}"', "segment": f'"{found.segment}"'}
    made = [one.format(**names) for one in _WITH_EMAIL] if found.email else []
    if found.email and found.segment:
        made.append(_BY_SEGMENT.format(**names))
    return [*made, *_BY_ITSELF][:_FIRST_STEPS]


# ---------------------------------------------------------------- the tab and the command


async def home(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The overview as an answer."""
    async with desk.database.transaction() as tx:
        found = await overview(tx, asker)
    many = {state: sum(one.state == state for one in found.rows) for state in views.STATES}
    told = [f"{count} {state}" for state, count in many.items() if count]
    if found.attention:
        told.insert(0, f"{len(found.attention)} to look at")
    text = ", ".join(told) or "No campaigns yet."
    return Reply(text=text, blocks=blocks.fit(shown(found)))


async def opened(desk: Desk, task: Task) -> Reply:
    """The Home tab was opened."""
    return await _published(desk, task.asker, task.at)


async def _published(desk: Desk, asker: Asker, now: datetime) -> Reply:
    alone = msgspec.structs.replace(asker, channel_id=None)
    async with desk.database.transaction() as tx:
        found = await overview(tx, alone)
    told = blocks.context(f"as of {moment(now, asker.zone)}")
    return Reply(text="Home", view=blocks.home([*shown(found), told]))


HANDLERS: Final[dict[str, Handler]] = {"home": home}
DOINGS: Final[dict[str, Doing]] = {"home": opened}
