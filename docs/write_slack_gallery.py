"""Write `docs/slack/*.png`: likenesses of what Headless says in Slack.

Run it after a message or a window has changed, and look at the pictures: `python
docs/write_slack_gallery.py`. The payloads are those that the real application sends to the tests'
double of Slack; npm's slack-blocks-to-jsx makes HTML of them, and Chromium photographs it. Needs
npm and Chromium.
"""

import asyncio
import base64
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
TESTS: Final = HERE.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "integration" / "slack")]

import browser  # noqa: E402 - of the tests, whose folder is known by now
from desk_world import DeskWorld  # noqa: E402
from servers import TestServers  # noqa: E402
from slack_rig import Rig, rig, settings_for  # noqa: E402
from sqlalchemy import select, update  # noqa: E402 - as below
from test_flows_editing import FAULTY, checked  # noqa: E402
from test_flows_running import buttons, card, later, press  # noqa: E402
from world import World  # noqa: E402

from headless.storage.codes import ActivityKind, MessageState  # noqa: E402
from headless.storage.tables import activity, message  # noqa: E402

PACKAGES: Final = (
    "slack-blocks-to-jsx@1.1.1",
    "react@19.2.0",
    "react-dom@19.2.0",
    "@fontsource/noto-color-emoji@5.3.2",
)
RULE: Final = "when opened email Welcome within 3d then add points 10"
Shot = dict[str, Any]


@contextmanager
def databases() -> Iterator[str]:
    """An empty database on a server of its own."""
    servers = TestServers(None)
    try:
        with servers.database() as url:
            yield url
    finally:
        servers.close()


async def shots() -> list[Shot]:
    """What is said and opened on a walk through one campaign."""
    with databases() as url:
        async with rig(url) as slack:
            empty = await slack.ask("")
            world = World(slack.database)
            world.now = slack.clock.now()
            await world.begin()
            await world.people(*(f"reader{n}" for n in range(40)), country="FR", segment="Leads")
            await DeskWorld(world, settings_for(url, slack.slack), slack.clock).begin()
            await _arrived(world)
            return [_message(slack, "empty", empty.payload), *await _walk(slack)]


async def _arrived(world: World) -> None:
    """The mails were sent, and thirteen people have opened theirs."""
    m = message.c
    async with world.database.transaction() as tx:
        sent = update(message).where(m.state == int(MessageState.PENDING))
        await tx.execute(sent.values(state=int(MessageState.SENT), sent_at=m.created_at))
    await world.opens("Welcome", *(f"reader{n}" for n in range(13)), ago=timedelta(days=1))
    a = activity.c
    theirs = select(m.id).where(m.contact_id == a.contact_id, m.ref == a.ref).limit(1)
    async with world.database.transaction() as tx:
        opened = update(activity).where(a.kind == int(ActivityKind.OPENED))
        await tx.execute(opened.values(message_id=theirs.scalar_subquery()))


async def _walk(slack: Rig) -> list[Shot]:
    found = []

    async def says(name: str, text: str) -> dict[str, Any]:
        said = (await slack.ask(text)).payload
        found.append(_message(slack, name, said))
        return said

    def window(name: str) -> dict[str, Any]:
        view: dict[str, Any] = list(slack.slack.teams["T1"].views.values())[-1]
        found.append({"name": name, "kind": "modal", "payload": view})
        return view

    await says("nearest", "when opened email News within 3d then add points 10")
    draft = await says("rule", RULE)
    await press(slack, buttons(draft)["Start…"])
    view = window("start")
    await slack.submit(view, {})
    await slack.work()
    await later(slack)
    found.append(_message(slack, "card", card(slack)[1]))
    await slack.command("new")
    await slack.work()
    view = list(slack.slack.teams["T1"].views.values())[-1]
    faulty = await checked(slack, view, FAULTY)
    for block in faulty["blocks"]:  # Slack keeps what was typed; a photograph has to be told
        if block.get("block_id") == "source":
            block["element"]["initial_value"] = FAULTY
    found.append({"name": "editor", "kind": "modal", "payload": faulty})
    await says("stats", "stats Welcome")
    await says("why", "why bob@example.org did not get Reminder in Welcome")
    await says("hold", 'hold all reason "wrong links in Spring sale"')
    home = {"type": "app_home_opened", "user": "U1", "tab": "home", "channel": "D1"}
    await slack.event({**home, "event_ts": "1.1"})
    await slack.work()
    view = slack.slack.teams["T1"].homes["U1"]
    found.append({"name": "home", "kind": "home", "payload": view})
    return found


def _message(slack: Rig, name: str, payload: dict[str, Any]) -> Shot:
    """A message, with its uploaded pictures in place."""
    files = slack.slack.teams["T1"].files
    blocks = []
    for block in payload["blocks"]:
        if block["type"] == "image" and "slack_file" in block:
            data = base64.b64encode(files[block["slack_file"]["id"]]).decode()
            kept = {key: value for key, value in block.items() if key != "slack_file"}
            block = {**kept, "image_url": f"data:image/png;base64,{data}"}
        blocks.append(block)
    return {"name": name, "kind": "message", "payload": {**payload, "blocks": blocks}}


def page(made: list[Shot], room: Path) -> Path:
    """One page of HTML with a section for each."""
    (room / "package.json").write_text('{"private": true, "type": "module"}')
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise SystemExit("npm and node are needed")
    wanted = [npm, "install", "--no-audit", "--no-fund", "--silent", *PACKAGES]
    subprocess.run(wanted, cwd=room, check=True)  # noqa: S603 - our own words
    shutil.copy(HERE / "slack" / "likeness.mjs", room)
    (room / "shots.json").write_text(json.dumps(made))
    subprocess.run([node, "likeness.mjs"], cwd=room, check=True)  # noqa: S603 - as above
    return room / "gallery.html"


async def photograph(whole: Path, names: list[str]) -> None:
    """A PNG of each section."""
    async with browser.running() as chromium:
        tab = await chromium.tab()
        await tab.call(
            "Emulation.setDeviceMetricsOverride",
            width=760, height=1200, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        await tab.goto(whole.as_uri())
        for name in names:
            box = await tab.ask(
                f"(() => {{ const b = document.getElementById('{name}').getBoundingClientRect();"
                " return {x: b.x + scrollX, y: b.y + scrollY, width: b.width, height: b.height};"
                " })()"
            )
            shot = await tab.call(
                "Page.captureScreenshot", clip={**box, "scale": 1}, captureBeyondViewport=True
            )
            (HERE / "slack" / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


async def main() -> None:
    """Make all of it."""
    made = await shots()
    with tempfile.TemporaryDirectory() as room:
        whole = page(made, Path(room))
        await photograph(whole, [one["name"] for one in made])


if __name__ == "__main__":
    asyncio.run(main())
