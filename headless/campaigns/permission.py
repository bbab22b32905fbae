"""Permission: what a contact agreed to is noted and takes effect, and why it may be written to.

The ledger keeps every line; what counts at a hand-over are suppressions, topics and tracking, and
they follow it. Imports `preferences`, `audience`, `channels` and storage.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from headless import ids
from headless.audience import consents
from headless.audience.consents import MARKETING_ONLY, Consent, Entry
from headless.audience.topics import Choice
from headless.audience.tracked import is_tracked
from headless.campaigns import preferences, sentences
from headless.campaigns.preferences import ABOUT
from headless.channels import suppressed
from headless.problems import Problem
from headless.runtime.versions import Versions
from headless.storage import diary
from headless.storage.codes import Channel, word
from headless.storage.database import Transaction
from headless.storage.diary import TRACKING
from headless.storage.tables import contact, suppression, tracking, workspace

_MOST_LINES: Final = 200
_SHOWN: Final = 5
_CHANNELS: Final = {about: channel for channel, about in ABOUT.items()}
_DEEDS: Final = {
    "requested": "asked to confirm",
    "granted": "agreed",
    "denied": "refused",
    "withdrawn": "withdrew",
}


class Permission(msgspec.Struct, frozen=True):
    """Whether a contact may be written to by a channel (or be tracked), and why, in sentences."""

    about: str
    may: bool
    because: tuple[str, ...]


class Permissions(msgspec.Struct, frozen=True):
    """All of them for one contact."""

    contact_id: int
    name: str
    given: tuple[Permission, ...]


async def note(tx: Transaction, versions: Versions, workspace_id: int, entry: Entry) -> int:
    """Write a line into the ledger and make it true; answers the line's number.

    What was granted by email, sms or push takes away that somebody unsubscribed or has not
    confirmed, and nothing else; that needs a `proof`. Raises Problem `not_found`, `invalid_value`.
    """
    there = await tx.scalar(
        select(contact.c.id)
        .where(contact.c.workspace_id == workspace_id, contact.c.id == entry.contact_id)
        .with_for_update(key_share=True)
    )
    if there is None:
        raise Problem("not_found", "there is no such contact here")
    if entry.action == "granted" and not (entry.proof or "").strip():
        raise Problem("invalid_value", "`proof` is needed: say how it is proved that they agreed")
    channel = _CHANNELS.get(entry.about)
    if entry.about == "tracking":
        await _track(tx, workspace_id, entry)
    elif channel is not None and entry.action == "granted":
        await _open(tx, workspace_id, channel, entry)
    elif channel is not None and await preferences.leave(
        tx, versions, workspace_id, channel, entry
    ):
        return await _newest(tx, workspace_id, entry.contact_id)
    (number,) = await consents.record(tx, workspace_id, [entry])
    return number


async def _newest(tx: Transaction, workspace_id: int, contact_id: int) -> int:
    (line,) = await consents.listing(tx, workspace_id, limit=1, contact_id=contact_id)
    return line.id


async def _track(tx: Transaction, workspace_id: int, entry: Entry) -> None:
    given = insert(tracking).values(
        workspace_id=workspace_id,
        contact_id=entry.contact_id,
        granted=entry.action == "granted",
        source=entry.source,
        at=entry.at,
    )
    await tx.execute(
        given.on_conflict_do_update(
            index_elements=["workspace_id", "contact_id"],
            set_={name: given.excluded[name] for name in ("granted", "source", "at")},
        )
    )
    if tx.diary is not None:
        tx.entries.append(
            diary.Entry(
                at=entry.at, workspace=workspace_id, contact=entry.contact_id, channel=0,
                reason=TRACKING, lifted=entry.action == "granted",
            )
        )  # fmt: skip


async def _open(tx: Transaction, workspace_id: int, channel: Channel, entry: Entry) -> None:
    s = suppression.c
    reason = await tx.scalar(
        select(s.reason).where(
            s.workspace_id == workspace_id,
            s.contact_id == entry.contact_id,
            s.channel == int(channel),
        )
    )
    if reason in MARKETING_ONLY:
        why = f"agreed: {entry.proof}"[: suppressed.MOST_WORDS]
        await suppressed.lift(
            tx, workspace_id, entry.contact_id, channel, because=why, token_id=None, now=entry.at
        )


# ---------------------------------------------------------------- why may we


async def permissions(tx: Transaction, workspace_id: int, contact_id: int) -> Permissions:
    """Why a contact may be written to on which channel, or may not; Problem `not_found`."""
    c = contact.c
    row = (
        await tx.execute(
            select(c.fields, c.email, c.external_id, c.created_at, is_tracked().label("tracked"))
            .join(workspace, workspace.c.id == c.workspace_id)
            .where(c.workspace_id == workspace_id, c.id == contact_id)
        )
    ).one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such contact here")
    lines = await consents.listing(tx, workspace_id, limit=_MOST_LINES, contact_id=contact_id)
    held = await preferences.read(tx, workspace_id, contact_id)
    reachable = {way.channel for way in held.ways}
    s = suppression.c
    rows = await tx.execute(
        select(s.channel, s.reason, s.source, s.at).where(
            s.workspace_id == workspace_id, s.contact_id == contact_id
        )
    )
    closed = {each.channel: each for each in rows}
    given = []
    for channel, about in ABOUT.items():
        told = []
        if channel not in reachable:
            told.append("there is no address for it")
        if channel in closed:
            one = closed[channel]
            told.append(f"{one.reason} at {sentences.moment(one.at)} ({one.source})")
        mine = [line for line in lines if line.about == about]
        told += _told(mine)
        if not told:
            told.append(
                f"nothing stands in the way, and the ledger has no line of it; the contact is"
                f" here since {sentences.moment(row.created_at)}"
            )
        may = channel in reachable and channel not in closed
        given.append(Permission(word(channel), may, tuple(told)))
    for choice in held.choices:
        mine = [line for line in lines if line.topic_id == choice.topic.id]
        because = tuple(_told(mine)) or (_chosen(choice),)
        given.append(Permission(f"topic {choice.topic.name}", choice.subscribed, because))
    seen = [line for line in lines if line.about == "tracking"]
    unknown = ("the contact was not asked; the workspace's setting counts",)
    given.append(Permission("tracking", bool(row.tracked), tuple(_told(seen)) or unknown))
    name = row.fields.get("first_name") or row.email or row.external_id or ""
    return Permissions(contact_id, str(name), tuple(given))


def _chosen(choice: Choice) -> str:
    """Why a topic is or is not for a contact of whose choice the ledger has no line."""
    if choice.chosen_at is None:
        return "asked for by nobody here" if choice.topic.opt_in else "for all who stay"
    chose = "to get it" if choice.subscribed else "not to get it"
    return f"chose {chose} at {sentences.moment(choice.chosen_at)} ({choice.source})"


def _told(lines: Sequence[Consent]) -> list[str]:
    return [_line(line) for line in lines[:_SHOWN]]


def _line(line: Consent) -> str:
    parts = [f"{_DEEDS[line.action]} at {sentences.moment(line.at)} ({line.source})"]
    if line.text:
        version = f" (version {line.text_version})" if line.text_version else ""
        parts.append(f"to “{line.text}”{version}")
    if line.proof:
        parts.append(f"proved by {line.proof}")
    if line.evidence.ip:
        parts.append(f"from {line.evidence.ip}")
    return ", ".join(parts)


def render(found: Permissions) -> str:
    """The permissions as a person reads them in a terminal."""
    parts = [f"{found.name} ({ids.encode('con', found.contact_id)})"]
    for one in found.given:
        parts.append(f"{one.about}: {'yes' if one.may else 'no'}")
        parts += [f"  {sentence}" for sentence in one.because]
    return "\n".join(parts) + "\n"
