"""Ingest: what contacts do, from wherever it is reported, reaches the campaigns that wait for it.

Every face brings activities here. One transaction writes a batch down, once by the sender's own
ids, and lets the engine hear it. Imports `audience`, the runtime and storage.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from headless import ids
from headless.audience.activities import Activity, record
from headless.audience.consents import Entry, Evidence
from headless.campaigns.preferences import leave
from headless.problems import Problem
from headless.runtime.listen import hear
from headless.runtime.versions import Versions
from headless.storage.codes import ActivityKind, Channel
from headless.storage.database import Database, Transaction
from headless.storage.tables import contact, subject
from headless.workspace.names import LONGEST as LONGEST_NAME
from headless.workspace.names import subjects

MOST_ITEMS: Final = 1_000
RETENTION: Final = timedelta(days=400)
"""How far back an activity may have happened and still be taken."""
LONGEST_ID: Final = 500
MOST_PROPERTIES: Final = 500
"""How many properties of an event are learned."""
_NUL: Final = rb"\u0000"
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_TYPES: Final = {str: "text", bool: "boolean", int: "number", float: "number"}


class Who(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contact by one of its identities."""

    id: str | None = None
    external_id: str | None = None
    email: str | None = None


class ActivityIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One activity as a sender reports it; `id` is the sender's own and makes it count once."""

    contact: Who
    did: str
    id: str | None = None
    occurred_at: datetime | None = None
    sent_at: datetime | None = None
    properties: dict[str, Any] | None = None


class Ingested(msgspec.Struct, frozen=True):
    """How many activities were new, how many known already, and which were refused and why."""

    accepted: int
    duplicates: int
    rejected: tuple[tuple[int, Problem], ...] = ()


async def ingest(
    database: Database,
    versions: Versions,
    workspace_id: int,
    items: Sequence[ActivityIn],
    *,
    source: str = "api",
    now: datetime,
) -> Ingested:
    """Take a batch of activities; one bad item never refuses the rest.

    `source` keeps the ids of different senders apart.
    """
    if len(items) > MOST_ITEMS:
        raise Problem("too_large", f"a call takes at most {MOST_ITEMS} activities; send several")
    faults = {index: fault for index, item in enumerate(items) if (fault := _fault(item, now))}
    sound = [(index, item) for index, item in enumerate(items) if index not in faults]
    rejected = list(faults.items())
    async with database.transaction() as tx:
        known = await _contacts(tx, workspace_id, [item.contact for _, item in sound])
        named = [(item.did, item.properties or {}) for _, item in sound]
        events = await event_ids(tx, workspace_id, named, now=now)
        taken: list[Activity] = []
        for index, item in sound:
            read = _read(item, known, events, source, now)
            if isinstance(read, Problem):
                rejected.append((index, read))
            else:
                taken.append(read)
        recorded = await record(tx, workspace_id, taken, now=now)
        if recorded.ids:
            await hear(tx, versions, workspace_id, recorded.ids, now=now)
    rejected.sort(key=lambda one: one[0])
    return Ingested(len(recorded.ids), recorded.duplicates, tuple(rejected))


def _fault(item: ActivityIn, now: datetime) -> Problem | None:
    """What is wrong with an item in itself, so that nothing is looked up for it."""
    did = item.did.strip()
    if not did or len(did) > LONGEST_NAME or not did.isprintable():
        return Problem(
            "invalid_value",
            f"`did` names what the contact did, in 1 to {LONGEST_NAME} characters that can be "
            "printed",
        )
    if item.id is not None and len(item.id) > LONGEST_ID:
        return Problem("invalid_value", f"`id` has {LONGEST_ID} characters at most")
    if _NUL in msgspec.json.encode(item) and _holds_nul(msgspec.to_builtins(item)):
        return Problem("invalid_value", "a text holds U+0000; leave it out")
    occurred_at = _occurred(item, now)
    if occurred_at is None:
        return Problem("invalid_value", "a time needs a zone, such as `2026-01-05T09:00:00Z`")
    if occurred_at < now - RETENTION:
        return Problem(
            "invalid_value", f"it happened more than {RETENTION.days} days ago; too old to be kept"
        )
    return None


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(name) or _holds_nul(member) for name, member in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def _read(
    item: ActivityIn,
    known: dict[tuple[str, str], int],
    events: dict[str, int],
    source: str,
    now: datetime,
) -> Activity | Problem:
    contact_id = next((known[i] for i in _identities(item.contact) if i in known), None)
    if contact_id is None:
        given = next(iter(_identities(item.contact)), None)
        if given is None:
            return Problem("invalid_value", "say who: `id`, `external_id` or `email`")
        return Problem("not_found", f"there is no contact with the {given[0]} `{given[1]}`")
    return Activity(
        contact_id=contact_id,
        kind=ActivityKind.DID,
        ref=events[item.did.strip().lower()],
        occurred_at=_occurred(item, now) or now,
        key=None if item.id is None else f"{source}:{item.id}",
        properties=item.properties,
    )


def _occurred(item: ActivityIn, now: datetime) -> datetime | None:
    """By the sender's clock, corrected by what it said when it sent; never in the future."""
    occurred = item.occurred_at or now
    if occurred.tzinfo is None or (item.sent_at is not None and item.sent_at.tzinfo is None):
        return None
    if item.sent_at is None:
        return min(occurred, now)
    ago = item.sent_at - occurred
    try:
        return min(now - ago, now)
    except OverflowError:  # beyond all calendars
        return _NEVER if ago > timedelta() else now


