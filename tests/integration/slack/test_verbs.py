"""Each verb that looks: it answers, refuses whose role is too low, and helps who says it badly.

Over signed HTTP, the worker and the strict double of Slack; `flow_cases` has the other verbs.
"""

from collections.abc import AsyncIterator

import pytest
from desk_world import DeskWorld, presses, words
from flow_cases import CASES as FLOWS
from flow_cases import Three
from servers import TestServers
from slack_rig import Rig, rig, settings_for
from world import World

from headless.slack.kit.reply import Reply
from headless.slack.people import accounts
from headless.slack.people.asker import ROLES, Role
from headless.slack.switchboard import HANDLERS
from headless.slack.verbs import BY_NAME

CASES: dict[str, Three] = {
    "help": Three("help", "What you can say", "help pasue", "help pause"),
    "list": Three("list running", "Welcome", "list runing", "list running"),
    "show": Three("show Welcome", "send Welcome", "show Welcom", "show Welcome"),
    "source": Three("source Welcome", "from segment Leads", "source", "the name of a campaign"),
    "stats": Three("stats Welcome", "1 yes, 1 no", "stats Summer", "There are 2"),
    "log": Three("log Welcome", "bob@example.org", "log Welcomed", "log Welcome"),
    "diagram": Three("diagram Welcome", "came to a step", "diagram", "the name of a campaign"),
    "check": Three(
        "check when opened email Welcome within 3d then add points 10",
        "add 10 points",
        "check when opned email Welcome within 3d then add points 10",
        "did you mean `opened`",
    ),
    "plan": Three("plan Spring sale", "Enter now", "plan Welcome", "plan Welcome: TEXT"),
    "simulate": Three(
        "simulate Welcome 5d", "made-up contacts", "simulate Welcome 5x", "neither a length of time"
    ),
    "preview": Three(
        "preview Welcome for ada@example.org", "Tips", "preview Welcome", "after `for`"
    ),
    "diff": Three("diff Spring sale 1 2", "wait 2d", "diff Spring sale 1 7", "versions 1 to 2"),
    "why": Three(
        "why bob@example.org got Tips in Welcome",
        "send email Tips",
        "why nobody@example.org",
        "the whole address",
    ),
    "where": Three("where ada@example.org", "no campaign now", "where", "the address of a contact"),
    "emails": Three("emails rem", "Reminder", "emails zzz", "There are 4 emails"),
    "segments": Three("segments", "Leads* · 2 contacts", "segments zzz", "There are 4 segments"),
    "forms": Three("forms", "asks `email`", "forms zzz", "There is one form"),
    "show email": Three("show email Tips", "*Tips*", "show email Tipps", "show email Tips"),
    "count": Three("count points > 5", "*1* contact", "count ponts > 5", "points"),
    "test email": Three(
        "test email Welcome to ada@example.org",
        "is on its way",
        "test email Welcome",
        "nobody has the address",
    ),
    "role": Three(
        "role <@U0VIEWER|viewer> viewer",
        "<@U0VIEWER> is *viewer* now",
        "role @ann editr",
        "role @ann editor",
    ),
    "link": Three("link", "within ten minutes", "link me", "stands alone"),
    "unlink": Three("unlink", "not linked", "unlink me", "stands alone"),
    "whoami": Three("whoami", "Your role is *viewer*", "whoami now", "stands alone"),
    "settings": Three("settings", "Everybody else", "settings dark", "settings approval 5000"),
}


class Hearing:
    """People of every role who say things over signed HTTP, and what they are told."""

    def __init__(self, slack: Rig) -> None:
        self.slack = slack

    async def hear(self, text: str, role: Role) -> str:
        """All the words that one command is answered with, and the values of its buttons."""
        said = await self.slack.ask(text, user=f"U0{role.upper()}")
        assert said.payload["response_type"] == "ephemeral"
        reply = Reply(text=said.payload["text"], blocks=tuple(said.payload.get("blocks", ())))
        return "\n".join([words(reply), *presses(reply).values()])


@pytest.fixture(scope="module")
async def people(servers: TestServers) -> AsyncIterator[Hearing]:
    with servers.database() as url:
        async with rig(url) as slack:
            world = World(slack.database)
            world.now = slack.clock.now()
            settings = settings_for(url, slack.slack)
            await DeskWorld(await world.begin(), settings, slack.clock).begin()
            for role in ROLES:
                slack.slack.teams["T1"].user(f"U0{role.upper()}", role)
                await slack.role(f"U0{role.upper()}", role)
            yield Hearing(slack)


def test_every_verb_has_its_three() -> None:
    assert {*CASES, *FLOWS} == set(BY_NAME)


def test_every_verb_has_its_handler() -> None:
    assert set(HANDLERS) == set(BY_NAME)


@pytest.mark.parametrize("verb", CASES)
async def test_it_answers(people: Hearing, verb: str) -> None:
    three = CASES[verb]
    assert three.answer in await people.hear(three.well, BY_NAME[verb].role)


@pytest.mark.parametrize("verb", CASES)
async def test_it_refuses_whose_role_is_too_low(people: Hearing, verb: str) -> None:
    needed = BY_NAME[verb].role
    for role in ROLES[: ROLES.index(needed)]:
        told = await people.hear(CASES[verb].well, role)
        assert f"needs the role *{needed}*, and you are *{role}*" in told
    team = people.slack.slack.teams["T1"]
    team.user("U0NOBODY", "nobody")
    async with people.slack.database.transaction() as tx:
        await accounts.set_role(tx, 1, "T1", "U0NOBODY", "none", now=people.slack.clock.now())
    answer = await people.slack.command(CASES[verb].well, user="U0NOBODY")
    assert "may not" in answer.text or "admin" in answer.text


@pytest.mark.parametrize("verb", CASES)
async def test_it_helps_whoever_says_it_badly(people: Hearing, verb: str) -> None:
    three = CASES[verb]
    assert three.help in await people.hear(three.badly, BY_NAME[verb].role)


async def test_a_shared_answer_goes_to_the_channel_and_names_nobody(people: Hearing) -> None:
    slack = people.slack
    alone = await slack.ask("why bob@example.org in Welcome", user="U0VIEWER")
    assert "bob@example.org" in alone.words
    (row,) = [block for block in alone.payload["blocks"] if block["type"] == "actions"]
    (share,) = [one for one in row["elements"] if one["text"]["text"] == "Share"]
    await slack.click(share, user="U0VIEWER")
    await slack.work()
    assert slack.slack.faults == []
    told = slack.slack.responses[-1]
    assert told.payload["response_type"] == "in_channel"
    assert "shared by <@U0VIEWER>" in told.words
    assert "b…@example.org" in told.words
    assert "bob" not in told.words
