"""Finding: the campaign, email or contact that a command names, or the nearest there is.

What is not there raises `Mistaken` with the command as it may have been meant. Imports `campaigns`,
`content`, `audience` and storage.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import func, select

from headless import ids
from headless.audience import contacts
from headless.audience.contacts import Contact
from headless.campaigns import publish
from headless.campaigns.publish import Campaign
from headless.content import emails
from headless.content.emails import Email
from headless.dsl.near import nearest
from headless.problems import Problem
from headless.slack.desk.refusals import Mistaken
from headless.slack.people.asker import Asker
from headless.slack.verbs import BY_NAME
from headless.slack.verbs.parse import Command, Mistake, Suggestion, folded, said
from headless.storage import tables
from headless.storage.database import Transaction

_OFFERED: Final = 3


async def campaign(tx: Transaction, asker: Asker, command: Command, key: str = "name") -> Campaign:
    """The campaign that a command names in `name`, or in the option `key`."""
    wanted = _given(command, key)
    try:
        return await publish.find(tx, asker.workspace_id, wanted)
    except Problem as problem:
        if problem.code != "not_found":
            raise
    known = await names(tx, asker.workspace_id, tables.campaign)
    same = [name for name in known if folded(name) == folded(wanted)]
    if len(same) == 1:
        return await publish.find(tx, asker.workspace_id, same[0])
    raise _unknown(command, key, "campaign", wanted, known, Suggestion("list", safe=True))


async def email(tx: Transaction, asker: Asker, command: Command, key: str = "name") -> Email:
    """The email that a command names."""
    wanted = _given(command, key)
    known = await names(tx, asker.workspace_id, tables.email)
    same = [name for name in known if name == wanted]
    same = same or [name for name in known if folded(name) == folded(wanted)]
    number = ids.decode("eml", wanted)
    if number is not None:
        return await emails.get(tx, workspace_id=asker.workspace_id, email_id=number)
    found = await emails.find(tx, workspace_id=asker.workspace_id, name=same[0]) if same else None
    if found is None:
        raise _unknown(command, key, "email", wanted, known, Suggestion("emails", safe=True))
    return found


async def contact(tx: Transaction, asker: Asker, command: Command, key: str = "contact") -> Contact:
    """The contact that a command names by address, by its own id, or by ours."""
    wanted = _given(command, key)
    number = ids.decode("con", wanted)
    try:
        if number is not None:
            return await contacts.find(tx, asker.workspace_id, number)
        if "@" in wanted:
            return await contacts.lookup(tx, asker.workspace_id, email=wanted)
        return await contacts.lookup(tx, asker.workspace_id, external_id=wanted)
    except Problem as problem:
        if problem.code not in ("not_found", "gone"):
            raise
    raise Mistaken(
        Mistake(
            f"there is no contact `{wanted}` here",
            "give the whole address, your own id of the contact, or ours (`con_…`)",
            command.verb,
        )
    )


async def names(tx: Transaction, workspace_id: int, table: Any) -> list[str]:
    """The names of all things of a kind, in the order of the alphabet."""
    rows = await tx.execute(
        select(table.c.name)
        .where(table.c.workspace_id == workspace_id)
        .order_by(func.lower(table.c.name))
    )
    return [row[0] for row in rows]


async def own_names(tx: Transaction, asker: Asker) -> frozenset[str]:
    """What a campaign's `owned by` may call the asker: the linked colleague, the name in Slack."""
    account, member = tables.slack_account.c, tables.member.c
    name = await tx.scalar(
        select(member.name)
        .join(
            tables.slack_account,
            (account.workspace_id == member.workspace_id) & (account.member_id == member.id),
        )
        .where(
            account.workspace_id == asker.workspace_id,
            account.team_id == asker.team_id,
            account.user_id == asker.user_id,
        )
    )
    return frozenset(one.casefold() for one in (name, asker.name) if one)


def near(wanted: str, known: Iterable[str]) -> list[str]:
    """The names that may have been meant: a slip of the finger, else a part of the name."""
    whole = list(known)
    found = list(nearest(wanted, whole, most=_OFFERED))
    part = folded(wanted)
    found += [name for name in whole if part and part in folded(name) and name not in found]
    found += [
        name
        for name in whole
        if name not in found and any(word in folded(name).split() for word in part.split())
    ]
    return found[:_OFFERED]


def _unknown(
    command: Command,
    key: str,
    kind: str,
    wanted: str,
    known: list[str],
    listing: Suggestion,
) -> Mistaken:
    verb = BY_NAME[command.verb]
    if not known:
        help_ = f"there are no {kind}s yet"
        if kind == "campaign":
            help_ += "; `/campaign new` makes the first one"
        return Mistaken(Mistake(f"there is no {kind} called `{wanted}`", help_, verb.name))
    close = near(wanted, known)
    meant = [Suggestion(said(_with(command, key, name)), not verb.danger) for name in close]
    shown = ", ".join(f"`{name}`" for name in close or known[:_OFFERED])
    help_ = f"the nearest: {shown}" if close else f"there are {len(known)}: {shown} …"
    return Mistaken(
        Mistake(f"there is no {kind} called `{wanted}`", help_, verb.name, (*meant, listing))
    )


def _given(command: Command, key: str) -> str:
    value = command.name if key == "name" else command.options.get(key)
    return value or ""


def _with(command: Command, key: str, value: str) -> Command:
    if key == "name":
        return msgspec.structs.replace(command, name=value)
    return msgspec.structs.replace(command, options={**command.options, key: value})
