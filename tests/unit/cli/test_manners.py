"""The manners that hold for every command there is: help, JSON, exit codes, what to do next."""

import io
import os
import shlex
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
import pytest
from test_docs import ALL, DOCS

from headless.cli import headless, main
from headless.cli.converging import sealed
from headless.cli.examples import EXAMPLES

AWAY = "http://127.0.0.1:9"
"""Nobody listens there."""
NO_ONE_DOCUMENT = {
    **dict.fromkeys(("dev", "up", "serve", "work"), "runs until it is stopped"),
    **dict.fromkeys(("fmt", "explain", "draw", "diff", "completion"), "answers with a text"),
    **dict.fromkeys(
        ("export contacts", "export activities", "export contact"), "answers with a file"
    ),
    **dict.fromkeys(("backup", "open"), "answers with the name of a place"),
    **dict.fromkeys(("tokens revoke", "slack link"), "has nothing to answer"),
    "slack manifest": "is JSON already",
}
ASKING = {
    path.removeprefix("headless ")
    for path in ALL
    if DOCS.index("## Through the API") < DOCS.index(f"### `{path}`\n")
} | {"guide"}
OF_ITS_OWN = {"slack manifest", "slack doctor"}
"""These ask nobody, or tell of nobody being there among other things."""


class Done(NamedTuple):
    """What a command ended with and said."""

    code: int
    stdout: str
    stderr: str

    @property
    def fix(self) -> str:
        return self.stderr.rstrip().splitlines()[-1]


def run(words: list[str]) -> Done:
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main(words)
    except SystemExit as end:
        code = int(end.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name, and nothing in the environment."""
    for name in [name for name in os.environ if name.startswith("HEADLESS_")]:
        monkeypatch.delenv(name)
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello.campaign").write_text("send email Welcome\n")
    (tmp_path / "people.csv").write_text("email\nada@example.com\n")
    (tmp_path / "headless.dump").write_bytes(b"PGDMP")
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(sealed(AWAY, ())))
    (tmp_path / "workspace" / "campaigns").mkdir(parents=True)
    (tmp_path / "workspace" / "campaigns" / "Hello.campaign").write_text("send email Welcome\n")
    return tmp_path


def words_of(path: str) -> list[str]:
    return shlex.split(EXAMPLES[path])


def test_each_command_has_one_example_that_its_own_parser_takes(place: Path) -> None:
    assert {f"headless {path}" for path in EXAMPLES} == set(ALL)
    for path, command in ALL.items():
        name = path.removeprefix("headless ")
        words = words_of(name)
        own = name.split()
        assert words[: len(own)] == own
        command.make_context(own[-1], words[len(own) :])


def test_the_help_of_each_command_ends_with_its_example(place: Path) -> None:
    for path in EXAMPLES:
        done = run([*path.split(), "--help"])
        assert done.code == 0
        assert f"Example: headless {EXAMPLES[path]}" in " ".join(done.stdout.split()), path


def test_each_command_answers_as_json_where_it_has_an_answer() -> None:
    without = {
        path.removeprefix("headless ")
        for path, command in ALL.items()
        if not any("--json" in option.opts for option in command.params)
    }
    assert without == set(NO_ONE_DOCUMENT)


def test_without_a_token_each_command_that_asks_the_api_ends_with_4(place: Path) -> None:
    for path in sorted(ASKING - OF_ITS_OWN):
        done = run(words_of(path))
        assert (done.code, done.stdout) == (4, ""), (path, done)
        assert done.fix == "→ set HEADLESS_TOKEN, or start `headless dev` in this folder"


def test_while_the_server_is_away_each_command_that_asks_it_ends_with_75(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADLESS_URL", AWAY)
    monkeypatch.setenv("HEADLESS_TOKEN", "hk_test_nobody")
    for path in sorted(ASKING - OF_ITS_OWN):
        done = run(words_of(path))
        assert (done.code, done.stdout) == (75, ""), (path, done)
        assert f"{AWAY} does not answer" in done.stderr
        assert done.fix == "→ start it with `headless dev`, or set HEADLESS_URL"


@pytest.mark.parametrize("command", ["adopt", "anonymise"])
def test_what_cannot_be_taken_back_asks_first_where_it_is(place: Path, command: str) -> None:
    done = run([command, "--yes"])
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: `HEADLESS_URL` is not set")


def test_a_wrong_call_of_each_command_ends_with_2_and_names_its_help(place: Path) -> None:
    for path in EXAMPLES:
        done = run([*path.split(), "--sideways"])
        assert (done.code, done.stdout) == (2, ""), (path, done)
        assert done.fix == f"→ headless {path} --help"


def test_each_group_names_the_nearest_of_its_commands(place: Path) -> None:
    context = click.Context(headless)
    for name in headless.list_commands(context):
        group = headless.get_command(context, name)
        if isinstance(group, click.Group):
            nearest = group.list_commands(context)[0]
            done = run([name, nearest + "x"])
            assert (done.code, done.fix) == (2, f"→ headless {name} {nearest}")
