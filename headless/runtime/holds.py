"""Holds: when a send may go, and why it does not go yet.

A send that something may hold is a rest of its own. Its contacts are asked when they arrive:
windows (quiet hours and days, the send's own `between` and `on`) by the clocks of the contact,
limits and the workspace's caps by the messages that were sent. Who may not go sleeps until the
first moment that is allowed, and is asked again then; more than three days off, the send is skipped
at once. A send that nothing can hold costs nothing. Pure. Imports the language, `stands`, `windows`
and `effects.channels`.
"""

from typing import Any, Final

import msgspec
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from headless.audience.values import Scope, Sql, interval, shifted
from headless.dsl import ast
from headless.dsl.plan import Act, Plan, Step
from headless.dsl.wording import clock, written
from headless.runtime.effects.channels import CODES, channel_of, refusal
from headless.runtime.stands import NOW, Version, may_run, number
from headless.runtime.windows import Week, both, is_inside, next_inside, outside, same_time_on, week
from headless.storage import tables
from headless.storage.codes import MessageState, Outcome
from headless.storage.tables import Place, campaign, contact, message, position
from headless.workspace.caps import Cap

Caps = tuple[Cap, ...]
LONGEST: Final = ast.Duration(days=3)
_LATE: Final = interval("10 minutes")
_ROLLING: Final[dict[ast.Period, str]] = {
    "hour": "1 hour", "day": "24 hours", "week": "168 hours", "month": "720 hours",
}  # fmt: skip


class Bound(msgspec.Struct, frozen=True):
    """At most `count` messages of a channel in any `period`; `own`: of this campaign alone."""

    count: int
    channel: ast.Channel
    period: ast.Period
    own: bool

    @property
    def words(self) -> str:
        """How the journal names it."""
        limit = written(ast.Limit(count=self.count, channel=self.channel, period=self.period))
        return limit if self.own else f"the workspace's cap: {limit}"


def may_be_held(plan: Plan, step: Step, caps: Caps) -> bool:
    """Whether a step is a send that its windows, a limit or a cap of the workspace can hold."""
    send = _send(step)
    if send is None:
        return False
    return any(not open_.whole for _, open_ in _windows(plan, send)) or bool(
        bounds(plan, send, caps)
    )


def counts(plan: Plan, step: Step, caps: Caps) -> bool:
    """Whether limits or caps count the messages of a step."""
    send = _send(step)
    return send is not None and bool(bounds(plan, send, caps))


def is_capped(step: Step) -> bool:
    """Whether the workspace's caps, if it has any, count the messages of a step."""
    send = _send(step)
    return send is not None and _is_marketing(send)


def bounds(plan: Plan, send: ast.SendMessage, caps: Caps) -> tuple[Bound, ...]:
    """The limits and caps that count the messages of a send."""
    if not _is_marketing(send):
        return ()
    found = [
        *(Bound(one.count, one.channel, one.period, True) for one in plan.limits),
        *(Bound(one.count, one.channel, one.period, False) for one in caps),
    ]
    either = ("message", send.channel)
    return tuple(b for b in found if b.channel in either or send.channel == "message")


def _send(step: Step) -> ast.SendMessage | None:
    if isinstance(step, Act) and isinstance(step.action, ast.SendMessage):
        return step.action
    return None


def _is_marketing(send: ast.SendMessage) -> bool:
    return not send.transactional and send.to is None


def _windows(plan: Plan, send: ast.SendMessage) -> list[tuple[str, Week]]:
    """Each thing that closes a send at times, with its name, and when it is open."""
    found: list[tuple[str, Week]] = []
    if send.hours is not None or send.days is not None:
        found.append((_own_words(send), week(send.hours, send.days)))
    if _is_marketing(send):
        if plan.quiet_days is not None:
            found.append(("quiet days", outside(None, plan.quiet_days.days)))
        if plan.quiet_hours is not None:
            found.append(("quiet hours", outside(plan.quiet_hours, None)))
    return found


def _own_words(send: ast.SendMessage) -> str:
    hours, days = send.hours, send.days
    at = [f"between {clock(hours.start)} and {clock(hours.end)}"] if hours else []
    return " ".join([*at, *([f"on {written(days)}"] if days else [])])


# ---------------------------------------------------------------- who may go


