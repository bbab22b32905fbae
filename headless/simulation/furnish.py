"""The scratch workspace: the names that a text uses made up as plain things, and the contacts.

An email says its own name, a segment is an empty list, another campaign takes people in and keeps
them. Imports `audience`, `content`, `campaigns` and storage.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select, update

from headless.audience.membership import join
from headless.audience.saving import MOST_AT_ONCE, save
from headless.campaigns import lifecycle, publish
from headless.content import emails
from headless.content.drafts import Draft
from headless.dsl.catalogue import Sort
from headless.problems import Problem
from headless.simulation import contacts
from headless.simulation.contacts import Person
from headless.simulation.faults import Fault, FaultyFileError, UnfitError
from headless.simulation.inventory import Inventory
from headless.storage.database import Database, Transaction
from headless.storage.tables import company_field, company_member, contact, field, metadata
from headless.workspace import workspaces

_KEPT_AS: Final[Mapping[Sort, tuple[str, Mapping[str, Any]]]] = {
    "segment": ("segment", {}),
    "form": ("form", {}),
    "page": ("page", {}),
    "asset": ("asset", {}),
    "slot": ("slot", {}),
    "content": ("content", {}),
    "stage": ("stage", {}),
    "owner": ("member", {}),
    "company": ("company", {}),
    "sms": ("sms", {}),
    "push message": ("push_message", {}),
    "webhook": ("webhook", {"url": "https://webhooks.example.org/"}),
    "integration": ("integration", {"provider": "made up"}),
}
"""Where things of a sort are kept, and what they need beside a name; all others come by use."""


async def workspace(database: Database, inventory: Inventory, *, now: datetime) -> int:
    """A workspace with everything that is spoken of; its number."""
    try:
        async with database.transaction() as tx:
            made = await workspaces.create(tx, "Simulation", now=now)
            for name in inventory.names.get("email", ()):
                draft = Draft(name=name, subject=name, html=f"<p>{escape(name)}</p>")
                await emails.create(tx, workspace_id=made.id, draft=draft, now=now)
            for sort, names in inventory.names.items():
                if sort in _KEPT_AS:
                    await _named(tx, made.id, sort, names, now)
            await _of_any_channel(tx, made.id, inventory.names.get("message", ()), now)
            await _typed(tx, made.id, inventory, now)
            return made.id
    except Problem as problem:
        raise UnfitError(
            f"a name cannot be made up: {problem.detail}", "change the text, or the file"
        ) from problem


async def _named(
    tx: Transaction, workspace_id: int, sort: Sort, names: Sequence[str], now: datetime
) -> None:
    name, more = _KEPT_AS[sort]
    table = metadata.tables[name]
    times = {at: now for at in ("created_at", "updated_at") if at in table.c}
    rows = [{"workspace_id": workspace_id, "name": each, **times, **more} for each in names]
    await tx.execute(insert(table), rows)


async def _of_any_channel(
    tx: Transaction, workspace_id: int, names: Sequence[str], now: datetime
) -> None:
    """Messages that go out on the channel that a contact likes best: a text for each channel."""
    for name in names:
        parts = {
            f"{kept_as}_id": await _number(tx, workspace_id, kept_as, name)
            for kept_as in ("email", "sms", "push_message")
        }
        row = {"workspace_id": workspace_id, "name": name, "created_at": now, "updated_at": now}
        await tx.execute(insert(metadata.tables["multi_message"]).values(**row, **parts))


async def _typed(tx: Transaction, workspace_id: int, inventory: Inventory, now: datetime) -> None:
    """The fields of contacts and companies, and what forms ask.

    A text may name a field as the API would not let anybody call one: in quotes, with a blank.
    """
    mine = {"workspace_id": workspace_id, "created_at": now}
    for table, types in ((field, inventory.fields), (company_field, inventory.company_fields)):
        if types:
            rows = [{**mine, "name": name, "type": type_} for name, type_ in types.items()]
            await tx.execute(insert(table), rows)
    forms = metadata.tables["form"]
    for form, answers in inventory.answers.items():
        await tx.execute(
            update(forms)
            .where(forms.c.workspace_id == workspace_id, func.lower(forms.c.name) == form.lower())
            .values(fields=dict(answers))
        )


async def other_campaigns(
    database: Database, workspace_id: int, names: Sequence[str], *, now: datetime
) -> dict[str, int]:
    """Campaigns that the text speaks of: who is brought into one stays there; their numbers."""
    made: dict[str, int] = {}
    async with database.transaction() as tx:
        for name in names:
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            text = (
                f'campaign "{quoted}"\nre-entry always\n\nnote "made up"\nwhen did "ever" then exit'
            )
            kept, _ = await publish.create(tx, workspace_id, text, now=now)
            await lifecycle.start(tx, workspace_id, kept.id, plan=kept.hash, now=now)
            made[name.casefold()] = kept.id
    return made


async def people(
    database: Database, workspace_id: int, persons: Sequence[Person], *, now: datetime
) -> dict[str, int]:
    """Contacts with their tags, points and segments; their numbers by the ids of the file."""
    numbers: dict[str, int] = {}
    faults: list[Fault] = []
    for first in range(0, len(persons), MOST_AT_ONCE):
        some = persons[first : first + MOST_AT_ONCE]
        saved = await save(database, workspace_id, [person.write() for person in some], now=now)
        for person, one in zip(some, saved, strict=True):
            if one.contact_id is None:
                told = one.problem.detail if one.problem is not None else "it cannot be saved"
                faults.append(Fault(person.line, told))
            else:
                numbers[person.id] = one.contact_id
    if faults:
        raise FaultyFileError(contacts.WHAT, faults)
    async with database.transaction() as tx:
        await _points(tx, workspace_id, persons, numbers)
        for name, who in _by_segment(persons, numbers).items():
            found = await _number(tx, workspace_id, "segment", name)
            await join(tx, workspace_id, found, who, now=now)
        for person in persons:
            if person.company is not None:
                works_for = {
                    "workspace_id": workspace_id, "contact_id": numbers[person.id], "since": now,
                    "company_id": await _number(tx, workspace_id, "company", person.company),
                }  # fmt: skip
                await tx.execute(insert(company_member).values(works_for))
    return numbers


async def _points(
    tx: Transaction, workspace_id: int, persons: Sequence[Person], numbers: Mapping[str, int]
) -> None:
    given = [
        {"who": numbers[person.id], "many": person.points} for person in persons if person.points
    ]
    if given:
        await tx.execute(
            update(contact)
            .where(contact.c.workspace_id == workspace_id, contact.c.id == bindparam("who"))
            .values(points=bindparam("many")),
            given,
        )


def _by_segment(persons: Sequence[Person], numbers: Mapping[str, int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for person in persons:
        for name in person.segments:
            found.setdefault(name.casefold(), []).append(numbers[person.id])
    return found


async def _number(tx: Transaction, workspace_id: int, kept_as: str, name: str) -> int:
    """The number of something that has been made up."""
    table = metadata.tables[kept_as]
    number: int = await tx.scalar(
        select(table.c.id).where(
            table.c.workspace_id == workspace_id, func.lower(table.c.name) == name.lower()
        )
    )
    return number
