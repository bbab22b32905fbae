"""What the verbs that look say beyond their plainest case."""

from collections.abc import AsyncIterator

import pytest
from desk_world import DeskWorld, made_world, presses, words
from servers import TestServers

from headless.campaigns import publish


@pytest.fixture(scope="module")
async def desk(
    servers: TestServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[DeskWorld]:
    async with made_world(servers, tmp_path_factory.mktemp("data")) as made:
        await made.world.things("owner", "editor")
        async with made.world.database.transaction() as tx:
            await publish.create(
                tx,
                1,
                'campaign "Don’t miss <!channel>"\nowned by editor\nstart when did "x"\nadd tag a',
                now=made.clock.now(),
            )
        yield made


async def test_mine_are_those_that_are_owned_by_me(desk: DeskWorld) -> None:
    assert "Don’t miss" in words(await desk.say("list mine", "editor"))
    assert "No campaign is yours" in words(await desk.say("list mine", "viewer"))


async def test_quotes_of_any_kind_find_a_name(desk: DeskWorld) -> None:
    reply = await desk.say("show don't miss &lt;!channel&gt;")
    assert reply.text.startswith("Don’t miss &lt;!channel&gt; is draft")


async def test_a_name_calls_nobody(desk: DeskWorld) -> None:
    reply = await desk.say("list")
    raw = str(reply.blocks)
    assert "&lt;!channel&gt;" in raw
    assert "*Don’t miss <!channel>*" not in raw


async def test_a_plan_tells_what_a_new_text_does_to_those_inside(desk: DeskWorld) -> None:
    text = "from segment Leads\nsend email Welcome\nwait 5d\nsend email Tips"
    told = words(await desk.say(f"plan Welcome: {text}"))
    assert "version 1 → 2" in told
    assert "wait 1d → wait 5d" in told


async def test_what_was_looked_at_is_in_the_log(desk: DeskWorld) -> None:
    await desk.say("where ada@example.org", "editor")
    told = words(await desk.say("log", "admin"))
    assert "<@U0EDITOR> · look at contact `con_" in told
    assert "ada@" not in told


async def test_why_finds_the_campaigns_that_send_a_mail(desk: DeskWorld) -> None:
    told = words(await desk.say("why ada@example.org did not get Tips"))
    assert "*Welcome*" in told
    assert "add points 10" in told
    never = words(await desk.say("why ada@example.org did not get X"))
    assert "*Spring sale*" in never
    assert "has not been started" in never


async def test_a_version_is_compared_with_the_one_before(desk: DeskWorld) -> None:
    reply = await desk.say("diff Spring sale", "editor")
    assert "version 1 → 2" in words(reply)
    assert presses(reply)["Go back to 1…"] == 'revert "Spring sale" to 1'
    assert "one version only" in words(await desk.say("diff Welcome"))


async def test_buttons_that_change_something_are_for_those_who_may(desk: DeskWorld) -> None:
    assert "Pause" in presses(await desk.say("show Welcome", "editor"))
    assert "Pause" not in presses(await desk.say("show Welcome", "viewer"))


async def test_a_button_names_what_quotes_cannot_hold(desk: DeskWorld) -> None:
    now = desk.clock.now()
    async with desk.world.database.transaction() as tx:
        text = r'campaign "The \"big\" one"' + "\nadd tag b"
        made, _ = await publish.create(tx, 1, text, now=now)
    assert made.name == 'The "big" one'
    shown = await desk.say(f"show {made.public_id}", "editor")
    stats = presses(shown)["Stats"]
    assert stats == f"stats {made.public_id}"
    assert 'The "big" one' in words(await desk.say(stats))


async def test_a_picture_comes_with_what_it_shows(desk: DeskWorld) -> None:
    for command in ("diagram Welcome", "stats Welcome", "show email Welcome"):
        reply = await desk.say(command)
        assert reply.picture is not None
        assert reply.picture.startswith(b"\x89PNG")
        assert "Welcome" in reply.alt