def stood(version: Version, step: Act, claimed: CTE, caps: Caps) -> Select[*tuple[Any, ...]]:
    """The positions at a send that may be held.

    Beside the columns that every batch has (an `outcome` of -1 sleeps on until `wake_at`) there is
    `held`: what holds the send, null where nothing does. With an outcome of 0 it has held it for
    too long. `at` is the release for who goes, and else the arrival.
    """
    send = _send(step)
    if send is None:
        raise TypeError(f"{step.text} is no send")
    scope = _scope(version)
    known = _known(version, send, claimed, scope, bounds(version.plan, send, caps))
    k = known.c
    first = _opening(version.plan, send, func.greatest(k.at, *_lifted(k)), k.zone)
    closed_now = ~is_inside(_open(version.plan, send), NOW, k.zone)
    release = case(
        (k.refused, k.at),
        (and_(first <= NOW, closed_now), _opening(version.plan, send, NOW, k.zone)),
        else_=first,
    )
    asked = select(known, release.label("release")).cte("asked").prefix_with("materialized")
    a = asked.c
    waits = and_(a.release > NOW, a.release <= shifted(a.at, LONGEST, a.zone))
    return select(
        *(a[column.name] for column in claimed.c),
        case((a.release > NOW, a.at), else_=a.release).label("at"),
        case((waits, number(-1)), else_=number(0)).label("outcome"),
        a.activity_id.label("cause"),
        case((waits, a.release)).label("wake_at"),
        case((a.release > NOW, _reason(version.plan, send, caps, asked))).label("held"),
    )


def _scope(version: Version) -> Scope:
    zone = version.plan.zone
    return Scope(
        workspace_id=version.workspace_id,
        contact=contact,
        now=NOW,
        zone=literal(zone) if zone else func.coalesce(contact.c.time_zone, version.zone),
        names=version.names,
    )


def _known(
    version: Version, send: ast.SendMessage, claimed: CTE, scope: Scope, bounded: tuple[Bound, ...]
) -> CTE:
    """What the answer hangs on: the instant `at`, the zone, and when each limit lets one more go.

    Who has slept here counts from the promised release, which `opens` marks; a step that is late
    (an outage, a pause) from now.
    """
    late = claimed.c.due_at < NOW - _LATE
    came = case((claimed.c.opens.is_not(None), claimed.c.due_at), else_=claimed.c.arrived_at)
    mine = and_(
        contact.c.workspace_id == claimed.c.workspace_id, contact.c.id == claimed.c.contact_id
    )
    taken = channel_of(send, scope)
    lifted = [
        _lift(version, bound, claimed, taken).label(f"lift{index}")
        for index, bound in enumerate(bounded)
    ]
    return (
        select(
            claimed,
            case((late, NOW), else_=came).label("at"),
            scope.zone.label("zone"),
            refusal(send, scope).is_not(None).label("refused"),
            *lifted,
        )
        .select_from(claimed.join(contact, mine))
        .cte("known")
        .prefix_with("materialized")
    )


def _lifted(known: Any) -> list[Sql]:
    return [column for column in known if column.name.startswith("lift")]


def _lift(version: Version, bound: Bound, claimed: CTE, taken: Sql) -> Sql:
    """When a limit lets one more message go: a period after the last of `count`; null at once."""
    m = message.c
    length = interval(_ROLLING[bound.period])
    last = (
        select(m.created_at + length)
        .where(
            m.workspace_id == version.workspace_id,
            m.contact_id == claimed.c.contact_id,
            m.created_at > NOW - length - _LATE,
            m.channel.in_([number(code) for code in _codes(bound)]),
            m.state != number(MessageState.SKIPPED),
            _is_counted(),
            _of_campaign(version) if bound.own else true(),
        )
        .order_by(m.created_at.desc())
        .offset(bound.count - 1)
        .limit(1)
        .correlate(claimed)
        .scalar_subquery()
    )
    if bound.channel == "message":
        return last
    return case((taken == number(CODES[bound.channel]), last))


def _codes(bound: Bound) -> list[int]:
    return sorted(CODES.values()) if bound.channel == "message" else [CODES[bound.channel]]


def _is_counted() -> ColumnElement[bool]:
    """Marketing to the contact: neither transactional nor to the owner or an address."""
    other = message.c.data.has_any(literal(["transactional", "to"], ARRAY(Text)))
    return ~func.coalesce(other, false())


