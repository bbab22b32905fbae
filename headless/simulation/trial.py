"""A trial: one contact that there is, brought into a campaign by the first way in that it has.

What a simulation makes up for its own people (what they do so that they come in, the segments that
the campaign takes them from) is made up for this one; all else is as it is known. Pure.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from headless.simulation import made_up
from headless.simulation.activities import Did
from headless.simulation.prepare import Prepared, prepare
from headless.simulation.rows import Row


def prepare_for(text: str, cells: Mapping[str, Any]) -> Prepared:
    """A simulation with one contact, whose columns are those of a file of contacts.

    Raises what `prepare` raises.
    """
    plan = prepare(text, None, []).plan
    joined = [s.segment for s in plan.sources if s.segment is not None and not s.new_only]
    segments = [*dict.fromkeys([*cells.get("segments", ()), *joined])]
    prepared = prepare(text, [Row(1, {**cells, "segments": segments})], [])
    if not plan.sources:
        return prepared  # by hand, as `prepare` does it
    ways = made_up.entries(plan, prepared.roster.people, prepared.start)
    events = [cue.deed.event for cue in ways if isinstance(cue.deed, Did)]
    return msgspec.structs.replace(
        prepared,
        cues=tuple(sorted([*ways, *prepared.cues], key=lambda cue: cue.at)),
        events=(*prepared.events, *events),
    )
