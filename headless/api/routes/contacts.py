"""`/v1/contacts`: write, find, list and change contacts; why something happened to one.

Addresses never stand in a path or a query: `POST /v1/contacts/lookup` takes them in its body.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies
from headless.api.auth import Call, Caller, need_also, needs
from headless.api.openapi import also, reads
from headless.api.problems import type_of
from headless.api.routes.consents import ConsentShape, consent_shape
from headless.api.shapes import Cursor, Instant, Limit, Page, after, included, instant, number, page
from headless.audience import consents, contacts, saving, segments
from headless.audience.consents import MOST_WORDS, Evidence
from headless.audience.contacts import Contact
from headless.audience.remembered import ring
from headless.audience.saving import Saved
from headless.audience.writes import Write
from headless.campaigns import confirming
from headless.campaigns.confirming import Ask, Asked
from headless.problems import Problem
from headless.storage.database import Transaction

_BATCH_LIMIT: Final = 5 * 1024 * 1024
_MOST: Final = saving.MOST_AT_ONCE
_MOST_CONSENTS: Final = 20
Include = Annotated[str | None, QueryParameter(description="`consents`: the ledger's newest lines")]

Text = str | None | UnsetType
FieldsMode = Literal["strict", "create"]


class TagChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tags to give and to take away."""

    add: Annotated[list[str], msgspec.Meta(max_length=1000)] = []
    remove: Annotated[list[str], msgspec.Meta(max_length=1000)] = []


class ContactWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be written; a member that is absent keeps what is there, null clears it.

    With `confirm` the contact is asked by mail whether we may write to it (double opt-in), if it
    is new, has not confirmed yet or has unsubscribed; `confirm_text` are the words it agreed to.
    """

    external_id: Text = UNSET
    email: Text = UNSET
    phone: Text = UNSET
    preferred_channel: Text = UNSET
    time_zone: Text = UNSET
    stage: Text = UNSET
    owner: Text = UNSET
    fields: dict[str, Any] = {}
    tags: TagChange = TagChange()
    fields_mode: FieldsMode = "strict"
    confirm: bool = False
    confirm_text: Annotated[str, msgspec.Meta(max_length=MOST_WORDS)] | None = None


class ContactBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 writes at once; each succeeds or fails by itself."""

    contacts: list[ContactWrite]
    fields_mode: FieldsMode = "strict"
    on_conflict: saving.OnConflict = "update"


