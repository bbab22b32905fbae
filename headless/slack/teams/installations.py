"""Installations: which Slack team belongs to which workspace, and the tokens it gave us, sealed.

A team, or a whole Enterprise organisation, belongs to one workspace; a workspace may have several.
What Slack sends finds its workspace here and nowhere else. Imports storage and `seals`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from headless.problems import Problem
from headless.seals import Seals
from headless.storage.database import Transaction
from headless.storage.tables import slack_installation, slack_post

DefaultRole = Literal["none", "viewer", "editor"]
State = Literal["active", "gone"]


class Installation(msgspec.Struct, frozen=True):
    """One installation; `team_id` is its key: the organisation's id where it is a whole one."""

    workspace_id: int
    team_id: str
    enterprise_id: str | None
    name: str
    app_id: str
    bot_user_id: str
    scopes: tuple[str, ...]
    expires_at: datetime | None
    installed_by: str
    default_role: DefaultRole
    state: State
    reason: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def whole(self) -> bool:
        """Whether it is for a whole Enterprise organisation."""
        return self.team_id == self.enterprise_id


class Secrets(msgspec.Struct, frozen=True):
    """The bot's token, and what renews it where tokens rotate."""

    token: str
    refresh_token: str | None = None


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a team gave us when it installed the app."""

    team_id: str
    enterprise_id: str | None = None
    name: str
    app_id: str = ""
    bot_user_id: str
    scopes: tuple[str, ...]
    installed_by: str
    secrets: Secrets
    expires_at: datetime | None = None


COLUMNS: Final = [slack_installation.c[name] for name in Installation.__struct_fields__]
"""What an installation is read from."""


async def find(
    tx: Transaction, team_id: str | None, enterprise_id: str | None
) -> Installation | None:
    """Whose a request is, by the ids in its verified payload; the team's own goes first."""
    wanted = [one for one in (team_id, enterprise_id) if one]
    found = await tx.execute(
        select(*COLUMNS).where(
            slack_installation.c.team_id.in_(wanted), slack_installation.c.state == "active"
        )
    )
    known = {row["team_id"]: read(row) for row in found.mappings()}
    return next((known[one] for one in wanted if one in known), None)


async def listing(tx: Transaction, workspace_id: int) -> list[Installation]:
    """A workspace's installations, those that are gone too."""
    rows = await tx.execute(
        select(*COLUMNS)
        .where(slack_installation.c.workspace_id == workspace_id)
        .order_by(slack_installation.c.created_at, slack_installation.c.team_id)
    )
    return [read(row) for row in rows.mappings()]


async def save(
    tx: Transaction, seals: Seals, workspace_id: int, grant: Grant, *, now: datetime
) -> Installation:
    """Install a team, or install it again; raises Problem `in_use` for another workspace's.

    Again keeps the roles and the default role. A team that left another workspace starts anew.
    """
    await tx.execute(
        delete(slack_installation).where(
            slack_installation.c.team_id == grant.team_id,
            slack_installation.c.workspace_id != workspace_id,
            slack_installation.c.state == "gone",
        )
    )
    values: dict[str, Any] = {
        "enterprise_id": grant.enterprise_id,
        "name": grant.name,
        "app_id": grant.app_id,
        "bot_user_id": grant.bot_user_id,
        "scopes": list(grant.scopes),
        "secrets": seals.seal(workspace_id, msgspec.json.encode(grant.secrets)),
        "expires_at": grant.expires_at,
        "installed_by": grant.installed_by,
        "state": "active",
        "reason": None,
        "updated_at": now,
    }
    row = insert(slack_installation).values(
        workspace_id=workspace_id, team_id=grant.team_id, created_at=now, **values
    )
    saved = await tx.execute(
        row.on_conflict_do_update(
            index_elements=["team_id"],
            set_=values,
            where=slack_installation.c.workspace_id == workspace_id,
        ).returning(*COLUMNS)
    )
    made = saved.mappings().one_or_none()
    if made is None:
        raise Problem(
            "in_use",
            f"the Slack team `{grant.name}` belongs to another workspace; uninstall the app there",
        )
    return read(made)


async def opened(
    tx: Transaction, seals: Seals, workspace_id: int, team_id: str, *, lock: bool = False
) -> tuple[Installation, Secrets] | None:
    """An active installation with its secrets; `lock` keeps others from renewing them meanwhile."""
    query = select(*COLUMNS, slack_installation.c.secrets).where(
        slack_installation.c.workspace_id == workspace_id,
        slack_installation.c.team_id == team_id,
        slack_installation.c.state == "active",
    )
    found = await tx.execute(query.with_for_update() if lock else query)
    row = found.mappings().one_or_none()
    if row is None:
        return None
    plain = seals.open(workspace_id, row["secrets"])
    return read(row), msgspec.json.decode(plain, type=Secrets)


async def renew(
    tx: Transaction,
    seals: Seals,
    workspace_id: int,
    team_id: str,
    secrets: Secrets,
    *,
    expires_at: datetime | None,
    now: datetime,
) -> None:
    """Keep new secrets in the place of old ones."""
    sealed = seals.seal(workspace_id, msgspec.json.encode(secrets))
    await _change(tx, workspace_id, team_id, secrets=sealed, expires_at=expires_at, updated_at=now)


async def set_default_role(
    tx: Transaction, workspace_id: int, team_id: str, role: DefaultRole, *, now: datetime
) -> None:
    """What people are to whom nobody gave a role; `none` may not even look."""
    await _change(tx, workspace_id, team_id, default_role=role, updated_at=now)


async def end(
    tx: Transaction, workspace_id: int, team_ids: Sequence[str], reason: str, *, now: datetime
) -> None:
    """Slack took the app away: forget the tokens, and what was still to be said there."""
    for team_id in team_ids:
        await _change(
            tx, workspace_id, team_id, state="gone", secrets=None, reason=reason, updated_at=now
        )
        await tx.execute(
            update(slack_post)
            .where(
                slack_post.c.workspace_id == workspace_id,
                slack_post.c.team_id == team_id,
                slack_post.c.state == "pending",
            )
            .values(state="failed", error=reason, picture=None)
        )


async def _change(tx: Transaction, workspace_id: int, team_id: str, **values: Any) -> None:
    await tx.execute(
        update(slack_installation)
        .where(
            slack_installation.c.workspace_id == workspace_id,
            slack_installation.c.team_id == team_id,
        )
        .values(**values)
    )


def read(row: RowMapping) -> Installation:
    """The installation in a row that has `COLUMNS`."""
    values: dict[str, Any] = {name: row[name] for name in Installation.__struct_fields__}
    values["scopes"] = tuple(values["scopes"])
    return Installation(**values)
