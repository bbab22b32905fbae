"""Links between people in Slack and colleagues in Headless, tied by a ticket and a token.

`/campaign link` gives the person a ticket; whoever shows it together with an API token of a
colleague proves to be both. Imports `tickets`, `accounts` and the workspace's tokens.
"""

from datetime import datetime

import msgspec
from sqlalchemy import select

from headless.problems import Problem
from headless.slack.people import accounts
from headless.slack.people.asker import Asker
from headless.slack.teams import tickets
from headless.storage.database import Transaction
from headless.storage.tables import member, token
from headless.workspace import audit, tokens

_SPENT = "this link is spent: it holds for ten minutes and once; ask for another: `/campaign link`"


class Linked(msgspec.Struct, frozen=True):
    """Who was tied to whom."""

    team_id: str
    user_id: str
    member: str


async def offer(tx: Transaction, asker: Asker, *, now: datetime) -> str:
    """A ticket for the asker."""
    detail = {"team_id": asker.team_id, "user_id": asker.user_id, "name": asker.name}
    return await tickets.make(tx, asker.workspace_id, "link", detail, now=now)


async def offered(tx: Transaction, ticket: str, *, now: datetime) -> str | None:
    """The name of whoever a ticket was made for; None when it is spent."""
    found = await tickets.look(tx, "link", ticket, now=now)
    return None if found is None else str(found.detail["name"])


async def tie(tx: Transaction, ticket: str, token_text: str, *, now: datetime) -> Linked:
    """Tie the two; raises Problem, and then the ticket holds on."""
    found = await tickets.look(tx, "link", ticket, now=now)
    if found is None:
        raise Problem("gone", _SPENT)
    known = await tokens.verify(tx, token_text.strip(), now=now)
    if known is None or known.workspace_id != found.workspace_id:
        raise Problem("unauthenticated", "this token is not one of this workspace")
    return await tie_owner(tx, ticket, found.workspace_id, known.id, now=now)


async def tie_owner(
    tx: Transaction, ticket: str, workspace_id: int, token_id: int, *, now: datetime
) -> Linked:
    """Tie the ticket's person to the colleague whose token has been checked; raises Problem."""
    member_id: int | None = await tx.scalar(
        select(token.c.member_id).where(
            token.c.workspace_id == workspace_id, token.c.id == token_id
        )
    )
    if member_id is None:
        raise Problem(
            "invalid_value",
            "this token is a service account's; use a token of your own, which a member has",
        )
    found = await tickets.use(tx, "link", ticket, now=now)
    if found is None or found.workspace_id != workspace_id:
        raise Problem("gone", _SPENT)
    team_id, user_id = str(found.detail["team_id"]), str(found.detail["user_id"])
    await accounts.link(tx, workspace_id, team_id, user_id, member_id, now=now)
    await audit.record(
        tx,
        workspace_id,
        actor=f"slack:{team_id}/{user_id}",
        act="link_slack",
        subject=f"{team_id}/{user_id}",
        detail={},
        now=now,
    )
    name = await tx.scalar(
        select(member.c.name).where(member.c.workspace_id == workspace_id, member.c.id == member_id)
    )
    return Linked(team_id, user_id, str(name))
