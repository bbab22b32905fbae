"""`headless listen`: webhooks on a developer's machine, without a line in the workspace that stays.

A small server of this process is the endpoint for as long as the command runs. What comes is
verified, shown, and passed on to the program that is being written, whose answer goes back.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Thread
from types import FrameType
from typing import Any, Final
from urllib.parse import urlsplit

import click
import httpx
import msgspec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from headless.cli.client import Client, connected, segment
from headless.cli.output import Exit, Failure, answer, json_option, say

_HERE: Final = "127.0.0.1"
_LOOPBACK: Final = ("localhost", _HERE, "::1")
_PASSED_ON: Final = ("content-type", "user-agent")
_LONGEST: Final = 1024 * 1024
_SECONDS: Final = 14.0  # the other side waits for fifteen


class Delivery(msgspec.Struct, frozen=True):
    """An event that came, and what the program said: a status, or why there is none."""

    id: str
    event: dict[str, Any]
    status: int | None
    reason: str | None = None


class Relay(ThreadingHTTPServer):
    """The endpoint: believes only what is signed with `secret`, and passes it on to `target`."""

    daemon_threads = True

    def __init__(self, port: int, target: str | None) -> None:
        super().__init__((_HERE, port), _Handler)
        self.target = target
        self.secret: str | None = None
        self.came: SimpleQueue[Delivery] = SimpleQueue()
        self.program = httpx.Client(timeout=_SECONDS, trust_env=False)


class _Handler(BaseHTTPRequestHandler):
    server: Relay

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= _LONGEST:
            self._say(413, b"")
            return
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.server.secret is None:  # an event cannot come before its endpoint is made
            self._say(503, b"")
            return
        try:
            event = Webhook(self.server.secret).verify(body, headers)
        except WebhookVerificationError:
            self._say(401, b"")
            return
        status, reason, said = self._pass_on(body, headers)
        self._say(status or httpx.codes.BAD_GATEWAY, said)
        self.server.came.put(Delivery(headers["webhook-id"], event, status, reason))

    def _pass_on(
        self, body: bytes, headers: dict[str, str]
    ) -> tuple[int | None, str | None, bytes]:
        if self.server.target is None:
            return httpx.codes.OK, None, b""
        kept = {n: v for n, v in headers.items() if n in _PASSED_ON or n.startswith("webhook-")}
        try:
            said = self.server.program.post(self.server.target, content=body, headers=kept)
        except httpx.HTTPError as error:
            return None, str(error) or type(error).__name__, b""
        return said.status_code, None, said.content

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as its base has it
        """Say nothing: the command tells what came."""


@click.command("listen")
@click.argument("url", metavar="[URL]", required=False)
@click.option("--event", "events", multiple=True, help="Only this type, as often as needed.")
@click.option("--count", type=click.IntRange(1), help="End after so many events.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where to listen here.")
@click.option(
    "--public", metavar="URL", help="Where the installation reaches this port, such as a tunnel's."
)
@json_option
def command_listen(
    url: str | None,
    events: tuple[str, ...],
    count: int | None,
    port: int,
    public: str | None,
    as_json: bool,
) -> None:
    """Show webhooks as they come, and pass them on to a program on this machine, until Ctrl-C.

    URL is where the program listens, such as http://localhost:3000/hooks; without it they are only
    shown. The endpoint is there for as long as the command runs. The secret to verify with is
    printed at the start. An installation on another machine needs --public and a fixed --port.
    """
    with _ended_by_sigterm(), connected() as client, _listening(port, url) as relay:
        address = public or f"http://{_HERE}:{relay.server_port}/"
        if public is None and urlsplit(str(client.http.base_url)).hostname not in _LOOPBACK:
            raise Failure(
                f"{client.http.base_url} cannot call this machine",
                "open a tunnel to a port here: --port 4000 --public https://…",
                Exit.USAGE,
            )
        with _endpoint(client, relay, address, events):
            for number in range(1, count + 1) if count else _for_ever():
                _tell(relay.came.get(), as_json=as_json)
                if number == count:
                    break


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that the endpoint goes then too."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _for_ever() -> Iterator[int]:
    while True:
        yield 0


@contextmanager
def _listening(port: int, target: str | None) -> Iterator[Relay]:
    try:
        relay = Relay(port, target)
    except OSError as error:
        raise Failure(
            f"port {port} cannot be listened on: {error.strerror}", "choose another --port"
        ) from error
    with relay, relay.program:
        thread = Thread(target=relay.serve_forever, name="listen", daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            relay.shutdown()
            thread.join()


@contextmanager
def _endpoint(
    client: Client, relay: Relay, address: str, events: tuple[str, ...]
) -> Iterator[None]:
    """The workspace's endpoint, which goes when the block ends."""
    body = {"url": address, "events": list(events), "description": "headless listen"}
    made = client.post("/v1/webhooks", body)
    relay.secret = made["secret"]
    say(f"listening as {made['id']}; Ctrl-C ends it\nsecret  {made['secret']}")
    try:
        yield
    finally:
        client.ask("DELETE", f"/v1/webhooks/{segment(made['id'])}")


def _tell(came: Delivery, *, as_json: bool) -> None:
    if as_json:
        answer(msgspec.json.encode(came).decode())
        return
    result = came.reason if came.status is None else str(came.status)
    answer(f"{came.event['timestamp'][:19].replace('T', ' ')}  {came.event['type']}  → {result}")
