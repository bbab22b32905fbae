"""A workspace's channels: accounts with providers, whose secrets go in and never come out.

Of each kind one channel is in use: messages of that kind go its way. Settings are checked against
the provider's own type; secrets are sealed with the workspace's keys and opened only for couriers.
Imports storage, `seals` and `providers`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from headless.channels.providers import PROVIDERS, Provider
from headless.dsl.near import did_you_mean, some_of
from headless.problems import Problem
from headless.seals import Seals
from headless.storage.codes import Channel
from headless.storage.database import Transaction
from headless.storage.tables import channel
from headless.workspace import former

MOST: Final = 20  # of one workspace
State = Literal["ready", "held", "broken"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class Account(msgspec.Struct, frozen=True):
    """A channel as people may see it: `secrets` are the names of those that are set."""

    id: int
    name: str
    kind: Channel
    provider: str
    settings: Any
    secrets: tuple[str, ...]
    in_use: bool
    state: State
    reason: str | None
    revision: int
    created_at: datetime
    updated_at: datetime


class Opened(msgspec.Struct, frozen=True):
    """A channel as its courier needs it: settings and secrets as the provider's own types."""

    workspace_id: int
    id: int
    name: str
    revision: int
    provider: str
    settings: Any
    secrets: Any


def provider(name: str) -> Provider:
    """A provider by its name; raises Problem `invalid_value`."""
    if name not in PROVIDERS:
        hint = did_you_mean(name, PROVIDERS) or f"known are {some_of(PROVIDERS, most=12)}"
        raise Problem("invalid_value", f"there is no provider `{name[:60]}`; {hint}")
    return PROVIDERS[name]


async def create(
    tx: Transaction,
    seals: Seals,
    workspace_id: int,
    *,
    name: str,
    provider_name: str,
    settings: msgspec.Struct,
    secrets: msgspec.Struct,
    now: datetime,
) -> Account:
    """A new channel; the first of its kind is in use at once.

    Raises Problem `name_taken` or `too_large`.
    """
    kind = provider(provider_name).kind
    _check(provider_name, settings, secrets)
    mine = channel.c.workspace_id == workspace_id
    rows = (await tx.execute(select(channel.c.kind, channel.c.in_use).where(mine))).all()
    if len(rows) >= MOST:
        raise Problem("too_large", f"a workspace has at most {MOST} channels; delete one first")
    try:
        async with tx.connection.begin_nested():
            made = await tx.execute(
                insert(channel)
                .values(
                    workspace_id=workspace_id,
                    name=name,
                    kind=int(kind),
                    provider=provider_name,
                    settings=msgspec.to_builtins(settings),
                    secrets=_sealed(seals, workspace_id, secrets),
                    in_use=not any(row.kind == kind and row.in_use for row in rows),
                    created_at=now,
                    updated_at=now,
                )
                .returning(channel)
            )
    except IntegrityError as error:
        raise Problem("name_taken", f"there is a channel `{name}` already") from error
    return _account(seals, made.mappings().one())


async def change(
    tx: Transaction,
    seals: Seals,
    workspace_id: int,
    number: int,
    *,
    now: datetime,
    name: str | None = None,
    settings: msgspec.Struct | None = None,
    secrets: Mapping[str, Any] | None = None,
    in_use: bool | None = None,
    expected_revision: int | None = None,
) -> Account:
    """Change what is given; of `secrets` only the members named, null takes one away.

    A broken or held channel is tried again; for thirty days an old name leads to it. Raises Problem
    `not_found`, `stale_version`, `name_taken` or `invalid_value`.
    """
    row = await _row(tx, workspace_id, number, lock=True)
    if expected_revision is not None and expected_revision != row["revision"]:
        raise Problem("stale_version", "somebody has saved this channel in between; read it again")
    values: dict[str, Any] = {"updated_at": now, "revision": row["revision"] + 1}
    if settings is not None or secrets is not None:
        held = settings or msgspec.convert(row["settings"], PROVIDERS[row["provider"]].settings)
        merged = _merged(seals, row, secrets or {})
        _check(row["provider"], held, merged)
        values |= {
            "settings": msgspec.to_builtins(held),
            "secrets": _sealed(seals, workspace_id, merged),
            "state": "ready",
            "reason": None,
        }
    mine = channel.c.workspace_id == workspace_id
    if in_use:
        await tx.execute(
            update(channel)
            .where(mine, channel.c.kind == row["kind"], channel.c.in_use, channel.c.id != number)
            .values(in_use=False)
        )
    if in_use is not None:
        values["in_use"] = in_use
    if name is not None:
        values["name"] = name
    try:
        async with tx.connection.begin_nested():
            made = await tx.execute(
                update(channel)
                .where(mine, channel.c.id == number)
                .values(**values)
                .returning(channel)
            )
    except IntegrityError as error:
        raise Problem("name_taken", f"there is a channel `{name}` already") from error
    if name is not None:
        await former.note(tx, workspace_id, "chn", row["name"], name, number, now=now)
    return _account(seals, made.mappings().one())


