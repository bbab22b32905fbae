"""The tutorial and the how-tos, typed into a real shell against a real `headless dev`."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance.test_dev import Dev, free_port
from pages import ROOT, comparable, examples, fits, run, spoiled
from sqlalchemy import text

from headless.clock import SystemClock
from headless.storage.database import connect
from headless.storage.embedded import running
from headless.workspace import tokens, workspaces

WALKTHROUGHS = (
    "docs/tutorial.md",
    "docs/how-to/terminal.md",
    "docs/how-to/import-contacts.md",
    "docs/how-to/channels.md",
    "docs/how-to/consent.md",
)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """One for all pages: each reader has a workspace and an inbox that nobody used before."""
    dev = Dev(tmp_path_factory.mktemp("walk") / "data", free_port())
    try:
        yield dev.ready()
        dev.stop()
    finally:
        dev.clear_up()


@pytest.fixture
async def token(dev: Dev) -> str:
    """What the console gives to a reader who has just started."""
    servers = running(dev.place)
    assert servers is not None
    database, now = connect(servers.database_url, pool_size=1), SystemClock().now()
    try:
        async with database.transaction() as tx:
            await tx.execute(text("truncate inbox_mail restart identity"))
            workspace = await workspaces.create(tx, "Acme", now=now)
            _, made = await tokens.make(
                tx, workspace.id, "dev", ["admin"], kind=workspace.token_kind, now=now
            )
        return made
    finally:
        await database.close()


@pytest.mark.parametrize("page", WALKTHROUGHS)
def test_each_command_answers_what_the_page_shows(
    page: str, dev: Dev, token: str, tmp_path: Path
) -> None:
    shown = examples(ROOT / page)
    assert len(shown) > 3
    environ = os.environ | {
        "U": dev.url,
        "T": token,
        "HEADLESS_URL": dev.url,
        "HEADLESS_TOKEN": token,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    said = run(shown, tmp_path, environ)
    for one, answer in zip(shown, said, strict=True):
        if one.answer is not None:
            assert fits(answer, one.answer), (
                f"{page}:{one.line}\n{answer}\n{comparable(answer)}\n{comparable(one.answer)}"
            )
            assert not fits(answer, spoiled(one.answer)), f"{page}:{one.line} holds nothing"


def test_the_tutorial_takes_curl_alone_and_waits_for_nothing_but_answers() -> None:
    typed = "\n".join(one.typed for one in examples(ROOT / "docs/tutorial.md"))
    said = re.sub(r"'[^']*'", "…", typed).replace("\\\n", " ")
    programs = set(re.findall(r"(?:^|\||\$\()\s*(?!\w+=)([a-z]+)\b", said, re.MULTILINE))
    assert programs == {"curl", "cat", "grep", "head", "cut"}
    assert typed.count("wait=") == 2


@pytest.mark.parametrize(
    ("answer", "shown", "fit"),
    [
        ('{"id":"con_5712m29xgjs4k","a":1}', '{"id": "con_0000000000000", "a": 1}', True),
        ('{"id":"con_5712m29xgjs4k","a":1}', '{"id": "con_0000000000000", "a": 2}', False),
        ('{"a":1,"b":2,"c":3}', '{"a": 1, … "c": 3}', True),
        ('{"a":1,"b":2,"c":3}', '{"a": 1, … "d": 3}', False),
        ("at 2026-01-05 09:00:00\n", "at 2027-02-06 10:00:01", True),
        ("one two", "one", False),
    ],
)
def test_an_answer_that_differs_is_seen(answer: str, shown: str, fit: bool) -> None:
    assert fits(answer, shown) is fit
