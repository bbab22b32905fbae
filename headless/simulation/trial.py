"""A trial: one contact that there is, brought into a campaign by the first way in that it has.

What a simulation makes up for its own people (what they do so that they come in, the segments that
the campaign takes them from) is made up for this one; all else is as it is known. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headless.dsl.plan import Plan
from headless.simulation import made_up
from headless.simulation.activities import Did
from headless.simulation.prepare import Prepared, prepare
from headless.simulation.rows import Row


def prepare_for(
    text: str, cells: Mapping[str, Any] | None, happenings: Sequence[Row] = ()
) -> Prepared:
    """A simulation with one contact, whose columns are those of a file; without it some made up.

    `happenings` are what it does beside what brings it in. Raises what `prepare` raises.
    """
    made = prepare(text, None, happenings if cells is None else ())
    if cells is None and not happenings:
        return made
    return _let_in(made if cells is None else _with(text, made.plan, cells, happenings))


def _with(text: str, plan: Plan, cells: Mapping[str, Any], happenings: Sequence[Row]) -> Prepared:
    """The contact in the segments that the campaign takes people from."""
    joined = [s.segment for s in plan.sources if s.segment is not None and not s.new_only]
    segments = [*dict.fromkeys([*cells.get("segments", ()), *joined])]
    return prepare(text, [Row(1, {**cells, "segments": segments})], happenings)


def _let_in(prepared: Prepared) -> Prepared:
    """The same, with what people do so that they come in."""
    if not prepared.plan.sources:
        return prepared  # by hand, as `prepare` does it
    ways = made_up.entries(prepared.plan, prepared.roster.people, prepared.start)
    events = [cue.deed.event for cue in ways if isinstance(cue.deed, Did)]
    return msgspec.structs.replace(
        prepared,
        cues=tuple(sorted([*ways, *prepared.cues], key=lambda cue: cue.at)),
        events=(*prepared.events, *events),
    )
