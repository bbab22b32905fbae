"""Simulating: from a text and two files to a journal, on a clock that jumps from due to due.

The engine is the workers' own, sweep and batches, but the clock is ours: the next instant is that
of the next wait, window or activity. At an instant the activities come first, in the order of their
lines, then everything that is due. Imports everything beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Integer, SmallInteger, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY

from headless.campaigns import lifecycle, publish
from headless.dsl import ast
from headless.problems import Problem
from headless.runtime.engine import Engine
from headless.runtime.sweep import sweep
from headless.simulation import furnish, post, rows, scratch
from headless.simulation.act import act
from headless.simulation.activities import Cue, Sent
from headless.simulation.faults import FaultyTextError, UnfitError
from headless.simulation.outcome import Simulated, outcome
from headless.simulation.prepare import Prepared, prepare
from headless.simulation.rows import Row
from headless.simulation.scene import Scene
from headless.storage.codes import MessageState
from headless.storage.database import Database, Transaction
from headless.storage.tables import (
    Instant,
    campaign,
    gone_contact,
    message,
    position,
    segment,
    workspace,
)
from headless.workspace.names import Names, resolve

LONGEST: Final = timedelta(days=366)
"""How long one goes on that is not told when to end."""

Progress = Callable[[datetime, float], None]
"""Is told the instant that has been reached and how much of the time is over, from 0 to 1."""


async def simulate(
    database: Database,
    text: str,
    *,
    contacts: Sequence[Row | Mapping[str, Any]] | None = None,
    activities: Sequence[Row | Mapping[str, Any]] = (),
    start: datetime | None = None,
    until: datetime | None = None,
    progress: Progress | None = None,
) -> Simulated:
    """Run a campaign from `start` to `until` (included) in a scratch schema.

    `database` is one of `scratch`; what an earlier case has left there is removed. Contacts and
    activities are rows as the files have them; without contacts some are made up. Without `start`
    it begins on a certain Monday (or when `active` does), without `until` it ends when nothing more
    can happen, after a year at the latest. Raises FaultyTextError, FaultyFileError, UnfitError.
    """
    prepared = prepare(
        text, None if contacts is None else rows.taken(contacts), rows.taken(activities), start
    )
    return await perform(database, prepared, until=until, progress=progress)


async def perform(
    database: Database,
    prepared: Prepared,
    *,
    until: datetime | None = None,
    progress: Progress | None = None,
) -> Simulated:
    """Run what has been prepared; see `simulate`."""
    start = prepared.start
    await _clear(database)
    scene = await _set(database, prepared, start)
    early = [cue for cue in prepared.cues if cue.at < start]
    for at, cues in groupby(early, key=lambda cue: cue.at):
        await act(scene, list(cues), now=at)
    await _begin(scene, start)
    clock = _Clock(scene, [cue for cue in prepared.cues if cue.at >= start], start, until)
    await clock.run(progress)
    async with database.transaction() as tx:
        return await outcome(tx, scene, prepared.plan)


class _Clock:
    """The virtual clock: what happens next, and the work of each instant."""

    def __init__(
        self, scene: Scene, cues: Sequence[Cue], start: datetime, until: datetime | None
    ) -> None:
        self.scene = scene
        self.now = self.start = start
        self.end = until if until is not None else start + LONGEST
        self._cues = [(at, list(some)) for at, some in groupby(cues, key=lambda cue: cue.at)]
        self._next = 0

    async def run(self, progress: Progress | None) -> None:
        """Until the end, or until nothing more can happen."""
        await self._work()
        length = max((self.end - self.start).total_seconds(), 1.0)
        while True:
            if self._next < len(self._cues) and self._cues[self._next][0] == self.now:
                await act(self.scene, self._cues[self._next][1], now=self.now)
                self._next += 1
                await self._work()
            elif (later := await self._later()) is None:
                return
            else:
                self.now = later
                if progress is not None:
                    progress(later, (later - self.start).total_seconds() / length)
                if self._next >= len(self._cues) or self._cues[self._next][0] != later:
                    await self._work()

    async def _work(self) -> None:
        """All that is due at this instant: what `Engine.settle` does, a batch of a hint at a time.

        A sweep that finds nothing more is cheaper than asking each hint again.
        """
        scene, moved = self.scene, True
        while moved:
            moved = False
            for wake in await sweep(scene.database, now=self.now):
                moved |= await scene.engine.once(wake, now=self.now) > 0

    async def _later(self) -> datetime | None:
        """The next instant at which anything can happen, if there is one before the end."""
        scene = self.scene
        mine = {"now": self.now, "workspace": scene.workspace_id, "campaign": scene.campaign_id}
        async with scene.database.glance() as tx:
            row = (await tx.execute(_NEXT, mine)).one()
        if row.mail:
            await post.deliver(scene.database, scene.workspace_id, row.mail, now=self.now)
        due = row.due if row.state == "running" else None
        cue = self._cues[self._next][0] if self._next < len(self._cues) else None
        found = [at for at in (due, cue) if at is not None and at <= self.end]
        return min(found, default=None)


def _after(column: Any, *where: Any) -> Any:
    """The first instant of a column after now, by its index."""
    now = bindparam("now", type_=Instant)
    first = select(column).where(column > now, *where).order_by(column).limit(1)
    return first.scalar_subquery()


_MINE: Final = (
    campaign.c.workspace_id == bindparam("workspace", type_=Integer),
    campaign.c.id == bindparam("campaign", type_=Integer),
)
_PENDING: Final = message.c.state == literal_column(str(int(MessageState.PENDING)))
_NEXT: Final = select(
    campaign.c.state,
    func.array(
        select(message.c.channel)
        .where(
            message.c.workspace_id == campaign.c.workspace_id,
            _PENDING,
            message.c.due_at <= bindparam("now", type_=Instant),
        )
        .distinct()
        .scalar_subquery(),
        type_=ARRAY(SmallInteger),
    ).label("mail"),
    func.least(
        _after(position.c.due_at, func.isfinite(position.c.due_at)),
        _after(message.c.due_at, _PENDING, func.isfinite(message.c.due_at)),
        _after(segment.c.asks_at, segment.c.workspace_id == campaign.c.workspace_id),
        _after(gone_contact.c.clear_at, gone_contact.c.workspace_id == campaign.c.workspace_id),
        _after(campaign.c.active_from, *_MINE),
        _after(campaign.c.active_to, *_MINE),
        type_=Instant,
    ).label("due"),
).where(*_MINE)


async def _clear(database: Database) -> None:
    """An empty schema; refuses to touch any that is not for scratch."""
    async with database.transaction() as tx:
        schema = await tx.scalar(select(func.current_schema()))
        used = await tx.scalar(select(workspace.c.id).limit(1))
    if not str(schema).startswith(scratch.PREFIX):
        raise UnfitError("a simulation needs a scratch schema", "open one with `scratch`")
    if used is not None:
        await scratch.empty(database)


async def _set(database: Database, prepared: Prepared, start: datetime) -> Scene:
    """The workspace, the contacts and the campaign as a draft."""
    workspace_id = await furnish.workspace(database, prepared.inventory, now=start)
    others = await furnish.other_campaigns(database, workspace_id, prepared.others, now=start)
    roster = prepared.roster.people
    numbers = await furnish.people(database, workspace_id, roster, now=start)
    try:
        async with database.transaction() as tx:
            made, checked = await publish.create(tx, workspace_id, prepared.text, now=start)
            names = await _names(tx, workspace_id, prepared, start)
    except Problem as problem:
        raise _refused(problem, prepared.text) from problem
    if not checked.ok:
        raise FaultyTextError(prepared.text, checked.diagnostics)
    return Scene(
        database=database,
        engine=Engine(database),
        workspace_id=workspace_id,
        campaign_id=made.id,
        own=prepared.plan.name,
        names=names,
        contacts=numbers,
        campaigns=others,
        types=prepared.inventory.fields,
    )


async def _names(tx: Transaction, workspace_id: int, prepared: Prepared, now: datetime) -> Names:
    """What the names in the activities stand for."""
    sent = [
        ast.EmailOpened(email=ast.Name(cue.deed.email))
        for cue in prepared.cues
        if isinstance(cue.deed, Sent)
    ]
    told = [event for event in prepared.events if not _of_campaigns(event)]
    return await resolve(tx, workspace_id, [*told, *sent], now=now)


def _of_campaigns(event: ast.Single) -> bool:
    return isinstance(event, ast.Joined | ast.Left) and event.gathering == "campaign"


async def _begin(scene: Scene, start: datetime) -> None:
    async with scene.database.transaction() as tx:
        found = await publish.find(tx, scene.workspace_id, scene.campaign_id)
        await lifecycle.start(tx, scene.workspace_id, scene.campaign_id, plan=found.hash, now=start)


def _refused(problem: Problem, text: str) -> Exception:
    faults = problem.extra.get("faults")
    if faults:
        return FaultyTextError(text, faults)
    return UnfitError(problem.detail, "change the text")
