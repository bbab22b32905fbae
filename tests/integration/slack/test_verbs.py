"""Each verb: it answers, it refuses whose role is too low, and it helps whoever says it badly."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from desk_world import DeskWorld, made_world, presses, words
from servers import TestServers

from headless.slack.people import ROLES
from headless.slack.switchboard import HANDLERS
from headless.slack.verbs import BY_NAME


class Three(NamedTuple):
    """What to say well and what its answer has in it; what to say badly and what helps then."""

    well: str
    answer: str
    badly: str
    help: str


CASES: dict[str, Three] = {
    "home": Three("", "1 running", "home sweet home", "stands alone"),
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
        "say it: `/campaign test email NAME to ADDRESS`",
    ),
}


@pytest.fixture(scope="module")
async def desk(
    servers: TestServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[DeskWorld]:
    async with made_world(servers, tmp_path_factory.mktemp("data")) as made:
        yield made


def test_every_verb_has_its_three() -> None:
    assert set(CASES) == set(HANDLERS)


@pytest.mark.parametrize("verb", CASES)
async def test_it_answers(desk: DeskWorld, verb: str) -> None:
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
