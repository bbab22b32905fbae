"""Each verb that changes something: it does, refuses whose role is too low, and helps who errs.

One world for all of them, in the order in which a campaign lives.
"""

from collections.abc import AsyncIterator

import pytest
from desk_world import DeskWorld, made_world, presses, words
from flow_cases import CASES
from servers import TestServers

from headless.campaigns import lifecycle, publish
from headless.slack.people.asker import ROLES
from headless.slack.verbs import BY_NAME


@pytest.fixture(scope="module")
async def desk(
    servers: TestServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[DeskWorld]:
    async with made_world(servers, tmp_path_factory.mktemp("data")) as made:
        now = made.clock.now()
        async with made.world.database.transaction() as tx:
            old, _ = await publish.create(
                tx, 1, 'campaign "Old"\nstart when did "x"\nadd tag old', now=now
            )
            await lifecycle.start(tx, 1, old.id, plan=old.hash, now=now)
            await lifecycle.stop(tx, 1, old.id, now=now)
        yield made


@pytest.mark.parametrize("verb", CASES)
async def test_it_does(desk: DeskWorld, verb: str) -> None:
    three = CASES[verb]
    reply = await desk.say(three.well, BY_NAME[verb].role)
    assert three.answer in words(reply)


@pytest.mark.parametrize("verb", CASES)
async def test_it_refuses_whose_role_is_too_low(desk: DeskWorld, verb: str) -> None:
    needed = BY_NAME[verb].role
    outside = await desk.say(CASES[verb].well, "admin", outsider=True)
    assert "people of this company only" in words(outside)
    for role in ROLES[: ROLES.index(needed)]:
        refused = words(await desk.say(CASES[verb].well, role))
        assert f"needs the role *{needed}*, and you are *{role}*" in refused


@pytest.mark.parametrize("verb", CASES)
async def test_it_helps_whoever_says_it_badly(desk: DeskWorld, verb: str) -> None:
    three = CASES[verb]
    reply = await desk.say(three.badly, BY_NAME[verb].role)
    said = "\n".join([words(reply), *presses(reply).values()])
    assert three.help in said
