"""An email as its author hands it in: checked, with what is amiss as data.

What cannot be sent (a template that does not parse, a line break in a subject, a sender that is no
address) is a `Problem`; what can be sent but is worth a word is a `Remark`, which the answer shows.
MJML is compiled and snippets are taken in here, so that what is stored is what is sent. Pure:
imports its neighbours `variables`, `markup`, `mjml` and `snippets`.
"""

from collections.abc import Collection, Iterator
from email.utils import parseaddr
from functools import partial
from typing import Final

import msgspec
from email_validator import EmailNotValidError, validate_email

from headless.content import markup, mjml, snippets, variables
from headless.content.variables import Remark, Use, invalid, reading
from headless.problems import Problem

BODY_LIMIT: Final = 512 * 1024  # bytes
CLIPPED_AT: Final = 102 * 1024  # bytes; Gmail shows no more than this of a mail
SUBJECT_LIMIT: Final = 2_000  # characters
NAME_LIMIT: Final = 120
LINKS_LIMIT: Final = 1_000


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What an author gives: `html`, or `mjml` of which it is made. Without `text` it is made from
    the html; without `sender` the workspace's own is used."""

    name: str
    subject: str
    html: str = ""
    mjml: str | None = None
    text: str | None = None
    sender: str | None = None
    reply_to: str | None = None


class Checked(msgspec.Struct, frozen=True):
    """A draft that can be stored: its links' targets by ordinal, its variables, the remarks.

    `draft` is what will be sent; `written` has the members that its author wrote otherwise, with
    snippets in them, and `snippets` their names in lower case.
    """

    draft: Draft
    written: dict[str, str]
    snippets: tuple[str, ...]
    links: tuple[str, ...]
    variables: tuple[Use, ...]
    warnings: tuple[Remark, ...]


def check(
    draft: Draft,
    *,
    fields: Collection[str],
    postal_address: bool,
    bodies: snippets.Bodies | None = None,
) -> Checked:
    """The draft with all that is derived from it; raises Problem when it cannot be sent.

    `fields` are the names of the contacts' own fields; `postal_address` is whether the workspace
    has one; `bodies` are its snippets.
    """
    given = _stripped(draft)
    _check_headers(given)
    _check_sizes(given)
    names = reading("html", lambda: snippets.used(*(getattr(given, m) for m in _TEMPLATES)))
    draft = _made(_expanded(given, bodies or {}))
    _check_sizes(draft)
    read = {"subject": draft.subject, "html": draft.html, "text": draft.text or ""}
    uses = variables.uses(variables.read_all(read), fields)
    targets = targets_of(draft.html, draft.text)
    if len(targets) > LINKS_LIMIT:
        raise Problem("invalid_value", f"an email may have {LINKS_LIMIT:,} links at most")
    paths = {use.path for use in uses}
    remarks = (
        *_consent_remarks(paths, postal_address),
        *variables.remarks(uses),
        *_size_remarks(draft),
    )
    changed = ("subject", "text") if given.mjml is not None else ("subject", "html", "text")
    written = {
        member: getattr(given, member)
        for member in changed
        if getattr(given, member) != getattr(draft, member)
    }
    stored = msgspec.structs.replace(draft, mjml=given.mjml)
    return Checked(stored, written, names, targets, uses, remarks)


def targets_of(html: str, text: str | None) -> tuple[str, ...]:
    """The distinct targets of an email's tracked links; a target's place is its ordinal."""
    found = (*markup.links(html), *(markup.text_links(text) if text is not None else ()))
    return tuple(dict.fromkeys(link.target for link in found))


_TEMPLATES: Final = ("subject", "html", "mjml", "text")


def _expanded(draft: Draft, bodies: snippets.Bodies) -> Draft:
    """The draft with its snippets in it."""
    changes: dict[str, str] = {}
    for member in _TEMPLATES:
        source = getattr(draft, member)
        if source:
            changes[member] = reading(member, partial(snippets.expanded, source, bodies))
    return msgspec.structs.replace(draft, **changes)


def _made(draft: Draft) -> Draft:
    """The draft with the html that its MJML stands for."""
    source = draft.mjml
    if source is None:
        return draft
    html = reading("mjml", partial(mjml.compiled, source))
    if draft.html and draft.html != html:
        raise invalid("html", "give `html` or `mjml`, not both: the html is made of the MJML")
    return msgspec.structs.replace(draft, html=html)


def _stripped(draft: Draft) -> Draft:
    return msgspec.structs.replace(
        draft,
        name=draft.name.strip(),
        subject=draft.subject.strip(" \t"),
        sender=(draft.sender or "").strip(" \t") or None,
        reply_to=(draft.reply_to or "").strip(" \t") or None,
        mjml=draft.mjml if draft.mjml and draft.mjml.strip() else None,
        text=draft.text if draft.text and draft.text.strip() else None,
    )


def _check_headers(draft: Draft) -> None:
    for member in ("name", "subject", "sender", "reply_to"):
        value = getattr(draft, member)
        if value is not None and any(ord(c) < 32 or ord(c) == 127 for c in value):
            raise Problem(
                "invalid_value",
                f"`{member}` holds a line break or another control character; write it in one line",
                errors=[{"pointer": f"/{member}", "detail": "control character"}],
            )
    for member, limit in (("name", NAME_LIMIT), ("subject", SUBJECT_LIMIT)):
        value = getattr(draft, member)
        if not value:
            raise invalid(member, f"`{member}` is empty; give one")
        if len(value) > limit:
            raise invalid(member, f"`{member}` may have {limit:,} characters at most")
    for member in ("sender", "reply_to"):
        value = getattr(draft, member)
        if value is not None:
            _check_mailbox(member, value)


def _check_mailbox(member: str, value: str) -> None:
    _, address = parseaddr(value)
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise invalid(
            member, f"`{value}` is no mail address; write `ann@example.com` or `Ann <ann@…>`"
        ) from error


def _check_sizes(draft: Draft) -> None:
    for member in ("html", "mjml", "text"):
        value = getattr(draft, member) or ""
        if len(value.encode()) > BODY_LIMIT:
            raise Problem("too_large", f"`{member}` has more than {BODY_LIMIT // 1024} KB")
        if markup.RESERVED.search(value) or "\x00" in value:
            raise invalid(member, f"`{member}` holds characters that no text may hold")
    if not draft.html.strip() and draft.text is None and draft.mjml is None:
        raise invalid("html", "there is nothing to send; give `html`, `mjml` or `text`")


def _consent_remarks(paths: Collection[str], postal_address: bool) -> Iterator[Remark]:
    if "links.unsubscribe" not in paths:
        yield Remark(
            "W410",
            "no unsubscribe link: one will be added at the end",
            help="put `{{ links.unsubscribe }}` where you want it",
        )
    if not postal_address:
        yield Remark(
            "W411",
            "the workspace has no postal address, which marketing mail must carry",
            help="set the workspace's postal address; it is added at the end of each mail",
        )


def _size_remarks(draft: Draft) -> Iterator[Remark]:
    size = len(draft.html.encode())
    if size > CLIPPED_AT:
        yield Remark(
            "W414",
            f"the html has {size // 1024} KB: Gmail shows the first 102 KB and hides the rest",
            help="shorten it, or move pictures and styles out of it",
            pointer="/html",
        )