class Lookup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By what a contact is looked up."""

    external_id: str | None = None
    email: str | None = None


class ContactShape(msgspec.Struct, frozen=True):
    """A contact; `confirmation` is what asking it to confirm came to, where that was asked for.

    `consents` are the newest 20 lines of its ledger, where `include` asked for them.
    """

    id: str
    external_id: str | None
    email: str | None
    phone: str | None
    preferred_channel: str | None
    time_zone: str | None
    points: int
    stage: str | None
    owner: str | None
    fields: dict[str, Any]
    tags: tuple[str, ...]
    segments: tuple[str, ...]
    suppressed: tuple[str, ...]
    created_at: Instant
    updated_at: Instant
    created: bool | UnsetType = UNSET
    confirmation: Asked | UnsetType = UNSET
    consents: list[ConsentShape] | UnsetType = UNSET


class BatchItem(msgspec.Struct, frozen=True):
    """What one write of a batch came to; `suppressed` are the channels that stay closed."""

    index: int
    id: str | None
    result: Literal["created", "updated", "unchanged", "rejected"]
    problem: dict[str, Any] | UnsetType = UNSET
    suppressed: tuple[str, ...] | UnsetType = UNSET
    confirmation: Asked | UnsetType = UNSET


class BatchAnswer(msgspec.Struct, frozen=True):
    """What a batch came to, in numbers and item by item."""

    created: int
    updated: int
    unchanged: int
    rejected: int
    results: list[BatchItem]


def shape(
    known: Contact,
    *,
    created: bool | UnsetType = UNSET,
    confirmation: Asked | UnsetType = UNSET,
) -> ContactShape:
    """A contact as answers show it."""
    values = {name: getattr(known, name) for name in Contact.__struct_fields__}
    values |= {
        "id": ids.encode("con", known.id),
        "created_at": instant(known.created_at),
        "updated_at": instant(known.updated_at),
    }
    return ContactShape(**values, created=created, confirmation=confirmation)


async def more_of(
    tx: Transaction, call: Call, found: Sequence[Contact], include: str | None
) -> dict[int, dict[str, Any]]:
    """What is asked for beside the contacts, by their numbers; raises Refused, Problem."""
    if not included(include, "consents"):
        return {one.id: {} for one in found}
    need_also(call, "suppressions:read")
    lines = await consents.of_contacts(
        tx, call.workspace_id, [one.id for one in found], most=_MOST_CONSENTS
    )
    return {
        number: {"consents": [consent_shape(one) for one in known]}
        for number, known in lines.items()
    }


def _write(body: ContactWrite, contact_id: int | None = None) -> Write:
    return Write(
        contact_id=contact_id,
        external_id=body.external_id,
        email=body.email,
        phone=body.phone,
        preferred_channel=body.preferred_channel,
        time_zone=body.time_zone,
        stage=body.stage,
        owner=body.owner,
        fields=body.fields,
        add_tags=body.tags.add,
        remove_tags=body.tags.remove,
    )


def _asking(
    call: Call, items: Sequence[ContactWrite], came: dict[int, Asked]
) -> saving.Then | None:
    """Ask those of a batch who are to confirm, in the transaction that saves them.

    `came` is told what it came to, by the item's index.
    """
    if not any(item.confirm for item in items):
        return None

    async def then(tx: Transaction, saved: Sequence[Saved]) -> None:
        for index, (item, one) in enumerate(zip(items, saved, strict=True)):
            if item.confirm and one.contact_id is not None:
                wanted = Ask(
                    contact_id=one.contact_id,
                    source="api",
                    fresh=one.created,
                    text=item.confirm_text,
                    evidence=Evidence(token=ids.encode("tok", call.token.id)),
                )
                came[index] = await confirming.ask(tx, call.workspace_id, wanted, now=call.now)

    return then


async def _save(
    call: Call, body: ContactWrite, contact_id: int | None = None
) -> tuple[Saved, Asked | UnsetType]:
    came: dict[int, Asked] = {}
    (saved,) = await saving.save(
        call.database,
        call.workspace_id,
        [_write(body, contact_id)],
        now=call.now,
        create_fields=body.fields_mode == "create",
        hashes=ring(call.house.settings.secret_keys),
        then=_asking(call, [body], came),
    )
    if saved.problem is not None:
        raise saved.problem
    return saved, came.get(0, UNSET)


@post(
    "/contacts",
    opt={**needs("contacts:write"), **reads(ContactWrite), **also(200)},
    tags=["Contacts"],
    status_code=201,
)
async def save_contact(request: Request[Any, Any, Any], call: Caller) -> Response[ContactShape]:
    """Make a contact, or change the one that has the external id, else the address.

    201 for a new one, 200 for one that was there.
    """
    saved, asked = await _save(call, await bodies.read(request, ContactWrite))
    async with call.transaction() as tx:
        known = await contacts.find(tx, call.workspace_id, saved.contact_id or 0)
    answer = shape(known, created=saved.created, confirmation=asked)
    return Response(
        answer,
        status_code=201 if saved.created else 200,
        headers={"Location": f"/v1/contacts/{answer.id}"},
    )


@post(
    "/contacts/batch",
    opt={**needs("contacts:write"), **reads(ContactBatch)},
    tags=["Contacts"],
    status_code=200,
    request_max_body_size=_BATCH_LIMIT,
)
async def save_contacts(request: Request[Any, Any, Any], call: Caller) -> BatchAnswer:
    """Make or change up to 1,000 contacts; one bad item never refuses the rest."""
    body = await bodies.read(request, ContactBatch)
    if len(body.contacts) > _MOST:
        raise Problem("too_large", f"a batch may have {_MOST} contacts, and this has more")
    create = body.fields_mode == "create"
    came: dict[int, Asked] = {}
    saved = await saving.save(
        call.database,
        call.workspace_id,
        [_write(item) for item in body.contacts],
        now=call.now,
        create_fields=create or any(item.fields_mode == "create" for item in body.contacts),
        on_conflict=body.on_conflict,
        hashes=ring(call.house.settings.secret_keys),
        then=_asking(call, body.contacts, came),
    )
    results = [_item(index, one, came.get(index, UNSET)) for index, one in enumerate(saved)]
    counts = {
        result: sum(item.result == result for item in results)
        for result in ("created", "updated", "unchanged", "rejected")
    }
    return BatchAnswer(**counts, results=results)


def _item(index: int, saved: Saved, asked: Asked | UnsetType) -> BatchItem:
    if saved.problem is not None:
        told = {
            "type": type_of(saved.problem.code),
            "code": saved.problem.code,
            "detail": saved.problem.detail,
            **saved.problem.extra,
        }
        return BatchItem(index, None, "rejected", told)
    id_ = None if saved.contact_id is None else ids.encode("con", saved.contact_id)
    result: Any = "created" if saved.created else "updated" if saved.changed else "unchanged"
    shut = saved.suppressed or UNSET
    return BatchItem(index, id_, result, suppressed=shut, confirmation=asked)


@post(
    "/contacts/lookup",
    opt={**needs("contacts:read"), **reads(Lookup)},
    tags=["Contacts"],
    status_code=200,
)
async def look_up(request: Request[Any, Any, Any], call: Caller) -> ContactShape:
    """Find a contact by its external id or its address."""
    body = await bodies.read(request, Lookup)
    async with call.transaction() as tx:
        known = await contacts.lookup(
            tx, call.workspace_id, external_id=body.external_id, email=body.email
        )
    return shape(known)


@get("/contacts", opt=needs("contacts:read"), tags=["Contacts"])
async def list_contacts(
    call: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    tag: FromQuery[str | None] = None,
    segment: FromQuery[str | None] = None,
    include: Include = None,
) -> Page[ContactShape]:
    """The workspace's contacts in the order in which they were made."""
    start = after(cursor, list="contacts", tag=tag, segment=segment)
    async with call.transaction() as tx:
        segment_id = None
        if segment is not None:
            segment_id = (await segments.find(tx, call.workspace_id, segment)).id
        rows = await contacts.listing(
            tx,
            call.workspace_id,
            limit=limit + 1,
            after=start,
            tagged=tag,
            segment_id=segment_id,
        )
        more = await more_of(tx, call, rows[:limit], include)
    return page(
        rows,
        limit,
        lambda row: row.id,
        lambda row: msgspec.structs.replace(shape(row), **more[row.id]),
        list="contacts",
        tag=tag,
        segment=segment,
    )


