"""Stored versions, read once and kept compiled: a version never changes, so neither does this.

Imports `storage`, the language and the pure half of the runtime. What may change (whether its
campaign runs) is asked anew for every batch, by `standing`.
"""

from collections import OrderedDict
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Select, select

from headless.dsl import plan as plans
from headless.runtime.holds import Caps, may_be_held
from headless.runtime.paths import Run, run_from
from headless.runtime.stands import Version
from headless.runtime.steps import Carried, carry, claim
from headless.storage.database import Transaction
from headless.storage.tables import campaign, version, workspace
from headless.workspace.names import Names

_MOST_KEPT: Final = 500


class Compiled(msgspec.Struct):
    """A version with its runs; the statements of a run are built when it is first carried out.

    Where it rests hangs on the caps of the workspace, too: a send that they count may be held.
    """

    version: Version
    claims: dict[int, Select[*tuple[Any, ...]]] = {}
    carried: dict[tuple[int, Caps, bool], Carried] = {}

    def claim(self, step: int) -> Select[*tuple[Any, ...]]:
        """The statement that locks who is due at a step."""
        if step not in self.claims:
            self.claims[step] = claim(self.version, step)
        return self.claims[step]

    def carry(self, step: int, caps: Caps = (), *, careful: bool = False) -> Carried:
        """The statements of the run that starts at a step, under these caps."""
        found = self.carried.get((step, caps, careful))
        if found is None:
            made = carry(self.version, self._run(step, caps), caps, careful=careful)
            found = self.carried[step, caps, careful] = made
        return found

    def _run(self, step: int, caps: Caps) -> Run:
        plan = self.version.plan
        held = frozenset(s.number for s in plan.steps if may_be_held(plan, s, caps))
        return run_from(plan, step, held)


class Versions:
    """The versions that this process has met."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Compiled] = OrderedDict()

    async def get(self, tx: Transaction, version_id: int) -> Compiled:
        """A version, from memory or from the database; KeyError where there is none."""
        if version_id in self._kept:
            self._kept.move_to_end(version_id)
            return self._kept[version_id]
        made = await load(tx, version_id)
        compiled = self._kept[version_id] = Compiled(made)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return compiled


async def load(tx: Transaction, version_id: int) -> Version:
    """A version from the database; KeyError where there is none."""
    row = (
        await tx.execute(
            select(version, workspace.c.time_zone)
            .join(workspace, workspace.c.id == version.c.workspace_id)
            .where(version.c.id == version_id)
        )
    ).one_or_none()
    if row is None:
        raise KeyError(f"there is no version {version_id}")
    return Version(
        workspace_id=row.workspace_id,
        campaign_id=row.campaign_id,
        id=row.id,
        plan=plans.from_builtins(row.plan),
        names=msgspec.convert(row.refs, Names),
        zone=row.time_zone,
    )


async def current(tx: Transaction, versions: Versions, version_id: int) -> Version:
    """The version by which people come into the campaign that a version belongs to.

    No other can take its place before the transaction ends, so nobody comes in by one that has
    been replaced meanwhile. KeyError where there is none.
    """
    of = (campaign.c.workspace_id == version.c.workspace_id) & (
        campaign.c.id == version.c.campaign_id
    )
    newest = await tx.scalar(
        select(campaign.c.version_id)
        .join(version, of)
        .where(version.c.id == version_id)
        .with_for_update(of=campaign, read=True, key_share=True)
    )
    return (await versions.get(tx, newest)).version


async def may_run(tx: Transaction, made: Version, *, now: datetime, paused: bool = False) -> bool:
    """Whether people may come in: the campaign is running, by this version, within its dates.

    With `paused` a paused one will do: people still enter, and wait at the entry. No other version
    can take the place of this one before the transaction ends.
    """
    row = (
        await tx.execute(
            select(
                campaign.c.state,
                campaign.c.version_id,
                campaign.c.active_from,
                campaign.c.active_to,
            )
            .where(campaign.c.workspace_id == made.workspace_id, campaign.c.id == made.campaign_id)
            .with_for_update(read=True, key_share=True)
        )
    ).one_or_none()
    return (
        row is not None
        and row.version_id == made.id
        and row.state in (("running", "paused") if paused else ("running",))
        and (row.active_from is None or row.active_from <= now)
        and (row.active_to is None or now < row.active_to)
    )
