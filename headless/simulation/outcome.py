"""What a simulation came to: the journal in the order of time, each contact, and the numbers.

Reads what the engine has written; works nothing out anew. Imports `campaigns` and storage.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import func, select, text

from headless.campaigns import inspect, sentences
from headless.dsl.plan import Entry, Plan, Rule, Step, When
from headless.simulation.scene import Scene
from headless.simulation.times import shown
from headless.storage.codes import ActivityKind, Channel, MessageState, Outcome, word
from headless.storage.database import Transaction
from headless.storage.tables import (
    contact,
    contact_tag,
    message,
    metadata,
    segment,
    segment_member,
    tag,
)

WAITING: Final = "waiting"
OUTCOMES: Final = (*(word(outcome) for outcome in Outcome), WAITING)
"""Everything that a line of the journal can say."""


class Line(msgspec.Struct, frozen=True):
    """One line of the journal: `run` counts a contact's runs from 1, `line` the text's lines.

    `waiting` lines are no steps taken: one for each place where a run still stands at the end,
    with the time since when.
    """

    at: datetime
    contact: str
    run: int
    line: int
    step: str
    outcome: str
    reason: str | None


class Message(msgspec.Struct, frozen=True):
    """One message to a contact, at the time at which it was released to be sent."""

    channel: str
    name: str
    at: datetime


class Person(msgspec.Struct, frozen=True):
    """A contact at the end."""

    points: int
    tags: tuple[str, ...]
    segments: tuple[str, ...]
    fields: dict[str, Any]
    messages: tuple[Message, ...]


class Simulated(msgspec.Struct, frozen=True):
    """All of it; as JSON this is what `headless simulate --json` prints."""

    journal: tuple[Line, ...]
    contacts: dict[str, Person]
    stats: dict[str, Any]


async def outcome(tx: Transaction, scene: Scene, plan: Plan) -> Simulated:
    """Everything that has become of the campaign and its contacts."""
    await tx.whole_tables()
    numbers = await inspect.stats(tx, scene.workspace_id, scene.campaign_id)
    return Simulated(
        await _journal(tx, scene, plan), await _people(tx, scene), _stats(numbers, scene)
    )


def _stats(numbers: inspect.Stats, scene: Scene) -> dict[str, Any]:
    return {
        "contacts": len(scene.contacts),
        "enrollments": numbers.enrollments,
        "messages": numbers.messages,
        "steps": [
            {
                "line": step.line,
                "step": step.text or word(Outcome.ENTERED),
                "outcomes": step.outcomes,
                WAITING: step.waiting,
            }
            for step in numbers.steps
        ],
    }


# ---------------------------------------------------------------- the journal

# In one transaction the engine takes a contact down one path, whose steps are numbered in order; so
# the transaction's number tells apart what happened at the same instant.
_LINES: Final = text(
    """
    select j.at, j.contact_id, e.rotation, j.step, j.outcome, j.detail, a.kind, a.occurred_at,
           s.name as subject
      from journal j
      join enrollment e on e.workspace_id = j.workspace_id and e.id = j.enrollment_id
      left join activity a on a.workspace_id = j.workspace_id and a.id = j.activity_id
      left join subject s on s.workspace_id = a.workspace_id and s.id = a.ref
           and a.kind = :did
     where j.workspace_id = :workspace and e.campaign_id = :campaign
     order by j.at, j.contact_id, e.rotation, age(j.xmin) desc, j.visit, j.step
    """
)
_WAITING: Final = text(
    """
    select p.arrived_at as at, p.contact_id, e.rotation, p.step, p.due_at
      from position p
      join enrollment e on e.workspace_id = p.workspace_id and e.id = p.enrollment_id
     where p.workspace_id = :workspace and e.campaign_id = :campaign
     order by p.arrived_at, p.contact_id, e.rotation, p.branch
    """
)


async def _journal(tx: Transaction, scene: Scene, plan: Plan) -> tuple[Line, ...]:
    names = {number: name for name, number in scene.contacts.items()}
    mine = {"workspace": scene.workspace_id, "campaign": scene.campaign_id}
    taken = await tx.execute(_LINES, {**mine, "did": int(ActivityKind.DID)})
    lines = [
        _line(
            names, row, step, sentences.named(row, step), word(Outcome(row.outcome)),
            _reason(row, step),
        )
        for row in taken
        if row.contact_id in names
        for step in (plan.steps[row.step],)
    ]  # fmt: skip
    standing = await tx.execute(_WAITING, mine)
    lines += [
        _line(names, row, step, step.text or word(Outcome.ENTERED), WAITING, _until(row.due_at))
        for row in standing
        if row.contact_id in names
        for step in (plan.steps[row.step],)
    ]
    return tuple(sorted(lines, key=lambda line: line.at))


def _line(
    names: Mapping[int, str], row: Any, step: Step, told: str, outcome_: str, reason: str | None
) -> Line:
    return Line(row.at, names[row.contact_id], row.rotation, step.line, told, outcome_, reason)


def _until(due_at: datetime | None) -> str:
    return "until it happens" if due_at is None else f"until {shown(due_at)}"


def _reason(row: Any, step: Step) -> str | None:
    """What decided a line, in plain words."""
    detail = row.detail or {}
    if "reason" in detail:
        until = f", until {_instant(detail['until'])}" if "until" in detail else ""
        return f"{detail['reason']}{until}"
    if "note" in detail:
        return str(detail["note"])
    if "from" in detail and "to" in detail:
        return f"{_value(detail['from'])} → {_value(detail['to'])}"
    if "round" in detail:
        return f"round {detail['round']}"
    if row.kind is not None and isinstance(step, Entry | Rule | When) and _came(row):
        return f"{_did(row)} at {shown(row.occurred_at)}"
    said = [f"{name} is {_value(value)}" for name, value in detail.items() if name != "arm"]
    return ", ".join(said) or None


def _came(row: Any) -> bool:
    return Outcome(row.outcome) in (Outcome.ENTERED, Outcome.YES)


def _instant(text: Any) -> str:
    return shown(datetime.fromisoformat(text)) if isinstance(text, str) else str(text)


def _did(row: Any) -> str:
    kind = ActivityKind(row.kind)
    return f'did "{row.subject}"' if row.subject is not None else word(kind).replace("_", " ")


def _value(value: Any) -> str:
    return "empty" if value is None else f"`{value}`" if isinstance(value, str) else f"{value}"


# ---------------------------------------------------------------- the contacts


async def _people(tx: Transaction, scene: Scene) -> dict[str, Person]:
    mine = scene.workspace_id
    tags = await _gathered(
        tx,
        select(contact_tag.c.contact_id, func.array_agg(tag.c.name))
        .join(tag, (tag.c.workspace_id == mine) & (tag.c.id == contact_tag.c.tag_id))
        .where(contact_tag.c.workspace_id == mine)
        .group_by(contact_tag.c.contact_id),
    )
    m = segment_member.c
    segments = await _gathered(
        tx,
        select(m.contact_id, func.array_agg(segment.c.name))
        .join(segment, (segment.c.workspace_id == mine) & (segment.c.id == m.segment_id))
        .where(m.workspace_id == mine, segment.c.campaign_id.is_(None))
        .group_by(m.contact_id),
    )
    messages = await _messages(tx, scene)
    c = contact.c
    rows = await tx.execute(
        select(c.id, c.points, c.stage, c.owner, c.fields).where(c.workspace_id == mine)
    )
    found = {row.id: row for row in rows}
    return {
        name: Person(
            found[number].points,
            tags.get(number, ()),
            segments.get(number, ()),
            _fields(found[number]),
            tuple(messages.get(number, ())),
        )
        for name, number in scene.contacts.items()
        if number in found
    }


def _fields(row: Any) -> dict[str, Any]:
    """The contact's fields; stage and owner among them where they are set."""
    own = {name: getattr(row, name) for name in ("stage", "owner")}
    return {
        **{name: value for name, value in own.items() if value is not None},
        **dict(sorted(row.fields.items())),
    }


