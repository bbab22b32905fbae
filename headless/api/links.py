"""What happens when somebody opens, clicks or unsubscribes: verified, resolved, handed to ingest.

The public routes and the development inbox do the same through here. A link older than two years is
answered and no longer recorded; unsubscribing never expires.
"""

from urllib.parse import urlsplit

from headless.api.auth import House
from headless.campaigns import ingest
from headless.campaigns.ingest import Answer
from headless.channels import handover
from headless.channels.handover import Ticket
from headless.channels.links import Kind, Resolved, resolve
from headless.content import sites


async def behind(house: House, kind: Kind, token: str) -> Resolved | None:
    """The message behind a token; None for a token that is none of ours."""
    link = house.links.verify(kind, token)
    if link is None:
        return None
    async with house.database.transaction() as tx:
        (resolved,) = await resolve(tx, [link])
    return resolved


def _answer(resolved: Resolved) -> Answer:
    return Answer(
        workspace_id=resolved.link.workspace_id,
        contact_id=resolved.contact_id,
        message_id=resolved.link.message_id,
        email_id=resolved.email_id,
        url=resolved.target,
    )


async def opened(house: House, resolved: Resolved) -> None:
    """Somebody opened the message."""
    now = house.clock.now()
    if resolved.link.recorded(now):
        await ingest.opened(house.database, house.versions, _answer(resolved), now=now)


async def clicked(house: House, resolved: Resolved) -> None:
    """Somebody followed a link of the message."""
    now = house.clock.now()
    if resolved.link.recorded(now):
        await ingest.clicked(house.database, house.versions, _answer(resolved), now=now)


async def carried(house: House, resolved: Resolved) -> str:
    """Where a click leads: to hosts of the workspace it carries who followed it (`handover`)."""
    link, now, target = resolved.link, house.clock.now(), resolved.target or ""
    if not link.recorded(now):
        return target
    async with house.database.transaction() as tx:
        site = await sites.get(tx, link.workspace_id)
    ours = urlsplit(house.settings.url).hostname or ""
    ticket = house.handover.ticket(
        Ticket(link.workspace_id, resolved.contact_id, link.message_id), now=now
    )
    return handover.carried(target, ticket, {*site.hosts, ours})


async def unsubscribed(house: House, resolved: Resolved, source: str) -> bool:
    """Somebody wants no more marketing mail; False when that was known already."""
    return await ingest.unsubscribe(
        house.database, house.versions, _answer(resolved), source=source, now=house.clock.now()
    )
