"""Whatever is done to a text: nobody is lost, nobody gets a mail twice, nothing comes too early."""

from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql
from world import MONDAY, World

from headless.campaigns import versions
from headless.problems import Problem

EMAILS = ("Welcome", "Reminder", "Tips", "X")

steps = st.lists(
    st.one_of(
        st.sampled_from([f"send email {name}" for name in EMAILS]),
        st.integers(1, 6).map(lambda days: f"wait {days}d"),
        st.just("add tag t"),
        st.just("when opened email Welcome within 2d then add points 1 else add points 2"),
    ),
    min_size=1,
    max_size=7,
).map(lambda found: [s for i, s in enumerate(found) if s.startswith("wait") or s not in found[:i]])


@st.composite
def edited(draw: Any, lines: list[str]) -> list[str]:
    """A text like another one: a line taken out, put in, or changed."""
    found = list(lines)
    for _ in range(draw(st.integers(1, 3))):
        match draw(st.sampled_from(["out", "in", "longer", "swap"])):
            case "out" if len(found) > 1:
                found.pop(draw(st.integers(0, len(found) - 1)))
            case "in":
                new = draw(steps)[0]
                if new.startswith("wait") or new not in found:
                    found.insert(draw(st.integers(0, len(found))), new)
            case "longer":
                found = [f"wait {draw(st.integers(1, 6))}d" if s.startswith("wait") else s
                         for s in found]  # fmt: skip
            case _:
                found = found[::-1] if draw(st.booleans()) else found
    return found


@st.composite
def stories(draw: Any) -> tuple[list[list[str]], list[int], str]:
    texts = [draw(steps)]
    for _ in range(draw(st.integers(1, 3))):
        texts.append(draw(edited(texts[-1])))
    hours = [draw(st.integers(1, 24 * 7)) for _ in texts]
    return texts, hours, draw(st.sampled_from(["keep", "recompute"]))


def text_of(lines: list[str]) -> str:
    return "from segment Leads\n" + "\n".join(lines)


def earliest(lines: list[str]) -> dict[str, timedelta]:
    """When each mail can be sent at the soonest by a text, counted from the entry."""
    found, days = {}, timedelta(0)
    for line in lines:
        if line.startswith("wait"):
            days += timedelta(days=int(line[5:-1]))
        elif line.startswith("send"):
            found[line.removeprefix("send email ")] = days
    return found


async def test_versions_keep_their_promises(world: World) -> None:
    campaigns: list[int] = []

    async def story(told: tuple[list[list[str]], list[int], str]) -> None:
        texts, hours, waits = told
        world.now = MONDAY + timedelta(days=400 * len(campaigns))
        began = world.now
        await world.people(f"p{len(campaigns)}", segment="Leads")
        name = f"p{len(campaigns)}"
        campaign = await world.start(text_of(texts[0]), name=f"c{len(campaigns)}")
        campaigns.append(campaign)
        lived = [texts[0]]
        for lines, pause in zip(texts[1:], hours, strict=False):
            await world.wait(hours=pause)
            if await applied(world, campaign, text_of(lines), waits):
                lived.append(lines)
        await world.wait(days=60)
        await agrees(world, campaign, name, began, lived)
        async with world.database.transaction() as tx:
            await tx.execute(sql("delete from segment_member"))
            await tx.execute(sql("update campaign set state = 'stopped'"))

    await run(world, story)


async def applied(world: World, campaign: int, text: str, waits: Any) -> bool:
    """Whether the version could be applied; people who would be lost keep it from being so."""
    async with world.database.transaction() as tx:
        told = await versions.plan(tx, 1, campaign, text, waits=waits, now=world.now)
    expected = pytest.raises(Problem, match="lost") if told.stranded else nullcontext()
    with expected:
        async with world.database.transaction() as tx:
            await versions.apply(
                tx, 1, campaign, text, agreed=told.hash, waits=waits, now=world.now
            )
    await world.settle()
    return not told.stranded


async def agrees(
    world: World, campaign: int, name: str, began: datetime, lived: list[list[str]]
) -> None:
    ended = await world.rows(
        "select state from enrollment where campaign_id = :id and contact_id = :who",
        id=campaign,
        who=world.ids[name],
    )
    assert ended == [(1,)], "nobody is lost: sixty days later the run has come to its end"
    mails = await world.rows(
        "select e.name, m.created_at from message m join email e on e.id = m.ref"
        " join version v on v.id = m.version_id where v.campaign_id = :id",
        id=campaign,
    )
    assert len({mail for mail, _ in mails}) == len(mails), "nobody gets a mail twice"
    for mail, at in mails:
        soonest = min(found[mail] for lines in lived if mail in (found := earliest(lines)))
        assert at - began >= soonest, "nothing comes earlier than every version allows"


async def run(world: World, story: Any) -> None:
    """Hypothesis over one database: the loop is ours, the examples are drawn one after another."""
    examples: list[Any] = []

    @settings(max_examples=12, database=None, suppress_health_check=list(HealthCheck))
    @given(stories())
    def draw(told: Any) -> None:
        examples.append(told)

    draw()
    for told in examples:
        try:
            await story(told)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{told}") from error
