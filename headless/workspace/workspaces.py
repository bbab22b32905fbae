"""Workspaces: who owns everything else, and how it is set up.

A sandbox sends nothing out of the machine and counts every open as a person's; it becomes live only
when its name is said once more. Imports storage, `caps` and `zones`.
"""

from collections.abc import Iterable
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Final, Literal

import msgspec
from email_validator import EmailNotValidError, validate_email
from msgspec import UNSET, UnsetType
from sqlalchemy import RowMapping, func, insert, select, update

from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import workspace
from headless.workspace.caps import Cap, set_caps
from headless.workspace.zones import zone

Mode = Literal["sandbox", "live"]
NAME_LIMIT: Final = 100
ADDRESS_LIMIT: Final = 500
_NOBODY: Final = "@example.com"
_LOCK: Final = 7_236_513  # any number that nobody else locks


class Workspace(msgspec.Struct, frozen=True):
    """One workspace and its settings."""

    id: int
    name: str
    mode: Mode
    time_zone: str
    sender: str
    postal_address: str | None
    created_at: datetime
    revision: int

    @property
    def token_kind(self) -> Literal["live", "test"]:
        """What its tokens are marked with."""
        return "live" if self.mode == "live" else "test"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What of a workspace is to become another; what is not given stays as it is.

    `confirm` is the workspace's name, said again by whoever makes it live.
    """

    name: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    sender: str | UnsetType = UNSET
    postal_address: str | UnsetType | None = UNSET
    mode: Mode | UnsetType = UNSET
    caps: Iterable[Cap] | UnsetType = UNSET
    confirm: str | None = None


def _read(row: RowMapping) -> Workspace:
    values: dict[str, Any] = {name: row[name] for name in Workspace.__struct_fields__}
    return Workspace(**values)


async def create(
    tx: Transaction, name: str, *, now: datetime, mode: Mode = "sandbox", time_zone: str = "UTC"
) -> Workspace:
    """A new workspace; raises Problem `invalid_value` for a time zone that does not exist."""
    made = await tx.execute(
        insert(workspace)
        .values(name=name, mode=mode, time_zone=zone(time_zone), created_at=now)
        .returning(workspace)
    )
    return _read(made.mappings().one())


async def find(tx: Transaction, workspace_id: int) -> Workspace:
    """A workspace; raises Problem `not_found`."""
    found = await tx.execute(select(workspace).where(workspace.c.id == workspace_id))
    row = found.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such workspace")
    return _read(row)


async def change(
    tx: Transaction, workspace_id: int, wanted: Change, *, expected_revision: int | None = None
) -> Workspace:
    """Set up a workspace anew; raises Problem `invalid_value` or `stale_version`."""
    found = await tx.execute(
        select(workspace).where(workspace.c.id == workspace_id).with_for_update()
    )
    held = _read(found.mappings().one())
    if expected_revision not in (None, held.revision):
        raise Problem("stale_version", "somebody has changed the workspace since; read it again")
    values = _values(wanted)
    if wanted.mode == "live" != held.mode:
        _check_live(held, values.get("sender", held.sender), wanted.confirm)
    if wanted.caps is not UNSET:
        await set_caps(tx, workspace_id, wanted.caps)
    changed = await tx.execute(
        update(workspace)
        .where(workspace.c.id == workspace_id)
        .values(**values, revision=workspace.c.revision + 1)
        .returning(workspace)
    )
    return _read(changed.mappings().one())


def _values(wanted: Change) -> dict[str, Any]:
    """The columns to set, each value as it is kept."""
    values: dict[str, Any] = {}
    if wanted.name is not UNSET:
        values["name"] = _line("name", wanted.name, NAME_LIMIT)
    if wanted.time_zone is not UNSET:
        values["time_zone"] = zone(wanted.time_zone)
    if wanted.sender is not UNSET:
        values["sender"] = _mailbox(wanted.sender)
    if wanted.postal_address is not UNSET:
        given = wanted.postal_address
        values["postal_address"] = given and _text("postal_address", given, ADDRESS_LIMIT)
    if wanted.mode is not UNSET:
        values["mode"] = wanted.mode
    return values


def _text(member: str, value: str, limit: int) -> str:
    text = value.strip()
    if not text or len(text) > limit or any(ord(each) < 32 and each != "\n" for each in text):
        raise Problem("invalid_value", f"`{member}` has 1 to {limit} characters, none of control")
    return text


def _line(member: str, value: str, limit: int) -> str:
    text = _text(member, value, limit)
    if "\n" in text:
        raise Problem("invalid_value", f"`{member}` stands in one line")
    return text


def _mailbox(value: str) -> str:
    sender = _line("sender", value, NAME_LIMIT * 3)
    try:
        validate_email(parseaddr(sender)[1], check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise Problem(
            "invalid_value",
            f"`{sender[:60]}` is no mail address; write `ann@example.com` or `Ann <ann@…>`",
        ) from error
    return sender


def _check_live(held: Workspace, sender: str, confirmed: str | None) -> None:
    """Raise Problem unless the workspace may send to the world."""
    if confirmed != held.name:
        raise Problem(
            "invalid_value",
            "live messages reach people; to confirm it send the workspace's name: "
            f'`"confirm": "{held.name}"`',
        )
    if sender.lower().rstrip(">").endswith(_NOBODY):
        raise Problem("invalid_value", f"nobody may send as `{sender}`; set `sender` first")


async def listing(tx: Transaction) -> list[Workspace]:
    """Every workspace of the installation, in the order in which they were made."""
    rows = await tx.execute(select(workspace).order_by(workspace.c.id))
    return [_read(row) for row in rows.mappings()]


async def default(tx: Transaction, *, now: datetime, name: str = "Acme") -> Workspace:
    """The oldest workspace of the installation, a sandbox that is made when there is none yet."""
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    found = await tx.execute(select(workspace).order_by(workspace.c.id).limit(1))
    row = found.mappings().one_or_none()
    return _read(row) if row is not None else await create(tx, name, now=now)
