"""Acting: what the file of activities says becomes the real thing, by the doors that faces use.

Whoever joins a segment is put into it, a tag is given, a field is written; what only happened is
written down as an activity, and the engine hears it in the same transaction. Imports `campaigns`,
`audience`, the engine's ear and storage.
"""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, cast, func, insert, literal, null, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from headless.audience.activities import Activity, record, told
from headless.audience.conditions import heard
from headless.audience.contacts import changed
from headless.audience.field_values import FieldValue
from headless.audience.membership import join, leave
from headless.audience.saving import save
from headless.audience.writes import Write
from headless.campaigns import enroll, lifecycle
from headless.dsl import ast
from headless.problems import Problem
from headless.runtime.listen import hear, start_by_sending
from headless.simulation.activities import WHAT, Changed, Cue, Did, Moved, Sent, Steered
from headless.simulation.contacts import fitted, points
from headless.simulation.faults import Fault, FaultyFileError, UnfitError
from headless.simulation.scene import Scene
from headless.storage.codes import ActivityKind, Channel, MessageState
from headless.storage.database import Transaction
from headless.storage.tables import Instant, contact, contact_points, message, suppression

_CHANNELS: Final = {"email": Channel.EMAIL, "sms": Channel.SMS, "push message": Channel.PUSH}
_STATES: Final = (
    ast.Joined, ast.Left, ast.TagGot, ast.StageEntered, ast.PointsReached, ast.FieldChanged,
    ast.Unsubscribed,
)  # fmt: skip
"""Events that are a change of the contact: acting them out changes it, and that is told."""


async def act(scene: Scene, cues: Sequence[Cue], *, now: datetime) -> None:
    """Let everything of one instant happen, in its order.

    Raises FaultyFileError for what cannot be done, such as pausing a paused campaign.
    """
    happened: list[Cue] = []
    for cue in cues:
        plain = isinstance(cue.deed, Did) and not isinstance(cue.deed.event, _STATES)
        if plain:
            happened.append(cue)
            continue
        await _recorded(scene, happened, now)
        happened = []
        try:
            await _act(scene, cue, now)
        except (Problem, ValueError) as error:
            detail = error.detail if isinstance(error, Problem) else str(error)
            if not cue.line:
                raise UnfitError(detail, "give contacts and activities of your own") from error
            raise FaultyFileError(WHAT, [Fault(cue.line, detail)]) from error
    await _recorded(scene, happened, now)


async def _act(scene: Scene, cue: Cue, now: datetime) -> None:
    who = scene.contacts[cue.contact] if cue.contact is not None else 0
    match cue.deed:
        case Did(event=event) as did:
            await _DOORS[type(event)](scene, who, did, now)
        case Changed(values=values):
            await _change(scene, who, values, now)
        case Sent(email=name):
            await _sent(scene, who, name, now)
        case Moved(order=order, entry=entry):
            await _moved(scene, scene.campaign_id, who, order, entry, now)
        case Steered(order=order):
            async with scene.database.transaction() as tx:
                of = tx, scene.workspace_id, scene.campaign_id
                if order == "pause":
                    await lifecycle.pause(*of, now=now)
                else:
                    await lifecycle.resume(*of, shifted=order == "resume shifted", now=now)


# ---------------------------------------------------------------- what only happened


async def _recorded(scene: Scene, cues: Sequence[Cue], now: datetime) -> None:
    if not cues:
        return
    async with scene.database.transaction() as tx:
        items: list[Activity] = []
        for cue in cues:
            if isinstance(cue.deed, Did) and cue.contact is not None:
                items += await _activities(tx, scene, scene.contacts[cue.contact], cue.deed, now)
        recorded = await record(tx, scene.workspace_id, items, now=now)
        if recorded.ids:
            await hear(
                tx,
                scene.engine.versions,
                scene.workspace_id,
                recorded.ids,
                about=recorded.about,
                now=now,
            )


async def _activities(
    tx: Transaction, scene: Scene, who: int, did: Did, now: datetime
) -> list[Activity]:
    """A deed as activities: a click opens the email as well, as it does live."""
    (one,) = heard(did.event, scene.names)
    properties = {**_properties(did.event), **(did.properties or {})}
    made = Activity(
        contact_id=who,
        kind=one.kind,
        ref=one.ref,
        occurred_at=did.happened or now,
        key=None if did.key is None else f"file:{did.key}",
        properties=properties or None,
    )
    if one.kind not in (ActivityKind.OPENED, ActivityKind.CLICKED, ActivityKind.BOUNCED):
        return [made]
    number, email = await _last_message(tx, scene, who, one.ref)
    made = msgspec.structs.replace(made, ref=one.ref or email, message_id=number)
    if one.kind is ActivityKind.BOUNCED:
        await _suppressed(tx, scene, who, Channel.EMAIL, "hard_bounce", now)
    if one.kind is not ActivityKind.CLICKED:
        return [made]
    key = f"click:{number}" if number is not None else None
    opened = msgspec.structs.replace(made, kind=ActivityKind.OPENED, key=key, properties=None)
    return [opened, made] if made.ref else [made]


