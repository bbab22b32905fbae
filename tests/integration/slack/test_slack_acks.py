"""An acknowledgement: what it costs, what it promises, and that both ways in answer the same."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_rig import Rig, rig
from sqlalchemy import Engine, event, func, select, text

from headless.slack.tasks import JOB
from headless.storage.database import connect
from headless.storage.tables import slack_task
from headless.storage.wake import Wake


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url) as made:
        yield made


class Waker:
    """Keeps the hints; each waits until it is let through."""

    def __init__(self) -> None:
        self.through = asyncio.Event()
        self.sent: list[Wake] = []

    async def send(self, wakes: Iterable[Wake]) -> None:
        await self.through.wait()
        self.sent += wakes


def read(answer: str) -> Any:
    return json.loads(answer) if answer.startswith("{") else answer


async def stored(url: str) -> int:
    """How many tasks somebody else finds: what was not committed does not count."""
    other = connect(url)
    try:
        async with other.glance() as tx:
            return int(await tx.scalar(select(func.count()).select_from(slack_task)))
    finally:
        await other.close()


async def test_what_comes_together_is_committed_together_before_it_is_acknowledged(
    slack: Rig, database_url: str
) -> None:
    slack.database.waker = waker = Waker()  # Redis hangs, and holds nobody
    said: list[str] = []
    event.listen(
        Engine,
        "before_cursor_execute",
        keep := lambda _connection, _cursor, statement, *_: said.append(statement),
    )
    async with asyncio.timeout(30):
        told = await asyncio.gather(*(slack.command(f"show {number}") for number in range(50)))
    assert {(one.status_code, one.text) for one in told} == {(200, "")}
    event.remove(Engine, "before_cursor_execute", keep)
    assert await stored(database_url) == 50
    # a turn for those that came first and one for all others, a question and a statement each
    assert len(said) <= 8, said
    assert len({one for one in said if "INSERT" in one.upper()}) == 1
    assert waker.sent == []
    waker.through.set()
    await slack.app.state.slack.settle()
    assert set(waker.sent) == {Wake(JOB)}


async def test_whoever_takes_all_connections_holds_no_acknowledgement(slack: Rig) -> None:
    async with AsyncExitStack() as taken:
        for _ in range(16):  # the rig's eight, and as many beyond
            await taken.enter_async_context(slack.database.engine.connect())
        async with asyncio.timeout(10):
            assert (await slack.command("list")).status_code == 200


async def test_what_cannot_be_stored_is_not_acknowledged(slack: Rig, database_url: str) -> None:
    async with slack.database.transaction() as tx:
        await tx.execute(text("alter table slack_task rename to slack_task_away"))
    told = await asyncio.gather(slack.command("list"), slack.mention("list"))
    assert [one.status_code for one in told] == [500, 500]
    async with slack.database.transaction() as tx:
        await tx.execute(text("alter table slack_task_away rename to slack_task"))
    assert (await slack.command("list")).status_code == 200
    assert await stored(database_url) == 1


async def test_over_http_and_over_the_socket_the_same_is_answered(slack: Rig) -> None:
    receiver = slack.app.state.slack.receiver
    command = {"command": "/campaign", "text": "list", "team_id": "T1", "user_id": "U1"}
    mention = {"type": "app_mention", "user": "U1", "text": "<@UBOTT1> list", "channel": "C1"}
    heard = {"type": "event_callback", "team_id": "T1", "event": mention}
    pressed = {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": "say:0"}]}
    bodies: list[dict[str, Any]] = [
        command,
        {**command, "team_id": "T9"},
        {**heard, "event": {**mention, "event_ts": "1.1"}},
        {**heard, "team_id": "T9"},
        {**pressed, "team": {"id": "T1"}, "actions": [{"action_id": "say:0", "type": "button"}]},
        {"type": "shortcut", "callback_id": "new", "team": {"id": "T1"}, "user": {"id": "U1"}},
        {"type": "view_closed", "team": {"id": "T1"}, "user": {"id": "U1"}, "view": {}},
        {"type": "url_verification", "challenge": "c-1"},
        {"ssl_check": "1", "command": "/campaign", "token": "t"},
    ]
    for number, body in enumerate(bodies):
        by_socket = await receiver.app.async_dispatch(
            AsyncBoltRequest(mode="socket_mode", body={**body, "trigger_id": f"s{number}"})
        )
        answer = await slack.send(
            json.dumps({**body, "trigger_id": f"h{number}"}), "application/json"
        )
        assert answer.status_code == by_socket.status, body
        assert bool(answer.text) == bool(by_socket.body), body
        if answer.text:
            assert read(answer.text) == read(by_socket.body), body
            kind = by_socket.headers["content-type"][0]
            assert answer.headers["content-type"].replace(" ", "") == kind.replace(" ", "")
