"""The digest: once a week a channel is told what its campaigns did, with a chart.

A channel that watches campaigns hears of those, another one of all. Imports the use cases, the
charts, `posting` and storage.
"""

import asyncio
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, Date, cast, delete, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from headless.problems import Problem
from headless.slack.desk.acting import note
from headless.slack.desk.desk import Desk, Handler
from headless.slack.flows import views
from headless.slack.kit import blocks, charts
from headless.slack.kit.moments import moment
from headless.slack.kit.reply import Block, Reply
from headless.slack.outgoing import posting
from headless.slack.people.asker import Asker
from headless.slack.verbs.parse import Command
from headless.storage.codes import ActivityKind, Channel, EnrollmentState, MessageState
from headless.storage.database import Database, Transaction
from headless.storage.tables import (
    activity,
    campaign,
    enrollment,
    message,
    slack_digest,
    slack_installation,
    slack_watch,
    version,
)

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WHEN: Final = re.compile(r"(?:weekly\s+)?(?:on\s+)?([a-z]{3,9})(?:\s+(?:at\s+)?(\d{1,2}):(\d\d))?")
_WEEK: Final = timedelta(days=7)
_MOST: Final = 10
_HELP: Final = "as in `/campaign digest weekly monday 09:00`, or `/campaign digest off`"
_EMAIL: Final[ColumnElement[int]] = literal_column(str(int(Channel.EMAIL)))
_SENT: Final[ColumnElement[int]] = literal_column(str(int(MessageState.SENT)))


class Line(msgspec.Struct, frozen=True):
    """What one campaign did in a week."""

    name: str
    state: str
    entered: int
    sent: int
    goal: int

    @property
    def quiet(self) -> bool:
        """Whether nothing happened."""
        return not (self.entered or self.sent or self.goal)


class Week(msgspec.Struct, frozen=True):
    """A week: its campaigns, the busiest first, and mails sent and opened by day."""

    lines: tuple[Line, ...]
    days: tuple[tuple[str, int, int], ...]

    def total(self, what: str) -> int:
        """A number of all campaigns together."""
        return sum(getattr(line, what) for line in self.lines)


# ---------------------------------------------------------------- the command


