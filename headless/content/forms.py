"""Forms: what is asked, and what an answer must be.

A definition is checked when it is saved, an answer against it when somebody sends one. Nothing of
an answer that the form does not ask for is kept. Pure: imports `variables` and the libraries that
know addresses and phone numbers.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
import phonenumbers
from email_validator import EmailNotValidError, validate_email

from headless.content.variables import invalid
from headless.problems import Problem

MOST_FIELDS: Final = 50
MOST_OPTIONS: Final = 200
TEXT_LIMIT: Final = 1_000  # characters of an answer
LONG_LIMIT: Final = 10_000  # of one in several lines
TRAP: Final = "website_url"  # what no person sees and programs fill in
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")

FieldKind = Literal[
    "text", "long text", "email", "phone", "number", "date", "checkbox", "choice", "hidden"
]
_TYPES: Final[dict[FieldKind, str]] = {
    "number": "number", "date": "date", "checkbox": "boolean",
}  # fmt: skip
_BUILT_IN: Final = {"email": ("email",), "phone": ("phone",)}
_STANDING: Final = frozenset(
    ("external_id", "points", "stage", "owner", "created_at", "updated_at", "id")
)


class FormField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question. `contact` is the contact's field that keeps the answer, none for null."""

    name: str
    type: FieldKind = "text"
    label: str | None = None
    required: bool = False
    options: list[str] = []
    contact: str | None = None

    @property
    def value_type(self) -> str:
        """The type by which conditions compare its answers."""
        return _TYPES.get(self.type, "text")


class FormWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A form: its fields in their order, and what follows an answer.

    With `confirm`, who answers is subscribed only after saying so in a mail (double opt-in), and
    the answer counts from then on; `consent` are the words that are agreed to, shown above the
    button and kept in the ledger.
    `redirect` leads to a host of the workspace's sites; `thanks` is what is shown without it.
    """

    name: str
    fields: list[FormField]
    slug: str | None = None
    submit: str = "Send"
    thanks: str = "Thank you."
    redirect: str | None = None
    confirm: bool = False
    consent: str | None = None


class Definition(msgspec.Struct, frozen=True):
    """A form that can be asked."""

    fields: tuple[FormField, ...]
    submit: str
    thanks: str
    redirect: str | None
    confirm: bool
    consent: str | None = None


def checked(given: FormWrite, types: Mapping[str, str], hosts: Collection[str]) -> Definition:
    """The form's definition; `types` are the contacts' fields, `hosts` the workspace's sites."""
    if not 1 <= len(given.fields) <= MOST_FIELDS:
        raise invalid("fields", f"a form has 1 to {MOST_FIELDS} fields")
    names: set[str] = set()
    for index, field in enumerate(given.fields):
        _check_field(field, f"fields/{index}", types)
        if field.name in names:
            raise invalid(f"fields/{index}/name", f"two fields are called `{field.name}`")
        names.add(field.name)
    if given.confirm and not any(field.type == "email" for field in given.fields):
        raise invalid("confirm", "to ask for a confirmation, the form needs an `email` field")
    if given.redirect is not None:
        redirect_of(given.redirect, hosts)
    return Definition(
        tuple(given.fields),
        given.submit[:200],
        given.thanks[:2_000],
        given.redirect,
        given.confirm,
        (given.consent or "").strip()[:2_000] or None,
    )


def _check_field(field: FormField, at: str, types: Mapping[str, str]) -> None:
    if not _NAME.fullmatch(field.name) or field.name == TRAP:
        raise invalid(f"{at}/name", "a field's name is of `a` to `z`, digits and `_`")
    if (field.type == "choice") != bool(field.options):
        raise invalid(f"{at}/options", "a `choice` needs `options`, and nothing else has them")
    if len(field.options) > MOST_OPTIONS or any(len(each) > 200 for each in field.options):
        raise invalid(f"{at}/options", f"{MOST_OPTIONS} options of 200 characters at most")
    if field.contact is None:
        return
    if field.contact in _BUILT_IN and field.type != field.contact:
        raise invalid(f"{at}/contact", f"`{field.contact}` is filled by a field of that type")
    if field.contact in _STANDING:
        raise invalid(f"{at}/contact", f"a form cannot write `{field.contact}`")
    known = types.get(field.contact.lower())
    if field.contact not in _BUILT_IN and known is None:
        raise invalid(f"{at}/contact", f"contacts have no field `{field.contact[:60]}`; declare it")
    if known is not None and known != field.value_type:
        raise invalid(f"{at}/contact", f"`{field.contact}` is a {known}, not a {field.value_type}")


def redirect_of(url: str, hosts: Collection[str]) -> str:
    """An address on one of the workspace's own hosts; Problem `invalid_value`."""
    try:
        parts = urlsplit(url if url.isprintable() and "\\" not in url else "")
    except ValueError:  # `http://[`
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or (parts.hostname or "") not in hosts:
        raise invalid("redirect", "`redirect` leads to a host that `PUT /v1/site` lists")
    return url


def answers(definition: Definition, given: Mapping[str, str]) -> dict[str, Any]:
    """What was answered, by field and as its type; Problem `invalid_value` with every fault."""
    found: dict[str, Any] = {}
    errors: list[dict[str, str]] = []
    for field in definition.fields:
        text = given.get(field.name, "").strip()
        try:
            value = _value(field, text)
        except ValueError as error:
            errors.append({"pointer": f"/{field.name}", "detail": str(error)})
            continue
        if value is not None:
            found[field.name] = value
    if errors:
        first = errors[0]
        raise Problem(
            "invalid_value", f"`{first['pointer'].lstrip('/')}`: {first['detail']}", errors=errors
        )
    return found


def _value(field: FormField, text: str) -> Any:
    if field.type == "checkbox":
        ticked = text.lower() in ("on", "true", "yes", "1")
        if field.required and not ticked:
            raise ValueError("this must be ticked")
        return ticked
    if not text:
        if field.required:
            raise ValueError("this is needed")
        return None
    if len(text) > (LONG_LIMIT if field.type == "long text" else TEXT_LIMIT) or "\x00" in text:
        raise ValueError("this is too long")
    return _READ.get(field.type, _plain)(text, field)


def _plain(text: str, field: FormField) -> str:
    return text


def _email(text: str, field: FormField) -> str:
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError("this is no mail address") from error


def _phone(text: str, field: FormField) -> str:
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise ValueError("this is no phone number with its country, such as +49 …") from error
    if not phonenumbers.is_possible_number(number):
        raise ValueError("this is too long or too short for a phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _number(text: str, field: FormField) -> int | float:
    if not re.fullmatch(r"[+-]?\d{1,15}(?:[.,]\d{1,12})?", text, re.ASCII):
        raise ValueError("this is no number")
    value = float(text.replace(",", "."))
    return int(value) if value.is_integer() else value


def _date(text: str, field: FormField) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError("this is no date such as 2026-11-23") from error


def _choice(text: str, field: FormField) -> str:
    if text not in field.options:
        raise ValueError("this is none of the choices")
    return text


_READ: Final[dict[FieldKind, Any]] = {
    "email": _email, "phone": _phone, "number": _number, "date": _date, "choice": _choice,
}  # fmt: skip
