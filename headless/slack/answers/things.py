"""`emails`, `segments`, `forms`, `show email`, `test email`, `count`: what campaigns speak of."""

import asyncio
from typing import Any, Final

from headless import ids
from headless.audience import segments
from headless.channels import previews
from headless.channels.previews import Given
from headless.content import emails, stored_components
from headless.content.emails import Email
from headless.content.kinds import BY_WORD
from headless.content.stored_components import Component
from headless.problems import Problem
from headless.slack.desk import finding
from headless.slack.desk.desk import Desk, Handler
from headless.slack.desk.refusals import SAY, Mistaken
from headless.slack.kit import blocks, letters
from headless.slack.kit.moments import ago
from headless.slack.kit.reply import Block, Reply
from headless.slack.people import accounts
from headless.slack.people.asker import Asker, may
from headless.slack.verbs.parse import Command, Mistake, Suggestion, folded, spoken
from headless.storage.database import Transaction
from headless.workspace import audit
from headless.workspace.catalogue import load

_MOST: Final = 40
_PAGE: Final = 500


async def emails_(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The emails, or those whose name has a word in it."""
    found: list[Email] = []
    async with desk.database.transaction() as tx:
        while True:
            some = await emails.listing(
                tx,
                workspace_id=asker.workspace_id,
                after_id=found[-1].id if found else 0,
                limit=_PAGE,
            )
            found += some
            if len(some) < _PAGE:
                break
    fitting = [one for one in found if folded(command.rest) in folded(one.name)]
    now = desk.clock.now()
    rows = [
        blocks.section(
            f"*{blocks.escape(one.name)}* · {blocks.escape(blocks.cut(one.subject, 120))}\n"
            f"_version {one.version}, {ago(one.updated_at, now)}_",
            accessory=blocks.button("Show", f"{SAY}:email{one.id}", f"show email {_spoken(one)}"),
        )
        for one in sorted(fitting, key=lambda one: one.name.casefold())[:_MOST]
    ]
    empty = "An email is made by `POST /v1/emails`, or comes with an import."
    return _listed("email", command.rest, rows, len(fitting), len(found), empty)


def _spoken(one: Email) -> str:
    return spoken(one.name, ids.encode("eml", one.id))


async def segments_(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The segments with how many are in each, or those whose name has a word in it."""
    found: list[segments.Segment] = []
    async with desk.database.transaction() as tx:
        while True:
            after = found[-1].id if found else None
            some = await segments.listing(tx, asker.workspace_id, limit=_PAGE, after=after)
            found += some
            if len(some) < _PAGE:
                break
    fitting = [one for one in found if folded(command.rest) in folded(one.name)]
    rows = [
        blocks.section(
            f"*{blocks.escape(one.name)}* · {one.members:,} "
            f"{'contact' if one.members == 1 else 'contacts'}\n"
            + (blocks.quoted(one.condition) if one.condition else "_listed by hand_")
        )
        for one in sorted(fitting, key=lambda one: one.name.casefold())[:_MOST]
    ]
    empty = "A segment is made by `POST /v1/segments`; `/campaign count CONDITION` tries one."
    return _listed("segment", command.rest, rows, len(fitting), len(found), empty)


async def forms(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The forms and what they ask, or those whose name has a word in it."""
    found: list[Component] = []
    async with desk.database.transaction() as tx:
        while True:
            some = await stored_components.listing(
                tx, BY_WORD["form"], asker.workspace_id,
                after_id=found[-1].id if found else 0, limit=_PAGE,
            )  # fmt: skip
            found += some
            if len(some) < _PAGE:
                break
    fitting = [one for one in found if folded(command.rest) in folded(one.name)]
    rows = [
        blocks.section(f"*{blocks.escape(one.name)}* · version {one.version}\n{_asks(one)}")
        for one in sorted(fitting, key=lambda one: one.name.casefold())[:_MOST]
    ]
    empty = "A form is made by `POST /v1/forms`."
    return _listed("form", command.rest, rows, len(fitting), len(found), empty)


def _asks(form: Component) -> str:
    fields: list[Any] = form.written.get("fields") or []
    names = [one["name"] if isinstance(one, dict) else str(one) for one in fields]
    return "asks " + ", ".join(blocks.quoted(name) for name in names) if names else "asks nothing"


def _listed(
    kind: str, search: str, rows: list[Block], fitting: int, total: int, empty: str
) -> Reply:
    """A list of things, or what to do where there are none."""
    if not total:
        text = f"There are no {kind}s yet. {empty}"
        return Reply(text=text, blocks=(blocks.section(text),))
    if not fitting:
        raise Mistaken(
            Mistake(
                f"no {kind} has `{search}` in its name",
                f"there is one {kind}" if total == 1 else f"there are {total} {kind}s",
                f"{kind}s",
                (Suggestion(f"{kind}s", safe=True),),
            )
        )
    title = f"{kind.capitalize()}s" if not search else f"{kind.capitalize()}s with “{search}”"
    body: list[Block] = [blocks.header(title), *rows]
    if fitting > len(rows):
        body.append(
            blocks.context(f"and {fitting - len(rows)} more: `/campaign {kind}s SEARCH` finds them")
        )
    return Reply(text=f"{blocks.escape(title)}: {fitting}", blocks=blocks.fit(body), shareable=True)


async def show_email(desk: Desk, asker: Asker, command: Command) -> Reply:
    """An email made for nobody in particular, and what it reads of a contact."""
    async with desk.database.transaction() as tx:
        found = await finding.email(tx, asker, command)
        known = await load(tx, asker.workspace_id)
        made = await previews.preview(
            tx, asker.workspace_id, email_id=found.id, version=None, contact_id=None,
            given=Given(), base_url=desk.settings.url, now=desk.clock.now(),
        )  # fmt: skip
    reads = (known.emails or {}).get(found.name)
    body: list[Block] = [
        blocks.header(found.name),
        blocks.section(
            f"*{blocks.escape(made.subject)}*\nfrom {blocks.escape(made.sender)}",
            fields=[f"*Version*\n{found.version}", f"*Size*\n{max(made.size // 1024, 1)} KB"],
        ),
    ]
    if reads is not None and reads.variables:
        told = ", ".join(blocks.quoted(path) for path in reads.variables)
        body.append(blocks.section(f"*It reads* {told}"))
    if found.links:
        body.append(blocks.context(f"{len(found.links)} links, the first {found.links[0]}"))
    if may(asker, "editor"):
        press = blocks.button("Send me a test", f"{SAY}:test", f"test email {_spoken(found)}")
        body.append(blocks.actions(press))
    return Reply(
        text=blocks.escape(f"{found.name}: {made.subject}"),
        blocks=blocks.fit(body),
        picture=await asyncio.to_thread(letters.letter, made.subject, made.sender, made.text),
        alt=f"{found.name}: {made.subject}. {blocks.cut(blocks.one_line(made.text), 500)}",
        shareable=True,
    )


async def test_email(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Send an email to the asker's own address, or to one that they name."""
    to = command.options.get("to", "me")
    async with desk.database.transaction() as tx:
        found = await finding.email(tx, asker, command)
        address = await _own_address(tx, asker) if to.lower() == "me" else to
        whose = await segments.contacts_of(tx, asker.workspace_id, emails=[address])
        if not whose:
            raise Problem(
                "invalid_value",
                f"a test is made for a contact, and nobody has the address `{address}`: import "
                "yourself as a contact first, or say `to ADDRESS` of one",
            )
        now = desk.clock.now()
        await previews.send_test(
            tx,
            asker.workspace_id,
            email_id=found.id,
            to=address,
            contact_id=None,
            values={},
            now=now,
        )
        await audit.record(
            tx,
            asker.workspace_id,
            actor=asker.actor,
            act="test_email",
            subject=ids.encode("eml", found.id),
            detail={"in": "slack"},
            now=now,
        )
    text = f"A test of *{blocks.escape(found.name)}* is on its way to {blocks.escape(address)}."
    return Reply(text=text, blocks=(blocks.section(text),))


async def _own_address(tx: Transaction, asker: Asker) -> str:
    address = await accounts.address(tx, asker)
    if not address:
        raise Problem(
            "invalid_value",
            "Slack does not tell me your address; say it: `/campaign test email NAME to ADDRESS`",
        )
    return address


async def count(desk: Desk, asker: Asker, command: Command) -> Reply:
    """How many contacts a condition holds for."""
    async with desk.database.transaction() as tx:
        many = await segments.preview(tx, asker.workspace_id, command.rest, now=desk.clock.now())
    noun = "contact" if many == 1 else "contacts"
    text = f"*{many:,}* {noun}: {blocks.quoted(command.rest)}"
    return Reply(text=f"{many:,} {noun}", blocks=(blocks.section(text),), shareable=True)


HANDLERS: Final[dict[str, Handler]] = {
    "emails": emails_,
    "segments": segments_,
    "forms": forms,
    "show email": show_email,
    "test email": test_email,
    "count": count,
}
