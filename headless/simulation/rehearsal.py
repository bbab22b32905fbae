"""Rehearsals: a campaign on a clock that jumps, for whoever asks a running service.

It runs in a schema of its own, which is gone afterwards, and is given less than a minute; nothing
is sent or kept. Every fault becomes a Problem. Imports the rest of the simulation.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Final

from headless.problems import Problem
from headless.simulation import times
from headless.simulation.faults import FaultyFileError, FaultyTextError, UnfitError
from headless.simulation.outcome import Line, Simulated
from headless.simulation.prepare import Prepared
from headless.simulation.run import perform
from headless.simulation.scratch import scratch
from headless.storage.database import Database

SECONDS: Final = 45.0
"""How long a rehearsal may take."""


async def rehearse(
    database: Database,
    prepare: Callable[[], Prepared],
    until: str | None,
    *,
    gate: asyncio.Semaphore | None = None,
    seconds: float = SECONDS,
) -> Simulated:
    """What comes of what `prepare` makes ready, until a length such as `30d` or a time.

    `gate` bounds how many run at once; to wait for it counts as well. Raises Problem.
    """
    url = database.engine.url.set(drivername="postgresql")
    try:
        prepared = await asyncio.to_thread(prepare)
        ends = None if until is None else times.end(until, prepared.start)
        async with (
            asyncio.timeout(seconds),
            gate or nullcontext(),
            scratch(url.render_as_string(hide_password=False)) as place,
        ):
            return await perform(place, prepared, until=ends)
    except TimeoutError as error:
        raise Problem(
            "too_large",
            "it takes too long here; ask for a shorter time or for fewer contacts, or use "
            "`headless simulate` on a computer",
        ) from error
    except FaultyTextError as error:
        raise Problem(
            "invalid_text", "the text has faults", text=error.text, faults=error.diagnostics
        ) from error
    except FaultyFileError as error:
        faults = [
            {"pointer": f"/{error.what}/{one.line - 1}", "detail": one.message}
            for one in error.faults
        ]
        raise Problem("invalid_body", error.faults[0].message, errors=faults) from error
    except UnfitError as error:
        raise Problem("invalid_value", f"{error.message}; {error.fix}") from error
    except ValueError as error:
        raise Problem("invalid_value", str(error)) from error


def way(simulated: Simulated, who: str | None = None) -> Sequence[Line]:
    """What happens to a contact, or to whoever comes in first, in the order of time."""
    if who is None and simulated.journal:
        who = simulated.journal[0].contact
    return [line for line in simulated.journal if line.contact == who]
