"""`headless tail`: what happens in campaigns, line by line, while it happens.

It reads the API's stream of events and takes it up again where it was cut off.
"""

import re
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any, Final

import click
import httpx
import msgspec

from headless.cli.client import Client, connected, refusal, segment
from headless.cli.output import answer, json_option, say
from headless.clock import SystemClock

_TRIES: Final = 5
_PAUSE_SECONDS: Final = 2.0
_LENGTH: Final = re.compile(r"(\d{1,5}) ?(s|m|h)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours"}


class Event(msgspec.Struct, frozen=True):
    """One event of the stream; `id` takes the stream up again behind it."""

    id: str
    data: dict[str, Any]


@click.command("tail")
@click.argument("campaign", metavar="[NAME|ID]", required=False)
@click.option("--after", metavar="ID", help="Begin behind this event, at most 24 hours old.")
@click.option("--since", metavar="TIME|LENGTH", help="Begin then, such as 2h ago: `2h`.")
@click.option("--count", type=click.IntRange(1), help="End after so many lines.")
@json_option
def command_tail(
    campaign: str | None, after: str | None, since: str | None, count: int | None, as_json: bool
) -> None:
    """Follow what happens in all campaigns, or in one, until Ctrl-C.

    As JSON each event is a line of its own; its `id` is for --after.
    """
    path = "/v1/stream" if campaign is None else f"/v1/campaigns/{segment(campaign)}/stream"
    with connected() as client:
        steps = Steps(client)
        for event in islice(follow(client, path, after, _begins(since)), count):
            if as_json:
                answer(msgspec.json.encode({"id": event.id, **event.data}).decode())
            else:
                answer(_line(event.data, steps))


def _begins(since: str | None) -> str | None:
    """When to begin, as the API reads it."""
    if since is None:
        return None
    length = _LENGTH.fullmatch(since.strip())
    if length is None:
        return since
    ago = timedelta(**{_UNITS[length[2]]: int(length[1])})
    return (SystemClock().now() - ago).isoformat(timespec="milliseconds")


def follow(
    client: Client, path: str, last: str | None, since: str | None = None
) -> Iterator[Event]:
    """The events of a stream, for as long as anybody asks; raises Failure when it stays away."""
    failed, connected_once = 0, False
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        try:
            query = {} if since is None else {"since": since}
            with client.http.stream("GET", path, headers=headers, params=query) as answered:
                if not answered.is_success:
                    answered.read()
                    raise refusal(answered)
                say("following again" if connected_once else "following; Ctrl-C ends it")
                failed, connected_once = 0, True
                for event in parsed(answered.iter_lines()):
                    last = event.id
                    yield event
        except httpx.TransportError as error:
            failed += 1
            if not connected_once or failed > _TRIES:
                raise client.away(error) from error
        time.sleep(_PAUSE_SECONDS * failed)


def parsed(lines: Iterable[str]) -> Iterator[Event]:
    """The events in the lines of a stream of server-sent events; comments are passed over."""
    members: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            members[name] = value.removeprefix(" ")
            continue
        if "data" in members:
            yield Event(members.get("id", ""), msgspec.json.decode(members["data"]))
        members = {}


class Steps:
    """What the steps of campaigns are called, asked once for each version that is met."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[str, int], dict[int, str]] = {}

    def name(self, campaign_id: str, version: int, step: int) -> str:
        """The step's words; its number where it is of an earlier version."""
        key = (campaign_id, version)
        if key not in self._known:
            path = f"/v1/campaigns/{segment(campaign_id)}"
            newest = self._client.get(path)["version"] == version
            steps = self._client.get(f"{path}/stats")["steps"] if newest else []
            self._known[key] = {one["step"]: one["text"] for one in steps if not one["gone"]}
        return self._known[key].get(step, f"step {step}")


def _line(told: dict[str, Any], steps: Steps) -> str:
    campaign = told["campaign"]
    step = steps.name(campaign["id"], told["version"], told["step"])
    at = told["at"][:19].replace("T", " ")
    return f"{at}  {campaign['name']}  {told['contact_id']}  {step}  {told['outcome']}"
