"""The email channel: what is due becomes mails, each for its own contact.

Reads everything about a handful of messages in one query, checks once more that each may be sent,
and composes. Letters are compiled once and kept. In a sandbox nothing leaves this machine, whatever
server is set. Imports `content`, storage and its neighbours `links`, `mail` and `ports`.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
)

from headless import ids
from headless.audience.consents import MARKETING_ONLY
from headless.audience.tracked import is_tracked
from headless.audience.wanted import unwanted
from headless.channels import mail
from headless.channels.answers import Answer
from headless.channels.facts import around, company_of, owner_of
from headless.channels.links import Links
from headless.channels.ports import Due, Parcel, Refusal, Sender
from headless.channels.relays import Relay
from headless.content.letters import Letter, Source
from headless.content.templates import TemplateError, instant
from headless.storage import tables
from headless.storage.codes import Channel
from headless.storage.database import Transaction

_KEPT: Final = 256
_Key = tuple[int, int, int, bool, bool, bool]


class EmailCourier:
    """Takes a workspace's emails to one mail server."""

    channel = Channel.EMAIL

    def __init__(self, links: Links, sender: Sender, relay: Relay | None = None) -> None:
        """`relay`: what the server's owner wants in its mails; None for the installation's own."""
        self.links = links
        self.sender = sender
        self.relay = relay
        self._letters: OrderedDict[_Key, Letter] = OrderedDict()

    @property
    def width(self) -> int:
        """As many as the server takes at once."""
        return self.sender.width

    async def ready(self) -> Answer:
        """Whether the server takes our connection."""
        return await self.sender.ready()

    async def send(self, parcel: Parcel, *, now: datetime) -> Answer:
        """Hand one mail over."""
        return await self.sender.send(parcel.sender, parcel.recipient, parcel.body)

    async def close(self) -> None:
        """QUIT where connections are open."""
        await self.sender.close()

    async def prepare(
        self, transaction: Transaction, due: Sequence[Due], *, now: datetime
    ) -> list[Parcel | Refusal]:
        """The mails, or why there is none; all of one workspace."""
        workspace_id = due[0].workspace_id
        rows = {
            row.message_id: row
            for row in await transaction.execute(
                _FACTS, {"workspace_id": workspace_id, "ids": [each.id for each in due]}
            )
        }
        prepared: list[Parcel | Refusal] = []
        for each in due:
            row = rows.get(each.id)
            reason = self._obstacle(each, row)
            if row is None or reason is not None:
                prepared.append(_refusal(each, reason or _NO_CONTACT))
                continue
            prepared.append(await self._parcel(transaction, each, row, now))
        return prepared

    def _obstacle(self, due: Due, row: Row[Any] | None) -> str | None:
        """Why this message must not go out, if there is a reason."""
        if row is None or row.contact_id is None:
            return _NO_CONTACT
        if row.version is None:
            return _NO_EMAIL
        if row.suppressed is not None and _named(due) is None:
            return str(row.suppressed)
        if row.unwanted is not None and _named(due) is None:
            return str(row.unwanted)
        if row.address_suppressed:
            return "the address is suppressed"
        if row.mode == "sandbox" and not self.sender.local:
            return _SANDBOX
        address = _named(due) or row.email
        if not address:
            return "no address"
        if mail.ascii_address(address) is None:
            return "no address that mail can be sent to"
        return None

    async def _parcel(
        self, transaction: Transaction, due: Due, row: Row[Any], now: datetime
    ) -> Parcel | Refusal:
        try:
            letter = await self._letter(transaction, due, row)
            return self._composed(due, row, letter, now)
        except (TemplateError, mail.HeaderError) as error:
            return Refusal(due.id, "parked", f"the email cannot be made: {error}", row.version)

    def _composed(self, due: Due, row: Row[Any], letter: Letter, now: datetime) -> Parcel | Refusal:
        marketing, named = not due.transactional, _named(due)
        tracked = _is_tracked(due, row)
        link = self.links.of(workspace_id=due.workspace_id, message_id=due.id, made=due.created_at)
        unsubscribe = "" if named else link("unsubscribe")
        confirm = link("confirm") if _confirms(due) else ""
        made = letter.compose(
            {
                **around(row),
                **(due.data or {}).get("with", {}),
                "contact": _contact(row),
                "entry": row.entry or {},
                "event": row.event or {},
                "workspace": {
                    "name": row.workspace_name,
                    "sender": row.sender,
                    "postal_address": row.postal_address or "",
                },
                "links": {
                    "unsubscribe": unsubscribe,
                    "open": link("open") if tracked else "",
                    "confirm": confirm,
                },
                "now": now,
            },
            partial(link, "click"),
            known=due.links,
        )
        if confirm not in made.text and confirm not in made.html:
            return Refusal(due.id, "parked", _NO_BUTTON, row.version)
        one_click = row.mode == "sandbox" or self.links.base_url.startswith("https://")
        recipient = mail.ascii_address(named or row.email) or ""
        sender = mail.mailbox(letter.source.sender)
        body = mail.build(
            mail.Mail(
                message_id=ids.encode("msg", due.id),
                sender=letter.source.sender,
                recipient=recipient,
                subject=made.subject,
                html=made.html,
                text=made.text,
                date=now,
                reply_to=letter.source.reply_to,
                unsubscribe=unsubscribe if marketing and one_click and unsubscribe else None,
                feedback_id=_feedback_id(due, row) if marketing else None,
                headers=self.relay.headers(due.id) if self.relay else (),
            )
        )
        relay = self.relay
        return Parcel(
            due.id,
            relay.envelope(sender.address, due.workspace_id, due.id) if relay else sender.address,
            recipient,
            relay.signed(body, now=now) if relay else body,
            links=made.links,
            email_version=row.version,
            tracked=tracked,
        )

    async def _letter(self, transaction: Transaction, due: Due, row: Row[Any]) -> Letter:
        marketing = not due.transactional and _named(due) is None
        tracked = _is_tracked(due, row)
        address = bool((row.postal_address or "").strip())
        key = (due.workspace_id, due.ref, row.version, marketing, address, tracked)
        kept = self._letters.get(key)
        if kept is None or kept.source.sender != (row.own_sender or row.sender):
            source = await _source(transaction, due, row)
            kept = Letter(source, marketing=marketing, postal_address=address, tracked=tracked)
            self._letters[key] = kept
            if len(self._letters) > _KEPT:
                self._letters.popitem(last=False)
        self._letters.move_to_end(key)
        return kept


