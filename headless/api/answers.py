"""Answers: opens and clicks, looked up, recorded and heard for many requests in one transaction.

A commit each would be the most that a server could do; together they share it (`gathering`), and
each is answered after it is safe on disk.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import msgspec

from headless.campaigns.ingest import Answer, answered
from headless.channels.links import Link, Resolved, resolve
from headless.content import sites
from headless.runtime.versions import Versions
from headless.storage.database import Database
from headless.storage.gathering import Gathering


class Asked(msgspec.Struct, frozen=True):
    """A verified link that somebody followed, or whose picture was loaded, and when."""

    link: Link
    at: datetime


class Found(msgspec.Struct, frozen=True):
    """The message behind a link, and the hosts of its workspace."""

    resolved: Resolved
    hosts: tuple[str, ...]


Answers = Gathering[Asked, Found | None]


def answers(database: Database, versions: Versions) -> Answers:
    """What a server keeps; None answers a link whose message is gone."""
    return Gathering(partial(_take, database, versions))


def answer_of(resolved: Resolved) -> Answer:
    """What was done with a message, as it is ingested."""
    return Answer(
        workspace_id=resolved.link.workspace_id,
        contact_id=resolved.contact_id,
        message_id=resolved.link.message_id,
        email_id=resolved.email_id,
        url=resolved.target,
    )


async def _take(
    database: Database, versions: Versions, asked: Sequence[Asked]
) -> list[Found | None]:
    async with database.transaction() as tx:
        found = await resolve(tx, [one.link for one in asked])
        done: dict[int, list[tuple[Answer, datetime]]] = {}
        for one, resolved in zip(asked, found, strict=True):
            if resolved is not None and _counts(one, resolved):
                told = done.setdefault(one.link.workspace_id, [])
                told.append((answer_of(resolved), one.at))
        for workspace_id in sorted(done):
            await answered(tx, versions, workspace_id, done[workspace_id])
        clicked = sorted({r.link.workspace_id for r in found if r and r.target is not None})
        hosts = {number: (await sites.get(tx, number)).hosts for number in clicked}
    return [None if r is None else Found(r, hosts.get(r.link.workspace_id, ())) for r in found]


def _counts(asked: Asked, resolved: Resolved) -> bool:
    leads = asked.link.kind != "click" or resolved.target is not None
    return leads and resolved.tracked and asked.link.recorded(asked.at)
