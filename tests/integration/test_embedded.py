"""The embedded servers: they start, go on where they stopped, and leave nothing behind."""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import psutil
import pytest
import redis

from headless.storage import data_folder
from headless.storage.data_folder import ServerError, hold
from headless.storage.embedded import Postgres, Servers, Valkey, embedded, postgres_settings

HOST = """
import json, pathlib, signal, sys
from headless.storage.embedded import embedded
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with embedded(pathlib.Path(sys.argv[1])) as servers:
    print(json.dumps([servers.database_url, servers.redis_url]), flush=True)
    signal.pause()
"""


async def run_sql(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def in_bytes(value: str) -> str | int:
    """`2GB` and `2048MB` are the same."""
    match = re.fullmatch(r"(\d+)(MB|GB)", value)
    return int(match[1]) << {"MB": 20, "GB": 30}[match[2]] if match else value


def processes_of(place: Path) -> list[psutil.Process]:
    """Whatever runs with this folder in its command line or as its working folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            if process.pid != os.getpid() and (str(place) in words or str(place) in process.cwd()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def command_line(place: Path, name: str) -> list[str]:
    """What the server of that name was started with."""
    return next(p.cmdline() for p in processes_of(place) if p.name() == name and p.cmdline()[1:])


def kill_all(place: Path) -> None:
    while found := processes_of(place):
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=1)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Path]:
    """Where nothing was set up yet."""
    yield tmp_path / "data"
    assert processes_of(tmp_path) == []


@pytest.fixture
def place(empty: Path, running: tuple[Path, Servers]) -> Path:
    """Where a cluster lies that was set up and never started."""
    shutil.copytree(running[0].with_name("copy"), empty)
    return empty


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Servers]]:
    """Servers for those who only look at them."""
    place = tmp_path_factory.mktemp("running") / "data"
    with hold(place) as folder:
        Postgres(folder)._initialise()
    shutil.copytree(place, place.with_name("copy"), ignore=shutil.ignore_patterns("run", "lock"))
    with embedded(place) as servers:
        yield place, servers
    assert processes_of(place) == []


@pytest.fixture
def host(place: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[str], Servers]]]:
    """Starts a program that holds the servers, and kills it at the end."""
    started: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], Servers]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOST, str(place)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout is not None
        return process, Servers(*json.loads(process.stdout.readline()))

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    psutil.wait_procs(processes_of(place), timeout=30)


async def test_a_second_start_continues_and_nothing_is_left(empty: Path) -> None:
    place = empty
    with embedded(place) as servers:
        await run_sql(servers.database_url, "create table kept (x int)")
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("save") == {"save": ""}
    assert processes_of(place) == []
    with embedded(place) as servers:
        assert await run_sql(servers.database_url, "select count(*) from kept") == 0


async def test_the_settings_hold_in_the_running_server(running: tuple[Path, Servers]) -> None:
    place, servers = running
    connection = await asyncpg.connect(servers.database_url)
    try:
        told = dict(re.findall(r"--(\w+)=(\S*)", " ".join(command_line(place, "postgres"))))
        assert told.keys() == postgres_settings(place).keys()
        for name, value in told.items():
            shown = await connection.fetchval("select current_setting($1)", name)
            assert in_bytes(shown) == in_bytes(value), name
        assert await connection.fetchval("show fsync") == "on"
        assert await connection.fetchval("show server_version_num") >= "180000"
    finally:
        await connection.close()


def test_nothing_in_the_folder_is_open_to_others(running: tuple[Path, Servers]) -> None:
    place, _ = running
    for path in [place / "postgres", place / "run", place / "valkey"]:
        assert path.stat().st_mode & 0o077 == 0, path
    for path in place.rglob("*"):
        assert path.is_symlink() or path.stat().st_mode & 0o002 == 0, path
    for process in processes_of(place):
        if process.name() in ("postgres", "valkey-server"):
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert "CapEff:\t0000000000000000" in status
            connections = process.net_connections(kind="inet")
            assert connections == []


async def test_a_wrong_password_is_refused(running: tuple[Path, Servers]) -> None:
    wrong = re.sub(r":[^:@/]+@", ":wrong@", running[1].database_url)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await run_sql(wrong, "select 1")


async def test_the_owner_killed_takes_the_servers_along_and_the_data_stay(place, host) -> None:
    process, servers = host()
    await run_sql(servers.database_url, "create table kept (x int)")
    process.kill()
    process.wait()
    gone, left = psutil.wait_procs(processes_of(place), timeout=30)
    assert left == []
    assert gone
    _, servers = host()
    assert await run_sql(servers.database_url, "select count(*) from kept") == 0


async def test_a_start_right_after_everything_was_killed(place, host) -> None:
    process, servers = host()
    await run_sql(servers.database_url, "create table kept (x int)")
    process.kill()
    kill_all(place)
    process.wait()
    _, servers = host()
    assert await run_sql(servers.database_url, "select count(*) from kept") == 0


async def test_a_guard_that_is_killed_takes_its_server_along(place: Path) -> None:
    with embedded(place) as servers:
        guard = next(
            process
            for process in processes_of(place)
            if "headless.storage.guard" in process.cmdline() and "valkey" in str(process.cmdline())
        )
        (server,) = guard.children()
        guard.kill()
        assert server.wait(30) is None or not server.is_running()
        with (
            redis.Redis.from_url(servers.redis_url) as client,
            pytest.raises(redis.ConnectionError),
        ):
            client.ping()


async def test_ctrl_c_in_the_console_does_not_reach_the_servers(place, host) -> None:
    process, servers = host()
    process.send_signal(signal.SIGSTOP)  # the owner is busy finishing its work
    os.killpg(process.pid, signal.SIGINT)
    assert await run_sql(servers.database_url, "select 1") == 1
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.ping()
    process.send_signal(signal.SIGCONT)


async def test_a_pid_that_somebody_else_got_since_does_not_hinder(place: Path) -> None:
    (place / "postgres" / "postmaster.pid").write_text(
        f"{os.getppid()}\n{place / 'postgres'}\n0\n5432\n{place / 'run'}\n\n  0  0\nready   \n"
    )
    with embedded(place) as servers:
        assert await run_sql(servers.database_url, "select 1") == 1


def test_two_on_one_folder_are_refused(running: tuple[Path, Servers]) -> None:
    place, _ = running
    told = rf"process {os.getpid()}\) runs on .*\n→ stop it"
    with pytest.raises(ServerError, match=told), embedded(place):
        pass


def test_a_set_up_that_was_cut_off_is_begun_again(empty: Path) -> None:
    place = empty
    (place / "postgres.new").mkdir(parents=True)
    (place / "postgres.new" / "half").write_text("")
    with embedded(place, durable=False):
        assert not (place / "postgres.new").exists()


def test_a_server_that_cannot_start_says_what_its_log_says(place: Path) -> None:
    (place / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ServerError, match="no_such_setting"), embedded(place, durable=False):
        pass


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = r"cannot be used.*\n→ choose a folder with --data-dir"
    with pytest.raises(ServerError, match=told), embedded(tmp_path / "file" / "data"):
        pass


async def test_a_deep_folder_gets_its_sockets_elsewhere(place: Path) -> None:
    deep = place.with_name("deep" * 20) / "data"
    shutil.copytree(place, deep)
    with embedded(deep, durable=False) as servers:
        assert await run_sql(servers.database_url, "select 1") == 1
        socket_folder = Path(servers.database_url.split("host=")[1])
        assert not socket_folder.is_relative_to(deep)
    assert not socket_folder.exists()


async def test_a_server_that_died_can_be_started_again(place: Path) -> None:
    with hold(place) as folder:
        postgres, valkey = Postgres(folder), Valkey(folder)
        for server in (postgres, valkey):
            try:
                server.start()
                kill_all(place)
                server.stop()
                assert not server.alive()
                server.start()
                assert server.alive()
            finally:
                server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another account")
def test_as_root_a_cluster_of_another_account_is_served_as_that_account() -> None:
    nobody = pwd.getpwnam("nobody")
    with TemporaryDirectory(prefix="headless-account-") as name:
        Path(name).chmod(0o711)
        cluster = Path(name) / "data" / "postgres"
        cluster.mkdir(parents=True)
        os.chown(cluster, nobody.pw_uid, nobody.pw_gid)
        with hold(Path(name) / "data") as folder:
            assert folder.identity == ("account", nobody.pw_uid, nobody.pw_gid)
            postgres = Postgres(folder, durable=False)
            try:
                postgres.start()
                assert postgres.query("select 1") == [["1"]]
                assert (cluster / "PG_VERSION").stat().st_uid == nobody.pw_uid
            finally:
                postgres.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another account")
def test_as_root_an_account_that_cannot_reach_the_folder_is_told(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    tmp_path.chmod(0o700)
    cluster = tmp_path / "data" / "postgres"
    cluster.mkdir(parents=True)
    os.chown(cluster, nobody.pw_uid, nobody.pw_gid)
    told = r"cannot reach .*\n→ start as another user"
    with pytest.raises(ServerError, match=told), hold(tmp_path / "data"):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_as_root_without_namespaces_an_account_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    succeeds = data_folder._succeeds
    monkeypatch.setattr(
        data_folder,
        "_succeeds",
        lambda identity, program: identity.kind != "namespace" and succeeds(identity, program),
    )
    with TemporaryDirectory(prefix="headless-account-") as name:
        Path(name).chmod(0o711)
        for _ in range(2):
            with embedded(Path(name) / "data"):
                for process in processes_of(Path(name)):
                    if process.name() in ("postgres", "valkey-server"):
                        assert process.uids().real != 0
        for path in Path(name).rglob("*"):
            assert path.stat().st_mode & 0o022 == 0, path
        assert (Path(name) / "data" / "lock").stat().st_mode & 0o077 == 0
