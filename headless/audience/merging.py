"""Merging: two contacts turn out to be one person, and everything of one becomes the other's.

Where both are in the same campaign, the run that began first goes on, and what the other has done
already counts as done: its journal moves over, and the journal's key keeps every step from being
taken twice. Imports `erasing`, `contacts` and storage.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Table,
    and_,
    bindparam,
    case,
    column,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from headless.audience.contacts import changed
from headless.audience.erasing import about_contacts, lock
from headless.storage import tables
from headless.storage.codes import EnrollmentState, MessageState
from headless.storage.database import Transaction
from headless.storage.tables import Instant, gone_contact
from headless.workspace.webhooks import telling

_AGAIN_AFTER: Final = timedelta(minutes=1)
_PAIRS: Final = (
    func.unnest(
        bindparam("kept", type_=ARRAY(BigInteger)), bindparam("gone", type_=ARRAY(BigInteger))
    )
    .table_valued(column("kept", BigInteger), column("gone", BigInteger), name="pair")
    .render_derived()
)
_FILLED: Final = (
    "external_id", "email", "phone", "preferred_channel", "time_zone", "stage", "owner",
    "utm", "device",
)  # fmt: skip
"""What the kept contact takes over where it has nothing of its own."""


async def merge(
    tx: Transaction, workspace_id: int, pairs: Sequence[tuple[int, int]], *, now: datetime
) -> None:
    """Merge contacts: of each pair (kept, gone) the second becomes part of the first.

    Raises ValueError where a contact stands in two pairs. Both must be there.
    """
    numbers = [number for pair in pairs for number in pair]
    if len(set(numbers)) != len(numbers):
        raise ValueError("a contact can be in one pair only")
    given = {"kept": [kept for kept, _ in pairs], "gone": [gone for _, gone in pairs]}
    await lock(tx, workspace_id, sorted(numbers))
    await _runs(tx, workspace_id, given, now)
    await _rows(tx, workspace_id, given)
    await tx.execute(_contacts(workspace_id, now), given)
    await _note(tx, workspace_id, given, now)
    await changed(tx, workspace_id, given["kept"])
    told = [{"contact_id": gone, "into_id": kept} for kept, gone in pairs]
    await telling.tell(tx, workspace_id, "contact.merged", told, now=now)


def _mine(table: Any, workspace_id: int) -> Any:
    return table.c.workspace_id == workspace_id


# ---------------------------------------------------------------- runs


async def _runs(
    tx: Transaction, workspace_id: int, given: dict[str, list[int]], now: datetime
) -> None:
    """One run a campaign goes on; all of them become the kept contact's, in the order they began.

    Whoever was taken out of a campaign by hand stays out of it.
    """
    en, p, j = tables.enrollment, tables.position, tables.journal
    await tx.execute(_ended_by_hand(workspace_id, now), given)
    doubled = (await tx.execute(_doubled(workspace_id), given)).all()
    both = {
        "stays": [row.stays for row in doubled],
        "ends": [row.ends for row in doubled],
    }
    runs = (
        func.unnest(
            bindparam("stays", type_=ARRAY(BigInteger)), bindparam("ends", type_=ARRAY(BigInteger))
        )
        .table_valued(column("stays", BigInteger), column("ends", BigInteger), name="run")
        .render_derived()
    )
    if doubled:
        await tx.execute(_journal_over(workspace_id, runs), both)
        await tx.execute(_unsent(workspace_id, runs), both)
        await tx.execute(
            update(en)
            .where(_mine(en, workspace_id), en.c.id == runs.c.ends)
            .values(state=EnrollmentState.MERGED, ended_at=now),
            both,
        )
    over = select(en.c.id).where(
        _mine(en, workspace_id), en.c.contact_id.in_(_all_of(given)),
        en.c.state != EnrollmentState.RUNNING,
    )  # fmt: skip
    await tx.execute(delete(p).where(_mine(p, workspace_id), p.c.enrollment_id.in_(over)))
    await _renumber(tx, workspace_id, given)
    for table in (p, j):
        of = select(en.c.id).where(_mine(en, workspace_id), en.c.contact_id == _PAIRS.c.kept)
        await tx.execute(
            update(table)
            .where(
                _mine(table, workspace_id),
                table.c.contact_id == _PAIRS.c.gone,
                table.c.enrollment_id.in_(of.correlate(_PAIRS)),
            )
            .values(contact_id=_PAIRS.c.kept),
            given,
        )


def _all_of(given: dict[str, list[int]]) -> list[int]:
    return [*given["kept"], *given["gone"]]


def _ended_by_hand(workspace_id: int, now: datetime) -> Any:
    """A run of one that goes on in a campaign which the other was taken out of by hand."""
    en, out = tables.enrollment, tables.enrollment.alias("out")
    other = or_(
        and_(en.c.contact_id == _PAIRS.c.kept, out.c.contact_id == _PAIRS.c.gone),
        and_(en.c.contact_id == _PAIRS.c.gone, out.c.contact_id == _PAIRS.c.kept),
    )
    return (
        update(en)
        .where(
            _mine(en, workspace_id),
            _mine(out, workspace_id),
            other,
            en.c.campaign_id == out.c.campaign_id,
            en.c.state == EnrollmentState.RUNNING,
            out.c.state == EnrollmentState.REMOVED,
        )
        .values(state=EnrollmentState.REMOVED, ended_at=now)
    )


def _doubled(workspace_id: int) -> Any:
    """The pairs of runs that go on in the same campaign: which stays and which ends."""
    one, two = tables.enrollment.alias("one"), tables.enrollment.alias("two")
    first = or_(
        one.c.entered_at < two.c.entered_at,
        and_(one.c.entered_at == two.c.entered_at, one.c.id < two.c.id),
    )
    return (
        select(
            case((first, one.c.id), else_=two.c.id).label("stays"),
            case((first, two.c.id), else_=one.c.id).label("ends"),
        )
        .select_from(_PAIRS)
        .join(one, and_(_mine(one, workspace_id), one.c.contact_id == _PAIRS.c.kept))
        .join(
            two,
            and_(
                _mine(two, workspace_id),
                two.c.contact_id == _PAIRS.c.gone,
                two.c.campaign_id == one.c.campaign_id,
            ),
        )
        .where(
            one.c.state == EnrollmentState.RUNNING,
            two.c.state == EnrollmentState.RUNNING,
        )
    )


def _journal_over(workspace_id: int, runs: Any) -> Any:
    """What the ending run has done, as done by the one that stays; of the same version only."""
    j, had = tables.journal, tables.journal.alias("had")
    stays = tables.enrollment.alias("stays_")
    return (
        update(j)
        .where(
            _mine(j, workspace_id),
            j.c.enrollment_id == runs.c.ends,
            _mine(stays, workspace_id),
            stays.c.id == runs.c.stays,
            stays.c.version_id == j.c.version_id,
            ~exists(
                select(1).where(
                    _mine(had, workspace_id),
                    had.c.enrollment_id == runs.c.stays,
                    had.c.step == j.c.step,
                    had.c.visit == j.c.visit,
                )
            ),
        )
        .values(enrollment_id=runs.c.stays)
    )


def _unsent(workspace_id: int, runs: Any) -> Any:
    """Messages of the ending run that wait in the outbox and that the other run has sent too."""
    m, same = tables.message, tables.message.alias("same")
    return (
        update(m)
        .where(
            _mine(m, workspace_id),
            m.c.enrollment_id == runs.c.ends,
            m.c.state == MessageState.PENDING,
            exists(
                select(1).where(
                    _mine(same, workspace_id),
                    same.c.enrollment_id == runs.c.stays,
                    same.c.channel == m.c.channel,
                    same.c.step == m.c.step,
                    same.c.visit == m.c.visit,
                )
            ),
        )
        .values(state=MessageState.SKIPPED, reason="the contact was merged")
    )


async def _renumber(tx: Transaction, workspace_id: int, given: dict[str, list[int]]) -> None:
    """All runs as the kept contact's, numbered in the order in which they began.

    The one that goes on comes last, and one that a hand has ended after all others.
    """
    en = tables.enrollment
    of = or_(en.c.contact_id == _PAIRS.c.kept, en.c.contact_id == _PAIRS.c.gone)
    last = case(
        (en.c.state == EnrollmentState.REMOVED, 2), (en.c.state == EnrollmentState.RUNNING, 1),
        else_=0,
    )  # fmt: skip
    order = (
        select(
            en.c.id,
            _PAIRS.c.kept,
            func.row_number()
            .over(
                partition_by=(_PAIRS.c.kept, en.c.campaign_id),
                order_by=(last, en.c.entered_at, en.c.id),
            )
            .label("place"),
        )
        .select_from(_PAIRS)
        .join(en, and_(_mine(en, workspace_id), of))
        .subquery("ordered")
    )
    # by way of negative numbers: the key is checked row by row
    await tx.execute(
        update(en)
        .where(_mine(en, workspace_id), en.c.id == order.c.id)
        .values(contact_id=order.c.kept, rotation=-order.c.place),
        given,
    )
    await tx.execute(
        update(en)
        .where(
            _mine(en, workspace_id),
            en.c.contact_id == _PAIRS.c.kept,
            en.c.rotation < 0,
        )
        .values(rotation=-en.c.rotation),
        given,
    )


# ---------------------------------------------------------------- everything else


async def _rows(tx: Transaction, workspace_id: int, given: dict[str, list[int]]) -> None:
    for table in [*about_contacts(), tables.suppression]:
        if table.name in ("enrollment", "position", "contact_change"):
            continue
        if "contact_id" in table.primary_key.columns:
            await tx.execute(_joined(table, workspace_id), given)
            await tx.execute(
                delete(table).where(
                    _mine(table, workspace_id), table.c.contact_id == _PAIRS.c.gone
                ),
                given,
            )
        else:
            await tx.execute(
                update(table)
                .where(_mine(table, workspace_id), table.c.contact_id == _PAIRS.c.gone)
                .values(contact_id=_PAIRS.c.kept),
                given,
            )


def _joined(table: Table, workspace_id: int) -> Any:
    """The rows of the gone contact beside those of the kept one; what both have becomes one."""
    columns = [c for c in table.c if not c.identity]
    taken = [_PAIRS.c.kept if c.name == "contact_id" else c for c in columns]
    new = insert(table).from_select(
        [c.name for c in columns],
        select(*taken)
        .select_from(table.join(_PAIRS, table.c.contact_id == _PAIRS.c.gone))
        .where(_mine(table, workspace_id)),
    )
    both = _of_both(table, new.excluded)
    if not both:
        return new.on_conflict_do_nothing()
    return new.on_conflict_do_update(
        index_elements=[c.name for c in table.primary_key.columns], set_=both
    )


def _of_both(table: Table, other: Any) -> dict[str, Any]:
    """What becomes of a row that both contacts have; nothing: the kept one's stays."""
    match table.name:
        case "contact_points":
            return {"points": table.c.points + other.points}
        case "contact_tag":
            return {"at": func.least(table.c.at, other.at)}
        case "topic_choice":  # who left a topic once stays out of it
            return {"subscribed": table.c.subscribed & other.subscribed}
        case "tracking":
            return {"granted": table.c.granted & other.granted}
        case "segment_member" | "company_member":
            return {"since": func.least(table.c.since, other.since)}
        case "form_answer":
            later = other.at > table.c.at
            mine, theirs = table.c.answers, other.answers
            return {
                "answers": case((later, mine.op("||")(theirs)), else_=theirs.op("||")(mine)),
                "at": func.greatest(table.c.at, other.at),
            }
        case _:
            return {}