_NO_CONTACT: Final = "the contact is gone"
_NO_EMAIL: Final = "the email is gone"
_SANDBOX: Final = "this is a sandbox and the mail server is not on this machine"
_NO_BUTTON: Final = "the email does not say `links.confirm`, so nobody could confirm"
_FOR_PEOPLE: Final = frozenset((_NO_EMAIL, _SANDBOX))


def _refusal(due: Due, reason: str) -> Refusal:
    return Refusal(due.id, "parked" if reason in _FOR_PEOPLE else "skipped", reason)


def _named(due: Due) -> str | None:
    """The address that the campaign itself names (`to "ops@example.com"`)."""
    address = (due.data or {}).get("to")
    return str(address) if address else None


def _confirms(due: Due) -> bool:
    """Whether it asks the contact to confirm its address."""
    return bool((due.data or {}).get("confirm"))


def _is_tracked(due: Due, row: Row[Any]) -> bool:
    """Whether it counts opens and clicks: of the contact's own mail, if the contact lets us."""
    return bool(row.tracked) and _named(due) is None and not _confirms(due)


def _contact(row: Row[Any]) -> Mapping[str, object]:
    return {
        **row.fields,
        "id": ids.encode("con", row.contact_id),
        "external_id": row.external_id,
        "email": row.email,
        "time_zone": row.time_zone,
        "points": row.points,
        "stage": row.stage,
        "owner": row.owner,
        "created_at": instant(row.created_at),
    }


