"""A tree of processes: started together, started again when one dies, stopped in order.

Each child has a session of its own, so that Ctrl-C in the console reaches only the tree, which then
stops the children stage by stage: the later ones still serve those that are finishing. A child that
follows its parent (`follow_parent`) ends by itself when the tree is killed. Knows nothing of what
the children do; imports only the standard library.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

_SHORTEST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_STEADY_SECONDS: Final = 30.0
_FOLLOW_SECONDS: Final = 0.5
_LAST_LINES: Final = 8


class Program(msgspec.Struct, frozen=True):
    """A child to run: `does` says in a few words what it is, `stage` orders the stop (0 first)."""

    name: str
    does: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    stage: int = 0


class Tree:
    """Runs programs until it is told to stop."""

    def __init__(self, programs: Sequence[Program], *, seconds: int, say: Callable[[str], None]):
        """`seconds`: how long the children may take to stop; `say` gets lines for the console."""
        self._programs = programs
        self._seconds = seconds
        self._say = say
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False
        self._cut_off = asyncio.Event()

    async def start(self) -> None:
        """Start every child; those that die from now on are started again."""
        for program in self._programs:
            await self._spawn(program)
            self._keepers.append(asyncio.create_task(self._keep(program)))

    async def stop(self) -> None:
        """Stop every child, stage by stage, and wait until all are gone."""
        self._stopping = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        deadline = time.monotonic() + self._seconds
        for stage in sorted({program.stage for program in self._programs}):
            here = [
                self._running[program.name]
                for program in self._programs
                if program.stage == stage and program.name in self._running
            ]
            await self._stop_stage(here, deadline)

    def cut_off(self) -> None:
        """Kill what still runs: for whoever asks a second time."""
        self._cut_off.set()

    async def _stop_stage(
        self, processes: Sequence[asyncio.subprocess.Process], deadline: float
    ) -> None:
        for process in processes:
            _signal(process, signal.SIGTERM)
        ended = asyncio.create_task(_wait_for(processes))
        cut_off = asyncio.create_task(self._cut_off.wait())
        left = max(deadline - time.monotonic(), 0.1)
        await asyncio.wait((ended, cut_off), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        cut_off.cancel()
        for process in processes:
            _signal(process, signal.SIGKILL, group=True)  # and what a child left behind
        await ended

    async def _spawn(self, program: Program) -> None:
        with program.log.open("ab") as log:
            self._running[program.name] = await asyncio.create_subprocess_exec(
                *program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(program.environ),
                start_new_session=True,
            )

    async def _keep(self, program: Program) -> None:
        """Start a program again whenever it ends, more slowly the sooner it does."""
        pause = _SHORTEST_PAUSE
        while True:
            began = time.monotonic()
            status = await self._running[program.name].wait()
            _signal(self._running[program.name], signal.SIGKILL, group=True)
            if time.monotonic() - began > _STEADY_SECONDS:
                pause = _SHORTEST_PAUSE
            said = f"{program.name} ({program.does}) ended with {_how(status)}"
            words = (
                last_lines(program.log) if pause == _SHORTEST_PAUSE else f"    see {program.log}"
            )
            self._say(f"{said}; starting it again in {pause:g} s\n{words}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            await self._spawn(program)


async def _wait_for(processes: Sequence[asyncio.subprocess.Process]) -> bool:
    for process in processes:
        await process.wait()
    return True


def last_lines(log: Path) -> str:
    """The end of a log, indented, and where the rest is."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    except FileNotFoundError:
        lines = []
    shown = [f"    {line}" for line in lines[-_LAST_LINES:]]
    return "\n".join([*shown, f"    (more in {log})"])


def _how(status: int) -> str:
    if status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"exit code {status}"


def _signal(
    process: asyncio.subprocess.Process, number: signal.Signals, *, group: bool = False
) -> None:
    """Signal a child, or everything in its session's group; one that is gone is no fault."""
    try:
        if group:
            os.killpg(process.pid, number)
        elif process.returncode is None:
            process.send_signal(number)
    except ProcessLookupError:
        return


def follow_parent(parent: int) -> None:
    """End this process, by SIGTERM, when the process that started it is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_FOLLOW_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()


def command_line(*words: str) -> list[str]:
    """How a child calls this same Headless."""
    return [sys.executable, "-c", "from headless.cli import main; main()", *words]
