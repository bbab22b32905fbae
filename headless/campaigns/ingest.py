"""Ingest: what contacts do, from wherever it is reported, reaches the campaigns that wait for it.

Every face brings activities here. One transaction writes a batch down, once by the sender's own
ids, and lets the engine hear it. Imports `audience`, the runtime and storage.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Text, func, select, update

from headless import ids
from headless.audience.activities import Activity, record
from headless.audience.consents import Entry, Evidence
from headless.campaigns.preferences import leave
from headless.problems import Problem
from headless.runtime.listen import hear
from headless.runtime.versions import Versions
from headless.storage.codes import ActivityKind, Channel
from headless.storage.database import WORKSPACES, Database, Transaction
from headless.storage.many import many
from headless.storage.tables import contact, subject
from headless.workspace.names import LONGEST as LONGEST_NAME
from headless.workspace.names import subjects

MOST_ITEMS: Final = 1_000
RETENTION: Final = timedelta(days=400)
"""How far back an activity may have happened and still be taken."""
LONGEST_ID: Final = 500
MOST_PROPERTIES: Final = 500
"""How many properties of an event are learned."""
_IDENTITIES: Final = {
    "external_id": contact.c.external_id,
    "email": func.lower(contact.c.email),
    "id": contact.c.id,
}
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
    sound, rejected = _sifted(items, now)
    async with database.transaction() as tx:
        known = await _contacts(tx, workspace_id, [one.who for one in sound])
        named = [(one.item.did, one.item.properties or {}) for one in sound]
        events = await event_ids(tx, workspace_id, named, now=now)
        refs = {did: events[did.strip().lower()] for did in {did for did, _ in named}}
        taken: list[Activity] = []
        for one in sound:
            read = _read(one, known, refs, source)
            if isinstance(read, Problem):
                rejected.append((one.index, read))
            else:
                taken.append(read)
        recorded = await record(tx, workspace_id, taken, now=now)
        if recorded.ids:
            await hear(tx, versions, workspace_id, recorded.ids, about=recorded.about, now=now)
    rejected.sort(key=lambda one: one[0])
    return Ingested(len(recorded.ids), recorded.duplicates, tuple(rejected))


class _Sound(msgspec.Struct, frozen=True):
    """An item that is right in itself: its place, by which identities, and when it happened."""

    index: int
    item: ActivityIn
    who: list[tuple[str, str]]
    occurred_at: datetime


def _sifted(
    items: Sequence[ActivityIn], now: datetime
) -> tuple[list[_Sound], list[tuple[int, Problem]]]:
    """The items that are right in themselves, and why the others are refused."""
    names = {item.did for item in items}
    nameless = frozenset(name for name in names if not _is_name(name.strip()))
    nul = _NUL in msgspec.json.encode(items)
    sound: list[_Sound] = []
    rejected: list[tuple[int, Problem]] = []
    for index, item in enumerate(items):
        occurred_at = _checked(item, nameless, nul, now)
        if isinstance(occurred_at, Problem):
            rejected.append((index, occurred_at))
        else:
            sound.append(_Sound(index, item, _identities(item.contact), occurred_at))
    return sound, rejected


def _is_name(did: str) -> bool:
    return 0 < len(did) <= LONGEST_NAME and did.isprintable()


def _checked(
    item: ActivityIn, nameless: frozenset[str], nul: bool, now: datetime
) -> datetime | Problem:
    """When it happened, or what is wrong with an item in itself, so that nothing is looked up for
    it; `nul`: some item may hold U+0000."""
    if item.did in nameless:
        return Problem(
            "invalid_value",
            f"`did` names what the contact did, in 1 to {LONGEST_NAME} characters that can be "
            "printed",
        )
    if item.id is not None and len(item.id) > LONGEST_ID:
        return Problem("invalid_value", f"`id` has {LONGEST_ID} characters at most")
    if nul and _holds_nul(msgspec.to_builtins(item)):
        return Problem("invalid_value", "a text holds U+0000; leave it out")
    occurred_at = _occurred(item, now)
    if occurred_at is None:
        return Problem("invalid_value", "a time needs a zone, such as `2026-01-05T09:00:00Z`")
    if occurred_at < now - RETENTION:
        return Problem(
            "invalid_value", f"it happened more than {RETENTION.days} days ago; too old to be kept"
        )
    return occurred_at


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(name) or _holds_nul(member) for name, member in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def _read(
    one: _Sound, known: dict[tuple[str, str], int], refs: dict[str, int], source: str
) -> Activity | Problem:
    contact_id = None
    for identity in one.who:
        if (contact_id := known.get(identity)) is not None:
            break
    if contact_id is None:
        if not one.who:
            return Problem("invalid_value", "say who: `id`, `external_id` or `email`")
        name, value = one.who[0]
        return Problem("not_found", f"there is no contact with the {name} `{value}`")
    item = one.item
    return Activity(
        contact_id=contact_id,
        kind=ActivityKind.DID,
        ref=refs[item.did],
        occurred_at=one.occurred_at,
        key=None if item.id is None else f"{source}:{item.id}",
        properties=item.properties,
    )


def _occurred(item: ActivityIn, now: datetime) -> datetime | None:
    """By the sender's clock, corrected by what it said when it sent; never in the future."""
    if item.occurred_at is None and item.sent_at is None:
        return now
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
    found = []
    if who.id:
        found.append(("id", who.id))
    if who.external_id:
        found.append(("external_id", who.external_id))
    if who.email:
        found.append(("email", who.email.lower()))
    return found


