"""An email as its author hands it in: checked, with what is amiss as data.

What cannot be sent (a template that does not parse, a line break in a subject, a sender that is no
address) is a `Problem`; what can be sent but is worth a word is a `Remark`, which the answer shows.
Pure: imports `templates`, `markup` and `problems`.
"""

from collections.abc import Collection, Iterable, Iterator
from email.utils import parseaddr
from typing import Final

import msgspec
from email_validator import EmailNotValidError, validate_email

from headless.content import markup, templates
from headless.content.templates import Fault, TemplateError, Variable
from headless.problems import Problem

BODY_LIMIT: Final = 512 * 1024  # bytes
CLIPPED_AT: Final = 102 * 1024  # bytes; Gmail shows no more than this of a mail
SUBJECT_LIMIT: Final = 2_000  # characters
NAME_LIMIT: Final = 120
LINKS_LIMIT: Final = 1_000

CONTACT: Final = frozenset(
    ("id", "external_id", "email", "time_zone", "points", "stage", "owner", "created_at")
)
WORKSPACE: Final = frozenset(("name", "postal_address", "sender"))
OPEN_ROOTS: Final = frozenset(("entry", "event"))  # what a campaign was started and moved by


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What an author gives. Without `text` it is made from the html; without `sender` the
    workspace's own is used."""

    name: str
    subject: str
    html: str
    text: str | None = None
    sender: str | None = None
    reply_to: str | None = None


class Use(msgspec.Struct, frozen=True):
    """A variable that the email uses, and whether it is known here."""

    path: str
    known: bool


class Remark(msgspec.Struct, frozen=True):
    """A warning: a code, a sentence, and what to do about it."""

    code: str
    message: str
    help: str = ""
    pointer: str = ""


class Checked(msgspec.Struct, frozen=True):
    """A draft that can be stored: its links' targets by ordinal, its variables, the remarks."""

    draft: Draft
    links: tuple[str, ...]
    variables: tuple[Use, ...]
    warnings: tuple[Remark, ...]


def check(draft: Draft, *, fields: Collection[str], postal_address: bool) -> Checked:
    """The draft with all that is derived from it; raises Problem when it cannot be sent.

    `fields` are the names of the contacts' own fields; `postal_address` is whether the workspace
    has one.
    """
    draft = _stripped(draft)
    _check_headers(draft)
    _check_sizes(draft)
    variables = _check_templates(draft)
    uses = tuple(_uses(variables, fields))
    targets = targets_of(draft.html, draft.text)
    if len(targets) > LINKS_LIMIT:
        raise Problem("invalid_value", f"an email may have {LINKS_LIMIT:,} links at most")
    paths = {use.path for use in uses}
    remarks = (
        *_consent_remarks(paths, postal_address),
        *_unknown_remarks(uses),
        *_size_remarks(draft),
    )
    return Checked(draft, targets, uses, remarks)


def targets_of(html: str, text: str | None) -> tuple[str, ...]:
    """The distinct targets of an email's tracked links; a target's place is its ordinal."""
    found = (*markup.links(html), *(markup.text_links(text) if text is not None else ()))
    return tuple(dict.fromkeys(link.target for link in found))


def _stripped(draft: Draft) -> Draft:
    return msgspec.structs.replace(
        draft,
        name=draft.name.strip(),
        subject=draft.subject.strip(" \t"),
        sender=(draft.sender or "").strip(" \t") or None,
        reply_to=(draft.reply_to or "").strip(" \t") or None,
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
            raise _invalid(member, f"`{member}` is empty; give one")
        if len(value) > limit:
            raise _invalid(member, f"`{member}` may have {limit:,} characters at most")
    for member in ("sender", "reply_to"):
        value = getattr(draft, member)
        if value is not None:
            _check_mailbox(member, value)


def _check_mailbox(member: str, value: str) -> None:
    _, address = parseaddr(value)
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise _invalid(
            member, f"`{value}` is no mail address; write `ann@example.com` or `Ann <ann@…>`"
        ) from error


def _check_sizes(draft: Draft) -> None:
    for member in ("html", "text"):
        value = getattr(draft, member) or ""
        if len(value.encode()) > BODY_LIMIT:
            raise Problem("too_large", f"`{member}` has more than {BODY_LIMIT // 1024} KB")
        if markup.RESERVED.search(value) or "\x00" in value:
            raise _invalid(member, f"`{member}` holds characters that no text may hold")
    if not draft.html.strip() and draft.text is None:
        raise _invalid("html", "there is nothing to send; give `html` or `text`")


def _check_templates(draft: Draft) -> tuple[Variable, ...]:
    variables: list[Variable] = []
    errors = []
    parts = {"subject": draft.subject, "html": draft.html, "text": draft.text or ""}
    for member, source in parts.items():
        try:
            variables += templates.analyze(source)
        except TemplateError as error:
            errors.append(_described(member, error.fault))
    if errors:
        first = errors[0]
        raise Problem(
            "invalid_text",
            f"`{str(first['pointer']).lstrip('/')}`, line {first['line']}: {first['detail']}",
            errors=errors,
        )
    return tuple(variables)


def _described(member: str, fault: Fault) -> dict[str, str | int]:
    return {
        "pointer": f"/{member}",
        "detail": fault.message,
        "line": fault.line,
        "column": fault.column,
        "offset": fault.start,
    }


def _uses(variables: Iterable[Variable], fields: Collection[str]) -> Iterator[Use]:
    for path in dict.fromkeys(variable.path for variable in variables):
        root, _, rest = path.partition(".")
        name = rest.partition(".")[0].partition("[")[0]
        yield Use(path, known=_known(root.partition("[")[0], name, fields))


def _known(root: str, name: str, fields: Collection[str]) -> bool:
    if root == "contact":
        return name in CONTACT or name in fields
    if root == "workspace":
        return name in WORKSPACE
    if root == "links":
        return name == "unsubscribe"
    return root in OPEN_ROOTS


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


def _unknown_remarks(uses: Iterable[Use]) -> Iterator[Remark]:
    for use in uses:
        if use.known:
            continue
        root = use.path.partition(".")[0]
        if root in ("contact", "workspace", "links"):
            yield Remark(
                "W412",
                f"I do not know `{use.path}`: it will be empty",
                help='correct the name, or give it a value with `| default: "…"`',
            )
        else:
            yield Remark(
                "W413",
                f"`{use.path}` must come from the campaign",
                help=f"there, write `send email … with ({root} = …)`",
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


def _invalid(member: str, detail: str) -> Problem:
    return Problem("invalid_value", detail, errors=[{"pointer": f"/{member}", "detail": detail}])
