"""`/v1/emails`: what campaigns send; each save is a version that never changes.

An email is named in a path by its id or, percent-encoded, by its name.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import Cursor, Instant, Limit, Page, after, instant, page
from headless.content import emails
from headless.content.drafts import Draft, Remark, Use
from headless.content.emails import Email, Saved
from headless.problems import Problem
from headless.storage.database import Transaction

_LIMIT: Final = 2 * 512 * 1024  # bytes of JSON; what counts is the 512 KB of the email in it


class EmailWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An email to save: Liquid in `subject`, `html` and `text`.

    The namespaces are `contact.`, `entry.`, `event.`, `workspace.` and `links.unsubscribe`. Without
    `text` it is made from the html; without an unsubscribe link one is added at the end.
    """

    name: str
    subject: str
    html: str
    text: str | None = None
    sender: str | None = None
    reply_to: str | None = None


class EmailShape(msgspec.Struct, frozen=True):
    """An email at one of its versions; what is said of it, in the answer to saving it."""

    id: str
    name: str
    version: int
    subject: str
    html: str
    text: str | None
    sender: str | None
    reply_to: str | None
    links: tuple[str, ...]
    created_at: Instant
    updated_at: Instant
    variables: list[Use] | UnsetType = UNSET
    warnings: list[Remark] | UnsetType = UNSET


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
    return EmailShape(
        id=ids.encode("eml", email.id),
        name=email.name,
        version=email.version,
        subject=email.subject,
        html=email.html,
        text=email.text,
        sender=email.sender,
        reply_to=email.reply_to,
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
    return Draft(**msgspec.structs.asdict(body))


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
        return _saved(
            await emails.create(
                tx, workspace_id=call.workspace_id, draft=_draft(body), now=call.now
            )
        )


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
        return _saved(
            await emails.replace(
                tx,
                workspace_id=call.workspace_id,
                email_id=await _number(tx, call.workspace_id, name),
                draft=_draft(body),
                now=call.now,
                expected_version=wanted,
            )
        )


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
    version: Annotated[int | None, QueryParameter(ge=1)] = None,
) -> Response[EmailShape]:
    """One email, at its newest version or at the one asked for."""
    async with call.transaction() as tx:
        number = await _number(tx, call.workspace_id, name)
        email = await emails.get(
            tx, workspace_id=call.workspace_id, email_id=number, version=version
        )
    answer = _shape(email, UNSET, UNSET)
    return Response(answer, headers={"ETag": f'"{email.version}"'})


HANDLERS: Final[list[HTTPRouteHandler]] = [create_email, replace_email, list_emails, get_email]
