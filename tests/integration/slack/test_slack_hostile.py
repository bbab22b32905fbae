"""What strangers and mischievous colleagues try: markup, ids of others, odd bytes."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from slack_double import SECRET
from slack_rig import Rig, rig, signature
from sqlalchemy import func, select
from test_flows_approving import newest_view
from test_flows_running import buttons, later, press

from headless.slack.people import accounts
from headless.storage.tables import audit, slack_post, slack_task

EVIL = "<!channel> <@U2> `x` *b* & <https://e.example|go>"
CALLS = ("<!channel>", "<@U2>", "<https://e.example")


def texts(value: Any) -> Iterator[str]:
    """Everything that Slack reads as markup in a payload."""
    if isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, dict):
        if value.get("type") != "plain_text" and isinstance(value.get("text"), str):
            yield value["text"]
        for key, inner in value.items():
            if key not in ("value", "initial_value", "private_metadata"):
                yield from texts(inner)


def called(slack: Rig) -> list[str]:
    """What would have called somebody or led somewhere, in anything that was said."""
    views = [*slack.slack.teams["T1"].views.values(), *slack.slack.teams["T1"].homes.values()]
    said = [call.payload for call in slack.said] + views
    return [text for one in said for text in texts(one) if any(evil in text for evil in CALLS)]


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url) as made:
        yield made


async def evil_world(slack: Rig) -> tuple[str, str]:
    """Everything is called the same: a campaign, an email, a segment, a form, a contact."""
    async with slack.api() as api:
        mail = {"name": EVIL, "subject": EVIL, "html": "<p>Good.</p>"}
        email = (await api.post("/v1/emails", json=mail)).json()
        await api.post("/v1/fields", json={"name": "first_name", "type": "text"})
        person = {"email": "ada@example.org", "fields": {"first_name": EVIL}}
        assert (await api.post("/v1/contacts", json=person)).status_code == 201
        segment = {"name": EVIL, "condition": "points >= 0"}
        assert (await api.post("/v1/segments", json=segment)).status_code == 201
        form = {"name": EVIL, "fields": [{"name": "email", "type": "email"}]}
        assert (await api.post("/v1/forms", json=form)).status_code == 201
        name = f'"{EVIL}"'
        steps = f"send email {name}\nwait 2d\nadd tag {name}"
        source = f"campaign {name}\nfrom segment {name}\n{steps}"
        made = await api.post("/v1/campaigns", json={"source": source})
        assert made.status_code == 201, made.text
    return made.json()["id"], email["id"]


async def test_a_name_that_is_markup_calls_nobody(slack: Rig) -> None:
    campaign, email = await evil_world(slack)
    await slack.command(f'start {campaign} reason "{EVIL}"')
    await slack.work()
    await slack.submit(newest_view(slack), {})
    await slack.work()
    for text in (
        *(f"{verb} {campaign}" for verb in ("show", "source", "stats", "log", "diagram", "check")),
        *(f"{verb} {campaign}" for verb in ("watch", "plan", "try", "diff", "edit", "resume")),
        *("list", "emails", "segments", "forms", "home", "whoami", "log", "digest", "settings"),
        *(f"show email {email}", f"test email {email} to ada@example.org", "where ada@example.org"),
        *(f"why ada@example.org got {email}", f"preview {campaign} for ada@example.org"),
        *(f"nosuch {EVIL}", f"show {EVIL}x", f"list {EVIL}", f"help {EVIL}", f"count {EVIL}"),
        *(f"role @{EVIL}", f"settings {EVIL}", f"digest {EVIL}", f"why {EVIL}", f"new {EVIL}: x"),
        *(f'pause {campaign} reason "{EVIL}"', f"show {campaign}", f"pause {campaign}"),
        *(f'hold all reason "{EVIL}"', "hold all", "home", f"resume {campaign}"),
        *(
            f"stop {campaign}",
            f"archive {campaign}",
            f"delete {campaign}",
            f"simulate {campaign} 3d",
        ),
    ):
        told = await slack.command(text)
        assert not told.text, told.text
        await slack.work()
    event = {"type": "app_home_opened", "user": "U1", "tab": "home"}
    await slack.event({**event, "event_ts": "5.1"})
    shown = await slack.ask(f"show {campaign}")
    await press(slack, buttons(shown)["Share"])
    slack.clock.advance(timedelta(minutes=3))
    await later(slack)
    assert slack.slack.faults == []
    assert called(slack) == [], "\n".join(called(slack))


async def test_buttons_of_another_workspace_do_nothing_here(slack: Rig) -> None:
    slack.slack.team("T2", "Other")
    await slack.install("T2", await slack.workspace("Other"))
    draft = await slack.ask('new Mine: start when did "x" add tag a')
    number = json.loads(buttons(draft)["Start…"]["value"])["id"]
    stolen = {"id": number, "revision": 1, "plan": "sha256:0", "to": 1, "people": 0, "file": "F1"}
    before = await acts(slack)
    for action in (
        *("start:open", "start:now", "ask", "approve", "edit:open", "rename:open", "discard"),
        *("pause", "undo:pause", "resume:open", "resume:run", "resume:shift", "stop:open"),
        *("stop:now", "archive", "draft:show", "revert:now", "bring:now", "file:send", "try:open"),
    ):
        told = await press(
            slack, {"action_id": action, "value": json.dumps(stolen)}, team="T2", user="U1"
        )
        said = told.words if told is not None else json.dumps(newest_view_of(slack, "T2"))
        assert "no campaign" in said.lower() or "I cannot see" in said, (action, said)
        assert "Mine" not in said
    assert await acts(slack) == before


def newest_view_of(slack: Rig, team: str) -> Any:
    return list(slack.slack.teams[team].views.values())[-1]


async def acts(slack: Rig) -> int:
    async with slack.database.glance() as tx:
        return int(await tx.scalar(select(func.count()).select_from(audit)))


async def test_text_that_no_database_keeps_is_taken(slack: Rig) -> None:
    told = await slack.ask("show \x00Wel\x07come")
    assert "here is no campaign called" in told.words
    event = {"type": "app_mention", "user": "U1", "channel": "C1", "ts": "4.1", "event_ts": "4.1"}
    body = {"type": "event_callback", "team_id": "T1", "event_id": "E1"}
    raw = json.dumps({**body, "event": {**event, "text": "<@UBOTT1> show \ud800\x00 x"}})
    assert (await slack.send(raw, "application/json")).status_code == 200
    slack.slack.teams["T1"].messages["C1", "4.1"] = {}
    await slack.work()
    assert "here is no campaign called" in slack.said[-1].words


@pytest.mark.parametrize("seconds", [-301, 301, -(10**6), 10**12])
async def test_an_old_or_future_timestamp_is_refused(slack: Rig, seconds: int) -> None:
    body = urlencode({"command": "/campaign", "text": "list", "team_id": "T1", "user_id": "U1"})
    stamp = str(int(slack.clock.now().timestamp()) + seconds)
    told = await slack.send(
        body,
        X_Slack_Request_Timestamp=stamp,
        X_Slack_Signature=signature(SECRET, stamp, body.encode()),
    )
    assert told.status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        *({"type": "event_callback", "team_id": "T1", "event": event} for event in (
            None, [], "x", {"type": ["app_mention"]}, {"type": "app_mention", "user": {"id": 1}},
            {"type": "link_shared", "user": "U1", "links": "x", "channel": 7},
        )),
        *({"type": "block_actions", "team": team, "user": {"id": "U1"}, "actions": actions}
          for team in ({"id": "T1"}, "T1", None) for actions in ("x", [None], [{}], {})),
        {"type": "view_submission", "team": {"id": "T1"}, "user": {"id": "U1"}, "view": None},
        {"type": "view_submission", "team": {"id": "T1"}, "user": {"id": "U1"},
         "view": {"callback_id": "editor", "private_metadata": "x", "state": []}},
        {"type": "message_action", "team": {"id": "T1"}, "user": {"id": "U1"}, "message": "x"},
        {"command": "/campaign", "team_id": ["T1"], "user_id": "U1"},
    ],
)  # fmt: skip
async def test_a_payload_of_another_shape_breaks_nothing(slack: Rig, body: dict[str, Any]) -> None:
    told = await slack.send(json.dumps(body), "application/json")
    assert told.status_code in (200, 400, 404, 500)
    assert "Traceback" not in told.text
    await slack.work()
    assert "Campaigns" in (await slack.ask("list")).words or slack.slack.responses


async def test_a_token_taken_back_in_the_middle_repeats_nothing(slack: Rig) -> None:
    async with slack.api() as api:
        mail = {"name": "One", "subject": "One", "html": "<p>Good.</p>"}
        await api.post("/v1/emails", json=mail)
        await api.post("/v1/contacts", json={"email": "ann@acme.example"})
    await slack.ask("whoami")  # so that she is known
    slack.slack.teams["T1"].tokens.clear()
    for text in ("test email One to me", 'new Once: start when did "x" add tag a'):
        await slack.command(text)
        for _ in range(5):
            await later(slack)
    async with slack.database.glance() as tx:
        done = select(audit.c.act).where(audit.c.act.in_(("test_email", "create_campaign")))
        assert sorted((await tx.execute(done)).scalars()) == ["create_campaign", "test_email"]
        waiting = select(func.count()).where(slack_task.c.state.in_(("queued", "running")))
        assert await tx.scalar(waiting) == 0
        left = select(func.count()).where(slack_post.c.state == "pending")
        assert await tx.scalar(left) == 0
    told = await slack.command("list")
    assert "not installed for this team" in told.text


async def test_a_card_that_somebody_threw_away_is_left_alone(slack: Rig) -> None:
    await slack.ask('new Mine: start when did "x" add tag a')
    await slack.ask("watch Mine")
    await later(slack)
    slack.slack.teams["T1"].messages.clear()
    async with slack.api() as api:
        for act in ("start", "pause"):
            told = await api.post(f"/v1/campaigns/Mine/{act}")
            if told.status_code == 428:
                plan = told.json()["plan"]["hash"]
                await api.post(f"/v1/campaigns/Mine/{act}", json={"plan": plan})
    for _ in range(4):
        slack.clock.advance(timedelta(minutes=2))
        await slack.work()
    async with slack.database.glance() as tx:
        edits = select(slack_post.c.state).where(slack_post.c.kind == "edit")
        assert (await tx.execute(edits)).scalars().all() == ["failed"]
    again = await slack.ask("watch Mine")
    assert "watches `Mine`" in again.words
    await later(slack)
    assert any("Mine" in json.dumps(one) for one in slack.slack.teams["T1"].messages.values())


async def test_what_comes_at_the_same_moment_is_each_stored_once(slack: Rig) -> None:
    slack.slack.team("T2", "Other")
    await slack.install("T2", await slack.workspace("Other"))
    slack.slack.team("T3", "Not installed")
    same = {"trigger_id": slack.slack.trigger("T1"), "response_url": slack.slack.response_url("T1")}
    told = await asyncio.gather(
        *(slack.command("whoami", user=f"U{1 + number % 2}") for number in range(20)),
        *(slack.command("whoami", **same) for _ in range(3)),
        *(slack.command("whoami", team="T2") for _ in range(3)),
        slack.command("whoami", team="T3"),
    )
    assert [one.status_code for one in told] == [200] * 27
    assert [bool(one.text) for one in told] == [False] * 26 + [True]
    async with slack.database.glance() as tx:
        rows = await tx.execute(
            select(slack_task.c.workspace_id, func.count()).group_by(slack_task.c.workspace_id)
        )
        stored = {row[0]: row[1] for row in rows}
    assert stored == {slack.workspace_id: 21, slack.workspace_id + 1: 3}
    await slack.work()
    assert sum("Other" in call.words for call in slack.slack.responses) == 3


async def test_a_role_taken_away_meanwhile_counts(slack: Rig) -> None:
    await slack.role("U2", "approver")
    await slack.command("hold all", user="U2")
    async with slack.database.transaction() as tx:
        await accounts.set_role(tx, slack.workspace_id, "T1", "U2", "viewer", now=slack.clock.now())
    await slack.work()
    assert "needs the role *approver*" in slack.slack.responses[-1].words
    await slack.command("list", user="U2")
    async with slack.database.transaction() as tx:
        await accounts.set_role(tx, slack.workspace_id, "T1", "U2", "none", now=slack.clock.now())
    await slack.work()
    assert "You have no role here" in slack.slack.responses[-1].words


async def test_a_reason_is_kept_whatever_it_is_given_for(slack: Rig) -> None:
    await slack.ask('new Mine: start when did "x" add tag a')
    await slack.command('start Mine reason "because one"')
    await slack.work()
    await slack.submit(newest_view(slack), {})
    await slack.ask('pause Mine reason "because two"')
    await slack.ask('resume Mine reason "because three"')
    asked = await slack.ask('stop Mine reason "because four"')
    await press(slack, buttons(asked)["Stop for good"])
    await slack.ask('archive Mine reason "because five"')
    await slack.ask('new Other: start when did "x" add tag a')
    asked = await slack.ask('delete Other reason "because six"')
    await press(slack, buttons(asked)["Discard"])
    async with slack.database.glance() as tx:
        told = await tx.execute(
            select(audit.c.detail["reason"].astext)
            .where(audit.c.detail.has_key("reason"))
            .order_by(audit.c.id)
        )
        assert [row[0].split()[1] for row in told] == ["one", "two", "three", "four", "five", "six"]


async def test_a_stranger_whom_the_event_does_not_call_one_is_refused(slack: Rig) -> None:
    team = slack.slack.teams["T1"]
    team.user("U9", "mallory")
    team.user("U8", "of the organisation")
    team.users["U9"]["team_id"] = team.users["U8"]["team_id"] = "T9"
    team.users["U8"]["enterprise_user"] = {"enterprise_id": "E1", "teams": ["T1", "T9"]}
    for _ in range(2):
        await slack.mention("list", user="U9")
        await slack.work()
        assert "people of this company only" in slack.said[-1].words
    await slack.mention("whoami", user="U8")
    await slack.work()
    assert "Your role is *viewer*" in slack.said[-1].words
