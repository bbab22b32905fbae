"""Entry: how contacts come into a campaign, as sets, each at most once at a time.

One statement makes the enrollments and their first positions. A contact enters when it has no run
in the campaign, or when the earlier one has ended and the campaign's re-entry allows another; who
was removed by hand stays out for good. Imports `audience`, `stands` and `versions`.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    Select,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.exc import IntegrityError

from headless.audience.activities import told
from headless.audience.conditions import holds
from headless.audience.values import Scope, shifted
from headless.dsl.plan import Source
from headless.runtime.flow.beginnings import ignored
from headless.runtime.stands import NOW, Version, number
from headless.runtime.versions import Versions, may_run
from headless.storage.codes import ActivityKind, EnrollmentState
from headless.storage.database import Database
from headless.storage.tables import (
    Instant,
    contact,
    enrollment,
    intake,
    position,
    segment_member,
)

INTAKE_BATCH: Final = 20_000
"""Members a transaction while a campaign takes in those it started with."""


def enter(
    made: Version,
    source: Source | None,
    rows: CTE,
    *,
    by_hand: bool = False,
    careful: bool = True,
) -> Select[*tuple[Any, ...]]:
    """Enroll newcomers; answers one row with their number, `entered`. Takes `:now`.

    `rows` has `contact_id`, `at` (when they enter), `activity_id` and `entry` (what started it).
    Who was removed by hand comes back `by_hand` alone. Without `careful` it fails where somebody
    comes in by another way in the same moment.
    """
    last = _last_run(made)
    scope = Scope(
        workspace_id=made.workspace_id,
        contact=contact,
        now=NOW,
        zone=literal(made.plan.zone)
        if made.plan.zone
        else func.coalesce(contact.c.time_zone, made.zone),
        names=made.names,
        entry=rows.c.entry,
    )
    fits = true() if source is None or source.where is None else holds(source.where, scope)
    who = (
        select(
            rows.c.contact_id,
            func.coalesce(last.c.rotation + 1, 1).label("rotation"),
            rows.c.at,
            rows.c.activity_id,
            rows.c.entry,
            last.c.id.label("last_id"),
            last.c.version_id.label("last_version"),
            (last.c.state == number(EnrollmentState.RUNNING)).label("inside"),
            or_(last.c.state.is_(None), _may_return(made, last, scope, by_hand)).label("may"),
        )
        .select_from(
            rows.join(
                contact,
                and_(
                    contact.c.workspace_id == made.workspace_id,
                    contact.c.id == rows.c.contact_id,
                ),
            ).outerjoin(last, true())
        )
        .where(fits)
        .order_by(rows.c.contact_id)
        .cte("who")
        .prefix_with("materialized")
    )
    told_of = ("contact_id", "rotation", "at", "activity_id", "entry")
    newcomers = insert(enrollment).from_select(
        ["workspace_id", "campaign_id", "version_id", "contact_id", "rotation", "entered_at",
         "activity_id", "entry"],
        select(
            literal(made.workspace_id), literal(made.campaign_id), literal(made.id),
            *(who.c[name] for name in told_of),
        ).where(who.c.may),
    )  # fmt: skip
    if careful:  # asks the keys for every row, and says twice in the log that the row stays
        newcomers = newcomers.on_conflict_do_nothing()
    new = newcomers.returning(
        enrollment.c.workspace_id, enrollment.c.id, enrollment.c.contact_id,
        enrollment.c.version_id, enrollment.c.entered_at, enrollment.c.activity_id,
    ).cte("new")  # fmt: skip
    placed = (
        insert(position)
        .from_select(
            ["workspace_id", "enrollment_id", "contact_id", "version_id", "step", "arrived_at",
             "due_at", "activity_id"],
            select(
                new.c.workspace_id, new.c.id, new.c.contact_id, new.c.version_id, literal(0),
                new.c.entered_at, NOW, new.c.activity_id,
            ),
        )
        .returning(position.c.branch)
        .cte("placed")
    )  # fmt: skip
    joined = select(new.c.contact_id, new.c.entered_at, new.c.id, cast(null(), JSONB))
    heard = told(
        made.workspace_id, joined, ActivityKind.JOINED_CAMPAIGN, made.campaign_id,
        now=NOW, name="entered",
    )  # fmt: skip
    entered = select(func.count().label("entered")).select_from(new)
    return entered.add_cte(placed, *heard, *ignored(made, who))


def bring(made: Version) -> Select[*tuple[Any, ...]]:
    """Let the contacts of the runs `:ids` enter, each `:ats`; answers how many have `entered`."""
    ids, ats = bindparam("ids", type_=ARRAY(BigInteger)), bindparam("ats", type_=ARRAY(Instant))
    given = func.unnest(ids, ats).table_valued("id", "at", name="given").render_derived()
    rows = (
        select(
            enrollment.c.contact_id,
            cast(given.c.at, Instant).label("at"),
            cast(null(), BigInteger).label("activity_id"),
            enrollment.c.entry,
        )
        .join(
            given,
            and_(
                enrollment.c.workspace_id == made.workspace_id,
                enrollment.c.id == cast(given.c.id, BigInteger),
            ),
        )
        .cte("given_rows")
    )
    return enter(made, None, rows)


def _last_run(made: Version) -> Any:
    return (
        select(
            enrollment.c.id,
            enrollment.c.version_id,
            enrollment.c.rotation,
            enrollment.c.state,
            enrollment.c.entered_at,
        )
        .where(
            enrollment.c.workspace_id == made.workspace_id,
            enrollment.c.campaign_id == made.campaign_id,
            enrollment.c.contact_id == contact.c.id,
        )
        .order_by(enrollment.c.rotation.desc())
        .limit(1)
        .lateral("last")
    )


def _may_return(made: Version, last: Any, scope: Scope, by_hand: bool) -> Any:
    """Re-entry after an earlier run; `after D` counts from that run's entry."""
    if by_hand:
        removed = last.c.state == EnrollmentState.REMOVED
        return or_(removed, _may_return(made, last, scope, by_hand=False))
    over = last.c.state.not_in([EnrollmentState.RUNNING, EnrollmentState.REMOVED])
    rule = made.plan.re_entry
    match rule.mode:
        case "never":
            return last.c.state.is_(None)
        case "always":
            return over
        case _:
            if rule.after is None:
                return over
            return and_(over, shifted(last.c.entered_at, rule.after, scope.zone) <= NOW)