def _feedback_id(due: Due, row: Row[Any]) -> str:
    return _feedback(row.campaign_id, due.workspace_id)


@lru_cache(maxsize=256)
def _feedback(campaign_id: int | None, workspace_id: int) -> str:
    campaign = ids.encode("cmp", campaign_id) if campaign_id else "none"
    return f"{campaign}:marketing:{ids.encode('wsp', workspace_id)}:headless"


async def _source(transaction: Transaction, due: Due, stored: Row[Any]) -> Source:
    v = tables.email_version.c
    row = (
        await transaction.execute(
            select(v.subject, v.html, v.text, v.sender, v.reply_to, v.links).where(
                v.workspace_id == due.workspace_id,
                v.email_id == due.ref,
                v.version == stored.version,
            )
        )
    ).one()
    return Source(
        row.subject, row.html, row.text, row.sender or stored.sender, row.reply_to, tuple(row.links)
    )


def _facts() -> Select[*tuple[Any, ...]]:
    """All that is known about some messages of a workspace, in one row each."""
    m, c = tables.message.c, tables.contact.c
    s, e, a = tables.suppression.c, tables.enrollment.c, tables.activity.c
    em, v, w = tables.email.c, tables.email_version.c, tables.workspace.c
    transactional = func.coalesce(m.data["transactional"].as_boolean(), literal(False))
    suppressed = and_(
        s.workspace_id == m.workspace_id,
        s.channel == int(Channel.EMAIL),
        or_(~transactional, s.reason.not_in(MARKETING_ONLY)),
    )
    other = tables.contact.alias("other")
    named = exists(
        select(1)
        .select_from(other.join(tables.suppression, s.contact_id == other.c.id))
        .where(
            other.c.workspace_id == m.workspace_id,
            func.lower(other.c.email) == func.lower(m.data["to"].as_string()),
            suppressed,
        )
    ).correlate(tables.message)
    return (
        select(
            m.id.label("message_id"),
            c.id.label("contact_id"),
            c.external_id, c.email, c.time_zone, c.points, c.stage, c.owner, c.fields,
            c.created_at,
            s.reason.label("suppressed"),
            named.label("address_suppressed"),
            case((~transactional, unwanted(m.workspace_id, m.ref, m.contact_id))).label("unwanted"),
            e.campaign_id, e.entry,
            a.properties.label("event"),
            company_of(tables.contact), owner_of(tables.contact),
            func.coalesce(m.email_version, em.version).label("version"),
            v.sender.label("own_sender"),
            w.name.label("workspace_name"), w.sender, w.postal_address, w.mode,
            is_tracked().label("tracked"),
        )
        .select_from(
            tables.message.join(tables.workspace, w.id == m.workspace_id)
            .outerjoin(
                tables.contact, and_(c.workspace_id == m.workspace_id, c.id == m.contact_id)
            )
            .outerjoin(tables.suppression, and_(suppressed, s.contact_id == m.contact_id))
            .outerjoin(
                tables.enrollment,
                and_(e.workspace_id == m.workspace_id, e.id == m.enrollment_id),
            )
            .outerjoin(
                tables.activity, and_(a.workspace_id == m.workspace_id, a.id == m.activity_id)
            )
            .outerjoin(tables.email, and_(em.workspace_id == m.workspace_id, em.id == m.ref))
            .outerjoin(
                tables.email_version,
                and_(
                    v.workspace_id == m.workspace_id,
                    v.email_id == m.ref,
                    v.version == func.coalesce(m.email_version, em.version),
                ),
            )
        )
        .where(
            m.workspace_id == bindparam("workspace_id", type_=BigInteger),
            m.id == func.any(bindparam("ids", type_=ARRAY(BigInteger))),
        )
    )  # fmt: skip


_FACTS: Final = _facts()
