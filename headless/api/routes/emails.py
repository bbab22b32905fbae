"""`/v1/emails`: what campaigns send; each save is a version that never changes.

An email is named in a path by its id or, percent-encoded, by its name.
"""

from typing import Annotated, Any, Final, cast

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.page import shown
from headless.api.shapes import (
    LARGEST,
    Cursor,
    Instant,
    Limit,
    Page,
    VersionNumber,
    after,
    instant,
    page,
)
from headless.audience import contacts, topics
from headless.campaigns.ingest import Who
from headless.channels import previews
from headless.content import emails
from headless.content.drafts import Draft
from headless.content.emails import Email, Saved
from headless.content.variables import Remark, Use
from headless.problems import Problem
from headless.storage.database import Transaction

_LIMIT: Final = 2 * 512 * 1024  # bytes of JSON; what counts is the 512 KB of the email in it


class EmailWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An email to save: Liquid in `subject`, `html` or `mjml`, and `text`.

    The namespaces are `contact.`, `entry.`, `event.`, `workspace.` and `links.unsubscribe`;
    `{% render 'name' %}` takes a snippet in. The html is made of `mjml` where that is given.
    Without `text` it is made from the html; without an unsubscribe link one is added at the end.
    `topic` is the id or the name of what it is about: who has left that topic does not get it.
    """

    name: str
    subject: str
    html: str = ""
    mjml: str | None = None
    text: str | None = None
    sender: str | None = None
    reply_to: str | None = None
    topic: str | None = None


class EmailShape(msgspec.Struct, frozen=True):
    """An email at one of its versions; what is said of it, in the answer to saving it."""

    id: str
    name: str
    version: int
    subject: str
    html: str
    mjml: str | None
    text: str | None
    sender: str | None
    reply_to: str | None
    topic: str | None
    links: tuple[str, ...]
    created_at: Instant
    updated_at: Instant
    variables: list[Use] | UnsetType = UNSET
    warnings: list[Remark] | UnsetType = UNSET


class RevisionShape(msgspec.Struct, frozen=True):
    """One save of an email."""

    version: int
    subject: str
    created_at: Instant


class PreviewAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For whom, and what stands in for the campaign: `with`, `entry` and `event` as it gives them.

    Without a contact the email is made for nobody in particular.
    """

    contact: Who | None = None
    version: VersionNumber | None = None
    with_: dict[str, Any] = msgspec.field(name="with", default_factory=dict)
    entry: dict[str, Any] = {}
    event: dict[str, Any] = {}


class PreviewShape(msgspec.Struct, frozen=True):
    """The mail as it would arrive; `size` is the html's in bytes, of which Gmail shows 102 KB."""

    sender: str
    subject: str
    html: str
    text: str
    size: int


class TestAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To which of your own addresses, and for which contact it is made."""

    to: str
    contact: Who | None = None
    with_: dict[str, Any] = msgspec.field(name="with", default_factory=dict)


class TestShape(msgspec.Struct, frozen=True):
    """The message that is on its way."""

    message_id: str
    to: str


class EmailRow(msgspec.Struct, frozen=True):
    """An email in a list."""

    id: str
    name: str
    version: int
    subject: str
    created_at: Instant
    updated_at: Instant


def _shape(
    email: Email, variables: list[Use] | UnsetType, warnings: list[Remark] | UnsetType
) -> EmailShape:
    written = email.draft()
    return EmailShape(
        id=ids.encode("eml", email.id),
        name=email.name,
        version=email.version,
        subject=written.subject,
        html=written.html or email.html,
        mjml=email.mjml,
        text=written.text,
        sender=email.sender,
        reply_to=email.reply_to,
        topic=email.topic,
        links=email.links,
        variables=variables,
        warnings=warnings,
        created_at=instant(email.created_at),
        updated_at=instant(email.updated_at),
    )


def _row(email: Email) -> EmailRow:
    return EmailRow(
        id=ids.encode("eml", email.id),
        name=email.name,
        version=email.version,
        subject=email.subject,
        created_at=instant(email.created_at),
        updated_at=instant(email.updated_at),
    )


def _saved(saved: Saved) -> Response[EmailShape]:
    answer = _shape(saved.email, list(saved.variables), list(saved.warnings))
    headers = {"ETag": f'"{answer.version}"', "Location": f"/v1/emails/{answer.id}"}
    return Response(answer, status_code=201 if saved.created else 200, headers=headers)


def _draft(body: EmailWrite) -> Draft:
    given = msgspec.structs.asdict(body)
    del given["topic"]
    return Draft(**given)


async def _about(tx: Transaction, workspace_id: int, saved: Saved, name: str | None) -> Saved:
    """The email as it is about the topic that was named, or about none."""
    topic_id = None
    if name is not None:
        topic_id = ids.decode("top", name) or await topics.named(tx, workspace_id, name)
        if topic_id is None:
            raise Problem("invalid_value", f"there is no topic `{name[:60]}`; `POST /v1/topics`")
        topic_id = (await topics.find(tx, workspace_id, topic_id)).id
    elif saved.email.topic is None:
        return saved
    email = await emails.set_topic(
        tx, workspace_id=workspace_id, email_id=saved.email.id, topic_id=topic_id
    )
    return msgspec.structs.replace(saved, email=email)


async def _number(tx: Transaction, workspace_id: int, name: str) -> int:
    number = ids.decode("eml", name)
    if number is None:
        found = await emails.find(tx, workspace_id=workspace_id, name=name)
        if found is None:
            raise Problem("not_found", f"there is no email `{name[:60]}`")
        number = found.id
    return number


@post(
    "/emails",
    opt={**needs("emails:write"), **reads(EmailWrite)},
    tags=["Emails"],
    status_code=201,
    request_max_body_size=_LIMIT,
)
async def create_email(request: Request[Any, Any, Any], call: Caller) -> Response[EmailShape]:
    """Store a new email as version 1; `warnings` say what is worth a word."""
    body = await bodies.read(request, EmailWrite)
    async with call.transaction() as tx:
        saved = await emails.create(
            tx, workspace_id=call.workspace_id, draft=_draft(body), now=call.now
        )
        return _saved(await _about(tx, call.workspace_id, saved, body.topic))


@put(
    "/emails/{name:str}",
    opt={**needs("emails:write"), **reads(EmailWrite)},
    tags=["Emails"],
    request_max_body_size=_LIMIT,
)
async def replace_email(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Response[EmailShape]:
    """Save the next version; `If-Match` refuses to overwrite what somebody else saved."""
    body = await bodies.read(request, EmailWrite)
    wanted = bodies.expected_revision(request)
    async with call.transaction() as tx:
        saved = await emails.replace(
            tx,
            workspace_id=call.workspace_id,
            email_id=await _number(tx, call.workspace_id, name),
            draft=_draft(body),
            now=call.now,
            expected_version=wanted,
        )
        return _saved(await _about(tx, call.workspace_id, saved, body.topic))


@get("/emails", opt=needs("emails:read"), tags=["Emails"])
async def list_emails(call: Caller, limit: Limit = 50, cursor: Cursor = None) -> Page[EmailRow]:
    """The workspace's emails in the order in which they were made."""
    start = after(cursor, list="emails")
    async with call.transaction() as tx:
        rows = await emails.listing(
            tx, workspace_id=call.workspace_id, after_id=start or 0, limit=limit + 1
        )
    return page(rows, limit, lambda row: row.id, _row, list="emails")