# ---------------------------------------------------------------- the members at the start


async def take_in(
    database: Database, versions: Versions, campaign_id: int, *, now: datetime
) -> int | None:
    """Enroll the next members of a starting campaign; None when all are in, or it may not run."""
    try:
        return await _take_in(database, versions, campaign_id, now, careful=False)
    except IntegrityError:
        # somebody came in by another way in this moment: the key is asked for each row, then
        return await _take_in(database, versions, campaign_id, now, careful=True)


async def _take_in(
    database: Database, versions: Versions, campaign_id: int, now: datetime, *, careful: bool
) -> int | None:
    async with database.transaction() as tx:
        row = (
            await tx.execute(
                select(intake)
                .where(intake.c.campaign_id == campaign_id, intake.c.finished_at.is_(None))
                .order_by(intake.c.source)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
        ).one_or_none()
        if row is None:
            return None
        compiled = await versions.get(tx, row.version_id)
        made = compiled.version
        if not await may_run(tx, made, now=now):
            return None
        members = _members(made, row.segment_id, row.after_id, row.before)
        last = await tx.scalar(select(func.max(members.c.contact_id)), {"now": now})
        done = {"finished_at": now} if last is None else {"after_id": last}
        await tx.execute(
            update(intake)
            .where(
                intake.c.workspace_id == row.workspace_id,
                intake.c.campaign_id == campaign_id,
                intake.c.source == row.source,
            )
            .values(**done)
        )
        if last is None:
            return 0
        source = made.plan.sources[row.source]
        newcomers = enter(made, source, members, careful=careful)
        entered: int = await tx.scalar(newcomers, {"now": now})
        if entered:
            tx.wake("advance", made.id, 0)
        return entered


def _members(made: Version, segment_id: int, after: int, before: datetime) -> CTE:
    """The next members of a source, save those that another source has let in since the start."""
    m, run = segment_member.c, enrollment.c
    entered = exists(
        select(1).where(
            run.workspace_id == made.workspace_id,
            run.campaign_id == made.campaign_id,
            run.contact_id == m.contact_id,
            run.entered_at >= before,
        )
    )
    return (
        select(
            m.contact_id,
            cast(NOW, Instant).label("at"),
            cast(null(), BigInteger).label("activity_id"),
            cast(null(), JSONB).label("entry"),
        )
        .where(
            m.workspace_id == made.workspace_id,
            m.segment_id == segment_id,
            m.contact_id > after,
            m.since <= before,
            ~entered if len(made.plan.sources) > 1 else true(),
        )
        .order_by(m.contact_id)
        .limit(INTAKE_BATCH)
        .cte("members")
    )
