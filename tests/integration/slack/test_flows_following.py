"""Watching, the digest, Home, links, the red button, a try: what Slack shows by itself."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from slack_rig import Rig, rig
from sqlalchemy import func, select
from test_flows_running import buttons, card, later, press, thread

from headless.campaigns import publish
from headless.storage.tables import enrollment, slack_post
from headless.workspace import hold

TEXT = 'campaign "Welcome"\nstart when did "signed up"\nsend email Welcome\nwait 2d\nadd tag warm'


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url) as made:
        async with made.api() as api:
            mail = {"name": "Welcome", "subject": "Hello", "html": "<p>Good.</p>"}
            assert (await api.post("/v1/emails", json=mail)).status_code == 201
            assert (await api.post("/v1/campaigns", json={"source": TEXT})).status_code == 201
            plan = (await api.post("/v1/campaigns/Welcome/start")).json()["plan"]["hash"]
            told = await api.post("/v1/campaigns/Welcome/start", json={"plan": plan})
            assert told.status_code == 200, told.text
        yield made


async def test_a_channel_hears_what_it_asked_for(slack: Rig) -> None:
    said = await slack.ask("watch Welcome errors")
    assert "errors are told" in said.words
    ts, shown = card(slack)
    assert "running" in json.dumps(shown)
    async with slack.api() as api:
        await api.post("/v1/campaigns/Welcome/pause")
    await later(slack)
    assert "paused" in json.dumps(card(slack)[1])
    assert thread(slack, ts) == [], "of its life it did not want to hear"
    await slack.ask("watch Welcome lifecycle milestones")
    async with slack.api() as api:
        await api.post("/v1/campaigns/Welcome/resume")
    await later(slack)
    assert any("running" in one for one in thread(slack, ts))
    assert card(slack)[0] == ts, "there is one card"
    less = await slack.ask("unwatch Welcome lifecycle")
    assert "only of milestones" in less.words
    gone = await slack.ask("unwatch Welcome")
    assert "any more" in gone.words
    assert "does not watch" in (await slack.ask("unwatch Welcome")).words


async def test_nothing_new_is_not_drawn_again(slack: Rig) -> None:
    await slack.ask("watch Welcome")
    before = len(slack.slack.of("chat.update"))
    for _ in range(3):
        slack.clock.advance(timedelta(minutes=2))
        await slack.work()
    assert len(slack.slack.of("chat.update")) == before
    async with slack.api() as api:
        contact = {"external_id": "1", "email": "ada@example.org"}
        assert (await api.post("/v1/contacts", json=contact)).status_code == 201
        did = {"contact": {"external_id": "1"}, "did": "signed up", "id": "e1"}
        assert (await api.post("/v1/activities", json=did)).status_code == 202
    slack.clock.advance(timedelta(minutes=2))
    await slack.work()
    async with slack.database.glance() as tx:
        entered = await tx.scalar(select(func.count()).select_from(enrollment))
    shown = card(slack)[1]
    assert f"*{entered}* entered so far" in json.dumps(shown)


async def test_the_digest_comes_on_its_day_with_a_chart(slack: Rig) -> None:
    set_ = await slack.ask("digest weekly monday 11:00")  # it is Monday, 10:30 in Paris
    assert "every Monday at 11:00 (Europe/Paris)" in set_.words
    slack.clock.advance(timedelta(minutes=29))
    await slack.work()
    assert not [c for c in slack.slack.of("chat.postMessage") if "The week" in c.words]
    slack.clock.advance(timedelta(minutes=2))
    await slack.work()
    (digest,) = [c for c in slack.slack.of("chat.postMessage") if "The week" in c.words]
    kinds = [block["type"] for block in digest.payload["blocks"]]
    assert "image" in kinds
    (png,) = slack.slack.teams["T1"].files.values()
    assert png.startswith(b"\x89PNG")
    slack.clock.advance(timedelta(hours=1))
    await slack.work()
    assert len([c for c in slack.slack.of("chat.postMessage") if "The week" in c.words]) == 1
    slack.clock.advance(timedelta(days=7))
    await slack.work()
    assert len([c for c in slack.slack.of("chat.postMessage") if "The week" in c.words]) == 2
    assert "No more digests" in (await slack.ask("digest off")).words


async def test_the_home_tab_shows_what_concerns_me(slack: Rig) -> None:
    await slack.event({"type": "app_home_opened", "user": "U1", "tab": "home", "event_ts": "5.1"})
    await slack.work()
    home = json.dumps(slack.slack.teams["T1"].homes["U1"])
    assert "*Running*" in home
    assert "`Welcome`" in home
    async with slack.api() as api:
        await api.post("/v1/campaigns", json={"source": 'campaign "Draft"\nadd tag x'})
    await slack.ask("hold all")
    await slack.event({"type": "app_home_opened", "user": "U1", "tab": "home", "event_ts": "6.1"})
    await slack.work()
    home = json.dumps(slack.slack.teams["T1"].homes["U1"])
    assert "All sending is held" in home
    assert "*Drafts*" in home


async def test_without_a_campaign_the_first_step_is_offered(database_url: str) -> None:
    async with rig(database_url) as slack:
        said = await slack.ask("")
        assert "No campaigns yet" in said.words
        assert "no emails yet either" in said.words
        steps = [block["accessory"] for block in said.payload["blocks"] if "accessory" in block]
        assert [one["text"]["text"] for one in steps] == ["Make a draft"] * 3
        for step in steps:
            draft = await press(slack, step)
            assert draft is not None
            assert "*Draft*" in draft.words


async def test_a_link_shows_its_campaign_to_whom_it_may(slack: Rig) -> None:
    link = {"url": "http://testserver/v1/campaigns/Welcome", "domain": "testserver"}
    shared = {"type": "link_shared", "user": "U1", "channel": "C1", "message_ts": "7.1"}
    await slack.event({**shared, "links": [link], "event_ts": "7.1"})
    await slack.work()
    (shown,) = slack.slack.of("chat.unfurl")
    assert "Welcome" in shown.words
    assert "button" not in shown.words
    await slack.event({**shared, "links": [link], "event_ts": "8.1"}, is_ext_shared_channel=True)
    other = {**link, "url": "http://elsewhere/v1/campaigns/Welcome"}
    await slack.event({**shared, "links": [other], "event_ts": "9.1"})
    await slack.work()
    assert len(slack.slack.of("chat.unfurl")) == 1


async def test_the_red_button_stops_all_sending_and_tells_who_watches(slack: Rig) -> None:
    await slack.ask("watch Welcome")
    held = await slack.ask('hold all reason "wrong links"')
    assert "wrong links" in held.words
    await later(slack)
    told = [c for c in slack.slack.of("chat.postMessage") if "All sending is held" in c.words]
    assert len(told) == 1
    async with slack.database.transaction() as tx:
        (standing,) = await hold.holds(tx, slack.workspace_id)
    assert (standing.scope, standing.actor) == ("workspace", "slack:T1/U1")
    again = await slack.ask("hold all")
    assert "held already, by <@U1>" in again.words
    await slack.role("U2", "editor")
    refused = await press(slack, buttons(told[0])["Release"], user="U2")
    assert refused is not None
    assert "needs the role `approver`" in refused.words
    free = await press(slack, buttons(told[0])["Release"])
    assert free is not None
    assert "Sending goes on" in free.words
    assert "Nothing is held" in (await slack.ask("release")).words


async def test_a_hold_by_the_api_is_told_too(slack: Rig) -> None:
    await slack.ask("watch Welcome")
    async with slack.api() as api:
        told = await api.post("/v1/hold", json={"reason": "bad links"})
        assert told.status_code in (200, 201), told.text
    for _ in range(3):
        await later(slack)
    posts = [c for c in slack.slack.of("chat.postMessage") if "All sending is held" in c.words]
    assert len(posts) == 1
    assert "bad links" in posts[0].words
    assert "token test" in posts[0].words
    slack.slack.team("T2", "Other")
    await slack.install("T2", slack.workspace_id)
    await slack.ask("watch Welcome", team="T2")
    async with slack.api() as api:
        for _ in range(2):
            await api.post("/v1/hold", json={"on": False})
    await later(slack)
    freed = [c for c in slack.slack.of("chat.postMessage") if "Sending goes on" in c.words]
    assert sorted(c.team for c in freed) == ["T1", "T2"]
    assert "released by token test" in freed[0].words
    assert "All sending is held" not in json.dumps(card(slack)[1])


async def test_a_mention_is_only_made_in_the_team_that_the_person_is_of(slack: Rig) -> None:
    slack.slack.team("T2", "Other")
    await slack.install("T2", slack.workspace_id)
    await slack.ask("watch Welcome")
    await slack.ask("watch Welcome", team="T2")
    await slack.ask('hold all reason "wrong links"')
    await later(slack)
    held = {c.team: c.words for c in slack.slack.of("chat.postMessage") if "is held" in c.words}
    assert "by <@U1>" in held["T1"]
    assert "by somebody in another Slack" in held["T2"]


async def test_a_try_is_told_in_a_thread_at_its_pace_and_counts_nothing(slack: Rig) -> None:
    begun = await slack.ask("try Welcome")
    assert "2 minutes" in begun.words
    told = [c for c in slack.slack.of("chat.postMessage") if c.payload["channel"] == "U1"]
    steps = [c for c in told if c.payload.get("thread_ts")]
    assert steps, "the first steps come at once"
    assert not any("add tag warm" in c.words for c in steps)
    slack.clock.advance(timedelta(minutes=2))
    await slack.work()
    told = [c for c in slack.slack.of("chat.postMessage") if c.payload["channel"] == "U1"]
    assert any("after 2 days" in c.words and "add tag warm" in c.words for c in told)
    async with slack.database.glance() as tx:
        assert await tx.scalar(select(func.count()).select_from(enrollment)) == 0
        failed = select(func.count()).where(slack_post.c.state == "failed")
        assert await tx.scalar(failed) == 0


async def test_a_try_says_what_comes_of_doing_something(slack: Rig) -> None:
    await slack.ask("new Ask: start when did x when did bought within 1d then add tag buyer")
    await slack.ask("try Ask")
    slack.clock.advance(timedelta(minutes=2))
    await slack.work()
    told = [c for c in slack.slack.of("chat.postMessage") if c.payload["channel"] == "U1"]
    (missed,) = [c for c in told if "I did nothing" in c.words]
    assert "after 1 day " in missed.words
    assert "goes on with `add tag buyer`" in missed.words


async def test_a_card_in_a_direct_message_follows_too(slack: Rig) -> None:
    await slack.ask("new Alone: start when did x add tag a")
    async with slack.database.transaction() as tx:
        made = await publish.find(tx, slack.workspace_id, "Alone")
    meta = {"id": made.public_id, "plan": made.hash, "channel": None}
    view = {"type": "modal", "callback_id": "start", "private_metadata": json.dumps(meta)}
    assert (await slack.submit(view, {})).text == ""
    await slack.work()
    async with slack.api() as api:
        await api.post("/v1/campaigns/Alone/pause")
    await later(slack)
    told = slack.slack.of("chat.update")[-1]
    assert told.payload["channel"] == "DU1"
    assert "paused" in told.words
