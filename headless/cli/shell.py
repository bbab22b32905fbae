"""`headless completion`, `open` and `guide`: the way into the product from a terminal."""

import webbrowser
from typing import Any, Final

import click
from click.shell_completion import get_completion_class

from headless.cli import environment
from headless.cli.client import Client, connected
from headless.cli.output import Failure, answer, json_option, print_json, say

_PAGES: Final = {"docs": "/docs", "inbox": "/dev/inbox", "api": "/openapi.json"}
_FILES: Final = {
    "bash": "~/.bashrc",
    "zsh": "~/.zshrc",
    "fish": "~/.config/fish/completions/headless.fish",
}
_HEADERS: Final = '-H "Authorization: Bearer $HEADLESS_TOKEN" -H "Content-Type: application/json"'
_FIRST: Final = """\
cat > hello.campaign <<END
campaign "Hello"
start when did "signed up"
send email Welcome
END
headless check hello.campaign && headless campaigns create hello.campaign"""


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_FILES)))
def command_completion(shell: str) -> None:
    """Print the lines that let a shell complete `headless` commands."""
    from headless.cli import headless

    kind = get_completion_class(shell)
    if kind is None:
        raise Failure(f"click knows no completion for {shell}", "choose bash, zsh or fish")
    answer(kind(headless, {}, "headless", "_HEADLESS_COMPLETE").source())
    say(f"→ headless completion {shell} >> {_FILES[shell]}")


@click.command("open")
@click.argument("page", type=click.Choice(list(_PAGES)), default="docs")
def command_open(page: str) -> None:
    """Open a page of this installation in the browser, and print its address."""
    address = environment.settings().url + _PAGES[page]
    answer(address)
    if not webbrowser.open(address):
        say("no browser is here; open the address yourself")


@click.command("guide")
@json_option
def command_guide(as_json: bool) -> None:
    """Say what to do next, from what this workspace has and lacks."""
    with connected() as client:
        lacking, command = _next(client)
    if as_json:
        print_json({"lacking": lacking, "command": command})
    elif lacking is None:
        answer(f"Campaigns run and messages go out.\n\n{command}")
    else:
        answer(f"What is missing is {lacking}:\n\n{command}\n\nThen call `headless guide` again.")


def _next(client: Client) -> tuple[str | None, str]:
    """The first thing that is missing on the way to a campaign that runs, and how to get it."""

    def first(path: str, **query: Any) -> Any:
        found = client.get(path, limit=1, **query)["data"]
        return found[0] if found else None

    call = f"curl -s {str(client.http.base_url).rstrip('/')}"
    if first("/v1/emails") is None:
        body = '{"name": "Welcome", "subject": "Hello", "html": "<p>Hello</p>"}'
        return ("an email", f"{call}/v1/emails {_HEADERS} -d '{body}'")
    if first("/v1/contacts") is None:
        return ("contacts", "headless import contacts people.csv")
    draft = first("/v1/campaigns", state="draft")
    if first("/v1/campaigns", state="running") is None:
        if draft is None:
            return ("a campaign", _FIRST)
        return ("a campaign that runs", f"headless campaigns start {draft['id']}")
    if first("/v1/messages", state="sent") is None:
        return ("something that happens", 'headless trigger ada@example.com "signed up"')
    counted = "headless campaigns stats NAME   counts\nheadless tail                   follows"
    return None, f"{counted}\nheadless why EMAIL NAME         tells why"