async def digest(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Set a channel's weekly digest, end it, or say when it comes."""
    now = desk.clock.now()
    where = asker.channel_id or asker.user_id
    typed = command.rest.strip().lower()
    async with desk.database.transaction() as tx:
        if not typed:
            return await _told(tx, asker, where)
        if typed in ("off", "stop", "never"):
            await tx.execute(delete(slack_digest).where(*_here(asker, where)))
            await note(tx, asker, "stop_digest", where, now=now)
            return Reply(text="No more digests in this channel.")
        weekday, minute = _read(typed)
        zone = asker.zone
        values = {
            "weekday": weekday,
            "minute": minute,
            "zone": zone,
            "made_by": asker.user_id,
            "next_at": following(weekday, minute, zone, now),
        }
        row = insert(slack_digest).values(
            workspace_id=asker.workspace_id,
            team_id=asker.team_id,
            channel=where,
            created_at=now,
            **values,
        )
        keys = ["workspace_id", "team_id", "channel"]
        await tx.execute(row.on_conflict_do_update(index_elements=keys, set_=values))
        await note(tx, asker, "set_digest", where, {"weekday": weekday, "minute": minute}, now=now)
    at = f"{minute // 60:02}:{minute % 60:02}"
    text = f"A digest comes here every {_DAYS[weekday].capitalize()} at {at} ({zone})."
    return Reply(text=text)


async def _told(tx: Transaction, asker: Asker, where: str) -> Reply:
    found = (await tx.execute(select(slack_digest).where(*_here(asker, where)))).one_or_none()
    if found is None:
        return Reply(text=f"No digest comes to this channel. Set one, {_HELP}.")
    return Reply(text=f"The next digest comes {moment(found.next_at, asker.zone)}.")


def _here(asker: Asker, where: str) -> tuple[Any, ...]:
    return (
        slack_digest.c.workspace_id == asker.workspace_id,
        slack_digest.c.team_id == asker.team_id,
        slack_digest.c.channel == where,
    )


def _read(typed: str) -> tuple[int, int]:
    """The weekday (0 is Monday) and the minute of the day; raises Problem."""
    found = _WHEN.fullmatch(typed if typed != "weekly" else "weekly monday")
    if found is None:
        raise Problem("invalid_value", f"say a day and a time, {_HELP}")
    day = next((place for place, one in enumerate(_DAYS) if one.startswith(found[1])), None)
    if day is None:
        raise Problem("invalid_value", f"there is no day called `{found[1]}`; {_HELP}")
    hour, minute = int(found[2] or 9), int(found[3] or 0)
    if hour > 23 or minute > 59:
        raise Problem("invalid_value", f"there is no time `{found[2]}:{found[3]}`; {_HELP}")
    return day, hour * 60 + minute


def following(weekday: int, minute: int, zone: str, now: datetime) -> datetime:
    """The next such moment after `now`, in a zone's own time."""
    there = ZoneInfo(zone)
    local = now.astimezone(there)
    day = local.date() + timedelta(days=(weekday - local.weekday()) % 7)
    at = time(minute // 60, minute % 60)
    moment = datetime.combine(day, at, there)
    if moment <= now:
        moment = datetime.combine(day + _WEEK, at, there)
    return moment.astimezone(UTC)


# ---------------------------------------------------------------- what it tells


async def week(
    tx: Transaction, workspace_id: int, only: set[int] | None, zone: str, now: datetime
) -> Week:
    """The last seven days of some campaigns, or of all."""
    since = now - _WEEK
    c, v, m, en = campaign.c, version.c, message.c, enrollment.c
    entered = (
        select(en.campaign_id, func.count().label("many"))
        .where(en.workspace_id == workspace_id, en.entered_at >= since, en.entered_at < now)
        .group_by(en.campaign_id)
        .subquery()
    )
    goals = (
        select(en.campaign_id, func.count().label("many"))
        .where(
            en.workspace_id == workspace_id,
            en.state == EnrollmentState.GOAL,
            en.ended_at >= since,
            en.ended_at < now,
        )
        .group_by(en.campaign_id)
        .subquery()
    )
    sent = (
        select(v.campaign_id, func.count().label("many"))
        .join(message, (m.workspace_id == v.workspace_id) & (m.version_id == v.id))
        .where(
            v.workspace_id == workspace_id,
            m.state == _SENT,
            m.sent_at >= since,
            m.sent_at < now,
        )
        .group_by(v.campaign_id)
        .subquery()
    )
    query = (
        select(c.name, c.state, entered.c.many, sent.c.many, goals.c.many)
        .outerjoin(entered, entered.c.campaign_id == c.id)
        .outerjoin(sent, sent.c.campaign_id == c.id)
        .outerjoin(goals, goals.c.campaign_id == c.id)
        .where(c.workspace_id == workspace_id, c.state.not_in(("draft", "archived")))
        .order_by(c.name)
    )
    if only:
        query = query.where(c.id.in_(sorted(only)))
    rows = (await tx.execute(query)).all()
    lines = [Line(row[0], row[1], row[2] or 0, row[3] or 0, row[4] or 0) for row in rows]
    lines.sort(key=lambda line: (-line.sent - line.entered, line.name.casefold()))
    return Week(tuple(lines), await _days(tx, workspace_id, only, zone, now))


async def _days(
    tx: Transaction, workspace_id: int, only: set[int] | None, zone: str, now: datetime
) -> tuple[tuple[str, int, int], ...]:
    """Mails sent, and opened, on each of the last seven days in the channel's zone."""
    m, a, v = message.c, activity.c, version.c
    first = now.astimezone(ZoneInfo(zone)).date() - timedelta(days=7)
    start = datetime.combine(first, time(), ZoneInfo(zone)).astimezone(UTC)
    mine = [m.workspace_id == workspace_id, m.channel == _EMAIL]
    if only:
        of = select(v.id).where(v.workspace_id == workspace_id, v.campaign_id.in_(sorted(only)))
        mine.append(m.version_id.in_(of))
    sent_on = cast(func.timezone(zone, m.sent_at), Date)
    sent = await tx.execute(
        select(sent_on, func.count())
        .where(*mine, m.state == _SENT, m.sent_at >= start, m.sent_at < now)
        .group_by(sent_on)
    )
    opened_on = cast(func.timezone(zone, a.occurred_at), Date)
    opened = await tx.execute(
        select(opened_on, func.count(func.distinct(m.id)))
        .join(message, (m.workspace_id == a.workspace_id) & (m.id == a.message_id))
        .where(
            a.workspace_id == workspace_id,
            a.kind == int(ActivityKind.OPENED),
            a.occurred_at >= start,
            a.occurred_at < now,
            *mine,
        )
        .group_by(opened_on)
    )
    by_day: tuple[dict[date, int], dict[date, int]] = (
        {row[0]: int(row[1]) for row in sent},
        {row[0]: int(row[1]) for row in opened},
    )
    days = [first + timedelta(days=place) for place in range(7)]
    return tuple((f"{day:%a %-d}", by_day[0].get(day, 0), by_day[1].get(day, 0)) for day in days)


def blocks_of(told: Week, last: dict[str, int] | None) -> tuple[str, tuple[Block, ...]]:
    """The digest as a message; `last` are the totals of the one before, to compare with."""
    totals = {what: told.total(what) for what in ("entered", "sent", "goal")}
    text = (
        f"The week: {views.many(totals['entered'], 'contact', 'contacts')} entered, "
        f"{views.many(totals['sent'], 'message', 'messages')} sent"
    )
    fields = [
        f"*{totals['entered']:,}* entered{_against(totals, last, 'entered')}",
        f"*{totals['sent']:,}* messages sent{_against(totals, last, 'sent')}",
    ]
    if totals["goal"]:
        fields.append(f"*{totals['goal']:,}* goals reached{_against(totals, last, 'goal')}")
    said = [blocks.header("The week in campaigns"), blocks.section("In seven days", fields=fields)]
    loud = [line for line in told.lines if not line.quiet]
    rows = [("campaign", "entered", "sent", "goal", "")]
    rows += [
        (blocks.cut(line.name, 40), f"{line.entered:,}", f"{line.sent:,}", f"{line.goal:,}",
         "" if line.state == "running" else line.state)
        for line in loud[:_MOST]
    ]  # fmt: skip
    if loud:
        said.append(blocks.code(blocks.table(rows, right=(1, 2, 3))))
    else:
        said.append(
            blocks.section("Nothing happened. `/campaign new` writes something that makes it.")
        )
    still = len(told.lines) - len(loud)
    more = [f"{views.many(still, 'campaign was', 'campaigns were')} quiet"] if still else []
    if len(loud) > _MOST:
        more.append(f"and {len(loud) - _MOST} more: `/campaign list`")
    if more:
        said.append(blocks.context(*more))
    return text, blocks.fit(said)


def _against(totals: dict[str, int], last: dict[str, int] | None, what: str) -> str:
    """How it compares with the week before: `, 12 % more`."""
    before = (last or {}).get(what, 0)
    if not before:
        return ""
    change = round(100 * (totals[what] - before) / before)
    if not change:
        return ", as the week before"
    return f", {abs(change)} % {'more' if change > 0 else 'fewer'} than before"


# ---------------------------------------------------------------- sending it


async def send_due(database: Database, *, now: datetime) -> int:
    """Post the digests whose time has come; answers how many."""
    d = slack_digest.c
    async with database.glance() as tx:
        rows = await tx.execute(
            select(d.workspace_id, d.team_id, d.channel)
            .join(
                slack_installation,
                (slack_installation.c.workspace_id == d.workspace_id)
                & (slack_installation.c.team_id == d.team_id)
                & (slack_installation.c.state == "active"),
            )
            .where(d.next_at <= now)
            .order_by(d.next_at)
            .limit(20)
        )
        due = [tuple(row) for row in rows]
    for workspace_id, team_id, channel in due:
        await _send(database, workspace_id, team_id, channel, now)
    return len(due)


async def _send(
    database: Database, workspace_id: int, team_id: str, channel: str, now: datetime
) -> None:
    d, w = slack_digest.c, slack_watch.c
    mine = (d.workspace_id == workspace_id, d.team_id == team_id, d.channel == channel)
    async with database.transaction() as tx:
        row = (
            await tx.execute(
                select(slack_digest)
                .where(*mine, d.next_at <= now)
                .with_for_update(skip_locked=True)
            )
        ).one_or_none()
        if row is None:
            return
        watched = await tx.execute(
            select(w.campaign_id).where(
                w.workspace_id == workspace_id, w.team_id == team_id, w.channel == channel
            )
        )
        told = await week(tx, workspace_id, {one[0] for one in watched}, row.zone, now)
        text, said = blocks_of(told, row.last)
        title = "Emails by day"
        png = await asyncio.to_thread(charts.columns, title, told.days, ("sent", "opened"))
        await posting.picture(
            tx,
            workspace_id,
            team_id,
            channel,
            png=png,
            title=title,
            alt="emails sent and opened on each day of the week",
            text=text,
            blocks=said,
            tell=row.made_by,
            key=f"digest:{team_id}:{channel}:{row.next_at:%Y-%m-%d}",
            now=now,
        )
        totals = {what: told.total(what) for what in ("entered", "sent", "goal")}
        ahead = following(row.weekday, row.minute, row.zone, now)
        await tx.execute(update(slack_digest).where(*mine).values(last=totals, next_at=ahead))


HANDLERS: Final[dict[str, Handler]] = {"digest": digest}
