"""The kinds of components beside emails: what an author hands in of each, and what is stored.

A kind has a word (the campaign language's own), a table, the shape of what is written, and a check
that makes columns of it or raises the Problem that goes back. The checks are pure; `components`
speaks to the database. Imports `variables`, `snippets`, `forms`, `markup` and storage's tables.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Table

from headless import ids
from headless.content import forms, snippets, variables
from headless.content.variables import Remark, Use, invalid, reading
from headless.problems import Problem
from headless.seals import Seals
from headless.storage import tables

NAME_LIMIT: Final = 120
TEXT_LIMIT: Final = 64 * 1024
PAGE_LIMIT: Final = 512 * 1024
SMS_LIMIT: Final = 1_600  # characters
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?")
_LIQUID: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)


class Write(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every component has: its name."""

    name: str


class SmsWrite(Write, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A text message; `body` is Liquid, 1,600 characters at most when it is made."""

    body: str


class PushMessageWrite(Write, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A push message; all three are Liquid, and `url` is what opens by a tap."""

    title: str
    body: str
    url: str | None = None


class MultiMessageWrite(Write, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `send message` sends: one of these, by the channel that a contact prefers.

    Each is the name or the id of a component; one at least.
    """

    email: str | None = None
    sms: str | None = None
    push_message: str | None = None


class SnippetWrite(Write, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A piece of text that others take in with `{% render 'name' %}`."""

    body: str


class ContentWrite(Write, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Html, with Liquid, that a campaign shows in a slot of a page."""

    body: str


class SlotWrite(Write, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A place on a page that campaigns fill; `default_content` is for everybody else."""

    default_content: str | None = None


class PageWrite(Write, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A landing page: `body` is html with Liquid, served at `/p/{slug}`; or, with `url`, a page of
    a website of yours, whose visits campaigns can wait for (`*` stands for anything)."""

    body: str | None = None
    slug: str | None = None
    url: str | None = None


class AssetWrite(Write, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something to download at `/a/{slug}`: a file to be uploaded, or `url`, where it lies."""

    slug: str | None = None
    url: str | None = None


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a check may know of the workspace."""

    workspace_id: int
    fields: Collection[str] = ()
    types: Mapping[str, str] = {}
    bodies: snippets.Bodies = {}
    hosts: Collection[str] = ()
    seals: Seals | None = None


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """What can be stored: the columns, what its author wrote, and what is worth a word."""

    columns: dict[str, Any]
    written: dict[str, Any]
    snippets: tuple[str, ...] = ()
    variables: tuple[Use, ...] = ()
    warnings: tuple[Remark, ...] = ()


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of component. `parts` are members that name other components: the word of their
    kind, their table and the column for their number. `secret` is a member that is never shown."""

    word: str
    table: Table
    prefix: ids.Kind
    write: type[msgspec.Struct]
    check: Callable[[Any, About], Ready]
    parts: Mapping[str, tuple[str, Table, str]] = {}
    path: str | None = None  # the public path before its slug
    secret: str | None = None


def name_of(text: str) -> str:
    """A component's name as it is kept; Problem `invalid_value`."""
    name = unicodedata.normalize("NFC", text.strip())
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise invalid("name", f"`name` has 1 to {NAME_LIMIT} characters that can be printed")
    return name


def web_url(member: str, text: str) -> str:
    """An http(s) address; Problem `invalid_value`."""
    text = text.strip()
    try:
        parts = urlsplit(text if text.isprintable() else "")
    except ValueError:  # `http://[`
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or len(text) > 2_000:
        raise invalid(member, f"`{member}` must be an address such as `https://example.com/x`")
    return text


def slug_of(text: str | None, name: str) -> str:
    """The part of an address: as given, else made of the name; Problem `invalid_value`."""
    if text is None:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        text = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "x"
    if not _SLUG.fullmatch(text):
        raise invalid("slug", "`slug` has 1 to 80 of `a` to `z`, digits and `-`")
    return text


def _templates(
    given: Write, members: Collection[str], about: About, *, limit: int, kind: str
) -> tuple[dict[str, Any], tuple[str, ...], tuple[Use, ...], tuple[Remark, ...]]:
    """Members that are Liquid, with their snippets in them, and what they speak of."""
    sources = {m: getattr(given, m) for m in members if getattr(given, m) is not None}
    names: dict[str, None] = {}
    for member, source in sources.items():
        names |= dict.fromkeys(reading(member, partial(snippets.used, source)))
        sources[member] = reading(member, partial(snippets.expanded, source, about.bodies))
        if len(sources[member].encode()) > limit:
            raise Problem("too_large", f"`{member}` has more than {limit // 1024} KB")
        if "\x00" in source:
            raise invalid(member, f"`{member}` holds characters that no text may hold")
    found = variables.uses(variables.read_all(sources), about.fields)
    return sources, tuple(names), found, tuple(variables.remarks(found, kind))


def _written(given: msgspec.Struct) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(given))
    del value["name"]
    return value


def _text(given: Any, about: About, *, members: tuple[str, ...], kind: str) -> Ready:
    columns, names, found, remarks = _templates(given, members, about, limit=TEXT_LIMIT, kind=kind)
    for member, source in columns.items():
        if not source.strip():
            raise invalid(member, f"`{member}` is empty")
    for member in members:
        columns.setdefault(member, None)
    return Ready(
        columns=columns,
        written=_written(given),
        snippets=names,
        variables=found,
        warnings=remarks,
    )


def _sms(given: SmsWrite, about: About) -> Ready:
    ready = _text(given, about, members=("body",), kind="sms")
    plain = _LIQUID.sub("", ready.columns["body"])
    if len(plain) > SMS_LIMIT:
        raise invalid("body", f"an sms has {SMS_LIMIT:,} characters at most, not {len(plain):,}")
    gsm = _GSM.issuperset(plain)
    alone, many = (160, 153) if gsm else (70, 67)
    parts = 1 if len(plain) <= alone else -(-len(plain) // many)
    if parts > 1:
        letters = "" if gsm else ", for it has letters beyond the GSM alphabet"
        remark = Remark("W415", f"it is sent, and paid, as {parts} texts{letters}", pointer="/body")
        return msgspec.structs.replace(ready, warnings=(*ready.warnings, remark))
    return ready


def _snippet(given: SnippetWrite, about: About) -> Ready:
    if reading("body", partial(snippets.used, given.body)):
        raise invalid("body", "a snippet cannot take in another snippet")
    if len(given.body.encode()) > snippets.BODY_LIMIT:
        raise Problem("too_large", f"`body` has more than {snippets.BODY_LIMIT // 1024} KB")
    ready = _text(given, about, members=("body",), kind="email")
    return msgspec.structs.replace(ready, warnings=())  # what it means, its users know


def _multi(given: MultiMessageWrite, about: About) -> Ready:
    if not (given.email or given.sms or given.push_message):
        raise invalid("email", "name one at least of `email`, `sms` and `push_message`")
    return Ready(columns={}, written=_written(given))


def _slot(given: SlotWrite, about: About) -> Ready:
    return Ready(columns={}, written=_written(given))


def _page(given: PageWrite, about: About) -> Ready:
    if (given.body is None) == (given.url is None):
        raise invalid("body", "give `body` for a page of ours, or `url` for one of your websites")
    written = _written(given)
    if given.url is not None:
        if given.slug is not None:
            raise invalid("slug", "a page with `url` has no `slug`: it does not stand here")
        url = web_url("url", given.url).partition("#")[0]
        return Ready(columns={"url": url, "body": None, "slug": None}, written=written)
    columns, names, found, remarks = _templates(
        given, ("body",), about, limit=PAGE_LIMIT, kind="email"
    )
    slug = slug_of(given.slug, given.name)
    return Ready(
        columns={**columns, "url": None, "slug": slug},
        written={**written, "slug": slug},
        snippets=names,
        variables=found,
        warnings=remarks,
    )


def _asset(given: AssetWrite, about: About) -> Ready:
    slug = slug_of(given.slug, given.name)
    url = None if given.url is None else web_url("url", given.url)
    return Ready(
        columns={"slug": slug, "url": url}, written={**_written(given), "slug": slug, "url": url}
    )


def _form(given: forms.FormWrite, about: About) -> Ready:
    slug = slug_of(given.slug, given.name)
    definition = forms.checked(given, about.types, about.hosts)
    return Ready(
        columns={
            "slug": slug,
            "fields": {field.name: field.value_type for field in definition.fields},
            "definition": msgspec.json.decode(msgspec.json.encode(definition)),
        },
        written={**_written(given), "slug": slug},
    )


KINDS: Final[tuple[Kind, ...]] = (
    Kind(
        word="sms", table=tables.sms, prefix="sms", write=SmsWrite, check=_sms,
    ),
    Kind(
        word="push message", table=tables.push_message, prefix="psh", write=PushMessageWrite,
        check=partial(_text, members=("title", "body", "url"), kind="push message"),
    ),
    Kind(
        word="message", table=tables.multi_message, prefix="mul", write=MultiMessageWrite,
        check=_multi,
        parts={
            "email": ("email", tables.email, "email_id"),
            "sms": ("sms", tables.sms, "sms_id"),
            "push_message": ("push message", tables.push_message, "push_message_id"),
        },
    ),
    Kind(
        word="snippet", table=tables.snippet, prefix="snp", write=SnippetWrite, check=_snippet,
    ),
    Kind(
        word="content", table=tables.content, prefix="cnt", write=ContentWrite,
        check=partial(_text, members=("body",), kind="email"),
    ),
    Kind(
        word="slot", table=tables.slot, prefix="slt", write=SlotWrite, check=_slot,
        parts={"default_content": ("content", tables.content, "default_content_id")},
    ),
    Kind(
        word="page", table=tables.page, prefix="pag", write=PageWrite, check=_page, path="/p/",
    ),
    Kind(
        word="form", table=tables.form, prefix="frm", write=forms.FormWrite, check=_form,
        path="/f/",
    ),
    Kind(
        word="asset", table=tables.asset, prefix="ast", write=AssetWrite, check=_asset, path="/a/",
    ),
)  # fmt: skip
BY_WORD: Final[dict[str, Kind]] = {kind.word: kind for kind in KINDS}
