"""`log`: what was done to a campaign and by whom, and the newest steps that contacts took in it."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from headless import ids
from headless.campaigns import journal
from headless.campaigns.why import Line
from headless.slack.desk import finding
from headless.slack.desk.desk import Desk, Handler
from headless.slack.kit import blocks
from headless.slack.kit.moments import in_zone, moment
from headless.slack.kit.reply import Block, Reply
from headless.slack.people import privacy
from headless.slack.people.asker import Asker
from headless.slack.verbs.parse import Command
from headless.storage import tables
from headless.storage.database import Transaction
from headless.workspace import audit
from headless.workspace.audit import Entry, Sought

_ACTS: Final = 15
_LINES: Final = 30


async def log(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The log of one campaign, or the newest acts of all."""
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        if command.name is None:
            entries = await audit.listing(tx, asker.workspace_id, Sought(), limit=2 * _ACTS)
            lines: list[Line] = []
            title = "What was done, the newest first"
        else:
            found = await finding.campaign(tx, asker, command)
            entries = await _about(tx, asker, found.public_id, found.name)
            newest = await journal.listing(
                tx, asker.workspace_id, found.id, journal.Sought(), limit=_LINES, now=now
            )
            lines = [line for _, line in newest]
            title = f"The log of {found.name}"
            if lines:
                await privacy.looked(tx, asker, "log", None, shared=command.shared, now=now)
        names = await _actors(tx, asker, entries)
        called = await _contacts(tx, asker, lines, shared=command.shared)
    body: list[Block] = [blocks.header(title)]
    acts = [f"{moment(one.at, asker.zone)} · {names[one.actor]} · {_act(one)}" for one in entries]
    if acts:
        body.append(blocks.section("\n".join(acts)))
    if lines:
        rows = [
            (moment(one.at, asker.zone), called[one.contact_id], blocks.cut(one.step, 40),
             f"{one.outcome}: {in_zone(one.reason, asker.zone)}" if one.reason else one.outcome)
            for one in lines
        ]  # fmt: skip
        table = blocks.table(rows)
        shown = privacy.masked(table, traced=True) if command.shared else table
        body += [blocks.section("*The newest steps*"), *blocks.codes(shown)]
    if not acts and not lines:
        body.append(blocks.section("Nothing has happened yet."))
    body.append(blocks.context(f"times in {asker.zone}"))
    return Reply(text=blocks.escape(title), blocks=blocks.fit(body), shareable=True)


async def _about(tx: Transaction, asker: Asker, *subjects: str) -> list[Entry]:
    """The acts on a campaign, however it was named."""
    found = {
        entry.id: entry
        for subject in subjects
        for entry in await audit.listing(
            tx, asker.workspace_id, Sought(subject=subject), limit=_ACTS
        )
    }
    return sorted(found.values(), key=lambda entry: -entry.id)[:_ACTS]


def _act(entry: Entry) -> str:
    words = entry.act.replace("_", " ")
    about = blocks.quoted(entry.subject) if entry.subject else ""
    reason = entry.detail.get("reason")
    told = f"{words} {about}".strip()
    return f"{told}: {blocks.escape(str(reason))}" if reason else told


async def _actors(tx: Transaction, asker: Asker, entries: Sequence[Entry]) -> dict[str, str]:
    """Who acted, as this team knows them."""
    actors = {entry.actor for entry in entries}
    numbers = {actor: ids.decode("mem", actor) for actor in actors}
    rows = await tx.execute(
        select(tables.member.c.id, tables.member.c.name).where(
            tables.member.c.workspace_id == asker.workspace_id,
            tables.member.c.id.in_([one for one in numbers.values() if one is not None]),
        )
    )
    members = {row.id: row.name for row in rows}
    told: dict[str, str] = {}
    for actor in actors:
        team, _, user = actor.removeprefix("slack:").partition("/")
        number = numbers[actor]
        if actor.startswith("slack:") and team == asker.team_id:
            told[actor] = f"<@{user}>"
        elif number is not None and number in members:
            told[actor] = blocks.escape(members[number])
        else:
            told[actor] = blocks.escape(actor)
    return told


async def _contacts(
    tx: Transaction, asker: Asker, lines: Sequence[Line], *, shared: bool
) -> dict[int, str]:
    """How the contacts in lines are named."""
    c = tables.contact.c
    rows = await tx.execute(
        select(c.id, c.email, c.external_id).where(
            c.workspace_id == asker.workspace_id,
            c.id.in_(sorted({line.contact_id for line in lines})),
        )
    )
    known = {row.id: row for row in rows}
    told: dict[int, str] = {}
    for number in {line.contact_id for line in lines}:
        row = known.get(number)
        public = ids.encode("con", number)
        if row is None or (shared and not row.email):
            told[number] = public
        elif shared:
            told[number] = privacy.masked_address(row.email)
        else:
            told[number] = row.email or row.external_id or public
    return told


HANDLERS: Final[dict[str, Handler]] = {"log": log}
