"""What websites reach without a token: the script, its beacon, pages, forms and downloads.

`/t.js` and `/t-1.js`, `/t`, `/t/slots`, `/p/{slug}`, `/f/{slug}`, `/a/{slug}`. Any origin may call
these, without cookies; bodies are bounded; nothing here says whether a contact exists.
"""

import base64
import hashlib
import secrets
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import MediaType, Request, Response, get, post, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from sqlalchemy import select

from headless.api import bodies
from headless.api.auth import House, house_of
from headless.api.evidence import evidence_of
from headless.api.links import as_header
from headless.api.page import page
from headless.campaigns import answers, beacon, visitors
from headless.campaigns.answers import Form
from headless.campaigns.visitors import Deed
from headless.channels.handover import PARAMETER
from headless.channels.previews import NOBODY
from headless.content import sites
from headless.content.forms import TRAP, FormField
from headless.content.templates import TemplateError, compile_template
from headless.problems import Problem
from headless.storage import tables
from headless.storage.codes import ActivityKind

VERSION: Final = 1
SCRIPT: Final = (Path(__file__).parents[1] / "script" / f"{VERSION}.js").read_bytes()
INTEGRITY: Final = f"sha384-{base64.b64encode(hashlib.sha384(SCRIPT).digest()).decode()}"
BEACON_LIMIT: Final = 16 * 1024
FORM_LIMIT: Final = 64 * 1024
_ANYBODY: Final = {"Access-Control-Allow-Origin": "*"}
_ASKED: Final = {
    **_ANYBODY,
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}
_PAGE_POLICY: Final = (
    "default-src 'self' https: data:; script-src {script}; style-src 'unsafe-inline' https:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self' https:; "
    "frame-ancestors 'self'"
)
_SAFE_INLINE: Final = frozenset(("application/pdf", "image/png", "image/jpeg", "image/gif"))


def script_tag(base_url: str, site: str) -> str:
    """What stands in the head of a website's pages."""
    return (
        f'<script src="{escape(base_url)}/t-{VERSION}.js" data-site="{site}" '
        f'integrity="{INTEGRITY}" crossorigin defer></script>'
    )