def _contacts(workspace_id: int, now: datetime) -> Any:
    """The gone contact's row into the kept one's, which goes before where both have something."""
    c = tables.contact
    gone = (
        delete(c)
        .where(_mine(c, workspace_id), c.c.id == _PAIRS.c.gone)
        .returning(_PAIRS.c.kept, *c.c)
        .cte("gone_row")
    )
    return (
        update(c)
        .where(_mine(c, workspace_id), c.c.id == gone.c.kept)
        .values(
            **{name: func.coalesce(c.c[name], gone.c[name]) for name in _FILLED},
            points=c.c.points + gone.c.points,
            fields=gone.c.fields.op("||")(c.c.fields),
            created_at=func.least(c.c.created_at, gone.c.created_at),
            updated_at=literal(now, Instant),
        )
    )


async def _note(
    tx: Transaction, workspace_id: int, given: dict[str, list[int]], now: datetime
) -> None:
    """Whoever asks for the gone contact is told where it is; so for those gone into it before."""
    line = insert(gone_contact).from_select(
        ["workspace_id", "contact_id", "into_id", "at", "clear_at"],
        select(
            literal(workspace_id), _PAIRS.c.gone, _PAIRS.c.kept, literal(now, Instant),
            literal(now + _AGAIN_AFTER, Instant),
        ),
    )  # fmt: skip
    await tx.execute(line.on_conflict_do_nothing(), given)
    await tx.execute(
        update(gone_contact)
        .where(_mine(gone_contact, workspace_id), gone_contact.c.into_id == _PAIRS.c.gone)
        .values(into_id=_PAIRS.c.kept),
        given,
    )


async def gather(tx: Transaction, workspace_id: int, pairs: Sequence[tuple[int, int]]) -> None:
    """Bring over what others have written about gone contacts while they were being merged."""
    given = {"kept": [kept for kept, _ in pairs], "gone": [gone for _, gone in pairs]}
    await _rows(tx, workspace_id, given)
