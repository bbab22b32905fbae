"""`role`, `link`, `unlink` and `whoami`: who is who here, and who may do what.

A role is given to a person of a team; nobody can take the last admin away. Imports the desk,
`accounts`, `installations` and `links`.
"""

from typing import Final

from sqlalchemy import select

from headless.problems import Problem
from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.kit import blocks
from headless.slack.kit.reply import Reply
from headless.slack.people import accounts, links
from headless.slack.people.accounts import Account, Standing
from headless.slack.people.asker import Asker
from headless.slack.tasks import Task
from headless.slack.teams import installations
from headless.slack.teams.installations import Installation
from headless.slack.verbs.parse import Command
from headless.storage.database import Transaction
from headless.storage.tables import member
from headless.workspace import audit, workspaces

MAY: Final[dict[Standing, str]] = {
    "none": "may not even look",
    "viewer": "may look",
    "editor": "may write, start and stop",
    "approver": "may also approve what others start, and hold everything",
    "admin": "may also give roles and change settings",
}
"""What each may, as the end of a sentence."""
_MOST: Final = 40


async def role(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Who has which role, or one person's, or a new one for them."""
    person, wanted = command.options.get("person"), command.options.get("role")
    async with desk.database.transaction() as tx:
        if person is None:
            return await _roles(tx, asker)
        if not _is_id(person):
            raise Problem(
                "invalid_value",
                f"I cannot tell who `{person}` is: choose the name from the list that Slack shows "
                "when you type @",
            )
        if wanted is None:
            found = await accounts.find(tx, asker.workspace_id, asker.team_id, person)
            made = await installation(tx, asker)
            held: Standing = (found and found.role) or made.default_role
            return _reply(f"<@{person}> is *{held}*: {MAY[held]}.")
        now = desk.clock.now()
        await accounts.set_role(
            tx, asker.workspace_id, asker.team_id, person, _standing(wanted), now=now
        )
        await audit.record(
            tx,
            asker.workspace_id,
            actor=asker.actor,
            act="set_slack_role",
            subject=f"slack:{asker.team_id}/{person}",
            detail={"in": "slack", "role": wanted},
            now=now,
        )
    return _reply(f"<@{person}> is *{wanted}* now: {MAY[_standing(wanted)]}.")


async def link(desk: Desk, asker: Asker, _: Command) -> Reply:
    """A link that ties the asker to their account in Headless, for ten minutes and once."""
    async with desk.database.transaction() as tx:
        ticket = await links.offer(tx, asker, now=desk.clock.now())
    url = f"{desk.settings.url}/slack/link?ticket={ticket}"
    text = (
        "Open this within ten minutes, once, and show an API token of your own. Then what you do "
        "here and what you do there is done by one person."
    )
    button = blocks.button("Link my account", "open:link", url=url)
    return Reply(text=text, blocks=(blocks.section(text), blocks.actions(button)))


async def unlink(desk: Desk, asker: Asker, _: Command) -> Reply:
    """Untie the asker; the role in Slack stays."""
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        tied = await accounts.unlink(tx, asker.workspace_id, asker.team_id, asker.user_id, now=now)
        if tied:
            await audit.record(
                tx,
                asker.workspace_id,
                actor=asker.actor,
                act="unlink_slack",
                subject=asker.actor,
                detail={"in": "slack"},
                now=now,
            )
    if not tied:
        return _reply("You are not linked with anybody. `/campaign link` does that.")
    return _reply(f"You are linked with nobody now. In Slack you are still *{asker.role}*.")


async def whoami(desk: Desk, asker: Asker, _: Command) -> Reply:
    """Who the asker is here, what they may do, and whose clock they read."""
    async with desk.database.transaction() as tx:
        house = await workspaces.find(tx, asker.workspace_id)
        found = await accounts.find(tx, asker.workspace_id, asker.team_id, asker.user_id)
        tied = await _member(tx, asker, found)
    lines = [
        f"You are {blocks.escape(asker.name)} in *{blocks.escape(house.name)}* ({house.mode}).",
        f"Your role is *{asker.role}*: you {MAY[asker.role]}.",
        f"Times are told in {asker.zone}.",
        f"In Headless you are *{blocks.escape(tied)}*."
        if tied is not None
        else "You are linked with nobody in Headless: `/campaign link`",
    ]
    return _reply("\n".join(lines))


async def opened(_: Desk, __: Task) -> None:
    """A button that is a link was pressed: the browser does the rest."""


async def _roles(tx: Transaction, asker: Asker) -> Reply:
    made = await installation(tx, asker)
    found = await accounts.listing(tx, asker.workspace_id, asker.team_id)
    lines = [f"<@{one.user_id}> is *{one.role}*" for one in found[:_MOST]]
    if len(found) > _MOST:
        lines.append(f"and {len(found) - _MOST} more")
    lines.append(f"Everybody else {MAY[made.default_role]}.")
    lines.append("`/campaign role @ann editor` gives a role.")
    return _reply("\n".join(lines))


async def installation(tx: Transaction, asker: Asker) -> Installation:
    """The asker's installation; raises Problem `gone`."""
    found = await installations.find(tx, asker.team_id, None)
    if found is None or found.workspace_id != asker.workspace_id:
        raise Problem("gone", "the app is not installed for this team any more")
    return found


async def _member(tx: Transaction, asker: Asker, found: Account | None) -> str | None:
    if found is None or found.member_id is None:
        return None
    name: str | None = await tx.scalar(
        select(member.c.name).where(
            member.c.workspace_id == asker.workspace_id, member.c.id == found.member_id
        )
    )
    return name


def _is_id(person: str) -> bool:
    return person[:1] in "UW" and person.isalnum() and person.upper() == person


def _standing(wanted: str) -> Standing:
    found = next((one for one in MAY if one == wanted), None)
    if found is None:
        raise Problem("invalid_value", f"`{wanted[:20]}` is no role; there are {', '.join(MAY)}")
    return found


def _reply(text: str) -> Reply:
    return Reply(text=text, blocks=(blocks.section(text),))


HANDLERS: Final[dict[str, Handler]] = {
    "role": role,
    "link": link,
    "unlink": unlink,
    "whoami": whoami,
}
CLICKS: Final[dict[str, Doing]] = {"open:": opened}
