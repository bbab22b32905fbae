"""What the engine asks again and again is answered by indexes, however much lies beside it.

Real work is done on a few of some thousand contacts; every statement that it sent is then
explained, and each look at a big table must be by an index, under a condition that names few rows.
That no table is scanned would say little: the engine's connections are told not to.
"""

import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest
from servers import TestServers
from sqlalchemy import event, text
from world import World

from headless.audience import segments
from headless.audience.contacts import changed
from headless.audience.membership import refresh_changed
from headless.campaigns import why
from headless.channels import messages
from headless.runtime.advance import advance
from headless.runtime.sweep import sweep
from headless.storage.codes import Channel
from headless.storage.database import connect
from headless.workspace.names import tags

MANY = 2_500
FEW = {  # the columns of a big table that lead to few of its rows
    "position": {"contact_id", "enrollment_id", "due_at", "step", "ctid"},
    "enrollment": {"contact_id", "id"},
    "activity": {"contact_id", "id"},
    "journal": {"enrollment_id", "contact_id"},
    "message": {"contact_id", "id", "due_at", "enrollment_id"},
    "contact": {"id", "external_id"},
    "contact_tag": {"contact_id"},
    "segment_member": {"contact_id"},
    "suppression": {"contact_id"},
}
PATH = """from segment Leads
send email Welcome
whenever did "ping" at most 3 times then add points 1
when opened email Welcome within 3d do
  if did "order placed" in last 7d and country is "DE" then add points 5 else add tag quiet
else
  send email Reminder
end
wait 1d
if has tag quiet and in segment Leads then send email Tips"""
HELD = """from segment Done
limit 1 email per day
quiet hours 21:00 to 08:00
send email Tips
wait 1h
send email Tips"""
Work = Callable[[World], Coroutine[Any, Any, Any]]


@pytest.fixture(scope="module")
async def full(servers: TestServers) -> AsyncIterator[World]:
    """A world with some thousand contacts in the middle of two campaigns."""
    with servers.database() as url:
        database = connect(url, pool_size=4)
        try:
            world = await World(database).begin()
            await _filled(world)
            yield world
        finally:
            await database.close()


async def _filled(world: World) -> None:
    now = {"now": world.now, "many": MANY}
    async with world.database.transaction() as tx:
        rows = await tx.execute(
            text(
                "insert into contact (workspace_id, external_id, email, fields, created_at,"
                " updated_at) select 1, 'p' || n, 'p' || n || '@example.org',"
                " jsonb_build_object('country', (array['DE', 'FR', 'US'])[1 + n % 3]), :now, :now"
                " from generate_series(1, :many) n returning external_id, id"
            ),
            now,
        )
        world.ids = {row[0]: row[1] for row in rows}
        (quiet,) = (await tags(tx, 1, ["quiet"])).values()
        await tx.execute(
            text(
                "insert into contact_tag (workspace_id, contact_id, tag_id, at)"
                " select 1, id, :quiet, :now from contact where id % 2 = 0"
            ),
            {"quiet": quiet, "now": world.now},
        )
        await segments.create(tx, 1, "Germans", "country is DE and points >= 0", now=world.now)
    await world.does("order placed", *list(world.ids)[::2])
    await world.does("ping", *list(world.ids)[:10])
    await world.joins("Leads", *world.ids)
    await world.joins("Done", *list(world.ids)[::4])
    await world.start(PATH, name="Path")
    await world.start(HELD, name="Held")
    await world.wait(hours=2)
    async with world.database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("analyze"))


async def _move(world: World) -> None:
    """Claim a few of those who are due, ask the questions, move them on."""
    later = world.now.replace(year=world.now.year + 1)
    for version in (1, 2):
        for step in range(14):
            await advance(world.database, world.engine.versions, version, step, now=later, most=20)


async def _sweep(world: World) -> None:
    await sweep(world.database, now=world.now)


async def _hear(world: World) -> None:
    await world.opens("Welcome", "p1", "p2", "p3")
    await world.does("ping", "p4")


async def _enter(world: World) -> None:
    await world.leaves("Done", "p5")
    await world.joins("Done", "p5", "p6")
    await world.settle()


async def _segments(world: World) -> None:
    async with world.database.transaction() as tx:
        await changed(tx, 1, [world.ids["p7"], world.ids["p8"]])
        await refresh_changed(tx, 1, now=world.now)


async def _outbox(world: World) -> None:
    async with world.database.transaction() as tx:
        assert await messages.claim(tx, 1, Channel.EMAIL, world.now, 20)


async def _why(world: World) -> None:
    async with world.database.transaction() as tx:
        await why.why(tx, 1, world.ids["p9"], 1, now=world.now)


@pytest.mark.parametrize("work", [_hear, _sweep, _enter, _segments, _outbox, _why, _move])
async def test_big_tables_are_read_by_index(full: World, work: Work) -> None:
    asked: dict[str, Any] = {}

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.lstrip().split(None, 1)[0].lower() in ("select", "with", "insert", "update",
                                                            "delete"):  # fmt: skip
            asked.setdefault(statement, parameters)

    engine = full.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await work(full)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert asked
    looks = 0
    async with full.database.engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        for statement, parameters in asked.items():
            explained = await driver.fetchval(f"explain (format json) {statement}", *parameters)
            for node in _nodes(explained[0]["Plan"]):
                looks += _is_look(node)
                assert not _wrong(node), f"{_wrong(node)}\n{statement}"
    assert looks


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The scans of a plan; an index that gathers rows for a bitmap is told with its table."""
    if "Relation Name" in node:
        below = [n.get("Index Cond", "") for n in _below(node)]
        yield {**node, "by": " ".join([node.get("Index Cond", ""), node.get("TID Cond", ""),
                                       *below])}  # fmt: skip
    for each in node.get("Plans", ()):
        yield from _nodes(each)


def _below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in node.get("Plans", ()):
        if "Bitmap" in each["Node Type"]:
            yield each
            yield from _below(each)


def _table(node: dict[str, Any]) -> str:
    """The table of a scan, or the one that it is a partition of."""
    return re.sub(r"_(\d+|\d{4}_\d\d)$", "", node["Relation Name"])


def _is_look(node: dict[str, Any]) -> bool:
    return _table(node) in FEW and "Scan" in node["Node Type"]


def _wrong(node: dict[str, Any]) -> str:
    """What is wrong with a look at a table; nothing where few rows are read."""
    if not _is_look(node):
        return ""
    names = set(re.findall(r"\w+", node["by"]))
    if names & FEW[_table(node)]:
        return ""
    return f"{node['Node Type']} on {node['Relation Name']} by `{node['by'].strip() or 'nothing'}`"
