"""`headless dev`, as a newcomer meets it: real processes, real mails, a clean end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

PATIENCE = 90


class Dev:
    """One `headless dev`, its console and its API."""

    def __init__(self, place: Path, port: int, *words: str) -> None:
        self.place, self.port = place, port
        self.url = f"http://localhost:{port}"
        kept = {n: t for n, t in os.environ.items() if not n.startswith("HEADLESS_")}
        for name in ("DATABASE_URL", "REDIS_URL"):
            kept.pop(name, None)
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from headless.cli import main; main()", "dev"),
                *("--data-dir", str(place), "--port", str(port), *words),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=kept,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def console(self) -> str:
        return "\n".join(self.lines)

    def until(self, true: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (answer := true()):
            assert time.monotonic() < deadline, f"never {what}; the console said:\n{self.console}"
            assert self.process.poll() is None, f"ended before {what}:\n{self.console}"
            time.sleep(0.05)
        return answer

    def ready(self) -> "Dev":
        self.until(lambda: "stop    Ctrl-C" in self.console, "ready")
        return self

    @property
    def token(self) -> str:
        return (self.place / "token").read_text().strip()

    def call(self, method: str, path: str, **how: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | how.pop("headers", {})
        return httpx.request(method, self.url + path, headers=headers, timeout=30, **how)

    def all_processes(self) -> list[psutil.Process]:
        tree = psutil.Process(self.process.pid)
        return [tree, *tree.children(recursive=True)]

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def clear_up(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def start(dev: Dev) -> Iterator[Callable[..., Dev]]:
    """Starts `headless dev` once more on the folder of the one that has ended."""
    started: list[Dev] = []

    def begin(*words: str) -> Dev:
        started.append(Dev(dev.place, dev.port, *words))
        return started[-1]

    yield begin
    for each in started:
        each.clear_up()


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """One that plays with two workers, for those who look at it or mend what they break.

    The last two tests stop it and start others on its folder; nothing of them outlives the module.
    """
    place = tmp_path_factory.mktemp("shared")
    running = Dev(place / "data", free_port(), "--demo", "--workers", "2")
    try:
        yield running.ready()
    finally:
        running.clear_up()
    await_nothing_left(place)


@pytest.fixture(scope="module")
def played(dev: Dev) -> Dev:
    """The same, when Ada has opened her welcome, has her points and the mail after it."""
    dev.until(lambda: "Ada signed up" in dev.console, "signed up")
    dev.until(lambda: "mail to ada@example.com: Welcome, Ada" in dev.console, "mail")
    (first,) = dev.call("GET", "/dev/inbox", params={"to": "ada@example.com"}).json()["data"]
    assert httpx.get(first["links"]["open"]).status_code == 200
    dev.until(lambda: "Ada opened the welcome" in dev.console, "opened")
    dev.until(lambda: "Ada has points: 0 → 10" in dev.console, "points")
    dev.until(lambda: "Three first steps, Ada" in dev.console, "the second mail")
    return dev


def await_nothing_left(place: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while left := left_over(place):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def left_over(place: Path) -> list[str]:
    """The command lines of processes that still have to do with a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            environ = process.environ().get("HEADLESS_SECRET_KEYS_FILE", "")
            if process.pid != os.getpid() and (str(place) in words or str(place) in environ):
                found.append(words)
        except psutil.Error:
            continue
    return found


def test_it_says_what_runs(dev: Dev) -> None:
    assert re.search(r"headless \d+\.\d+\.\d+   workspace Acme \(sandbox: nothing", dev.console)
    assert f"API     {dev.url}   docs   {dev.url}/docs" in dev.console
    assert f"inbox   {dev.url}/dev/inbox" in dev.console
    who = dev.call("GET", "/v1/whoami").json()
    assert who["workspace"]["mode"] == "sandbox"
    assert who["token"]["scopes"] == ["admin"]
    for name in ("token", "secret"):
        assert (dev.place / name).stat().st_mode & 0o077 == 0
    listening = {
        connection.laddr.ip
        for process in dev.all_processes()
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_the_demonstration_moves_and_an_open_gives_points(played: Dev) -> None:
    assert "mail to ada@example.com: Welcome, Ada" in played.console
    assert "Three first steps, Ada" in played.console


def test_the_doctor_finds_it_sound(dev: Dev) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from headless.cli import main; main()", "doctor", "--json"],
        env=os.environ | {"HEADLESS_DATA_DIR": str(dev.place), "HEADLESS_URL": dev.url},
        capture_output=True,
        text=True,
        check=False,
    )
    findings = json.loads(done.stdout)
    assert {finding["verdict"] for finding in findings} == {"ok"}, findings
    assert done.returncode == 0
    assert [finding["about"] for finding in findings] == [
        "database",
        "clock",
        "workers",
        "installation",
        "messages",
        "backup",
        "partitions",
        "secrets",
        "diary",
        "redis",
        "keys",
        "api",
    ]


