"""Watching: a channel asks for a campaign's card and its news, or asks to be left alone.

Imports `cards` and the desk's values.
"""

from typing import Final

from headless.slack.desk import finding
from headless.slack.desk.acting import note
from headless.slack.desk.desk import Desk, Handler
from headless.slack.flows import cards
from headless.slack.kit import blocks
from headless.slack.kit.reply import Reply
from headless.slack.people.asker import Asker
from headless.slack.verbs.parse import Command


async def watch(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Put a campaign's card here."""
    now = desk.clock.now()
    where = asker.channel_id or asker.user_id
    wanted = cards.filters(command.options.get("filters", ""))
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        await cards.watch(tx, asker, found.id, where, filters=wanted, now=now)
        detail = {"channel": where, **wanted}
        await note(tx, asker, "watch_campaign", found.public_id, detail, now=now)
    heard = [kind for kind, is_on in wanted.items() if is_on]
    text = (
        f"This channel watches {blocks.quoted(found.name)}: its card is kept up to date, and "
        f"{', '.join(heard)} are told in the card's thread."
    )
    return Reply(text=text)


async def unwatch(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Take a campaign's news out of here, or only some of them."""
    now = desk.clock.now()
    where = asker.channel_id or asker.user_id
    less = command.options.get("filters", "").split()
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        here = [
            one for one in await cards.watched(tx, asker, where) if one["campaign_id"] == found.id
        ]
        if not here:
            return Reply(text=f"This channel does not watch {blocks.quoted(found.name)}.")
        kept = {kind: here[0][kind] and kind not in less for kind in cards.FILTERS}
        if less and any(kept.values()):
            await cards.watch(tx, asker, found.id, where, filters=kept, now=now)
            told = ", ".join(kind for kind, is_on in kept.items() if is_on)
            text = f"This channel hears only of {told} of {blocks.quoted(found.name)} now."
        else:
            await cards.unwatch(tx, asker, found.id, where)
            text = f"This channel does not watch {blocks.quoted(found.name)} any more."
        await note(tx, asker, "unwatch_campaign", found.public_id, {"channel": where}, now=now)
    return Reply(text=text)


HANDLERS: Final[dict[str, Handler]] = {"watch": watch, "unwatch": unwatch}
