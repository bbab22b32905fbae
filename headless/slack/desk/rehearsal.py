"""Rehearsals: a campaign on made-up contacts and a clock that jumps; nothing is sent or kept.

It runs in a schema of its own, which is gone afterwards, and is given less than a minute. Imports
the simulation.
"""

import asyncio
from typing import Final

from headless.campaigns.publish import Campaign
from headless.problems import Problem
from headless.simulation import times
from headless.simulation.faults import FaultyTextError, UnfitError
from headless.simulation.outcome import Simulated
from headless.simulation.prepare import prepare
from headless.simulation.run import perform
from headless.simulation.scratch import scratch
from headless.storage.database import Database

_SECONDS: Final = 45.0


async def rehearse(database: Database, found: Campaign, length: str) -> Simulated:
    """What happens within a length of time such as `30d`; raises Problem."""
    url = database.engine.url.set(drivername="postgresql")
    try:
        prepared = await asyncio.to_thread(prepare, found.source, None, [])
        until = times.end(length, prepared.start)
        async with asyncio.timeout(_SECONDS):
            async with scratch(url.render_as_string(hide_password=False)) as place:
                return await perform(place, prepared, until=until)
    except TimeoutError as error:
        raise Problem(
            "too_large",
            f"{length} of `{found.name}` take too long here; try a shorter time, or `headless "
            "simulate` on a computer",
        ) from error
    except FaultyTextError as error:
        raise Problem(
            "invalid_text", "the text has faults", text=error.text, faults=error.diagnostics
        ) from error
    except UnfitError as error:
        raise Problem("invalid_value", f"{error.message}; {error.fix}") from error
    except ValueError as error:
        raise Problem("invalid_value", str(error)) from error