def _properties(event: ast.Single) -> dict[str, Any]:
    """What an activity of this event brings along; a `*` of a pattern stands for nothing."""
    match event:
        case ast.LinkClicked(link=link):
            return {"url": link.replace("*", "")}
        case ast.PageVisited(page=page, referrer=referrer, device=device):
            address = any(sign in page.text for sign in ("/", "*"))
            url = {"url": page.text.replace("*", "")} if address else {}
            return {**url, **_visit(referrer, device)}
        case ast.SiteVisited(referrer=referrer, device=device):
            return _visit(referrer, device)
        case ast.TimeSpent(duration=duration):
            return {"seconds": duration.least_seconds}
        case ast.Replied(pattern=str(pattern)):
            return {"text": pattern.replace("*", "")}
        case _:
            return {}


def _visit(referrer: str | None, device: ast.Name | None) -> dict[str, Any]:
    found = {} if referrer is None else {"referrer": referrer.replace("*", "")}
    return found if device is None else {**found, "device": device.text}


async def _last_message(
    tx: Transaction, scene: Scene, who: int, email: int
) -> tuple[int | None, int]:
    """The last mail to a contact (of one email, unless that is 0), and which email it is."""
    m = message.c
    found = await tx.execute(
        select(m.id, m.ref)
        .where(
            m.workspace_id == scene.workspace_id,
            m.contact_id == who,
            m.channel == int(Channel.EMAIL),
            m.state != int(MessageState.SKIPPED),
            *([m.ref == email] if email else []),
        )
        .order_by(m.created_at.desc(), m.id.desc())
        .limit(1)
    )
    row = found.one_or_none()
    return (None, email) if row is None else (row.id, row.ref)


# ---------------------------------------------------------------- what changes the contact


async def _joins(scene: Scene, who: int, did: Did, now: datetime) -> None:
    event = did.event
    if not isinstance(event, ast.Joined | ast.Left):
        raise TypeError(f"{event!r} is no coming or going")
    comes = isinstance(event, ast.Joined)
    if event.gathering == "campaign":
        order = "add" if comes else "remove"
        await _moved(scene, scene.campaign(event.name), who, order, did.properties, now)
        return
    number = scene.names.id("segment", event.name.text)
    async with scene.database.transaction() as tx:
        await (join if comes else leave)(tx, scene.workspace_id, number, [who], now=now)


async def _moved(
    scene: Scene, campaign_id: int, who: int, order: str, entry: Any, now: datetime
) -> None:
    async with scene.database.transaction() as tx:
        of = tx, scene.workspace_id, campaign_id, [who]
        if order == "remove":
            await enroll.remove(*of, now=now)
        else:
            versions = scene.engine.versions
            await enroll.add(of[0], versions, *of[1:], data=entry, now=now)


async def _tagged(scene: Scene, who: int, did: Did, now: datetime) -> None:
    if isinstance(did.event, ast.TagGot):
        await _write(scene, Write(contact_id=who, add_tags=(did.event.tag.text,)), now)


async def _staged(scene: Scene, who: int, did: Did, now: datetime) -> None:
    if isinstance(did.event, ast.StageEntered):
        await _write(scene, Write(contact_id=who, stage=did.event.stage.text), now)


async def _field_changed(scene: Scene, who: int, did: Did, now: datetime) -> None:
    """To the `to` of the properties, else to something that it was not before."""
    if not isinstance(did.event, ast.FieldChanged):
        return
    name = did.event.field.name
    if did.properties is not None and "to" in did.properties:
        await _change(scene, who, {name: did.properties["to"]}, now)
        return
    async with scene.database.transaction() as tx:
        before = await tx.scalar(
            select(contact.c.fields[name]).where(
                contact.c.workspace_id == scene.workspace_id, contact.c.id == who
            )
        )
    await _change(scene, who, {name: _another(scene.types.get(name, "text"), before, now)}, now)


def _another(type_: str, before: Any, now: datetime) -> Any:
    match type_:
        case "number":
            return (before or 0) + 1
        case "boolean":
            return not before
        case "date":
            return now.date().isoformat()
        case "datetime":
            return now.isoformat()
        case _:
            return f"changed at {now:%Y-%m-%d %H:%M:%S}"


async def _change(scene: Scene, who: int, values: Any, now: datetime) -> None:
    columns: dict[str, Any] = {}
    fields: dict[str, FieldValue | None] = {}
    types = {name.casefold(): (name, type_) for name, type_ in scene.types.items()}
    for name, value in values.items():
        if name == "points":
            await _set_points(scene, who, points(value), now)
        elif name == "tags":
            columns["add_tags"] = value
        elif name in Write.__struct_fields__:
            columns[name] = None if value == "" else value
        else:
            known, type_ = types[name.casefold()]
            fields[known] = None if value is None or value == "" else fitted(type_, value)
    if columns or fields:
        await _write(scene, Write(contact_id=who, fields=fields, **columns), now)