def test_a_folder_in_use_is_explained(dev: Dev, port: int) -> None:
    second = Dev(dev.place, port)
    try:
        assert second.process.wait(PATIENCE) == 1
    finally:
        second.clear_up()
    assert f"another headless (process {dev.process.pid}) runs on" in second.console
    assert second.lines[-1].startswith("→ stop it first")


def test_a_worker_that_is_killed_comes_back(dev: Dev) -> None:
    worker = next(p for p in dev.all_processes() if "work" in p.cmdline())
    worker.kill()
    dev.until(lambda: "ended with signal SIGKILL; starting it again" in dev.console, "told")
    dev.until(lambda: sum("work" in p.cmdline() for p in dev.all_processes()) == 2, "two again")


def test_a_database_that_is_killed_comes_back(dev: Dev) -> None:
    postgres = next(p for p in dev.all_processes() if p.name() == "postgres")
    postgres.kill()
    dev.until(lambda: "PostgreSQL runs again" in dev.console, "told")
    dev.until(lambda: dev.call("GET", "/v1/whoami").status_code == 200, "answered again")


def test_a_taken_port_is_explained(tmp_path: Path, port: int) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        server.listen()
        dev = Dev(tmp_path / "data", port)
        try:
            assert dev.process.wait(PATIENCE) == 1
        finally:
            dev.clear_up()
    assert f"port {port} on 127.0.0.1 is taken by" in dev.console
    assert f"(process {os.getpid()})" in dev.console
    assert re.search(r"^→ headless dev --port \d+$", dev.lines[-1])


def test_it_ends_cleanly_and_a_second_start_continues(
    played: Dev, start: Callable[..., Dev]
) -> None:
    dev, token = played, played.token
    made = dev.call("POST", "/v1/contacts", json={"external_id": "42", "email": "a@example.com"})
    assert made.status_code == 201, made.text
    everybody = dev.all_processes()
    before = len(dev.lines)
    assert dev.stop(signal.SIGTERM) == 0
    ending = "\n".join(dev.lines[before:])
    assert "stopped; everything is kept in" in ending
    assert "ended with" not in ending
    assert not any(process.is_running() for process in everybody)
    again = start("--demo").ready()
    assert again.token == token
    kept = again.call("POST", "/v1/contacts", json={"external_id": "42", "email": "a@example.com"})
    assert (kept.status_code, kept.json()["id"]) == (200, made.json()["id"])
    again.until(lambda: "goes on where it stopped" in again.console, "loaded again")
    page = again.call("GET", "/dev/inbox", params={"to": "ada@example.com"}).json()["data"]
    assert [one["subject"] for one in page].count("Welcome, Ada") == 1
    ada = again.call("POST", "/v1/contacts/lookup", json={"email": "ada@example.com"}).json()
    assert ada["points"] == 10
    everybody = again.all_processes()
    assert len(everybody) > 8
    again.process.kill()
    _, left = psutil.wait_procs(everybody, timeout=30)
    assert left == [], "killed itself it leaves nothing running"


def test_after_a_kill_it_starts_and_a_second_ctrl_c_stops_at_once(
    start: Callable[..., Dev],
) -> None:
    dev = start().ready()
    for process in dev.all_processes():
        if "work" in process.cmdline():
            process.suspend()  # it cannot finish
    dev.process.send_signal(signal.SIGINT)
    dev.until(lambda: "stopping; what runs may finish" in dev.console, "stopping")
    began = time.monotonic()
    assert dev.stop() == 0
    assert time.monotonic() - began < 10
