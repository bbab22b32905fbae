"""`/v1/metrics` tells a token of its own workspace, and of nothing else."""

import httpx
from api_server import Server
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from headless.storage import tables
from headless.storage.codes import MessageState


async def _stuck(server: Server, workspace_id: int, *states: MessageState) -> None:
    """Messages in these states, an endpoint, and somebody who is suppressed."""
    now, own = server.clock.now(), {"workspace_id": workspace_id}
    row = {**own, "contact_id": 7, "channel": 1, "created_at": now, "due_at": now}
    async with server.database.transaction() as tx:
        await tx.execute(insert(tables.message), [{**row, "state": int(one)} for one in states])
        await tx.execute(
            insert(tables.suppression).values(
                **own, contact_id=7, channel=1, reason="by_hand", source="x", at=now
            )
        )


async def test_a_token_sees_its_own_workspace(server: Server, api: httpx.AsyncClient) -> None:
    other = await server.workspace("Other")
    pending, parked, uncertain = MessageState.PENDING, MessageState.PARKED, MessageState.UNCERTAIN
    await _stuck(server, server.workspace_id, pending, parked)
    await _stuck(server, other, pending, pending, pending, parked, parked, uncertain)
    answer = await api.get("/v1/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {
        (one.name, *sorted(one.labels.values())): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }
    assert found == {
        ("headless_positions_due",): 0,
        ("headless_positions_oldest_seconds",): 0,
        ("headless_activities_unheard",): 0,
        ("headless_outbox_due", "email"): 1,
        ("headless_outbox_oldest_seconds", "email"): 0,
        ("headless_messages_stuck", "parked"): 1,
        ("headless_messages_stuck", "uncertain"): 0,
        ("headless_suppressed", "by_hand", "email"): 1,
    }
    _, token = await server.new_token("metrics:read", workspace_id=other)
    async with server.client(token) as theirs:
        told = (await theirs.get("/v1/metrics")).text
    assert 'headless_outbox_due{channel="email"} 3.0' in told
    assert 'headless_messages_stuck{state="parked"} 2.0' in told
    assert "headless_workers_alive" not in told