async def _write(scene: Scene, write: Write, now: datetime) -> None:
    (saved,) = await save(scene.database, scene.workspace_id, [write], now=now)
    if saved.problem is not None:
        raise saved.problem


async def _reached(scene: Scene, who: int, did: Did, now: datetime) -> None:
    """Up to so many points; whoever has them reaches nothing."""
    event = did.event
    if not isinstance(event, ast.PointsReached):
        return
    group = 0 if event.group is None else scene.names.id("group", event.group.text)
    async with scene.database.transaction() as tx:
        there = await _points_of(tx, scene, who, group)
    if there < event.points:
        await _set_points(scene, who, event.points, now, group)


async def _points_of(tx: Transaction, scene: Scene, who: int, group: int) -> int:
    """A contact's points, in a group unless that is 0."""
    table, at = (contact_points, contact_points.c.contact_id) if group else (contact, contact.c.id)
    of_group = [contact_points.c.group_id == group] if group else []
    number = await tx.scalar(
        select(table.c.points).where(
            table.c.workspace_id == scene.workspace_id, at == who, *of_group
        )
    )
    return number or 0


async def _set_points(scene: Scene, who: int, many: int, now: datetime, group: int = 0) -> None:
    async with scene.database.transaction() as tx:
        before = await _points_of(tx, scene, who, group)
        if group:
            row = {
                "workspace_id": scene.workspace_id, "contact_id": who, "group_id": group,
                "points": many,
            }  # fmt: skip
            key = [contact_points.c[n] for n in ("workspace_id", "contact_id", "group_id")]
            written = upsert(contact_points).values(row)
            await tx.execute(
                written.on_conflict_do_update(index_elements=key, set_={"points": many})
            )
        else:
            await tx.execute(
                update(contact)
                .where(contact.c.workspace_id == scene.workspace_id, contact.c.id == who)
                .values(points=many, updated_at=now)
            )
        rows = select(
            literal(who).label("contact_id"),
            literal(now, Instant).label("occurred_at"),
            cast(null(), BigInteger).label("enrollment_id"),
            func.jsonb_build_object("from", before, "to", many).label("properties"),
        )
        noted, todo = told(
            scene.workspace_id, rows, ActivityKind.REACHED_POINTS, group,
            now=literal(now, Instant), name="points",
        )  # fmt: skip
        await tx.execute(select(func.count()).select_from(todo).add_cte(noted))
        await changed(tx, scene.workspace_id, [who])


async def _unsubscribed(scene: Scene, who: int, did: Did, now: datetime) -> None:
    event = did.event
    if not isinstance(event, ast.Unsubscribed):
        return
    wanted = event.channel or "email"
    channels = _CHANNELS.values() if wanted == "all" else [_CHANNELS[wanted]]
    async with scene.database.transaction() as tx:
        new = [
            channel
            for channel in channels
            if await _suppressed(tx, scene, who, channel, "unsubscribed", now)
        ]
        items = [
            Activity(
                contact_id=who,
                kind=ActivityKind.UNSUBSCRIBED,
                ref=int(channel),
                occurred_at=now,
                properties=did.properties,
            )
            for channel in new
        ]
        if wanted == "all":
            items += [msgspec.structs.replace(each, ref=0) for each in items[:1]]
        recorded = await record(tx, scene.workspace_id, items, now=now)
        if recorded.ids:
            await hear(
                tx,
                scene.engine.versions,
                scene.workspace_id,
                recorded.ids,
                about=recorded.about,
                now=now,
            )


async def _suppressed(
    tx: Transaction, scene: Scene, who: int, channel: Channel, reason: str, now: datetime
) -> bool:
    """No more messages on a channel; False when that was so already."""
    row = {
        "workspace_id": scene.workspace_id, "contact_id": who, "channel": int(channel),
        "reason": reason, "source": "simulation", "at": now,
    }  # fmt: skip
    new = await tx.execute(
        upsert(suppression).values(row).on_conflict_do_nothing().returning(suppression.c.contact_id)
    )
    return new.one_or_none() is not None


async def _sent(scene: Scene, who: int, name: str, now: datetime) -> None:
    """A mail of somebody else's: runs that begin when it is sent begin."""
    row = {
        "workspace_id": scene.workspace_id, "contact_id": who, "channel": int(Channel.EMAIL),
        "ref": scene.names.id("email", name), "state": int(MessageState.SENT),
        "created_at": now, "due_at": now, "sent_at": now,
    }  # fmt: skip
    async with scene.database.transaction() as tx:
        number = await tx.scalar(insert(message).values(row).returning(message.c.id))
        versions = scene.engine.versions
        await start_by_sending(tx, versions, scene.workspace_id, [number], now=now)


_Door = Callable[[Scene, int, Did, datetime], Coroutine[Any, Any, None]]
_DOORS: Final[dict[type[ast.Node], _Door]] = {
    ast.Joined: _joins,
    ast.Left: _joins,
    ast.TagGot: _tagged,
    ast.StageEntered: _staged,
    ast.PointsReached: _reached,
    ast.FieldChanged: _field_changed,
    ast.Unsubscribed: _unsubscribed,
}
