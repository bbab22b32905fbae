"""`/v1/segments`: lists of contacts, and sets that a condition in the language defines.

A segment is named in a path by its id or, percent-encoded, by its name.
"""

from typing import Any, Final

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import (
    Cursor,
    Instant,
    Limit,
    Page,
    after,
    instant,
    maybe_instant,
    page,
)
from headless.audience import segments
from headless.audience.segments import Member, Segment
from headless.campaigns.ingest import Who
from headless.problems import Problem
from headless.storage.database import Transaction

_MOST: Final = 1000


class NewSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A segment to make; without a condition it is a list."""

    name: str
    condition: str | None = None


class SegmentChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be different; a condition of null makes a list of those who are in it."""

    name: str | UnsetType = UNSET
    condition: str | UnsetType | None = UNSET


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition to count by."""

    condition: str


class MemberChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contacts to put in and to take out, by id or by one of their identities."""

    add: list[str | Who] = []
    remove: list[str | Who] = []


class SegmentShape(msgspec.Struct, frozen=True):
    """A segment; `dynamic` when a condition decides who is in it."""

    id: str
    name: str
    dynamic: bool
    condition: str | None
    members: int
    created_at: Instant
    refreshed_at: Instant | None


class MemberShape(msgspec.Struct, frozen=True):
    """A contact in a segment."""

    id: str
    external_id: str | None
    email: str | None
    since: Instant


class Unknown(msgspec.Struct, frozen=True):
    """An item of a change that names no contact here."""

    list: str
    index: int


class MembersChanged(msgspec.Struct, frozen=True):
    """How many are new in the segment, how many left it, and which items name nobody."""

    added: int
    removed: int
    unknown: list[Unknown]


class Preview(msgspec.Struct, frozen=True):
    """How many contacts a condition holds for."""

    contacts: int


def _shape(known: Segment) -> SegmentShape:
    return SegmentShape(
        id=ids.encode("seg", known.id),
        name=known.name,
        dynamic=known.is_dynamic,
        condition=known.condition,
        members=known.members,
        created_at=instant(known.created_at),
        refreshed_at=maybe_instant(known.refreshed_at),
    )


def _answer(known: Segment, *, status: int = 200) -> Response[SegmentShape]:
    """A segment with its entity tag; a new one with its place."""
    told = _shape(known)
    headers = {"ETag": f'"{known.revision}"'}
    if status == 201:
        headers["Location"] = f"/v1/segments/{told.id}"
    return Response(told, status_code=status, headers=headers)


def shape_of_member(known: Member) -> MemberShape:
    """A member as answers show it."""
    id_ = ids.encode("con", known.contact_id)
    return MemberShape(id_, known.external_id, known.email, instant(known.since))


@post(
    "/segments",
    opt={**needs("segments:write"), **reads(NewSegment)},
    tags=["Segments"],
    status_code=201,
)
async def create_segment(request: Request[Any, Any, Any], call: Caller) -> Response[SegmentShape]:
    """Make a segment; a faulty condition answers 422 with every diagnostic."""
    body = await bodies.read(request, NewSegment)
    async with call.transaction() as tx:
        made = await segments.create(tx, call.workspace_id, body.name, body.condition, now=call.now)
    return _answer(made, status=201)


@post(
    "/segments/preview",
    opt={**needs("segments:read"), **reads(Condition)},
    tags=["Segments"],
    status_code=200,
)
async def preview_segment(request: Request[Any, Any, Any], call: Caller) -> Preview:
    """How many contacts a condition holds for now; stores nothing."""
    body = await bodies.read(request, Condition)
    async with call.transaction() as tx:
        return Preview(await segments.preview(tx, call.workspace_id, body.condition, now=call.now))


@get("/segments", opt=needs("segments:read"), tags=["Segments"])
async def list_segments(
    call: Caller, limit: Limit = 50, cursor: Cursor = None
) -> Page[SegmentShape]:
    """The workspace's segments in the order in which they were made."""
    start = after(cursor, list="segments")
    async with call.transaction() as tx:
        rows = await segments.listing(tx, call.workspace_id, limit=limit + 1, after=start)
    return page(rows, limit, lambda row: row.id, _shape, list="segments")


@get("/segments/{name:str}", opt=needs("segments:read"), tags=["Segments"])
async def get_segment(call: Caller, name: FromPath[str]) -> Response[SegmentShape]:
    """One segment."""
    async with call.transaction() as tx:
        return _answer(await segments.find(tx, call.workspace_id, name))


