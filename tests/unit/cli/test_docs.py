"""Every command and option stands in docs/command-line.md, and nothing that does not exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from headless.cli import headless

DOCS = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text()
EVERYWHERE = {"--help", "--version", "--text", "--json"}  # told once, at the top


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


ALL = dict(commands(headless, "headless"))


def chapter(path: str) -> str:
    found = re.search(rf"^### `{re.escape(path)}`\n(.*?)(?=^##|\Z)", DOCS, re.MULTILINE | re.DOTALL)
    assert found, f"docs/command-line.md has no chapter on `{path}`"
    return found[1]


@pytest.mark.parametrize("path", ALL)
def test_each_command_has_its_chapter_with_each_option(path: str) -> None:
    options = {
        parameter.opts[0]
        for parameter in ALL[path].params
        if isinstance(parameter, click.Option) and not parameter.hidden
    }
    told = set(re.findall(r"^\| `(--[a-z-]+)`", chapter(path), re.MULTILINE))
    assert told - EVERYWHERE == options - EVERYWHERE


def test_no_chapter_is_about_a_command_that_does_not_exist() -> None:
    assert set(re.findall(r"^### `(headless[^`]*)`", DOCS, re.MULTILINE)) == set(ALL)


def test_each_command_says_what_it_does() -> None:
    assert all(command.help or command.short_help for command in ALL.values())