async def _gathered(tx: Transaction, query: Any) -> dict[int, tuple[str, ...]]:
    return {row[0]: tuple(sorted(row[1])) for row in await tx.execute(query)}


async def _messages(tx: Transaction, scene: Scene) -> Mapping[int, Sequence[Message]]:
    """What each contact was sent, by this campaign and by others."""
    m = message.c
    rows = await tx.execute(
        select(m.contact_id, m.channel, m.ref, m.data, m.created_at)
        .where(
            m.workspace_id == scene.workspace_id,
            m.state.not_in([int(MessageState.SKIPPED), int(MessageState.PENDING)]),
        )
        .order_by(m.created_at, m.id)
    )
    names = {channel: await _names(tx, scene, name) for channel, name in _KEPT_AS.items()}
    found: dict[int, list[Message]] = {}
    for row in rows:
        channel = Channel(row.channel)
        found.setdefault(row.contact_id, []).append(
            Message(word(channel), _called(names.get(channel, {}), row), row.created_at)
        )
    return found


_KEPT_AS: Final = {
    Channel.EMAIL: "email",
    Channel.SMS: "sms",
    Channel.PUSH: "push_message",
    Channel.WEBHOOK: "webhook",
}


async def _names(tx: Transaction, scene: Scene, name: str) -> dict[int, str]:
    table = metadata.tables.get(name)
    if table is None:
        return {}
    mine = table.c.workspace_id == scene.workspace_id
    rows = await tx.execute(select(table.c.id, table.c.name).where(mine))
    return {row[0]: row[1] for row in rows}


def _called(names: Mapping[int, str], row: Any) -> str:
    """The name of what was sent; a webhook without one is its address, a line in Slack its text."""
    data = row.data or {}
    return names.get(row.ref) or str(data.get("url") or data.get("text") or "")
