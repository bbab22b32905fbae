"""Ports: is one free, who has it, which is the next."""

import errno
import socket
from contextlib import suppress
from typing import Final

import psutil  # type: ignore[import-untyped]  # it ships no types

_TRIES: Final = 100


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now; raises OSError when the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if (
                isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
            ):  # not an address of ours
                raise
            return False
    return True


def next_free(host: str, port: int) -> int | None:
    """The next port above that is free."""
    above = range(port + 1, min(port + _TRIES, 65536))
    return next((candidate for candidate in above if is_free(host, candidate)), None)


def any_free(host: str) -> int:
    """A port that nobody listens on, far from those that people choose."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def holder(port: int) -> str | None:
    """Who listens on a port, as `name (process 123)`, where this may be known."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            ours = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            if ours and connection.pid:
                process = psutil.Process(connection.pid)
                return f"{process.name()} (process {connection.pid})"
    return None