def _of_campaign(version: Version) -> ColumnElement[bool]:
    v = tables.version.c
    mine = select(v.id).where(
        v.workspace_id == version.workspace_id, v.campaign_id == version.campaign_id
    )
    return message.c.version_id.in_(mine)


def _open(plan: Plan, send: ast.SendMessage) -> Week:
    open_ = week(None, None)
    for _, one in _windows(plan, send):
        open_ = both(open_, one)
    return open_


def _opening(plan: Plan, send: ast.SendMessage, at: Sql, zone: Sql) -> Sql:
    """The first moment from `at` on at which nothing is closed.

    `on` without `between` keeps the time of day: what comes on sunday at 08:00 goes on wednesday at
    08:00, not at midnight.
    """
    if send.days is not None and send.hours is None:
        others = _open(plan, msgspec.structs.replace(send, days=None))
        at = same_time_on(send.days, next_inside(others, at, zone), zone)
    return next_inside(_open(plan, send), at, zone)


def _reason(plan: Plan, send: ast.SendMessage, caps: Caps, asked: CTE) -> Sql:
    """The limit that lifts last, else the window that is closed."""
    a = asked.c
    lifted = _lifted(a)
    latest = func.greatest(*lifted) if lifted else None
    ways = [
        (and_(lift > a.at, lift == latest), literal(bound.words))
        for lift, bound in zip(lifted, bounds(plan, send, caps), strict=True)
    ]
    closed = [
        (~is_inside(open_, moment, a.zone), literal(words))
        for moment in (a.at, NOW)
        for words, open_ in _windows(plan, send)
    ]
    return case(*ways, *closed, else_=literal("the hours of this send"))


# ---------------------------------------------------------------- the journal, the locks, the order


def lines(version: Version, step: Step, held: CTE) -> Select[*tuple[Any, ...]]:
    """The journal's rows for who sleeps here, in the order of its columns.

    A step's own row comes when it has gone; this one stands under the negative visit beside it, so
    that each visit is journaled as held once.
    """
    h = held.c
    detail = func.jsonb_build_object("reason", h.held, "until", h.wake_at)
    return select(
        h.workspace_id, h.enrollment_id, number(step.number).label("step"), -h.visit, h.at,
        h.contact_id, literal(version.id, BigInteger), number(int(Outcome.HELD)), h.cause,
        cast(detail, JSONB),
    ).where(h.outcome == -1)  # fmt: skip


def lock(version: Version) -> Select[*tuple[Any, ...]]:
    """Lock the contacts of a batch in the order of their ids, between claim and act.

    Two batches that may send to the same contact then count one after the other, each in a
    statement that sees what the other has sent.
    """
    places = cast(bindparam("places", type_=Text), ARRAY(Place))
    batch = select(position.c.contact_id).where(position.c.ctid == places.any_())
    return (
        select(contact.c.id)
        .where(contact.c.workspace_id == version.workspace_id, contact.c.id.in_(batch))
        .order_by(contact.c.id)
        .with_for_update(key_share=True)
    )


def is_first(version: Version, standing: Any) -> ColumnElement[bool]:
    """Whether no campaign of a higher priority has something due for the contact, if caps count.

    What has been due for ten minutes is stuck, and holds nobody up.
    """
    w, other, theirs = tables.workspace.c, position.alias("ahead"), tables.version.alias("theirs")
    capped = exists(select(1).where(w.id == version.workspace_id, w.caps.is_not(None)))
    ahead = exists(
        select(1)
        .select_from(other)
        .join(
            theirs,
            and_(theirs.c.workspace_id == other.c.workspace_id, theirs.c.id == other.c.version_id),
        )
        .join(
            campaign,
            and_(
                campaign.c.workspace_id == theirs.c.workspace_id,
                campaign.c.id == theirs.c.campaign_id,
            ),
        )
        .where(
            other.c.workspace_id == version.workspace_id,
            other.c.contact_id == standing.c.contact_id,
            other.c.due_at <= NOW,
            other.c.due_at > NOW - _LATE,
            theirs.c.priority > version.plan.priority,
            may_run(campaign.c),
        )
        .correlate(standing)
    )
    return or_(~capped, ~ahead)
