"""Ids that senders gave: known for thirty days, then forgotten in sets, by their index."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from world import World

from headless.audience import seen


async def _known(world: World) -> list[tuple[int, str]]:
    async with world.database.transaction() as tx:
        rows = await tx.execute(text("select workspace_id, key from activity_seen order by 1, 2"))
        return [(row.workspace_id, row.key) for row in rows]


async def test_ids_are_forgotten_after_thirty_days(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "AT_ONCE", 4)
    begun = world.now
    async with world.database.transaction() as tx:
        old = [f"api:{n}" for n in range(10)]
        assert await seen.claim(tx, 1, old, now=begun) == set(old)
        assert await seen.claim(tx, 2, old[:1], now=begun) == set(old[:1])
        young = begun + timedelta(hours=1)
        assert await seen.claim(tx, 1, ["api:young"], now=young) == {"api:young"}
    assert await seen.drop(world.database, now=begun + seen.KEPT) == 0
    later = begun + seen.KEPT + timedelta(minutes=30)
    assert await seen.drop(world.database, now=later) == 11
    assert await _known(world) == [(1, "api:young")]
    async with world.database.transaction() as tx:
        again = await seen.claim(tx, 1, ["api:1", "api:young"], now=later)
    assert again == {"api:1"}, "what is forgotten would count again"


async def test_the_old_are_found_by_their_index(world: World) -> None:
    async with world.database.transaction() as tx:
        plan = await tx.execute(
            text("explain select ctid from activity_seen where arrived_at < :before limit 9"),
            {"before": world.now},
        )
        assert "ix_activity_seen_arrived_at" in " ".join(row[0] for row in plan)