@patch(
    "/segments/{name:str}",
    opt={**needs("segments:write"), **reads(SegmentChange)},
    tags=["Segments"],
)
async def change_segment(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Response[SegmentShape]:
    """Rename a segment, or give it another condition; `If-Match` refuses a stale save."""
    body = await bodies.read(request, SegmentChange)
    async with call.transaction() as tx:
        known = await segments.find(tx, call.workspace_id, name)
        changed = await segments.change(
            tx,
            call.workspace_id,
            known.id,
            name=body.name,
            condition=body.condition,
            expected_revision=bodies.expected_revision(request),
            now=call.now,
        )
    return _answer(changed)


@delete("/segments/{name:str}", opt=needs("segments:write"), tags=["Segments"], status_code=204)
async def delete_segment(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> None:
    """Delete a segment that no campaign and no other segment speaks of; contacts stay.

    What speaks of it is listed (409 `in_use`); `If-Match` refuses to delete what was changed since.
    """
    async with call.transaction() as tx:
        known = await segments.find(tx, call.workspace_id, name)
        wanted = bodies.expected_revision(request)
        await segments.remove(tx, call.workspace_id, known.id, expected_revision=wanted)


@get("/segments/{name:str}/members", opt=needs("segments:read", "contacts:read"), tags=["Segments"])
async def list_members(
    call: Caller, name: FromPath[str], limit: Limit = 50, cursor: Cursor = None
) -> Page[MemberShape]:
    """Who is in a segment."""
    async with call.transaction() as tx:
        known = await segments.find(tx, call.workspace_id, name)
        start = after(cursor, list="members", segment=known.id)
        rows = await segments.members(tx, call.workspace_id, known.id, limit=limit + 1, after=start)
    return page(
        rows, limit, lambda row: row.contact_id, shape_of_member, list="members", segment=known.id
    )


@post(
    "/segments/{name:str}/members",
    opt={**needs("segments:write"), **reads(MemberChange)},
    tags=["Segments"],
    status_code=200,
)
async def change_members(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> MembersChanged:
    """Put contacts into a list and take contacts out of it, up to 1,000 each."""
    body = await bodies.read(request, MemberChange)
    async with call.transaction() as tx:
        known = await segments.find(tx, call.workspace_id, name)
        numbers, unknown = await members_of(tx, call.workspace_id, body)
        added = await segments.join(tx, call.workspace_id, known, numbers["add"], now=call.now)
        removed = await segments.leave(
            tx, call.workspace_id, known, numbers["remove"], now=call.now
        )
    return MembersChanged(added, removed, unknown)


async def members_of(
    tx: Transaction, workspace_id: int, body: MemberChange
) -> tuple[dict[str, list[int]], list[Unknown]]:
    """The contacts of a change, to `add` and to `remove`; raises Problem `too_large`."""
    if max(len(body.add), len(body.remove)) > _MOST:
        raise Problem("too_large", f"a call takes at most {_MOST} contacts; send several")
    numbers: dict[str, list[int]] = {}
    unknown: list[Unknown] = []
    for which, items in (("add", body.add), ("remove", body.remove)):
        whos = [Who(id=item) if isinstance(item, str) else item for item in items]
        found = await _found(tx, workspace_id, whos)
        numbers[which] = [number for number in found if number is not None]
        unknown += [Unknown(which, index) for index, n in enumerate(found) if n is None]
    return numbers, unknown


async def _found(tx: Any, workspace_id: int, whos: list[Who]) -> list[int | None]:
    """The contacts' numbers in the order given, None for those that are not here."""
    there = await segments.contacts_of(
        tx,
        workspace_id,
        numbers=[n for who in whos if who.id and (n := ids.decode("con", who.id)) is not None],
        external_ids=[who.external_id for who in whos if who.external_id],
        emails=[who.email for who in whos if who.email],
    )

    def one(who: Who) -> int | None:
        if who.id is not None:
            return there.get(("id", ids.decode("con", who.id) or -1))
        if who.external_id is not None:
            return there.get(("external_id", who.external_id))
        return there.get(("email", (who.email or "").strip().lower()))

    return [one(who) for who in whos]


HANDLERS: Final[list[HTTPRouteHandler]] = [
    create_segment,
    preview_segment,
    list_segments,
    get_segment,
    change_segment,
    delete_segment,
    list_members,
    change_members,
]
