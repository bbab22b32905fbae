"""The beacon: what the script on a website reports, read, bounded and handed to `visitors`.

Whoever knows a site's public id can report what an unknown browser did; nothing here tells whether
a contact exists, and nothing changes one beyond what a form may. Imports `answers`, `visits`,
`visitors`, `content` and storage.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from sqlalchemy import func, select

from headless import ids
from headless.campaigns import answers, visitors, visits
from headless.campaigns.visitors import Deed
from headless.channels import previews
from headless.channels.handover import Handover
from headless.content.forms import LONG_LIMIT
from headless.content.templates import TemplateError, compile_template
from headless.problems import Problem
from headless.runtime.versions import Versions
from headless.storage import tables
from headless.storage.codes import ActivityKind
from headless.storage.database import Database, Transaction

MOST_EVENTS: Final = 20
MOST_SLOTS: Final = 20
Short = Annotated[str, Meta(max_length=200)]
Long = Annotated[str, Meta(max_length=8_000)]
Key = Annotated[str, Meta(pattern=f"^{visitors.KEY}$")]


class Event(msgspec.Struct, frozen=True):
    """One thing that happened on a page: `view`, `spent` (n seconds), `form` or `download`."""

    i: Key
    k: str
    u: Long = ""
    r: Long = ""
    n: float = 0
    f: Short = ""
    a: Short = ""
    d: dict[str, Annotated[str, Meta(max_length=LONG_LIMIT)]] = {}


class Report(msgspec.Struct, frozen=True):
    """What the script sends: the site, the browser, a click's ticket, the events."""

    s: Short
    v: Key
    t: Short | None = None
    e: Annotated[list[Event], Meta(max_length=MOST_EVENTS)] = []


class Wish(msgspec.Struct, frozen=True):
    """What the script asks for: the contents of some slots."""

    s: Short
    v: Key
    t: Short | None = None
    n: Annotated[list[Short], Meta(max_length=MOST_SLOTS)] = []


def site_of(text: str) -> int:
    """The workspace behind a site's public id; Problem `not_found`."""
    number = ids.decode("wsp", text)
    if number is None or number >= 2**31:
        raise Problem("not_found", "there is no such site")
    return number


async def take(
    database: Database,
    versions: Versions,
    handover: Handover,
    report: Report,
    *,
    agent: str,
    base_url: str,
    now: datetime,
) -> None:
    """Take a report; Problem `not_found`, `invalid_value`."""
    workspace_id = await _there(database, report.s)
    ticket = None if report.t is None else handover.read(report.t, now=now)
    deeds: list[Deed] = []
    async with database.transaction() as tx:
        for event in report.e:
            deed = await _deed(tx, workspace_id, report, event, agent, base_url, now)
            if deed is not None:
                deeds.append(deed)
    await visitors.take(database, versions, workspace_id, report.v, deeds, ticket=ticket, now=now)
    for event in report.e:
        if event.k == "form":
            async with database.transaction() as tx:
                form = await answers.form_at(tx, event.f, workspace_id)
            await answers.submit(
                database, versions, form, event.d,
                key=f"{report.v}:{event.i}", visitor_key=report.v, now=now,
            )  # fmt: skip


async def _deed(
    tx: Transaction,
    workspace_id: int,
    report: Report,
    event: Event,
    agent: str,
    base_url: str,
    now: datetime,
) -> Deed | None:
    key = f"{report.v}:{event.i}"
    if event.k == "download":
        number = await tx.scalar(
            select(tables.asset.c.id).where(
                tables.asset.c.workspace_id == workspace_id, tables.asset.c.slug == event.a
            )
        )
        if number is None:
            return None
        return Deed(int(ActivityKind.DOWNLOADED), number, now, key, {})
    seen = visits.visit(event.u, event.r, agent)
    if seen is None or event.k not in ("view", "spent"):
        return None
    page = await visitors.page_of(tx, workspace_id, seen["url"], base_url)
    if event.k == "view":
        return Deed(int(ActivityKind.VISITED), page, now, key, seen)
    seconds = max(0, min(int(event.n), visits.SECONDS_LIMIT))
    if not seconds:
        return None
    spent = {"url": seen["url"], "seconds": seconds}
    return Deed(int(ActivityKind.SPENT), page, now, key, spent)


async def fill(
    database: Database,
    versions: Versions,
    handover: Handover,
    wish: Wish,
    *,
    now: datetime,
) -> dict[str, str]:
    """The contents of slots for a browser; that it asked is an activity of its contact."""
    workspace_id = await _there(database, wish.s)
    ticket = None if wish.t is None else handover.read(wish.t, now=now)
    async with database.transaction() as tx:
        slots = await _slots(tx, workspace_id, wish.n)
    moment = int(now.timestamp() * 1000)
    deeds = [
        Deed(int(ActivityKind.REQUESTED), number, now, f"{wish.v}:slot:{number}:{moment}", {})
        for number in slots.values()
    ]
    contact_id = await visitors.take(
        database, versions, workspace_id, wish.v, deeds, ticket=ticket, now=now
    )
    async with database.transaction() as tx:
        return await _contents(tx, workspace_id, contact_id, slots, now)


async def _there(database: Database, site: str) -> int:
    number = site_of(site)
    async with database.transaction() as tx:
        known = await tx.scalar(
            select(tables.workspace.c.id).where(tables.workspace.c.id == number)
        )
    if known is None:
        raise Problem("not_found", "there is no such site")
    return number


async def _slots(tx: Transaction, workspace_id: int, names: Sequence[str]) -> dict[str, int]:
    wanted = {name.strip().lower(): name for name in names}
    s = tables.slot.c
    rows = await tx.execute(
        select(s.id, func.lower(s.name).label("name")).where(
            s.workspace_id == workspace_id, func.lower(s.name).in_(list(wanted))
        )
    )
    return {wanted[row.name]: row.id for row in rows}


async def _contents(
    tx: Transaction,
    workspace_id: int,
    contact_id: int | None,
    slots: dict[str, int],
    now: datetime,
) -> dict[str, str]:
    """What stands in some slots for a contact, else what stands there for everybody."""
    if not slots:
        return {}
    shown, slot, content = tables.slot_content, tables.slot, tables.content
    own = (
        (shown.c.workspace_id == slot.c.workspace_id)
        & (shown.c.slot_id == slot.c.id)
        & (shown.c.contact_id == (contact_id or 0))
    )
    chosen = func.coalesce(shown.c.content_id, slot.c.default_content_id)
    rows = await tx.execute(
        select(slot.c.id, content.c.body)
        .outerjoin(shown, own)
        .join(content, (content.c.workspace_id == slot.c.workspace_id) & (content.c.id == chosen))
        .where(slot.c.workspace_id == workspace_id, slot.c.id.in_(list(slots.values())))
    )
    bodies = {row.id: row.body for row in rows}
    person: Any = previews.NOBODY
    if contact_id is not None:
        person = await previews.person(tx, workspace_id, contact_id)
    names = {"contact": person, "entry": {}, "event": {}, "workspace": {}, "now": now}
    filled = {}
    for name, number in slots.items():
        if number in bodies:
            try:
                filled[name] = compile_template(bodies[number], html=True).render(names)
            except TemplateError as error:
                raise Problem("invalid_text", f"the content of `{name}`: {error}") from error
    return filled


def site_text(workspace_id: int) -> str:
    """A site's public id, which stands in its pages."""
    return ids.encode("wsp", workspace_id)


def is_key(text: str) -> bool:
    """Whether a text can name a browser."""
    return re.fullmatch(visitors.KEY, text) is not None
