"""What happens when somebody opens, clicks or unsubscribes: verified, resolved, handed to ingest.

The public routes and the development inbox do the same through here. A link older than two years is
answered and no longer recorded; unsubscribing never expires.
"""

from collections.abc import Collection
from datetime import datetime
from string import ascii_letters, digits, punctuation
from typing import Final
from urllib.parse import quote, urlsplit

from headless.api.answers import Asked, answer_of
from headless.api.auth import House
from headless.audience.consents import Evidence
from headless.campaigns import ingest
from headless.channels import handover
from headless.channels.handover import Ticket
from headless.channels.links import Kind, Link, Resolved, resolve
from headless.content import sites

_PLAIN: Final = ascii_letters + digits + punctuation


async def behind(house: House, kind: Kind, token: str) -> Resolved | None:
    """The message behind a token; None for a token that is none of ours."""
    link = house.links.verify(kind, token)
    if link is None:
        return None
    async with house.database.transaction() as tx:
        (resolved,) = await resolve(tx, [link])
    return resolved


async def opened(house: House, link: Link) -> None:
    """Somebody opened the message behind a link."""
    await house.answers.ask(Asked(link, house.clock.now()))


async def clicked(house: House, link: Link) -> str | None:
    """Somebody followed a link: where it leads; None where it leads nowhere."""
    now = house.clock.now()
    found = await house.answers.ask(Asked(link, now))
    if found is None or found.resolved.target is None:
        return None
    return _carried(house, found.resolved, found.hosts, now)


async def leads(house: House, resolved: Resolved) -> str | None:
    """Where a link leads that nobody follows; None where it leads nowhere."""
    if resolved.target is None:
        return None
    async with house.database.transaction() as tx:
        site = await sites.get(tx, resolved.link.workspace_id)
    return _carried(house, resolved, site.hosts, house.clock.now())


def _carried(house: House, resolved: Resolved, hosts: Collection[str], now: datetime) -> str:
    """To hosts of the workspace a click carries who followed it (`handover`)."""
    link, target = resolved.link, resolved.target or ""
    if not link.recorded(now):
        return target
    ours = urlsplit(house.settings.url).hostname or ""
    if not handover.is_carried_to(target, (*hosts, ours)):
        return target
    ticket = house.handover.ticket(
        Ticket(link.workspace_id, resolved.contact_id, link.message_id), now=now
    )
    return handover.carried(target, ticket)


async def unsubscribed(
    house: House, resolved: Resolved, source: str, evidence: Evidence | None = None
) -> bool:
    """Somebody wants no more marketing mail; False when that was known already."""
    return await ingest.unsubscribe(
        house.database,
        house.versions,
        answer_of(resolved),
        source=source,
        evidence=evidence,
        now=house.clock.now(),
    )


def as_header(target: str) -> str:
    """An address as `Location` may have it: what is not ASCII percent-encoded, a host in its own
    alphabet as DNS knows it."""
    if target.isascii() and target.isprintable() and " " not in target:
        return target
    try:
        host = urlsplit(target).netloc.rpartition("@")[2]
        known = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError:  # UnicodeError is one
        host = known = ""
    return quote(target.replace(host, known, 1), safe=_PLAIN)
