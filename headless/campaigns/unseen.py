"""Unseen: how many people a campaign cannot see opening its mails, told before it starts.

Who has not agreed to be tracked answers no `when opened` and no `when clicked`; the branch that is
taken for them should surprise nobody. Imports `sources`, the runtime, `audience` and storage.
"""

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, exists, func, or_, select

from headless.audience.tracked import is_tracked
from headless.campaigns.sources import count
from headless.dsl.plan import Plan, When
from headless.runtime.stands import Version
from headless.runtime.unseen import BY_US, hangs_on_it
from headless.storage.database import Transaction
from headless.storage.tables import contact, tracking, workspace
from headless.workspace.names import everything
from headless.workspace.tracking import Branch, get


class Unseen(msgspec.Struct, frozen=True):
    """So many contacts, of how many, cannot be seen opening or clicking; `branch` is what a `when`
    takes for them when its time is up. `endless` are the lines of those that have no time, where
    such contacts wait for ever."""

    contacts: int
    of: int
    branch: Branch
    endless: tuple[int, ...] = ()

    @property
    def sentence(self) -> str:
        """As a person reads it."""
        share = max(round(100 * self.contacts / self.of), 1)
        told = (
            f"{share} % ({self.contacts:,} of {self.of:,} contacts) cannot be seen opening or "
            f"clicking; a `when` that asks for it takes `{self.branch}` for them"
        )
        if not self.endless:
            return told
        lines = ", ".join(str(line) for line in self.endless)
        where = f"line {lines}" if len(self.endless) == 1 else f"lines {lines}"
        return f"{told}, but they wait for ever on {where}: give it a `within`"


async def of_entering(
    tx: Transaction, made: Version, entering: int, *, now: datetime
) -> Unseen | None:
    """Of those who would enter at once, or of everybody where nobody would; None where the text
    does not ask or all can be seen."""
    if not entering:
        return await of_everybody(tx, made.workspace_id, made.plan)
    if not await _matters(tx, made.workspace_id, made.plan):
        return None
    sources = made.plan.sources
    hidden = [
        await count(tx, made, each, now, only=_is_hidden(made.workspace_id)) for each in sources
    ]
    return await _told(tx, made.workspace_id, made.plan, sum(hidden), entering)


async def of_everybody(tx: Transaction, workspace_id: int, plan: Plan) -> Unseen | None:
    """Of all contacts of a workspace, for a text that is no campaign yet."""
    if not await _matters(tx, workspace_id, plan):
        return None
    hidden = func.count().filter(_is_hidden(workspace_id))
    mine = contact.c.workspace_id == workspace_id
    row = (await tx.execute(select(hidden, func.count()).select_from(contact).where(mine))).one()
    return await _told(tx, workspace_id, plan, row[0], row[1])


async def _matters(tx: Transaction, workspace_id: int, plan: Plan) -> bool:
    """Whether a text asks for opens or clicks where somebody may be untracked."""
    if not any(isinstance(node, BY_US) for node in everything(plan)):
        return False
    w, t = workspace.c, tracking.c
    policy = exists(select(1).where(w.id == workspace_id, w.tracking.is_not(None)))
    word = exists(select(1).where(t.workspace_id == workspace_id))
    return bool(await tx.scalar(select(or_(policy, word))))


def _is_hidden(workspace_id: int) -> ColumnElement[bool]:
    house = workspace.alias("house")
    seen = select(is_tracked(contact, house)).where(house.c.id == workspace_id)
    return ~seen.correlate(contact).scalar_subquery()


async def _told(
    tx: Transaction, workspace_id: int, plan: Plan, hidden: int, of: int
) -> Unseen | None:
    if not hidden:
        return None
    return Unseen(hidden, of, (await get(tx, workspace_id)).untracked, _endless(plan))


def _endless(plan: Plan) -> tuple[int, ...]:
    """The lines where only an open or a click leads on, whenever it comes."""
    found = {
        step.line
        for step in plan.steps
        if isinstance(step, When) and not step.implicit and all(map(hangs_on_it, step.arms))
        if any(arm.trigger.within is None for arm in step.arms)
    }
    return tuple(sorted(found))
