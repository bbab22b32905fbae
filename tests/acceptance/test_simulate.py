"""`headless simulate` as strangers run it: a process, two files, one document."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest
from forker import start

from headless.cli import main

CAMPAIGN = """\
from segment Leads

send email Welcome
when clicked email Welcome within 2d then add points 5 else send email Reminder
"""
CONTACTS = (
    "id,email,timezone,segments,tags,country\n7,ada@example.org,,Leads,,US\n8,,,Leads;VIP,x,\n"
)
ACTIVITIES = (
    '{"at": "+2h", "contact": "7", "did": "clicked email Welcome"}\n'
    '{"at": "2026-01-05T12:00Z", "contact": 8, "set": {"country": "DE"}}\n'
)
PATIENCE = 60
Run = Callable[..., "Done"]


class Done(NamedTuple):
    """What a command ended with and said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {n: t for n, t in os.environ.items() if not n.startswith(("HEADLESS_", "DATABASE_URL"))}
    return kept | {"XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.campaign").write_text(CAMPAIGN)
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    (tmp_path / "activities.ndjson").write_text(ACTIVITIES)
    return tmp_path


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", "from headless.cli import main; main()", "simulate", *words]


@pytest.fixture
def headless(
    environ: dict[str, str],
    empty_database_url: str,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Run]:
    """The command in this process, in a folder with the files, on a database of the test's own."""

    def run(*words: str, stdin: str = "") -> Done:
        out, err, code = io.StringIO(), io.StringIO(), 0
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main(["simulate", *words])
        except SystemExit as end:
            code = int(end.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(files)
    for name in set(os.environ) - set(environ):
        monkeypatch.delenv(name)
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    yield run
    signal.signal(signal.SIGTERM, handler)


async def schemas(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "select nspname from pg_namespace where nspname like 'headless_simulation_%'"
        )
        return [row["nspname"] for row in rows]
    finally:
        await connection.close()


def test_one_document_with_the_journal_the_contacts_and_the_numbers(
    environ: dict[str, str], empty_database_url: str, files: Path
) -> None:
    """As a process of its own."""
    done = subprocess.run(
        command(
            "a.campaign", "--contacts", "contacts.csv", "--activities", "activities.ndjson",
            "--start", "2026-01-05T09:00Z", "--until", "30d", "--json",
        ),
        env=environ | {"DATABASE_URL": empty_database_url},
        cwd=files, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(done.stdout)
    assert set(answer) == {"journal", "contacts", "stats"}
    seven = [line for line in answer["journal"] if line["contact"] == "7"]
    assert [(line["at"], line["line"], line["step"], line["outcome"]) for line in seven] == [
        ("2026-01-05T09:00:00Z", 0, "entry", "entered"),
        ("2026-01-05T09:00:00Z", 3, "send email Welcome", "sent"),
        ("2026-01-05T11:00:00Z", 4, "when clicked email Welcome within 2d", "yes"),
        ("2026-01-05T11:00:00Z", 4, "add points 5", "done"),
    ]
    assert [line["reason"] for line in answer["journal"] if line["outcome"] == "skipped"] == [
        "no address", "no address",
    ]  # fmt: skip
    assert answer["contacts"]["7"] == {
        "points": 5,
        "tags": [],
        "segments": ["Leads"],
        "fields": {"country": "US"},
        "messages": [{"channel": "email", "name": "Welcome", "at": "2026-01-05T09:00:00Z"}],
    }
    eight = answer["contacts"]["8"]
    assert (eight["tags"], eight["segments"]) == (["x"], ["Leads", "VIP"])
    assert (eight["fields"], eight["messages"]) == ({"country": "DE"}, [])


def test_a_text_alone_from_standard_input_as_a_table(headless: Run) -> None:
    done = headless("-", stdin=CAMPAIGN)
    assert done.returncode == 0
    assert "5 contacts: 5 finished" in done.stdout
    assert "send email Reminder" in " ".join(done.stdout.split())


def test_a_faulty_campaign_is_told_as_check_tells_it(headless: Run) -> None:
    done = headless("-", "--json", stdin="from segment Leads\nsend emial Welcome\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--> -:2:6" in done.stderr


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("contacts.csv", "id,email\n1,a@b.org\n1,c@d.org\n", "contacts.csv:3: the id `1`"),
        ("contacts.csv", "id,email\n1\n", "contacts.csv:2: this row has 1 cells"),
        ("activities.ndjson", "\n{oops}\n", "activities.ndjson:2: this is no JSON object"),
        (
            "activities.ndjson",
            '{"at": "+1d", "contact": "9", "did": "unsubscribed"}',
            "activities.ndjson:1: there is no contact `9`",
        ),
        (
            "activities.ndjson",
            '{"at": "+1d", "campaign": "resume"}',
            "activities.ndjson:1: `",
        ),
    ],
)
def test_a_faulty_file_is_told_with_the_line(
    headless: Run, files: Path, name: str, text: str, says: str
) -> None:
    (files / name).write_text(text)
    done = headless(
        "a.campaign", "--contacts", "contacts.csv", "--activities", "activities.ndjson", "--json"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--until", "later"], "neither a length of time"),
        (["--until", "2020-01-01"], "before the start"),
        (["--start", "soon"], "is no time"),
        (["--contacts", "none.csv"], "none.csv cannot be read"),
        (["--contacts", "a.campaign"], "must end in `.csv` or `.ndjson`"),
        (["--activities", "contacts.csv"], "must end in `.ndjson`"),
        (["--untill", "3d"], "--until"),
    ],
)
def test_a_wrong_call_ends_with_2(headless: Run, words: list[str], says: str) -> None:
    done = headless("a.campaign", "--json", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_the_scratch_schema_is_gone_after_an_interruption(
    number: signal.Signals, environ: dict[str, str], empty_database_url: str, files: Path
) -> None:
    long = "from segment Leads\n" + "wait 1h add points 1\n" * 300
    (files / "long.campaign").write_text(long)
    words = ("simulate", str(files / "long.campaign"), "--json")
    on_it = environ | {"DATABASE_URL": empty_database_url}
    process = await asyncio.to_thread(start, words, on_it, Path(os.devnull))
    try:
        deadline = time.monotonic() + PATIENCE
        while not await schemas(empty_database_url):
            assert process.returncode is None, "it ended before it began"
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        process.send_signal(number)
        await asyncio.wait_for(process.wait(), PATIENCE)
    finally:
        process.kill()
    if number is not signal.SIGKILL:
        assert process.returncode == 130
        assert await schemas(empty_database_url) == []
        return
    left = await schemas(empty_database_url)
    assert len(left) == 1
    deadline = time.monotonic() + PATIENCE
    while left[0] in await schemas(empty_database_url):
        assert time.monotonic() < deadline
        again = ("simulate", str(files / "a.campaign"), "--json")
        done = await asyncio.to_thread(start, again, on_it, Path(os.devnull))
        assert await asyncio.wait_for(done.wait(), PATIENCE) == 0
    assert await schemas(empty_database_url) == []


def test_without_any_server_it_brings_its_own_and_leaves_none_running(
    environ: dict[str, str], files: Path
) -> None:
    """Twice: the first makes a cluster in the cache, the second finds it."""
    for _ in range(2):
        done = subprocess.run(
            command("a.campaign", "--contacts", "contacts.csv", "--json"),
            env=environ,
            cwd=files,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert len(json.loads(done.stdout)["contacts"]) == 2
    place = Path(environ["XDG_CACHE_HOME"]) / "headless" / "simulate-1"
    assert (place / "postgres" / "PG_VERSION").exists()
    assert not (place / "postgres" / "postmaster.pid").exists()
