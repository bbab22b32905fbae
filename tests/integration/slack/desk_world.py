"""A workspace with campaigns, contacts, emails, segments and forms, and people who ask the desk.

Everything is real but the clock and Slack itself: the desk answers over a real database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from servers import TestServers
from slack_sdk.web.async_client import AsyncWebClient
from world import World

from headless.audience import segments
from headless.campaigns import lifecycle, publish
from headless.clock import ManualClock
from headless.content import components
from headless.content.forms import FormField, FormWrite
from headless.content.kinds import BY_WORD
from headless.settings import Settings, load
from headless.slack import switchboard
from headless.slack.desk.desk import Desk
from headless.slack.kit.reply import Reply
from headless.slack.people.asker import Asker, Role
from headless.storage.database import connect

TEAM = "T0ACME"
WELCOME = """campaign "Welcome"
from segment Leads
send email Welcome
wait 1d
if country is "US" do
  add points 10
else
  send email Tips
end
"""


class DeskWorld:
    """One workspace, its desk, and askers of every role."""

    def __init__(self, world: World, settings: Settings, clock: ManualClock | None = None) -> None:
        self.world = world
        self.clock = clock or ManualClock(world.now)
        self.desk: Desk = switchboard.desk(world.database, self.clock, settings, self._client)

    async def _client(self, workspace_id: int, team_id: str) -> AsyncWebClient:
        raise AssertionError("a verb that looks asks Slack nothing")

    async def begin(self) -> "DeskWorld":
        """Welcome runs with ada (US) and bob (FR) in it, Spring sale is a draft of two versions."""
        world = self.world
        await world.people("ada", country="US", segment="Leads")
        await world.people("bob", country="FR", segment="Leads", time_zone="Europe/Paris")
        await world.start(WELCOME)
        await world.wait(days=2)
        self.clock.set(world.now + timedelta(minutes=1))
        now = self.clock.now()
        async with world.database.transaction() as tx:
            made, _ = await publish.create(
                tx, 1, 'campaign "Spring sale"\nfrom segment VIP\nsend email X\n', now=now
            )
            await publish.edit(
                tx, 1, made.id, f"{made.source}wait 2d\nsend email Reminder\n", now=now
            )
            await segments.create(tx, 1, "Richer", "points > 5", now=now)
            known = await components.about(tx, 1)
            form = FormWrite(name="Demo", fields=[FormField(name="email", type="email")])
            await components.create(tx, BY_WORD["form"], form, known, now=now)
        return self

    def asker(self, role: Role = "viewer", **more: Any) -> Asker:
        """Somebody in a channel, who reads in Paris."""
        given = {"zone": "Europe/Paris", "channel_id": "C0TEAM", **more}
        return Asker(1, TEAM, f"U0{role.upper()}", role, role, **given)

    async def say(self, text: str, role: Role = "viewer", **more: Any) -> Reply:
        """What the desk answers to a command."""
        return await self.desk.answer(self.asker(role, **more), text)

    async def pause(self, name: str) -> None:
        """Pause a campaign as the API does."""
        async with self.world.database.transaction() as tx:
            found = await publish.find(tx, 1, name)
            await lifecycle.pause(tx, 1, found.id, now=self.clock.now())


@asynccontextmanager
async def made_world(servers: TestServers, place: Path) -> AsyncIterator[DeskWorld]:
    """A world in a database of its own."""
    with servers.database() as url:
        database = connect(url, pool_size=4)
        environ = {"DATABASE_URL": url, "HEADLESS_SECRET_KEYS": "k" * 40}
        settings = load({**environ, "HEADLESS_DATA_DIR": str(place)})
        try:
            yield await DeskWorld(await World(database).begin(), settings).begin()
        finally:
            await database.close()


def words(reply: Reply) -> str:
    """Everything that a reply says, as Slack shows it."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == "text" and isinstance(inner, str):
                    found.append(inner)
                else:
                    walk(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                walk(inner)

    walk(reply.blocks)
    whole = "\n".join([reply.text, *found])
    return whole.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def presses(reply: Reply) -> dict[str, str]:
    """The buttons of a reply, by their label, with their values."""
    found: dict[str, str] = {}

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("type") == "button":
                found[value["text"]["text"]] = value.get("value", "")
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                walk(inner)

    walk(reply.blocks)
    return found
