"""Reach: how many a draft would concern, at once and by what the last 30 days tell.

Imports the sources of campaigns, what events are made of, and storage.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, literal_column, or_, select

from headless.audience.conditions.heard import Heard, heard
from headless.campaigns.publish import Campaign
from headless.campaigns.sources import count
from headless.dsl import ast
from headless.dsl.plan import Source, When
from headless.runtime.stands import Version
from headless.runtime.versions import load
from headless.slack.flows.views import Reach
from headless.storage.codes import ActivityKind, Channel, MessageState
from headless.storage.database import Transaction
from headless.storage.tables import activity, message

_BACK: Final = timedelta(days=30)
_ANSWERS: Final[dict[type, ActivityKind]] = {
    ast.EmailOpened: ActivityKind.OPENED,
    ast.EmailClicked: ActivityKind.CLICKED,
}


async def reach(tx: Transaction, found: Campaign, *, now: datetime) -> Reach:
    """How many would enter now, and how many would have in the last 30 days."""
    made = await load(tx, found.version_id)
    entering = sum([await count(tx, made, source, now) for source in made.plan.sources])
    told = [await _past(tx, made, source, now) for source in made.plan.sources]
    started = [one for one in told if one is not None]
    if not started:
        return Reach(entering)
    answered = await _answered(tx, made, now)
    return Reach(entering, sum(started), answered)


async def _past(tx: Transaction, made: Version, source: Source, now: datetime) -> int | None:
    """How often a source would have started a run; None where that is no matter of events."""
    since = now - _BACK
    if source.sent is not None and source.channel == "email":
        return int(
            await tx.scalar(
                select(func.count())
                .select_from(message)
                .where(
                    message.c.workspace_id == made.workspace_id,
                    message.c.channel == literal_column(str(int(Channel.EMAIL))),
                    message.c.ref == made.names.id("email", source.sent),
                    message.c.state == literal_column(str(int(MessageState.SENT))),
                    message.c.sent_at >= since,
                )
            )
        )
    if source.event is None or source.sent is not None:
        return None
    return await _heard(tx, made.workspace_id, list(heard(source.event, made.names)), since)


async def _heard(tx: Transaction, workspace_id: int, kinds: list[Heard], since: datetime) -> int:
    """How many contacts did one of these."""
    a = activity.c
    any_of = or_(*((a.kind == int(one.kind)) & (a.ref == one.ref) for one in kinds))
    found: int = await tx.scalar(
        select(func.count(func.distinct(a.contact_id))).where(
            a.workspace_id == workspace_id, a.occurred_at >= since, any_of
        )
    )
    return found


async def _answered(tx: Transaction, made: Version, now: datetime) -> int | None:
    """Of those sent the mail that starts it, how many did what the first `when` waits for."""
    first = made.plan.steps[1] if len(made.plan.steps) > 1 else None
    sent = next((one.sent for one in made.plan.sources if one.sent is not None), None)
    if sent is None or not isinstance(first, When) or len(first.arms) != 1:
        return None
    trigger = first.arms[0].trigger
    kind = _ANSWERS.get(type(trigger.event))
    if kind is None or trigger.negated or trigger.within is None:
        return None
    a, m = activity.c, message.c
    latest = m.sent_at + timedelta(seconds=trigger.within.duration.least_seconds)
    found: int = await tx.scalar(
        select(func.count(func.distinct(m.id)))
        .join(
            activity,
            (a.workspace_id == m.workspace_id) & (a.message_id == m.id) & (a.kind == int(kind)),
        )
        .where(
            m.workspace_id == made.workspace_id,
            m.channel == literal_column(str(int(Channel.EMAIL))),
            m.ref == made.names.id("email", sent),
            m.sent_at >= now - _BACK,
            a.occurred_at < latest,
        )
    )
    return found
