"""`/dev/inbox`: the mails that a development server has received, to read and to click in.

Only in development, where nothing leaves the machine: pages for people, JSON for programs (with a
long poll), and `POST /dev/inbox/{id}/open|click|unsubscribe`, which do without a browser what the
mail's own signed links do. Anybody who reaches the port may read here.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies, inbox_pages, links
from headless.api.auth import House, house_of, known_parameters
from headless.api.shapes import Cursor, Instant, Limit, after, instant, page
from headless.campaigns.origin import Origin, origins
from headless.channels import inbox
from headless.channels.inbox import Mail, MailLinks, Received
from headless.channels.links import Kind, Link, Resolved, resolve
from headless.problems import Problem

_MOST_WAIT: Final = 30
_RAW_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}

To = Annotated[str | None, QueryParameter(max_length=320, description="only mail to this address")]
Wait = Annotated[
    float, QueryParameter(ge=0, le=_MOST_WAIT, description="seconds to wait until a mail is there")
]
Newer = Annotated[
    int | None,
    QueryParameter(name="after", ge=0, description="mails behind this `id`, the oldest first"),
]
Place = Annotated[int | None, QueryParameter(ge=0, description="which of `links.clicks`, from 0")]


class MailShape(msgspec.Struct, frozen=True):
    """A mail, taken apart; `links` are our own, `why` is the path that tells its reason."""

    id: int
    message_id: str | None
    to: str
    subject: str
    text: str
    headers: dict[str, str]
    links: MailLinks
    why: str | None
    received_at: Instant
    html: str | UnsetType = UNSET


class MailPage(msgspec.Struct, frozen=True):
    """Mails, and the cursor of the older ones."""

    data: list[MailShape]
    next_cursor: str | None


class Click(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which link to follow: its place in `links.clicks`, from 0, or the address it leads to."""

    link: int | str = 0


class Done(msgspec.Struct, frozen=True):
    """What was done in a person's place; `target` is where a followed link leads."""

    done: str
    message_id: str | None
    target: str | None


# ---------------------------------------------------------------- to read


