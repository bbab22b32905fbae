"""`/v1/consents`: the ledger of what contacts agreed to, in which words, and how it is proved."""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter

from headless import ids
from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import Cursor, Instant, Limit, Page, after, instant, number, page
from headless.audience import consents, contacts
from headless.audience.consents import About, Consent, Entry, Evidence
from headless.campaigns import permission
from headless.campaigns.ingest import Who
from headless.problems import Problem

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=consents.MOST_WORDS)]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class ConsentWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a contact said, and where: it is written down, and takes effect.

    `granted` needs `proof`. It opens what the contact had unsubscribed from or not confirmed;
    bounces, complaints and what was suppressed by hand stay. `about: tracking` decides whether
    opens and clicks are seen. Topics are chosen at `/v1/contacts/{id}/topics`.
    """

    contact: Who
    about: Literal["email", "sms", "push", "tracking"]
    action: Literal["granted", "denied", "withdrawn"]
    text: Words | None = None
    text_version: Short | None = None
    source: Short = "api"
    proof: Words | None = None


class EvidenceShape(msgspec.Struct, frozen=True):
    """Where it came from: the address and program of a browser, or the token of a call."""

    ip: str | None
    user_agent: str | None
    token_id: str | None


class ConsentShape(msgspec.Struct, frozen=True):
    """A line of the ledger; it is never changed."""

    id: str
    contact_id: str
    about: str
    topic: str | None
    action: str
    text: str | None
    text_version: str | None
    source: str
    proof: str | None
    message_id: str | None
    evidence: EvidenceShape
    at: Instant


def consent_shape(line: Consent) -> ConsentShape:
    """A line of the ledger as answers show it."""
    return ConsentShape(
        id=ids.encode("cns", line.id),
        contact_id=ids.encode("con", line.contact_id),
        about=line.about,
        topic=line.topic,
        action=line.action,
        text=line.text,
        text_version=line.text_version,
        source=line.source,
        proof=line.proof,
        message_id=None if line.message_id is None else ids.encode("msg", line.message_id),
        evidence=EvidenceShape(line.evidence.ip, line.evidence.user_agent, line.evidence.token),
        at=instant(line.at),
    )


@get("/consents", opt=needs("suppressions:read"), tags=["Consent"])
async def list_consents(
    call: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    contact: Annotated[str | None, QueryParameter(description="the contact's id, `con_…`")] = None,
    about: FromQuery[About | None] = None,
) -> Page[ConsentShape]:
    """The ledger, the newest lines first: who agreed to what, in which words, and the proof."""
    filters = {"list": "consents", "contact": contact, "about": about}
    start = after(cursor, **filters)
    async with call.transaction() as tx:
        rows = await consents.listing(
            tx,
            call.workspace_id,
            limit=limit + 1,
            below=start,
            contact_id=None if contact is None else number("con", contact),
            about=about,
        )
    return page(rows, limit, lambda row: row.id, consent_shape, **filters)


@post(
    "/consents",
    opt={**needs("suppressions:write"), **reads(ConsentWrite)},
    tags=["Consent"],
    status_code=201,
)
async def note_consent(request: Request[Any, Any, Any], call: Caller) -> ConsentShape:
    """Write down what a contact agreed to or took back, and make it so."""
    body = await bodies.read(request, ConsentWrite)
    async with call.transaction() as tx:
        if body.contact.id is not None:
            who = number("con", body.contact.id)
        else:
            found = await contacts.lookup(
                tx,
                call.workspace_id,
                external_id=body.contact.external_id,
                email=body.contact.email,
            )
            who = found.id
        entry = Entry(
            contact_id=who,
            about=body.about,
            action=body.action,
            source=body.source,
            text=body.text,
            text_version=body.text_version,
            proof=body.proof,
            evidence=Evidence(token=ids.encode("tok", call.token.id)),
            at=call.now,
        )
        made = await permission.note(tx, call.house.versions, call.workspace_id, entry)
        lines = await consents.listing(
            tx, call.workspace_id, limit=1, below=made + 1, contact_id=who
        )
    if not lines:
        raise Problem("not_found", "the line is gone")
    return consent_shape(lines[0])


HANDLERS: Final[list[HTTPRouteHandler]] = [list_consents, note_consent]
