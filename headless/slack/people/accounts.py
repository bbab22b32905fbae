"""Accounts: what our tables know of the people in Slack, so that nobody has to ask Slack first.

Who has no row is what the installation's default role says. Names, zones and addresses are kept for
a day and then asked for again, by a worker. Imports storage and `asker`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import ColumnElement, RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert

from headless.problems import Problem
from headless.slack.people.asker import Asker
from headless.storage.database import Transaction
from headless.storage.tables import member, slack_account

Standing = Literal["none", "viewer", "editor", "approver", "admin"]
_FRESH: Final = timedelta(days=1)


class Account(msgspec.Struct, frozen=True):
    """One person in Slack; `role` is None for whom the default role holds."""

    team_id: str
    user_id: str
    role: Standing | None
    name: str
    zone: str | None
    email: str | None
    member_id: int | None
    linked_at: datetime | None
    looked_at: datetime | None

    def fresh(self, now: datetime) -> bool:
        """Whether Slack was asked about the person within a day."""
        return self.looked_at is not None and self.looked_at + _FRESH > now


_COLUMNS: Final = [slack_account.c[name] for name in Account.__struct_fields__]


async def find(tx: Transaction, workspace_id: int, team_id: str, user_id: str) -> Account | None:
    """A person that has a row."""
    found = await tx.execute(select(*_COLUMNS).where(_is(workspace_id, team_id, user_id)))
    row = found.mappings().one_or_none()
    return None if row is None else _read(row)


async def address(tx: Transaction, asker: Asker) -> str | None:
    """The asker's own address, as Slack has told it."""
    found = await find(tx, asker.workspace_id, asker.team_id, asker.user_id)
    return None if found is None else found.email


async def listing(tx: Transaction, workspace_id: int, team_id: str) -> list[Account]:
    """Everybody who was given a role, by name."""
    rows = await tx.execute(
        select(*_COLUMNS)
        .where(
            slack_account.c.workspace_id == workspace_id,
            slack_account.c.team_id == team_id,
            slack_account.c.role.is_not(None),
        )
        .order_by(func.lower(slack_account.c.name), slack_account.c.user_id)
    )
    return [_read(row) for row in rows.mappings()]


async def set_role(
    tx: Transaction,
    workspace_id: int,
    team_id: str,
    user_id: str,
    role: Standing,
    *,
    now: datetime,
) -> None:
    """Give a role; raises Problem `wrong_state` when nobody would be left to give any."""
    admins = await tx.execute(
        select(slack_account.c.user_id)
        .where(
            slack_account.c.workspace_id == workspace_id,
            slack_account.c.team_id == team_id,
            slack_account.c.role == "admin",
        )
        .with_for_update()
    )
    if role != "admin" and {row.user_id for row in admins} == {user_id}:
        raise Problem("wrong_state", "nobody else is admin here; make somebody else an admin first")
    await _keep(tx, workspace_id, team_id, user_id, {"role": role, "updated_at": now})


async def note(
    tx: Transaction,
    workspace_id: int,
    team_id: str,
    user_id: str,
    *,
    name: str,
    zone: str | None,
    email: str | None,
    now: datetime,
) -> None:
    """Keep what Slack says of a person."""
    known = {"name": name, "zone": zone, "email": email, "looked_at": now, "updated_at": now}
    await _keep(tx, workspace_id, team_id, user_id, known)


async def link(
    tx: Transaction, workspace_id: int, team_id: str, user_id: str, member_id: int, *, now: datetime
) -> None:
    """Tie a person to a colleague; what either was tied to before comes loose."""
    await tx.execute(
        update(slack_account)
        .where(
            slack_account.c.workspace_id == workspace_id,
            slack_account.c.team_id == team_id,
            slack_account.c.member_id == member_id,
        )
        .values(member_id=None, linked_at=None)
    )
    tied = {"member_id": member_id, "linked_at": now, "updated_at": now}
    await _keep(tx, workspace_id, team_id, user_id, tied)
    await tx.execute(
        update(member)
        .where(member.c.workspace_id == workspace_id, member.c.id == member_id)
        .values(slack_id=user_id)
    )


async def unlink(
    tx: Transaction, workspace_id: int, team_id: str, user_id: str, *, now: datetime
) -> bool:
    """Untie a person; False when they were tied to nobody."""
    found = await find(tx, workspace_id, team_id, user_id)
    if found is None or found.member_id is None:
        return False
    await tx.execute(
        update(member)
        .where(
            member.c.workspace_id == workspace_id,
            member.c.id == found.member_id,
            member.c.slack_id == user_id,
        )
        .values(slack_id=None)
    )
    loose = {"member_id": None, "linked_at": None, "updated_at": now}
    await _keep(tx, workspace_id, team_id, user_id, loose)
    return True


async def _keep(
    tx: Transaction, workspace_id: int, team_id: str, user_id: str, values: Mapping[str, Any]
) -> None:
    row = insert(slack_account).values(
        workspace_id=workspace_id, team_id=team_id, user_id=user_id, **values
    )
    await tx.execute(
        row.on_conflict_do_update(
            index_elements=["workspace_id", "team_id", "user_id"], set_=dict(values)
        )
    )


def _is(workspace_id: int, team_id: str, user_id: str) -> ColumnElement[bool]:
    return (
        (slack_account.c.workspace_id == workspace_id)
        & (slack_account.c.team_id == team_id)
        & (slack_account.c.user_id == user_id)
    )


def _read(row: RowMapping) -> Account:
    return Account(**{name: row[name] for name in Account.__struct_fields__})
