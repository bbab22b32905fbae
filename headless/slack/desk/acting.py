"""Acting: who it was that did something in Slack, as approvals and the audit know them.

Imports `people`, the use cases' approvals, the audit and storage.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from headless import ids
from headless.campaigns.approvals import Signer
from headless.problems import Problem
from headless.slack.people.asker import Asker, Role, may
from headless.storage.database import Transaction
from headless.storage.tables import member, slack_account
from headless.workspace import audit


async def signer(tx: Transaction, asker: Asker) -> Signer:
    """The asker as one person: the colleague whom the account is linked with, else the account."""
    found = await tx.execute(
        select(member.c.id, member.c.name)
        .join(
            slack_account,
            (slack_account.c.workspace_id == member.c.workspace_id)
            & (slack_account.c.member_id == member.c.id),
        )
        .where(
            slack_account.c.workspace_id == asker.workspace_id,
            slack_account.c.team_id == asker.team_id,
            slack_account.c.user_id == asker.user_id,
            member.c.left_at.is_(None),
        )
    )
    row = found.one_or_none()
    approves = may(asker, "approver")
    if row is None:
        return Signer(asker.actor, asker.name, approves)
    return Signer(ids.encode("mem", row.id), row.name, approves)


async def note(
    tx: Transaction,
    asker: Asker,
    act: str,
    subject: str,
    detail: dict[str, Any] | None = None,
    *,
    now: datetime,
) -> None:
    """Keep in the audit what the asker did to a thing, in the act's own transaction."""
    await audit.record(
        tx,
        asker.workspace_id,
        actor=asker.actor,
        act=act,
        subject=subject,
        detail={"in": "slack", **(detail or {})},
        now=now,
    )


def must_be(asker: Asker, role: Role) -> None:
    """Raise Problem `insufficient_scope` unless the asker has the role or more."""
    if not may(asker, role):
        raise Problem(
            "insufficient_scope",
            f"this needs the role `{role}`, and you are `{asker.role}`; an admin can change that",
        )
