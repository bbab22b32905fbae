"""The tree of processes: what dies comes back, what is stopped is gone, in order."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from headless.cli.ports import holder, is_free, next_free
from headless.cli.processes import Program, Tree

STEADY = "import signal, sys; signal.signal(15, lambda *_: (print('bye', flush=True), sys.exit()));"
STEADY += "print('here', flush=True); signal.pause()"
DEAF = "import signal; signal.signal(15, signal.SIG_IGN); print('here', flush=True)\n"
DEAF += "while True: signal.pause()"
BROKEN = "import sys; print('here', flush=True); sys.exit('I cannot')"
WITH_CHILD = (
    "import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', 'import signal;"
    " signal.signal(15, signal.SIG_IGN); signal.pause()']); print('here', c.pid, flush=True);"
    + STEADY
)


def program(tmp_path: Path, name: str, code: str, stage: int = 0) -> Program:
    return Program(
        name=name,
        does=f"does {name}",
        command=[sys.executable, "-c", code],
        environ=os.environ | {"PROGRAM_OF_TEST": str(tmp_path)},
        log=tmp_path / f"{name}.log",
        stage=stage,
    )


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


def children_of(tmp_path: Path) -> list[psutil.Process]:
    """The programs of this test that run; the test's process may have other children."""
    return [
        child
        for child in psutil.Process().children()
        if child.environ().get("PROGRAM_OF_TEST") == str(tmp_path)
    ]


def logged(program: Program) -> list[str]:
    return program.log.read_text().split("\n")[:-1] if program.log.exists() else []


async def test_all_start_and_stop_in_order(tmp_path: Path) -> None:
    first, last = program(tmp_path, "first", STEADY), program(tmp_path, "last", STEADY, stage=1)
    said: list[str] = []
    tree = Tree([last, first], seconds=10, say=said.append)
    await tree.start()
    await until(lambda: logged(first) == ["here"] == logged(last))
    await tree.stop()
    assert logged(first) == ["here", "bye"] == logged(last)
    assert first.log.stat().st_mtime_ns < last.log.stat().st_mtime_ns
    assert said == []
    assert children_of(tmp_path) == []


async def test_one_that_dies_is_started_again_and_its_last_words_are_told(tmp_path: Path) -> None:
    broken, steady = program(tmp_path, "broken", BROKEN), program(tmp_path, "steady", STEADY)
    said: list[str] = []
    tree = Tree([broken, steady], seconds=10, say=said.append)
    await tree.start()
    await until(lambda: len(said) == 2)
    await tree.stop()
    assert said[0].startswith(
        "broken (does broken) ended with exit code 1; starting it again in 0.5 s\n    here"
    )
    assert "I cannot" in said[0]
    assert "again in 1 s" in said[1]
    assert logged(steady) == ["here", "bye"]


async def test_one_that_is_killed_is_named_with_its_signal(tmp_path: Path) -> None:
    steady = program(tmp_path, "steady", STEADY)
    said: list[str] = []
    tree = Tree([steady], seconds=10, say=said.append)
    await tree.start()
    await until(lambda: logged(steady) == ["here"])
    (child,) = children_of(tmp_path)
    child.kill()
    await until(lambda: logged(steady) == ["here", "here"])
    await tree.stop()
    assert "signal SIGKILL" in said[0]


async def test_a_deaf_one_is_killed_when_the_time_is_over(tmp_path: Path) -> None:
    deaf, last = program(tmp_path, "deaf", DEAF), program(tmp_path, "last", STEADY, stage=1)
    tree = Tree([deaf, last], seconds=1, say=print)
    await tree.start()
    await until(lambda: logged(deaf) == ["here"] == logged(last))
    async with asyncio.timeout(5):
        await tree.stop()
    assert children_of(tmp_path) == []


async def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    deaf = program(tmp_path, "deaf", DEAF)
    tree = Tree([deaf], seconds=600, say=print)
    await tree.start()
    await until(lambda: logged(deaf) == ["here"])
    stopping = asyncio.create_task(tree.stop())
    tree.cut_off()
    async with asyncio.timeout(5):
        await stopping
    assert children_of(tmp_path) == []


async def test_what_a_child_left_behind_goes_too(tmp_path: Path) -> None:
    parent = program(tmp_path, "parent", WITH_CHILD)
    tree = Tree([parent], seconds=10, say=print)
    await tree.start()
    await until(lambda: len(logged(parent)) == 2)
    left = int(logged(parent)[0].split()[1])
    await tree.stop()
    await until(lambda: not psutil.pid_exists(left) or psutil.Process(left).status() == "zombie")


async def test_a_follower_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    follower = (
        "import os, signal, sys\nfrom headless.cli.processes import follow_parent\n"
        "signal.signal(15, lambda *_: sys.exit(0))\nfollow_parent(os.getppid())\n"
        "print(os.getpid(), flush=True)\nsignal.pause()"
    )
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])",
            follower,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    number = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    await until(lambda: not psutil.pid_exists(number))


def test_a_taken_port_is_known_with_its_holder() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        assert f"(process {os.getpid()})" in (holder(port) or "")
        other = next_free("127.0.0.1", port)
        assert other is not None
        assert other > port
        assert is_free("127.0.0.1", other)
    assert is_free("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OSError, match="assign"):
        is_free("192.0.2.1", 8080)