def _script(age: str) -> Response[bytes]:
    headers = {
        **_ANYBODY,
        "Cache-Control": f"public, max-age={age}",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(SCRIPT, media_type="text/javascript; charset=utf-8", headers=headers)


@get("/t.js", include_in_schema=False)
async def newest_script() -> Response[bytes]:
    """The newest version of the script, which may change."""
    return _script("3600")


@get(f"/t-{VERSION}.js", include_in_schema=False)
async def script() -> Response[bytes]:
    """This version of the script, which never changes."""
    return _script("31536000, immutable")


@route(
    ["/t", "/t/slots", "/f/{slug:str}"],
    http_method=["OPTIONS"],
    include_in_schema=False,
    status_code=204,
)
async def preflight() -> Response[None]:
    """Other origins may call these."""
    return Response(None, status_code=204, headers=_ASKED)


def _refuses_tracking(request: Request[Any, Any, Any]) -> bool:
    """Whether the browser asks not to be followed."""
    return request.headers.get("sec-gpc") == "1" or request.headers.get("dnt") == "1"


@post("/t", include_in_schema=False, status_code=204, request_max_body_size=BEACON_LIMIT)
async def report(request: Request[Any, Any, Any]) -> Response[None]:
    """What the script has to say."""
    given = bodies.decode(await request.body(), beacon.Report)
    house = house_of(request)
    if not _refuses_tracking(request):
        await beacon.take(
            house.database,
            house.versions,
            house.handover,
            given,
            agent=request.headers.get("user-agent", "")[:500],
            base_url=house.settings.url,
            now=house.clock.now(),
        )
    return Response(None, status_code=204, headers=_ANYBODY)


@post("/t/slots", include_in_schema=False, status_code=200, request_max_body_size=BEACON_LIMIT)
async def fill_slots(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """What stands in the slots of a page, for this browser."""
    given = bodies.decode(await request.body(), beacon.Wish)
    house = house_of(request)
    found: dict[str, str] = {}
    if not _refuses_tracking(request):
        found = await beacon.fill(
            house.database, house.versions, house.handover, given, now=house.clock.now()
        )
    return Response(found, headers={**_ANYBODY, "Cache-Control": "no-store"})


@get("/p/{slug:str}", include_in_schema=False)
async def landing_page(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
    """A landing page, with the script in it."""
    house = house_of(request)
    p, w = tables.page.c, tables.workspace.c
    async with house.database.transaction() as tx:
        row = (
            await tx.execute(
                select(p.workspace_id, p.body, w.name)
                .join(tables.workspace, w.id == p.workspace_id)
                .where(p.slug == slug, p.body.is_not(None))
            )
        ).first()
    if row is None:
        return page("There is no such page", "", status=404)
    now = house.clock.now()
    names = {"contact": NOBODY, "workspace": {"name": row.name}, "now": now}
    try:
        body = compile_template(row.body, html=True).render(names)
    except TemplateError as error:
        raise Problem("invalid_text", f"the page cannot be made: {error}") from error
    tag = script_tag(house.settings.url, _site(row.workspace_id))
    at = body.lower().rfind("</body")
    html = body + tag if at < 0 else body[:at] + tag + body[at:]
    if "<html" not in body[:2_000].lower():
        html = f'<!doctype html><html><head><meta charset="utf-8"></head><body>{html}</body></html>'
    headers = {"Content-Security-Policy": _policy(house), "X-Content-Type-Options": "nosniff"}
    return Response(html, media_type=MediaType.HTML, headers=headers)


def _policy(house: House) -> str:
    """What a page of ours may do: of scripts only ours run, and no asset that calls itself one."""
    return _PAGE_POLICY.format(script=f"{house.settings.url}/t-{VERSION}.js")


def _site(workspace_id: int) -> str:
    return beacon.site_text(workspace_id)


# ---------------------------------------------------------------- forms


@get("/f/{slug:str}", include_in_schema=False)
async def show_form(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
    """A form as a page of its own."""
    house = house_of(request)
    async with house.database.transaction() as tx:
        form = await answers.form_at(tx, slug)
    return _form_page(house, form, {}, {})


@post("/f/{slug:str}", include_in_schema=False, status_code=200, request_max_body_size=FORM_LIMIT)
async def answer_form(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """Take an answer, as a browser's form or as JSON; the reply is of the same kind."""
    house = house_of(request)
    async with house.database.transaction() as tx:
        form = await answers.form_at(tx, slug)
        site = await sites.get(tx, form.workspace_id)
    as_json = bodies.media_of(request) == "application/json"
    given = _given(await request.body(), as_json=as_json)
    visitor_key = given.pop("_hv", None)
    if visitor_key is not None and not beacon.is_key(visitor_key):
        visitor_key = None
    try:
        await answers.submit(
            house.database,
            house.versions,
            form,
            given,
            key=f"form:{secrets.token_hex(12)}",
            visitor_key=visitor_key,
            evidence=evidence_of(request),
            now=house.clock.now(),
        )
    except Problem as problem:
        if as_json or problem.code != "invalid_value":
            raise
        faults = {e["pointer"].lstrip("/"): e["detail"] for e in problem.extra.get("errors", ())}
        return _form_page(house, form, given, faults or {"": problem.detail})
    target = form.definition.redirect
    if target is not None and not sites.leads_to(site, target):
        target = None
    if as_json:
        return Response({"thanks": form.definition.thanks, "redirect": target}, headers=_ANYBODY)
    if target is not None:
        return Response(None, status_code=303, headers={"Location": as_header(target), **_ANYBODY})
    return page(form.name, f"<p>{escape(form.definition.thanks)}</p>")


def _given(raw: bytes, *, as_json: bool) -> dict[str, str]:
    if as_json:
        found = bodies.decode(raw, dict[str, str | int | float | bool | None])
        return {name: str(value) for name, value in found.items() if value is not None}
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=200)
    except (UnicodeDecodeError, ValueError) as error:
        raise Problem("invalid_body", "this is no form's answer") from error
    return dict(pairs)


def _form_page(
    house: House, form: Form, given: dict[str, str], faults: dict[str, str]
) -> Response[str]:
    rows = "".join(
        _row(field, given.get(field.name, ""), faults) for field in form.definition.fields
    )
    whole = f'<p role="alert">{escape(faults[""])}</p>' if "" in faults else ""
    trap = (
        f'<p style="position:absolute;left:-99rem" aria-hidden="true"><label>{TRAP}'
        f'<input name="{TRAP}" tabindex="-1" autocomplete="off"></label></p>'
    )
    words = form.definition.consent
    agreed = f"<p><small>{escape(words)}</small></p>" if words else ""
    button = f"{agreed}<p><button>{escape(form.definition.submit)}</button></p>"
    answer = page(
        form.name,
        f'{whole}<form method="post">{rows}{trap}{button}</form>'
        f"{script_tag(house.settings.url, _site(form.workspace_id))}",
        status=400 if faults else 200,
    )
    answer.headers["Content-Security-Policy"] = _policy(house)
    return answer


def _row(field: FormField, given: str, faults: dict[str, str]) -> str:
    label, name, value = escape(field.label or field.name), escape(field.name), escape(given)
    needed = " required" if field.required else ""
    if field.type == "hidden":
        return f'<input type="hidden" name="{name}" value="{value}">'
    if field.type == "long text":
        control = f'<textarea name="{name}" rows="5"{needed}>{value}</textarea>'
    elif field.type == "choice":
        chosen = "".join(
            f"<option{' selected' if each == given else ''}>{escape(each)}</option>"
            for each in field.options
        )
        control = f'<select name="{name}"{needed}><option value=""></option>{chosen}</select>'
    elif field.type == "checkbox":
        ticked = " checked" if given else ""
        control = f'<input type="checkbox" name="{name}"{needed}{ticked}>'
    else:
        kind = {"phone": "tel", "number": "text"}.get(field.type, field.type)
        control = f'<input type="{kind}" name="{name}" value="{value}"{needed}>'
    fault = f'<br><small role="alert">{escape(faults[field.name])}</small>' if (
        field.name in faults
    ) else ""  # fmt: skip
    return f"<p><label>{label}<br>{control}</label>{fault}</p>"


# ---------------------------------------------------------------- downloads


@route("/a/{slug:str}", http_method=["GET", "HEAD"], include_in_schema=False)
async def download(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """A file, or the way to where it lies; a click in a mail says whose download it is."""
    house = house_of(request)
    a, file = tables.asset.c, tables.asset_file
    async with house.database.transaction() as tx:
        row = (
            await tx.execute(
                select(a.workspace_id, a.id, a.url, a.file_name, a.media_type, file.c.bytes)
                .outerjoin(
                    file, (file.c.workspace_id == a.workspace_id) & (file.c.asset_id == a.id)
                )
                .where(a.slug == slug)
            )
        ).first()
    if row is None or (row.url is None and row.bytes is None):
        return page("There is no such file", "", status=404)
    now = house.clock.now()
    ticket = house.handover.read(request.query_params.get(PARAMETER, ""), now=now)
    if ticket is not None and ticket.workspace_id == row.workspace_id and request.method == "GET":
        deed = Deed(
            int(ActivityKind.DOWNLOADED), row.id, now, f"asset:{row.id}:{ticket.message_id}", {}
        )
        async with house.database.transaction() as tx:
            await visitors.note(
                tx, house.versions, row.workspace_id, ticket.contact_id, [deed], now=now
            )
    if row.url is not None:
        return Response(None, status_code=302, headers={"Location": as_header(row.url)})
    how = "inline" if row.media_type in _SAFE_INLINE else "attachment"
    headers = {
        "Content-Disposition": f'{how}; filename="{row.file_name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    body = row.bytes if request.method == "GET" else b""
    return Response(body, media_type=row.media_type, headers=headers)


HANDLERS: Final[list[HTTPRouteHandler]] = [
    newest_script, script, preflight, report, fill_slots, landing_page, show_form, answer_form,
    download,
]  # fmt: skip