def _identities(who: Who) -> list[tuple[str, str]]:
    given = (("id", who.id), ("external_id", who.external_id), ("email", who.email))
    return [(name, v.lower() if name == "email" else v) for name, v in given if v]


async def _contacts(
    tx: Transaction, workspace_id: int, whos: Sequence[Who]
) -> dict[tuple[str, str], int]:
    """The contacts of a batch by each identity given, in one query for each kind of identity."""
    wanted: dict[str, set[str]] = {}
    for who in whos:
        for name, value in _identities(who):
            wanted.setdefault(name, set()).add(value)
    numbers = {n: v for v in wanted.get("id", ()) if (n := ids.decode("con", v)) is not None}
    columns: dict[str, tuple[Any, Any, list[Any]]] = {
        "external_id": (contact.c.external_id, Text, sorted(wanted.get("external_id", ()))),
        "email": (func.lower(contact.c.email), Text, sorted(wanted.get("email", ()))),
        "id": (contact.c.id, BigInteger, sorted(numbers)),
    }
    found: dict[tuple[str, str], int] = {}
    for name, (column, type_, values) in columns.items():
        if values:
            these = bindparam("these", type_=ARRAY(type_))
            rows = await tx.execute(
                select(column, contact.c.id).where(
                    contact.c.workspace_id == workspace_id, column == these.any_()
                ),
                {"these": values},
            )
            for row in rows:
                found[name, numbers[row[0]] if name == "id" else row[0]] = row[1]
    return found


async def event_ids(
    tx: Transaction,
    workspace_id: int,
    named: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    now: datetime,
) -> dict[str, int]:
    """The ids of events by their names in lower case; what properties they bring is learned.

    `named` has each event with its properties.
    """
    names = {name.strip() for name, _ in named if name.strip()}
    found = await subjects(tx, workspace_id, "event", names, now=now)
    seen: dict[int, dict[str, str]] = {}
    by_name = {name.lower(): number for name, number in found.items()}
    for event, properties in named:
        for name, value in properties.items():
            kind = _TYPES.get(type(value))
            if kind is not None and event.strip():
                seen.setdefault(by_name[event.strip().lower()], {})[name] = kind
    await _learn(tx, workspace_id, seen)
    return by_name


async def _learn(tx: Transaction, workspace_id: int, seen: dict[int, dict[str, str]]) -> None:
    """Add properties that an event has not been seen with; most batches bring none."""
    if not seen:
        return
    rows = await tx.execute(
        select(subject.c.id, subject.c.properties).where(
            subject.c.workspace_id == workspace_id, subject.c.id.in_(list(seen))
        )
    )
    for row in rows.all():
        new = {name: kind for name, kind in seen[row.id].items() if name not in row.properties}
        room = MOST_PROPERTIES - len(row.properties)
        if new := dict(list(new.items())[: max(room, 0)]):
            await tx.execute(
                update(subject)
                .where(subject.c.workspace_id == workspace_id, subject.c.id == row.id)
                .values(properties=subject.c.properties.concat(new))
            )


# ---------------------------------------------------------------- opens, clicks, unsubscribes


class Answer(msgspec.Struct, frozen=True):
    """What a person did with a message that we sent: the verified content of a signed link."""

    workspace_id: int
    contact_id: int
    message_id: int
    email_id: int
    url: str | None = None


async def answered(
    tx: Transaction,
    versions: Versions,
    workspace_id: int,
    answers: Sequence[tuple[Answer, datetime]],
) -> None:
    """People opened messages, or followed a link (`url`), at those instants; all at once.

    A click opens the message, too, seen or unseen by a pixel. How often does not matter to those
    who wait for it.
    """
    done = [activity for answer, at in answers for activity in _what(answer, at)]
    now = max(at for _, at in answers)
    recorded = await record(tx, workspace_id, done, now=now)
    if recorded.ids:
        await hear(tx, versions, workspace_id, recorded.ids, now=now)


def _what(answer: Answer, at: datetime) -> list[Activity]:
    opened = Activity(
        contact_id=answer.contact_id,
        kind=ActivityKind.OPENED,
        ref=answer.email_id,
        occurred_at=at,
        message_id=answer.message_id,
    )
    if answer.url is None:
        return [opened]
    change, properties = msgspec.structs.replace, {"url": answer.url}
    return [
        change(opened, key=f"click:{answer.message_id}", properties=properties),
        change(opened, kind=ActivityKind.CLICKED, properties=properties),
    ]


async def unsubscribe(
    database: Database,
    versions: Versions,
    answer: Answer,
    *,
    source: str,
    now: datetime,
    evidence: Evidence | None = None,
) -> bool:
    """The contact wants no more marketing mail; False when that was known already.

    It ends no run by itself: campaigns that care say `stop when unsubscribed`.
    """
    entry = Entry(
        contact_id=answer.contact_id,
        about="email",
        action="withdrawn",
        source=source,
        message_id=answer.message_id,
        evidence=evidence or Evidence(),
        at=now,
    )
    async with database.transaction() as tx:
        return await leave(tx, versions, answer.workspace_id, Channel.EMAIL, entry)