async def _contacts(
    tx: Transaction, workspace_id: int, whos: Sequence[Sequence[tuple[str, str]]]
) -> dict[tuple[str, str], int]:
    """The contacts of a batch by each identity given, in one query for each kind of identity."""
    wanted: dict[str, set[str]] = {"external_id": set(), "email": set(), "id": set()}
    for who in whos:
        for name, value in who:
            wanted[name].add(value)
    numbers = {n: v for v in wanted.pop("id") if (n := ids.decode("con", v)) is not None}
    values: dict[str, list[Any]] = {name: sorted(each) for name, each in wanted.items()}
    found: dict[tuple[str, str], int] = {}
    for name, these in {**values, "id": sorted(numbers)}.items():
        if these:
            rows = await tx.execute(_identified(workspace_id, name), {"these": these})
            for value, number in rows.all():
                found[name, numbers[value] if name == "id" else value] = number
    return found


@lru_cache(maxsize=3 * WORKSPACES)
def _identified(workspace_id: int, name: str) -> Any:
    """Contacts by `:these` identities of one kind."""
    column: Any = _IDENTITIES[name]
    these = many("these", BigInteger if name == "id" else Text)
    return select(column, contact.c.id).where(
        contact.c.workspace_id == workspace_id, column == these.any_()
    )


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
    names = {name.strip() for name in {name for name, _ in named}} - {""}
    found = await subjects(tx, workspace_id, "event", names, now=now)
    seen: dict[int, dict[str, str]] = {}
    by_name = {name.lower(): number for name, number in found.items()}
    for event, properties in named:
        number = by_name.get(event.strip().lower()) if properties else None
        for name, value in properties.items():
            kind = _TYPES.get(type(value))
            if kind is not None and number is not None:
                seen.setdefault(number, {})[name] = kind
    await _learn(tx, workspace_id, seen)
    return by_name


async def _learn(tx: Transaction, workspace_id: int, seen: dict[int, dict[str, str]]) -> None:
    """Add properties that an event has not been seen with; most batches bring none."""
    if not seen:
        return
    these = many("these", BigInteger, value=list(seen), unique=True)
    rows = await tx.execute(
        select(subject.c.id, subject.c.properties).where(
            subject.c.workspace_id == workspace_id, subject.c.id == these.any_()
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
        await hear(tx, versions, workspace_id, recorded.ids, about=recorded.about, now=now)


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