@get("/emails/{name:str}", opt=needs("emails:read"), tags=["Emails"])
async def get_email(
    call: Caller,
    name: FromPath[str],
    version: Annotated[int | None, QueryParameter(ge=1, le=LARGEST)] = None,
) -> Response[EmailShape]:
    """One email, at its newest version or at the one asked for."""
    async with call.transaction() as tx:
        number = await _number(tx, call.workspace_id, name)
        email = await emails.get(
            tx, workspace_id=call.workspace_id, email_id=number, version=version
        )
    answer = _shape(email, UNSET, UNSET)
    return Response(answer, headers={"ETag": f'"{email.version}"'})


@get("/emails/{name:str}/versions", opt=needs("emails:read"), tags=["Emails"])
async def list_email_versions(
    call: Caller, name: FromPath[str], limit: Limit = 50, cursor: Cursor = None
) -> Page[RevisionShape]:
    """The saves of an email, the newest first; `GET /v1/emails/{name}?version=` answers one."""
    async with call.transaction() as tx:
        number = await _number(tx, call.workspace_id, name)
        await emails.get(tx, workspace_id=call.workspace_id, email_id=number)
        rows = await emails.versions(
            tx,
            workspace_id=call.workspace_id,
            email_id=number,
            before=after(cursor, list="email_versions", email=number),
            limit=limit + 1,
        )
    return page(
        rows,
        limit,
        lambda row: row.version,
        lambda row: RevisionShape(row.version, row.subject, instant(row.created_at)),
        list="email_versions",
        email=number,
    )


@delete("/emails/{name:str}", opt=needs("emails:write"), tags=["Emails"], status_code=204)
async def delete_email(call: Caller, name: FromPath[str]) -> None:
    """Delete an email and its versions; not while a campaign or a message uses it."""
    async with call.transaction() as tx:
        number = await _number(tx, call.workspace_id, name)
        await emails.remove(tx, workspace_id=call.workspace_id, email_id=number)


async def _contact(tx: Transaction, workspace_id: int, who: Who | None) -> int | None:
    if who is None:
        return None
    if who.id is not None:
        return ids.decode("con", who.id) or -1  # no row has it: the use case says so
    found = await contacts.lookup(tx, workspace_id, external_id=who.external_id, email=who.email)
    return found.id


@post(
    "/emails/{name:str}/preview",
    opt={**needs("emails:read"), **reads(PreviewAsk)},
    tags=["Emails"],
    status_code=200,
)
async def preview_email(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Response[PreviewShape]:
    """The email as a contact would get it; with `Accept: text/html` its html alone."""
    body = await bodies.read(request, PreviewAsk, default=PreviewAsk())
    async with call.transaction() as tx:
        made = await previews.preview(
            tx,
            call.workspace_id,
            email_id=await _number(tx, call.workspace_id, name),
            version=body.version,
            contact_id=await _contact(tx, call.workspace_id, body.contact),
            given=previews.Given(values=body.with_, entry=body.entry, event=body.event),
            base_url=call.house.settings.url,
            now=call.now,
        )
    answer = PreviewShape(made.sender, made.subject, made.html, made.text, made.size)
    accept = request.headers.get("accept", "")
    if "text/html" in accept and "json" not in accept:
        return cast(Response[PreviewShape], shown(made.html))
    return Response(answer)


@post(
    "/emails/{name:str}/test",
    opt={**needs("emails:write"), **reads(TestAsk)},
    tags=["Emails"],
    status_code=202,
)
async def test_email(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> TestShape:
    """Send a test to one of your own addresses; it takes the outbox's way and counts nowhere."""
    body = await bodies.read(request, TestAsk)
    async with call.transaction() as tx:
        number = await previews.send_test(
            tx,
            call.workspace_id,
            email_id=await _number(tx, call.workspace_id, name),
            to=body.to,
            contact_id=await _contact(tx, call.workspace_id, body.contact),
            values=body.with_,
            now=call.now,
        )
    return TestShape(ids.encode("msg", number), body.to)


HANDLERS: Final[list[HTTPRouteHandler]] = [
    create_email, replace_email, list_emails, get_email, list_email_versions, delete_email,
    preview_email, test_email,
]  # fmt: skip
