"""The guard: runs one server program so that it dies neither too early nor too late.

`python -m headless.storage.guard [options] -- program …` starts the program in a session of its
own, where Ctrl-C in the console does not reach it, and ends it with its own signal as soon as the
lifeline (standard input) is closed, which the kernel does even for an owner that is killed. Should
the guard itself be killed, the program gets the same signal from the kernel (on Linux).

A program that refuses to run as root runs as an `Identity`. Imports nothing of ours, only the
standard library, for it is started again for each server.
"""

import argparse
import ctypes
import os
import pwd
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

_CLONE_NEWUSER: Final = 0x10000000
_PR_SET_PDEATHSIG: Final = 1
_NOT_STARTED: Final = 127


class Identity(NamedTuple):
    """Who a server runs as.

    `same`: as ourselves. `namespace`: still as ourselves to the file system, but inside a user
    namespace where we are called `uid` and have no privileges at all; so nothing changes its owner
    or its permissions. `account`: as the account `uid`, which must own what the server writes.
    """

    kind: Literal["same", "namespace", "account"]
    uid: int
    gid: int

    def options(self) -> list[str]:
        """The guard's own options for this identity."""
        return [f"--as={self.kind}:{self.uid}:{self.gid}"]


def same() -> Identity:
    """As ourselves."""
    return Identity("same", os.geteuid(), os.getegid())


def spare_account() -> pwd.struct_passwd | None:
    """An account without privileges that this machine has."""
    for name in ("postgres", "nobody", "daemon"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def command(identity: Identity, *, stop: signal.Signals, seconds: int) -> list[str]:
    """The command line's beginning; the program and its arguments follow."""
    return [
        sys.executable,
        "-m",
        __name__ if __name__ != "__main__" else "headless.storage.guard",
        *identity.options(),
        f"--stop={stop.value}",
        f"--seconds={seconds}",
        "--",
    ]


def _enter_namespace(uid: int, gid: int) -> None:
    """Become `uid` in a user namespace of our own, whose only member maps to what we are."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    for name, text in (
        ("setgroups", "deny"),
        ("gid_map", f"{gid} {outer_gid} 1"),
        ("uid_map", f"{uid} {outer_uid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _before_exec(identity: Identity, stop: int) -> Callable[[], None]:
    def become() -> None:
        if identity.kind == "namespace":
            _enter_namespace(identity.uid, identity.gid)
        elif identity.kind == "account":
            os.setgroups([])
            os.setgid(identity.gid)
            os.setuid(identity.uid)
        if sys.platform == "linux":  # after the change of identity, which would clear it
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, stop, 0, 0, 0)

    return become


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="guard")
    parser.add_argument("--as", dest="identity", required=True)
    parser.add_argument("--stop", type=int, default=int(signal.SIGTERM))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("program", nargs="+")
    return parser.parse_args(argv)


def run(program: Sequence[str], identity: Identity, *, stop: int, seconds: int) -> int:
    """Run the program until it ends or the lifeline does; its exit status (128 + n for signal n).

    `stop` is sent once when the lifeline ends; after `seconds` more, the program is killed.
    """
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    asked_to_stop = []
    signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.append(True))
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)  # a handler, for the program would inherit SIG_IGN
    try:
        child = subprocess.Popen(  # noqa: S603 - running a program is what a guard does
            program,
            stdin=subprocess.DEVNULL,
            preexec_fn=_before_exec(identity, stop),  # safe: the guard has one thread
            restore_signals=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{program[0]} does not start: {error}", file=sys.stderr)
        return _NOT_STARTED
    while child.poll() is None:
        readable, _, _ = select.select([sys.stdin, woken], [], [])
        if woken in readable:
            os.read(woken, 4096)
        ended = sys.stdin in readable and not os.read(sys.stdin.fileno(), 4096)
        if ended or asked_to_stop:
            child.send_signal(stop)
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def main(argv: Sequence[str]) -> int:
    """The guard's command line."""
    arguments = _arguments(argv)
    kind, uid, gid = arguments.identity.split(":")
    return run(
        arguments.program,
        Identity(kind, int(uid), int(gid)),
        stop=arguments.stop,
        seconds=arguments.seconds,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
