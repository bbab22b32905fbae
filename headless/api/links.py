"""What happens when somebody opens, clicks or unsubscribes: verified, resolved, handed to ingest.

The public routes and the development inbox do the same through here. A link older than two years is
answered and no longer recorded; unsubscribing never expires.
"""

from headless.api.auth import House
from headless.campaigns import ingest
from headless.campaigns.ingest import Answer
from headless.channels.links import Kind, Resolved, resolve


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


async def unsubscribed(house: House, resolved: Resolved, source: str) -> bool:
    """Somebody wants no more marketing mail; False when that was known already."""
    return await ingest.unsubscribe(
        house.database, house.versions, _answer(resolved), source=source, now=house.clock.now()
    )
