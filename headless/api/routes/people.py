"""`/v1/contacts` continued: search by a condition, merge, erase, and the devices of a contact."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless import ids
from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.counting import Way
from headless.api.openapi import reads
from headless.api.routes.contacts import ContactShape, shape
from headless.api.shapes import Instant, Page, after, instant, number, page
from headless.audience import contacts, devices, segments
from headless.audience.devices import Device, Platform
from headless.audience.erasing import erase
from headless.audience.merging import merge
from headless.audience.remembered import ring
from headless.problems import Problem


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition in the language, and which page of those for whom it holds.

    `count` asks for how many they are, told with the first page.
    """

    where: str
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50
    cursor: str | None = None
    count: Way | None = None


class Merge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two contacts that are one person: `gone` becomes part of `kept`."""

    kept: str
    gone: str


class NewDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device as the app registers it."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=4096, pattern=r"^[!-~]+$")]
    platform: Platform


class DeviceShape(msgspec.Struct, frozen=True):
    """A device; its token is never shown again."""

    id: str
    platform: Platform
    seen_at: Instant
    created_at: Instant


def _device(known: Device) -> DeviceShape:
    return DeviceShape(
        ids.encode("dev", known.id),
        known.platform,
        instant(known.seen_at),
        instant(known.created_at),
    )


@post(
    "/contacts/search",
    opt={**needs("contacts:read"), **reads(Search)},
    tags=["Contacts"],
    status_code=200,
)
async def search_contacts(request: Request[Any, Any, Any], call: Caller) -> Page[ContactShape]:
    """The contacts for whom a condition holds now; a faulty one answers 422 with diagnostics."""
    body = await bodies.read(request, Search)
    start = after(body.cursor, list="search", where=body.where)
    call.count = body.count if start is None else None
    async with call.transaction() as tx:
        holds = await segments.asked(tx, call.workspace_id, body.where, now=call.now)
        rows = await contacts.listing(
            tx, call.workspace_id, limit=body.limit + 1, after=start, where=holds
        )
    return page(rows, body.limit, lambda row: row.id, shape, list="search", where=body.where)


@post(
    "/contacts/merge",
    opt={**needs("contacts:write"), **reads(Merge)},
    tags=["Contacts"],
    status_code=200,
)
async def merge_contacts(request: Request[Any, Any, Any], call: Caller) -> ContactShape:
    """Make two contacts one: runs, points, tags and consent of `gone` go over to `kept`."""
    body = await bodies.read(request, Merge)
    kept, gone = number("con", body.kept), number("con", body.gone)
    if kept == gone:
        raise Problem("invalid_value", "`kept` and `gone` are the same contact")
    async with call.transaction() as tx:
        for each in (kept, gone):
            await contacts.find(tx, call.workspace_id, each)
        await merge(tx, call.workspace_id, [(kept, gone)], now=call.now)
        return shape(await contacts.find(tx, call.workspace_id, kept))


@delete(
    "/contacts/{contact_id:str}", opt=needs("contacts:erase"), tags=["Contacts"], status_code=204
)
async def erase_contact(call: Caller, contact_id: FromPath[str]) -> None:
    """Erase a contact and all that says who it was; counts stay, and asking for it answers 410."""
    found = number("con", contact_id)
    hashes = ring(call.house.settings.secret_keys)
    hashed = hashes.of(call.workspace_id) if hashes else None
    async with call.transaction() as tx:
        await contacts.find(tx, call.workspace_id, found)
        await erase(tx, call.workspace_id, [found], now=call.now, hashed=hashed)


@get("/contacts/{contact_id:str}/devices", opt=needs("contacts:read"), tags=["Contacts"])
async def list_devices(call: Caller, contact_id: FromPath[str]) -> Page[DeviceShape]:
    """The devices that a contact's push messages go to."""
    async with call.transaction() as tx:
        known = await contacts.find(tx, call.workspace_id, number("con", contact_id))
        found = await devices.listing(tx, call.workspace_id, known.id)
    return Page([_device(each) for each in found], None)


@post(
    "/contacts/{contact_id:str}/devices",
    opt={**needs("contacts:write"), **reads(NewDevice)},
    tags=["Contacts"],
    status_code=201,
)
async def register_device(
    request: Request[Any, Any, Any], call: Caller, contact_id: FromPath[str]
) -> DeviceShape:
    """Note a device; a token that another contact had is this one's from now on."""
    body = await bodies.read(request, NewDevice)
    async with call.transaction() as tx:
        known = await contacts.find(tx, call.workspace_id, number("con", contact_id))
        made = await devices.register(
            tx, call.workspace_id, known.id, body.token, body.platform, now=call.now
        )
    return _device(made)


@delete(
    "/contacts/{contact_id:str}/devices/{device_id:str}",
    opt=needs("contacts:write"),
    tags=["Contacts"],
    status_code=204,
)
async def forget_device(call: Caller, contact_id: FromPath[str], device_id: FromPath[str]) -> None:
    """Send nothing more to a device."""
    async with call.transaction() as tx:
        known = await contacts.find(tx, call.workspace_id, number("con", contact_id))
        await devices.forget(tx, call.workspace_id, known.id, number("dev", device_id))


HANDLERS: Final[list[HTTPRouteHandler]] = [
    search_contacts, merge_contacts, erase_contact, list_devices, register_device, forget_device,
]  # fmt: skip
