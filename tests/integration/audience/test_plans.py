"""What is asked of a few contacts is answered by indexes, however many others there are."""

import re
from typing import Any

from sqlalchemy import event, text
from world import World

from headless.audience import segments
from headless.audience.contacts import changed
from headless.audience.membership import refresh_changed

CONDITIONS = [
    "country is FR and points > 3",
    "opened email Welcome in last 30d and not opened email Tips 2 times",
    "has tag vip or in segment Leads or in campaign First",
    "company.name is acme and points in group Loyalty > 5 and answer Demo.role is boss",
    "reachable by sms or reachable by push message or unsubscribed from email",
    'visited page "/pricing*" in last 3d or spent 5m on site in last 3d',
    "left campaign First or changed country in last 9d or reached 5 points in last 9d",
]
_SCANNED = re.compile(r"Seq Scan on (\w+)")
_SMALL = {"segment", "workspace", "segment_watch", "listener", "company", "given"}


async def test_no_table_is_read_whole_for_a_few_contacts(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start("from segment Leads\nwait 2d", name="First")
    await world.things("group", "Loyalty")
    await world.things("form", "Demo")
    async with world.database.transaction() as tx:
        for number, condition in enumerate(CONDITIONS):
            await segments.create(tx, 1, f"S{number}", condition, now=world.now)
        await changed(tx, 1, world.ids.values())
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    engine = world.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    async with world.database.transaction() as tx:
        assert await refresh_changed(tx, 1, now=world.now) == 2
    event.remove(engine, "before_cursor_execute", note)
    diffs = [one for one in asked if "apart" in one[0]]
    assert len(diffs) == len(CONDITIONS)
    async with world.database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await connection.execute(text("select 1"))
        for (statement, parameters), condition in zip(diffs, CONDITIONS, strict=True):
            plan = "\n".join(
                row[0] for row in await driver.fetch("explain " + statement, *parameters)
            )
            read = set(_SCANNED.findall(plan)) - _SMALL
            assert not read, f"{condition}: {read}\n{plan}"