@get("/dev/inbox", include_in_schema=False, guards=[known_parameters])
async def list_mails(
    request: Request[Any, Any, Any],
    to: To = None,
    wait: Wait = 0,
    newer: Newer = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response[Any]:
    """The mails, the newest first; those behind `after` in the order of their arrival.

    `wait` answers as soon as there is one, and with none when the time is over.
    """
    house = house_of(request)
    before = after(cursor, list="inbox", to=to)
    if newer is not None:
        found = await inbox.wait_for(
            house.database, to=to, after_id=newer, seconds=wait, limit=limit
        )
    else:
        found = await _newest(house, to, before, limit + 1)
        if not found and wait and await inbox.wait_for(house.database, to=to, seconds=wait):
            found = await _newest(house, to, before, limit + 1)
    shown = page(found, limit, lambda one: one.id, lambda one: one, list="inbox", to=to)
    if _in_a_browser(request, otherwise=not (to or wait or newer is not None)):
        return inbox_pages.list_page(
            shown.data, to=to, older=shown.next_cursor, follows=cursor is None
        )
    return Response(MailPage(await _shapes(house, shown.data), shown.next_cursor))


@get("/dev/inbox/{mail_id:int}", include_in_schema=False, guards=[known_parameters])
async def show_mail(
    request: Request[Any, Any, Any],
    mail_id: FromPath[int],
    done: FromQuery[str | None] = None,
    pictures: FromQuery[str | None] = None,
) -> Response[Any]:
    """One mail. Whoever looks at it in a browser opens it: the frame loads its pixel."""
    house = house_of(request)
    in_a_browser = _in_a_browser(request)
    async with house.database.transaction() as tx:
        mail = await inbox.get(tx, mail_id)
    if mail is None:
        if in_a_browser:
            return inbox_pages.missing_page(mail_id)
        raise _missing(mail_id)
    origin = (await _origins(house, [mail])).get(mail_id)
    if not in_a_browser:
        return Response(_shape(mail, origin, html=mail.html))
    return inbox_pages.mail_page(
        mail,
        await _followable(house, mail),
        base_url=house.settings.url,
        campaign=origin.campaign if origin else None,
        done=done,
        pictures=pictures == "all",
    )


@get("/dev/inbox/{mail_id:int}/html", include_in_schema=False)
async def mail_html(
    request: Request[Any, Any, Any], mail_id: FromPath[int], pictures: FromQuery[str | None] = None
) -> Response[str]:
    """The mail's own HTML, for the frame of its page."""
    house = house_of(request)
    mail = await _mail(house, mail_id)
    return inbox_pages.frame(mail, base_url=house.settings.url, pictures=pictures == "all")


@get("/dev/inbox/{mail_id:int}/raw", include_in_schema=False)
async def mail_source(request: Request[Any, Any, Any], mail_id: FromPath[int]) -> Response[bytes]:
    """The mail as it came over the wire."""
    mail = await _mail(house_of(request), mail_id)
    return Response(mail.raw, media_type=MediaType.TEXT, headers=_RAW_HEADERS)


# ---------------------------------------------------------------- to do without a browser


@post("/dev/inbox/{mail_id:int}/open", include_in_schema=False, status_code=200)
async def open_mail(request: Request[Any, Any, Any], mail_id: FromPath[int]) -> Response[Any]:
    """Open the mail, as its pixel does."""
    house = house_of(request)
    mail = await _mail(house, mail_id)
    await links.opened(house, (await _behind(house, "open", mail.links.open)).link)
    return _done(request, mail, "open", "opened")


@post(
    "/dev/inbox/{mail_id:int}/click",
    include_in_schema=False,
    status_code=200,
    guards=[known_parameters],
)
async def click_mail(
    request: Request[Any, Any, Any], mail_id: FromPath[int], link: Place = None
) -> Response[Any]:
    """Follow a link of the mail: the first, the one at `link`, or the one that the body names."""
    house = house_of(request)
    wanted = (await bodies.read(request, Click, default=Click())).link if link is None else link
    mail = await _mail(house, mail_id)
    found = await _wanted(house, mail, wanted)
    await links.clicked(house, found.link)
    return _done(request, mail, "click", "clicked", found.target)


@post("/dev/inbox/{mail_id:int}/unsubscribe", include_in_schema=False, status_code=200)
async def unsubscribe_mail(
    request: Request[Any, Any, Any], mail_id: FromPath[int]
) -> Response[Any]:
    """Unsubscribe the recipient, as the mail's own link does."""
    house = house_of(request)
    mail = await _mail(house, mail_id)
    found = await _behind(house, "unsubscribe", mail.links.unsubscribe)
    await links.unsubscribed(house, found, "inbox")
    return _done(request, mail, "unsubscribe", "unsubscribed")


# ---------------------------------------------------------------- what they share


def _in_a_browser(request: Request[Any, Any, Any], *, otherwise: bool = False) -> bool:
    """Whether a page is wanted; `otherwise` holds for those who take whatever comes."""
    accept = request.headers.get("accept", "")
    return "text/html" in accept or (otherwise and "json" not in accept)


async def _newest(house: House, to: str | None, before: int | None, limit: int) -> list[Received]:
    async with house.database.transaction() as tx:
        return await inbox.listing(tx, to=to, before_id=before, limit=limit)


async def _mail(house: House, mail_id: int) -> Mail:
    async with house.database.transaction() as tx:
        mail = await inbox.get(tx, mail_id)
    if mail is None:
        raise _missing(mail_id)
    return mail


def _missing(mail_id: int) -> Problem:
    return Problem("not_found", f"there is no mail {mail_id} in the inbox; see `/dev/inbox`")


async def _shapes(house: House, found: Sequence[Received]) -> list[MailShape]:
    async with house.database.transaction() as tx:
        mails = {
            mail.received.id: mail for mail in await inbox.details(tx, [one.id for one in found])
        }
    known = await _origins(house, list(mails.values()))
    return [_shape(mails[one.id], known.get(one.id)) for one in found if one.id in mails]


def _shape(mail: Mail, origin: Origin | None, *, html: str | UnsetType = UNSET) -> MailShape:
    why = None
    if origin is not None:
        contact = ids.encode("con", origin.contact_id)
        why = f"/v1/contacts/{contact}/why?campaign={ids.encode('cmp', origin.campaign_id)}"
    return MailShape(
        id=mail.received.id,
        message_id=mail.message_id,
        to=mail.received.recipient,
        subject=mail.subject,
        text=mail.text,
        headers=mail.headers,
        links=mail.links,
        why=why,
        received_at=instant(mail.received.received_at),
        html=html,
    )


def _verified(house: House, kind: Kind, url: str | None) -> Link | None:
    token = (url or "").rpartition("/")[2].removesuffix(".gif")
    return house.links.verify(kind, token)


async def _origins(house: House, mails: Sequence[Mail]) -> dict[int, Origin]:
    """Where mails come from, by their place in the inbox; a signed link is what is believed."""
    keys: dict[int, tuple[int, int]] = {}
    for mail in mails:
        link = _verified(house, "open", mail.links.open) or _verified(
            house, "unsubscribe", mail.links.unsubscribe
        )
        if link is not None:
            keys[mail.received.id] = (link.workspace_id, link.message_id)
    async with house.database.transaction() as tx:
        known = await origins(tx, keys.values())
    return {mail_id: known[key] for mail_id, key in keys.items() if key in known}


async def _followable(house: House, mail: Mail) -> inbox_pages.Followable:
    signed = [_verified(house, "click", url) for url in mail.links.clicks]
    async with house.database.transaction() as tx:
        found = await resolve(tx, [link for link in signed if link is not None])
    known = {one.link: one.target for one in found if one is not None}
    return inbox_pages.Followable(
        opens=_verified(house, "open", mail.links.open) is not None,
        targets=[None if link is None else known.get(link) for link in signed],
        unsubscribes=_verified(house, "unsubscribe", mail.links.unsubscribe) is not None,
    )


async def _wanted(house: House, mail: Mail, wanted: int | str) -> Resolved:
    """The link of a mail that is meant, by place or by target; raises Problem `not_found`."""
    clicks = mail.links.clicks
    for place, url in enumerate(clicks):
        if isinstance(wanted, int) and place != wanted:
            continue
        found = await _behind(house, "click", url)
        if found.target is not None and wanted in (place, found.target):
            return found
    if not clicks:
        raise Problem("not_found", "this mail has no click link of ours")
    counted = "one link of ours" if len(clicks) == 1 else f"{len(clicks)} links of ours"
    raise Problem("not_found", f"this mail has {counted}, counted from 0, and not `{wanted}`")


async def _behind(house: House, kind: Kind, url: str | None) -> Resolved:
    """The message behind one of a mail's own links; raises Problem `not_found`."""
    if url is None:
        raise Problem("not_found", f"this mail has no {kind} link of ours")
    token = url.rpartition("/")[2].removesuffix(".gif")
    found = await links.behind(house, kind, token)
    if found is None:
        told = f"the {kind} link of this mail is signed with another key, or its message is gone"
        raise Problem("not_found", told)
    return found


def _done(
    request: Request[Any, Any, Any], mail: Mail, verb: str, done: str, target: str | None = None
) -> Response[Any]:
    """The answer for a program; whoever pressed a button comes back to the mail."""
    if _in_a_browser(request):
        return Redirect(f"/dev/inbox/{mail.received.id}?done={verb}", status_code=303)
    return Response(Done(done, mail.message_id, target))


HANDLERS: Final[list[HTTPRouteHandler]] = [
    list_mails,
    show_mail,
    mail_html,
    mail_source,
    open_mail,
    click_mail,
    unsubscribe_mail,
]
