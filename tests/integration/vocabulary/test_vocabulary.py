"""Every word of the language does in the engine what it says, and none is forgotten."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cases import CONDITIONS, DEEDS, EVENTS, HEADERS, MOMENTS, UNHEARD, WAYS, Case
from words import vocabulary, words

from headless.dsl.parser import parse
from headless.simulation.outcome import Simulated
from headless.simulation.run import simulate
from headless.storage.database import Database

_MENDED_SOON: set[str] = set()


def _marked(word: str) -> Any:
    marks = [pytest.mark.xfail(reason="being mended")] if word in _MENDED_SOON else []
    return pytest.param(word, marks=marks)


def of_condition(condition: str) -> Case:
    given, other, acts = CONDITIONS[condition]
    text = f"from segment F wait 1d if {condition} then add tag hit else add tag miss"
    return Case(text, acts=acts, given=given, other=other)


def of_event(event: str) -> Case:
    text = f"from segment F when {event} within 2d then add tag hit else add tag miss"
    return Case(text, acts=EVENTS[event], given={"city": "Lyon"}, other={"city": "Lyon"})


def of_moment(wait: str) -> Case:
    return Case(f"from segment F {wait} add tag due", given={"trial": "2026-01-20"})


def of_deed(step: str) -> Case:
    outcome, given, state = DEEDS[step]
    asked = f" if {state['if']} then add tag held" if "if" in state else ""
    rest = {key: value for key, value in state.items() if key != "if"}
    if asked:
        rest["tags"] = ("held",)
    return Case(f"from segment F {step}{asked}", (f"{step}: {outcome}",), given=given, state=rest)


async def run(room: Database, case: Case) -> Simulated:
    start = {"segments": "F", "email": "ada@example.org"}
    people = [
        {"id": "ada", **start, **case.given},
        {"id": "bob", **start, "email": "bob@example.org", **case.other},
    ]
    until = datetime.fromisoformat(case.until).replace(tzinfo=UTC)
    return await simulate(room, case.text, contacts=people, activities=case.acts, until=until)


def told(ran: Simulated) -> list[str]:
    """Ada's journal without the entry: `step: outcome`, with what changed."""
    mine = [line for line in ran.journal if line.contact == "ada"]
    return [f"{line.step}: {line.outcome}" for line in mine if line.outcome != "entered"]


def has(ran: Simulated, name: str, what: str) -> Any:
    person = ran.contacts[name]
    if what == "messages":
        return tuple(f"{m.channel} {m.name}" for m in person.messages)
    return getattr(person, what)


def tags(ran: Simulated, name: str) -> set[str]:
    return set(ran.contacts[name].tags) - {"ours"}


@pytest.mark.parametrize("condition", CONDITIONS)
async def test_a_condition(room: Database, condition: str) -> None:
    ran = await run(room, of_condition(condition))
    assert "hit" in tags(ran, "ada")
    assert "miss" in tags(ran, "bob")


@pytest.mark.parametrize("event", [_marked(event) for event in EVENTS])
async def test_an_event(room: Database, event: str) -> None:
    ran = await run(room, of_event(event))
    assert "hit" in tags(ran, "ada")
    assert "miss" in tags(ran, "bob")


@pytest.mark.parametrize("wait", MOMENTS)
async def test_a_moment(room: Database, wait: str) -> None:
    ran = await run(room, of_moment(wait))
    (line,) = [x for x in ran.journal if x.contact == "ada" and x.step == "add tag due"]
    assert line.at == datetime.fromisoformat(MOMENTS[wait]).replace(tzinfo=UTC)


@pytest.mark.parametrize("step", DEEDS)
async def test_a_step(room: Database, step: str) -> None:
    outcome, _, _ = DEEDS[step]
    case = of_deed(step)
    ran = await run(room, case)
    if step == "delete contact":
        assert "ada" not in ran.contacts
        return
    first = next(line for line in ran.journal if line.contact == "ada" and line.line)
    words_of_it = first.outcome + (f" ({first.reason})" if "(" in outcome else "")
    assert words_of_it == outcome
    assert {key: has(ran, "ada", key) for key in case.state} == case.state


@pytest.mark.parametrize("name", [*WAYS, *HEADERS])
async def test_a_way_and_a_setting(room: Database, name: str) -> None:
    case = (WAYS | HEADERS)[name]
    ran = await run(room, case)
    if case.told is not None:
        assert told(ran) == list(case.told)
    if case.tags is not None:
        assert (tags(ran, "ada"), tags(ran, "bob")) == case.tags
    assert {key: has(ran, "ada", key) for key in case.state} == case.state


def test_no_word_is_without_a_test() -> None:
    tested = {word for text in _texts() for word in words(_tree(text))}
    assert vocabulary() - tested == UNHEARD


def _texts() -> Iterator[str]:
    yield from (of_condition(each).text for each in CONDITIONS)
    yield from (of_event(each).text for each in EVENTS)
    yield from (of_moment(each).text for each in MOMENTS)
    yield from (of_deed(each).text for each in DEEDS)
    yield from (case.text for case in (WAYS | HEADERS).values())


def _tree(text: str) -> Any:
    parsed = parse(text)
    assert parsed.campaign is not None, (text, parsed.diagnostics)
    return parsed.campaign
