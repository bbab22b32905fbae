"""Processes of an installation, forked from one that has imported everything already.

A server or a worker takes seconds of a processor to import what it runs, and the suite starts
dozens of them. `start` keeps one process that has imported it all and forks a child for each
command: a process like any other, with an environment and a log of its own, that runs the command
line's own `main`. A test that proves a start itself starts a fresh interpreter instead.
"""

import asyncio
import atexit
import gc
import json
import os
import queue
import runpy
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any


class Forked:
    """One child: what `asyncio.subprocess.Process` is for those who stop and await it."""

    def __init__(self, pid: int, ended: Future[int]) -> None:
        self.pid = pid
        self._ended = ended

    @property
    def returncode(self) -> int | None:
        return self._ended.result() if self._ended.done() else None

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.send_signal(signal.SIGKILL)
        self._ended.result(60)

    async def wait(self) -> int:
        return await asyncio.shield(asyncio.wrap_future(self._ended))


def start(words: Sequence[str], environ: Mapping[str, str], log: Path) -> Forked:
    """`headless WORDS` in a process of its own, which says all that it says to the end of a log.

    When the first word is the path of a Python file, that is run.
    """
    return _forker().start(words, environ, log)


class _Forker:
    def __init__(self) -> None:
        here = str(Path(__file__).parent)
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path.append({here!r}); import forker;"
             " forker.run()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        self._born: queue.Queue[Forked] = queue.Queue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        ended: dict[int, Future[int]] = {}
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match json.loads(line):
                case [pid, None]:
                    ended[pid] = Future()
                    self._born.put(Forked(pid, ended[pid]))
                case [pid, code]:
                    ended.pop(pid).set_result(code)

    def start(self, words: Sequence[str], environ: Mapping[str, str], log: Path) -> Forked:
        assert self._process.stdin is not None
        told = {"words": list(words), "environ": dict(environ), "log": str(log)}
        self._process.stdin.write(json.dumps(told).encode() + b"\n")
        return self._born.get(timeout=60)

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()


@cache
def _forker() -> _Forker:
    """The one of this process, begun when it is first needed; it ends when its input does."""
    made = _Forker()
    atexit.register(made.close)
    return made


# ------------------------------------------------------------------------ the process of forks


def run() -> None:
    """Fork for each line that comes, tell of births and deaths, and end with the input."""
    gc.disable()
    import headless.api.app
    import headless.channels.sink
    import headless.cli.services
    import headless.worker  # noqa: F401

    gc.freeze()
    gc.enable()
    assert threading.active_count() == 1
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    pending = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_of_deaths()
        if 0 in ready:
            if not (more := os.read(0, 1 << 16)):
                return
            *lines, pending = (pending + more).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    _be(json.loads(line))
                _tell(pid, None)


def _be(told: dict[str, Any]) -> None:
    """Become what a fresh interpreter would be, and run the command to its end."""
    from headless.cli import main

    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the run was told to ignore
    log = os.open(told["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for opened, number in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2)):
        os.dup2(opened, number)
    os.environ.clear()
    os.environ.update(told["environ"])
    code: object = 1
    words = told["words"]
    try:
        if words[0].endswith(".py"):
            sys.argv = words
            runpy.run_path(words[0], run_name="__main__")
        else:
            main(words)
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _tell_of_deaths() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell(pid, os.waitstatus_to_exitcode(status))


def _tell(*words: int | None) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")