async def get(tx: Transaction, seals: Seals, workspace_id: int, number: int) -> Account:
    """One channel; raises Problem `not_found`."""
    return _account(seals, await _row(tx, workspace_id, number))


async def listing(tx: Transaction, seals: Seals, workspace_id: int) -> list[Account]:
    """All channels of a workspace, in the order in which they were made."""
    found = await tx.execute(
        select(channel).where(channel.c.workspace_id == workspace_id).order_by(channel.c.id)
    )
    return [_account(seals, row) for row in found.mappings()]


async def named(tx: Transaction, workspace_id: int, name: str) -> int | None:
    """The number of the channel with this name."""
    found: int | None = await tx.scalar(
        select(channel.c.id).where(channel.c.workspace_id == workspace_id, channel.c.name == name)
    )
    return found


async def remove(tx: Transaction, workspace_id: int, number: int) -> None:
    """Delete a channel and its secrets; raises Problem `not_found`, or `in_use` while it is."""
    row = await _row(tx, workspace_id, number, lock=True)
    if row["in_use"]:
        raise Problem(
            "in_use", "messages go this way; put another channel in use, or take this one out"
        )
    await tx.execute(
        delete(channel).where(channel.c.workspace_id == workspace_id, channel.c.id == number)
    )


async def opened(tx: Transaction, seals: Seals, workspace_id: int, kind: Channel) -> Opened | None:
    """The channel that messages of a kind go by, with its secrets; None: there is none.

    Raises SealError when the key that sealed the secrets is no longer in the ring.
    """
    found = await tx.execute(
        select(channel).where(
            channel.c.workspace_id == workspace_id, channel.c.kind == int(kind), channel.c.in_use
        )
    )
    row = found.mappings().one_or_none()
    return None if row is None else open_row(seals, row)


async def opened_by_id(tx: Transaction, seals: Seals, number: int) -> Opened | None:
    """A channel of whatever workspace, for a caller who proved to know it; raises SealError."""
    found = await tx.execute(select(channel).where(channel.c.id == number))
    row = found.mappings().one_or_none()
    return None if row is None else open_row(seals, row)


def open_row(seals: Seals, row: RowMapping) -> Opened:
    """A row of the table as its courier needs it; raises SealError."""
    kind = PROVIDERS[row["provider"]]
    return Opened(
        workspace_id=row["workspace_id"],
        id=row["id"],
        name=row["name"],
        revision=row["revision"],
        provider=row["provider"],
        settings=msgspec.convert(row["settings"], kind.settings),
        secrets=msgspec.convert(_secrets(seals, row), kind.secrets),
    )


async def _row(
    tx: Transaction, workspace_id: int, number: int, *, lock: bool = False
) -> RowMapping:
    query = select(channel).where(channel.c.workspace_id == workspace_id, channel.c.id == number)
    found = await tx.execute(query.with_for_update() if lock else query)
    row = found.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such channel")
    return row


def _account(seals: Seals, row: RowMapping) -> Account:
    values = {name: row[name] for name in Account.__struct_fields__ if name in row}
    values |= {
        "kind": Channel(row["kind"]),
        "settings": msgspec.convert(row["settings"], PROVIDERS[row["provider"]].settings),
        "secrets": tuple(sorted(name for name, held in _secrets(seals, row).items() if held)),
    }
    return Account(**values)


def _secrets(seals: Seals, row: RowMapping) -> dict[str, Any]:
    if row["secrets"] is None:
        return {}
    found: dict[str, Any] = msgspec.json.decode(seals.open(row["workspace_id"], row["secrets"]))
    return found


def _check(name: str, settings: msgspec.Struct, secrets: msgspec.Struct) -> None:
    check = PROVIDERS[name].check
    if check is None:
        return
    try:
        check(settings, secrets)
    except ValueError as error:
        raise Problem("invalid_value", str(error)) from error


def _sealed(seals: Seals, workspace_id: int, secrets: msgspec.Struct) -> bytes:
    return seals.seal(workspace_id, msgspec.json.encode(secrets))


def _merged(seals: Seals, row: RowMapping, changes: Mapping[str, Any]) -> msgspec.Struct:
    kind = PROVIDERS[row["provider"]].secrets
    merged = {**_secrets(seals, row), **changes}
    try:
        made: msgspec.Struct = msgspec.convert(
            {name: value for name, value in merged.items() if value is not None}, kind
        )
    except msgspec.ValidationError as error:
        raise Problem("invalid_value", f"the secrets do not fit: {error}") from error
    return made
