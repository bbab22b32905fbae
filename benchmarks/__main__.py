"""`make bench`: every figure beside its floor, on servers of its own, into .bench/results.json."""

import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import click
import uvloop
from rich.console import Console

from benchmarks import ack, activities, answers, language, mail, million, segments, steps, sweeping
from benchmarks.results import Result, keep, show
from headless.storage.database import connect
from headless.storage.embedded import embedded
from headless.storage.migrate import migrate

RESULTS: Final = Path(".bench") / "results.json"
ON_A_DATABASE: Final[dict[str, Callable[..., Awaitable[list[Result]]]]] = {
    "steps": steps.run,
    "sweep": sweeping.run,
    "segments": segments.run,
    "mail": mail.run,
    "million": million.run,
}
OVER_HTTP: Final[dict[str, Callable[..., Awaitable[list[Result]]]]] = {
    "answers": answers.run,
    "ack": ack.run,
    "activities": activities.run,
}
ALONE: Final[dict[str, Callable[[], list[Result]]]] = {"language": language.run}
ALL: Final = (
    "steps", "sweep", "answers", "ack", "activities", "segments", "mail", "million", "language",
)  # fmt: skip
console = Console()


async def _measure(name: str, count: int | None) -> list[Result]:
    """One benchmark on a database that nobody used before."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place, embedded(Path(place)) as servers:
        database = connect(servers.database_url)
        given = {} if count is None else {"count": count}
        try:
            await migrate(database)
            if name in OVER_HTTP:
                return await OVER_HTTP[name](database, servers.redis_url, **given)
            return await ON_A_DATABASE[name](database, **given)
        finally:
            await database.close()


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(ALL))
@click.option("--count", type=click.IntRange(1_000), help="A size other than the usual, to try.")
def main(names: tuple[str, ...], count: int | None) -> None:
    """Measure all benchmarks, or those named; other sizes are shown and not kept."""
    results: list[Result] = []
    for name in names or ALL:
        console.print(f"{name} …")
        results += ALONE[name]() if name in ALONE else uvloop.run(_measure(name, count))
        if count is None:
            keep(results, RESULTS)
    show(results)
    if count is None:
        console.print(f"kept in {RESULTS}")


if __name__ == "__main__":
    main()
