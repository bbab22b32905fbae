"""The workspace's websites: the hosts where its script counts visits and its forms may lead.

Imports storage.
"""

import re
from collections.abc import Collection
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from headless.content.variables import invalid
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import site

MOST_HOSTS: Final = 100
_HOST: Final = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


class Site(msgspec.Struct, frozen=True):
    """The hosts, in lower case, and which save of them this is (0: none yet)."""

    hosts: tuple[str, ...] = ()
    version: int = 0
    updated_at: datetime | None = None


async def get(tx: Transaction, workspace_id: int) -> Site:
    """What is known of a workspace's websites."""
    row = (
        await tx.execute(
            select(site.c.hosts, site.c.version, site.c.updated_at).where(
                site.c.workspace_id == workspace_id
            )
        )
    ).first()
    return Site() if row is None else Site(tuple(row.hosts), row.version, row.updated_at)


async def save(
    tx: Transaction,
    workspace_id: int,
    hosts: Collection[str],
    *,
    now: datetime,
    expected_version: int | None = None,
) -> Site:
    """Replace the hosts; Problem `invalid_value`, `stale_version`."""
    clean = sorted({host.strip().lower().rstrip(".") for host in hosts})
    if len(clean) > MOST_HOSTS:
        raise invalid("hosts", f"{MOST_HOSTS} hosts at most")
    for host in clean:
        if not _HOST.fullmatch(host):
            raise invalid("hosts", f"`{host[:60]}` is no host such as `www.example.com`")
    current = await get(tx, workspace_id)
    if expected_version is not None and expected_version != current.version:
        raise Problem(
            "stale_version",
            f"the site is at version {current.version} by now; read it again",
            version=current.version,
        )
    given = insert(site).values(workspace_id=workspace_id, hosts=clean, updated_at=now)
    await tx.execute(
        given.on_conflict_do_update(
            index_elements=["workspace_id"],
            set_={"hosts": clean, "updated_at": now, "version": site.c.version + 1},
        )
    )
    return await get(tx, workspace_id)


def leads_to(known: Site, url: str) -> bool:
    """Whether an address leads to one of the hosts, by http(s)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and (parts.hostname or "") in known.hosts
