"""What a benchmark answers, and how it is shown and kept."""

import json
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One figure; `floor` is what the same work costs at the least, `ratio` value against floor.

    `target` is the figure to reach, `reached` whether it was.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    target: float | None = None
    reached: bool | None = None


def show(results: Iterable[Result]) -> None:
    """A table for people."""
    table = Table(title="headless: figures of this machine, in this run")
    table.add_column("what")
    for column in ("value", "floor", "ratio", "target"):
        table.add_column(column, justify="right")
    table.add_column("reached")
    for r in results:
        table.add_row(
            r.name,
            f"{r.value:,.4g} {r.unit}" if abs(r.value) < 1000 else f"{r.value:,.0f} {r.unit}",
            "" if r.floor is None else f"{r.floor:,.0f}" if r.floor >= 1000 else f"{r.floor:,.4g}",
            "" if r.ratio is None else f"{r.ratio:.2f}",
            "" if r.target is None else f"{r.target:,.6g}",
            {True: "yes", False: "no", None: ""}[r.reached],
        )
    Console().print(table)


def keep(results: Iterable[Result], path: Path) -> None:
    """The same as JSON, for whoever compares runs; results of other benchmarks in it stay."""
    path.parent.mkdir(exist_ok=True)
    known = {r["name"]: r for r in json.loads(path.read_text())} if path.exists() else {}
    known |= {r.name: msgspec.to_builtins(r) for r in results}
    path.write_text(json.dumps(list(known.values()), indent=2) + "\n")
