"""Steps as SQL: one statement that carries out a run for a whole batch of contacts.

Pure. The statement is a chain of parts: the claimed positions -> what they waited for -> the
contacts with every question answered -> journal rows -> effects fed by those rows -> the positions
moved to their next rest. `docs/engine.md` says why it is one.
"""

from functools import partial
from typing import Any

import msgspec
from sqlalchemy import CTE, Select, exists, func, literal, literal_column, select, union_all
from sqlalchemy.dialects.postgresql import insert

from headless.dsl.plan import Act, Join
from headless.runtime import holds, lines, moves, stands
from headless.runtime.batch import Frame, frame
from headless.runtime.effects.batch import Batch
from headless.runtime.effects.parts import parts
from headless.runtime.flow import branches, rules, transfers
from headless.runtime.holds import Caps
from headless.runtime.paths import Run, has_branches, leaves, may_end
from headless.runtime.stands import NOW, Version, number
from headless.storage import tables
from headless.storage.codes import ActivityKind, Channel


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """A run as the engine carries it out.

    `lock`, where there is one, takes `:places` and goes before `act`, which takes `:now` and
    `:places` and answers one row: the number of messages by channel (`email`, `sms` ...), of
    activities for others to hear (`todo`), and the ids of the messages whose sending starts runs
    (`sent`). `follow` are the rests that may be due at once; `rules` says that runs can have more
    than one position, `may_end` that what it does may be a goal. `into` are the steps that bring
    contacts into other campaigns: of each the answer has the runs and the instants (`into5`,
    `at5`).
    """

    act: Select[*tuple[Any, ...]]
    follow: tuple[int, ...]
    rules: bool
    into: tuple[tuple[int, int], ...] = ()
    may_end: bool = False
    lock: Select[*tuple[Any, ...]] | None = None


def claim(version: Version, step: int) -> Select[*tuple[Any, ...]]:
    """The statement that locks who is due at a step; it takes `:now` and `:most`.

    It answers one row: `claimed`, `enrollments`, `places` of the positions that it locked, and the
    workspace's `caps` as they are stored.
    """
    there = version.plan.steps[step]
    if isinstance(there, Join):
        return branches.claim_parts(version, there)
    if leaves(there) and has_branches(version.plan):
        return branches.claim_whole_runs(version, step)
    if isinstance(there, Act) and (other := transfers.out_of(version, there.action)) is not None:
        return branches.claim_together(version, step, transfers.held_with(version, other))
    if not holds.is_capped(there):
        return stands.claim(version, step)
    return stands.claim(version, step, partial(holds.is_first, version))


def carry(version: Version, run: Run, caps: Caps = (), *, careful: bool = False) -> Carried:
    """The statements that move a batch of contacts from a rest to the next ones.

    Those that are not `careful` fail, rarely, where the journal has one of the rows already.
    """
    made = frame(version, run, caps, careful=careful)
    fed, plain, held = lines.fed(made), lines.plain(made), lines.held(made)
    beside = rules.dropped(made)
    journals = [cte for cte in (fed, plain, held, *beside) if cte is not None]
    changes: list[CTE] = [cte for cte in (plain, held, *beside) if cte is not None]
    if fed is not None:
        batch = Batch(version, made.rows, fed, made.scope)
        changes += [fed, *parts(batch, made.actions), *transfers.taken_out(made, fed)]
    changes += [*moves.moves(made), _tally(made, journals)]
    return Carried(
        act=_counts(made, changes, fed).add_cte(*changes),
        follow=moves.follow(made),
        rules=moves.has_rules(made),
        into=tuple(transfers.ways(version, made.actions)),
        may_end=may_end(version.plan, run),
        lock=holds.lock(version) if holds.counts(version.plan, made.start, caps) else None,
    )


def _tally(made: Frame, journals: list[CTE]) -> CTE:
    """One row for each step and outcome of the batch: what the stats add up."""
    rows = union_all(*(select(j.c.step, j.c.outcome) for j in journals)).subquery()
    return (
        insert(tables.tally)
        .from_select(
            ["workspace_id", "version_id", "at", "step", "outcome", "contacts"],
            select(
                number(made.version.workspace_id),
                literal(made.version.id),
                NOW,
                rows.c.step,
                rows.c.outcome,
                func.count(),
            ).group_by(rows.c.step, rows.c.outcome),
        )
        .returning(tables.tally.c.step)
        .cte("tallied")
    )


def _counts(made: Frame, changes: list[CTE], fed: CTE | None) -> Select[*tuple[Any, ...]]:
    messages = [cte for cte in changes if cte.name.startswith("message")]
    todos = [cte for cte in changes if cte.name.startswith("todo_")]

    def count(ctes: list[CTE], channel: Channel | None = None) -> Any:
        total: Any = literal_column("0")
        for cte in ctes:
            of = select(func.count()).select_from(cte)
            if channel is not None:
                of = of.where(cte.c.channel == number(channel))
            total = total + of.scalar_subquery()
        return total

    return select(
        *(count(messages, channel).label(channel.name.lower()) for channel in Channel),
        count(todos).label("todo"),
        _starting(made, messages).label("sent"),
        *transfers.brought(made.actions, made.version, fed),
    )


def _starting(made: Frame, messages: list[CTE]) -> Any:
    """The new messages whose sending starts runs of some campaign; null when there are none."""
    if not messages:
        return literal_column("null")
    sent = union_all(*(select(m.c.id, m.c.ref) for m in messages)).subquery()
    listened = exists(
        select(1).where(
            tables.listener.c.workspace_id == made.version.workspace_id,
            tables.listener.c.kind == number(ActivityKind.SENT),
            tables.listener.c.ref == sent.c.ref,
        )
    )
    return select(func.array_agg(sent.c.id)).where(listened).scalar_subquery()