@get("/contacts/{contact_id:str}", opt=needs("contacts:read"), tags=["Contacts"])
async def get_contact(
    call: Caller, contact_id: FromPath[str], include: Include = None
) -> ContactShape:
    """One contact."""
    async with call.transaction() as tx:
        known = await contacts.find(tx, call.workspace_id, number("con", contact_id))
        more = await more_of(tx, call, [known], include)
    return msgspec.structs.replace(shape(known), **more[known.id])


@patch(
    "/contacts/{contact_id:str}",
    opt={**needs("contacts:write"), **reads(ContactWrite)},
    tags=["Contacts"],
)
async def change_contact(
    request: Request[Any, Any, Any], call: Caller, contact_id: FromPath[str]
) -> ContactShape:
    """Change a contact: absent keeps, null clears (a merge patch)."""
    found = number("con", contact_id)
    need = ("application/json", "application/merge-patch+json")
    bodies.need_media(request, *need)
    _, asked = await _save(call, await bodies.read(request, ContactWrite), found)
    async with call.transaction() as tx:
        known = await contacts.find(tx, call.workspace_id, found)
    return shape(known, confirmation=asked)


HANDLERS: Final[list[HTTPRouteHandler]] = [
    save_contact,
    save_contacts,
    look_up,
    list_contacts,
    get_contact,
    change_contact,
]
