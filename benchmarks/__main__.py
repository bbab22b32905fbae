"""`make bench`: every figure beside its floor, on servers of its own, into .bench/results.json."""

import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import click
import uvloop
from rich.console import Console

from benchmarks import language, mail, segments, steps
from benchmarks.results import Result, keep, show
from headless.storage.database import Database, connect
from headless.storage.embedded import embedded
from headless.storage.migrate import migrate

RESULTS: Final = Path(".bench") / "results.json"
ON_A_DATABASE: Final[dict[str, Callable[[Database], Awaitable[list[Result]]]]] = {
    "steps": steps.run,
    "mail": mail.run,
    "segments": segments.run,
}
ALONE: Final[dict[str, Callable[[], list[Result]]]] = {"language": language.run}
console = Console()


async def _measure(name: str) -> list[Result]:
    """One benchmark on a database that nobody used before."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place, embedded(Path(place)) as servers:
        database = connect(servers.database_url)
        try:
            await migrate(database)
            return await ON_A_DATABASE[name](database)
        finally:
            await database.close()


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*ON_A_DATABASE, *ALONE]))
def main(names: tuple[str, ...]) -> None:
    """Measure all benchmarks, or those named."""
    results: list[Result] = []
    for name in names or (*ON_A_DATABASE, *ALONE):
        console.print(f"{name} …")
        results += ALONE[name]() if name in ALONE else uvloop.run(_measure(name))
        keep(results, RESULTS)
    show(results)
    console.print(f"kept in {RESULTS}")


if __name__ == "__main__":
    main()
