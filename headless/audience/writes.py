"""What somebody wants written about contacts, checked before any of it touches the database.

A `Write` names a contact by its row, its external id or its address, and says what is to change;
what is UNSET stays. `check` makes of it a `Row` whose values the tables can take, or raises the
Problem that goes back to whoever sent it. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from headless.audience.addresses import normalised
from headless.audience.field_values import FieldType, checked, type_of
from headless.audience.fields import Fields, proper_name
from headless.audience.phones import normalised as phone
from headless.dsl.near import did_you_mean
from headless.problems import Problem
from headless.workspace.zones import zone

Text = str | None | UnsetType
LONGEST_ID: Final = 200
LONGEST_NAME: Final = 120
MOST_TAGS: Final = 1000
CHANNELS: Final = ("email", "sms", "push message")


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written about one contact; None clears, UNSET keeps."""

    contact_id: int | None = None
    external_id: Text = UNSET
    email: Text = UNSET
    phone: Text = UNSET
    preferred_channel: Text = UNSET
    time_zone: Text = UNSET
    stage: Text = UNSET
    owner: Text = UNSET
    fields: Mapping[str, Any] = {}
    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()


class Row(msgspec.Struct, kw_only=True):
    """A checked write: `texts` are the columns to write, `fields` and `cleared` the JSON ones."""

    contact_id: int | None = None
    texts: dict[str, str | None] = {}
    fields: dict[str, Any] = {}
    cleared: set[str] = set()
    add_tags: set[str] = set()
    remove_tags: set[str] = set()

    @property
    def external_id(self) -> str | None:
        """The external id that is given, None for none."""
        return self.texts.get("external_id")

    @property
    def email(self) -> str | None:
        """The normalised address that is given, None for none."""
        return self.texts.get("email")

    def then(self, later: "Row") -> None:
        """Add what a later write of the same contact says."""
        self.texts |= later.texts
        self.fields = {k: v for k, v in self.fields.items() if k not in later.cleared}
        self.fields |= later.fields
        self.cleared = (self.cleared - later.fields.keys()) | later.cleared
        self.add_tags = (self.add_tags - later.remove_tags) | later.add_tags
        self.remove_tags = (self.remove_tags - later.add_tags) | later.remove_tags


COLUMNS: Final = (
    "external_id", "email", "phone", "preferred_channel", "time_zone", "stage", "owner",
)  # fmt: skip


def check(write: Write, fields: Fields) -> Row:
    """The write as the tables take it; raises Problem with every field's fault in `errors`."""
    texts: dict[str, str | None] = {}
    errors: list[dict[str, str]] = []
    for name in COLUMNS:
        given = getattr(write, name)
        if given is not UNSET:
            try:
                texts[name] = None if given is None else _CHECKS[name](given)
            except (Problem, ValueError) as error:
                detail = error.detail if isinstance(error, Problem) else str(error)
                errors.append({"pointer": f"/{name}", "code": "invalid_value", "detail": detail})
    nameless = write.contact_id is None and not texts.get("external_id") and not texts.get("email")
    if nameless and not errors:
        raise Problem("invalid_value", "`external_id` or `email` is needed")
    row = Row(contact_id=write.contact_id, texts=texts)
    _check_fields(write.fields, fields, row, errors)
    row.add_tags = {_tag(tag, "add", errors) for tag in write.add_tags}
    row.remove_tags = {_tag(tag, "remove", errors) for tag in write.remove_tags} - row.add_tags
    if errors:
        unknown = all(error["code"] == "unknown_field" for error in errors)
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        detail = errors[0]["detail"]
        if not unknown:
            detail = f"`{errors[0]['pointer'].rpartition('/')[2]}`: {detail}"
        raise Problem("unknown_field" if unknown else "invalid_value", detail + more, errors=errors)
    return row


def new_fields(writes: Sequence[Write], fields: Fields) -> dict[str, FieldType]:
    """The fields that the writes speak of and that do not exist, typed by their first value.

    Raises Problem for a name that no field can have.
    """
    new: dict[str, FieldType] = {}
    for write in writes:
        for name, value in write.fields.items():
            if value is not None and name.lower() not in fields and name not in new:
                try:
                    new[proper_name(name)] = type_of(value)
                except ValueError as error:
                    raise Problem("invalid_value", f"`{name[:60]}`: {error}") from error
    return new


def _check_fields(
    given: Mapping[str, Any], fields: Fields, row: Row, errors: list[dict[str, str]]
) -> None:
    for name, value in given.items():
        known = fields.get(name.lower())
        if known is None:
            errors.append(_unknown(name, fields))
        elif value is None:
            row.cleared.add(known.name)
        else:
            try:
                row.fields[known.name] = checked(known.type, value)
            except ValueError as error:
                detail = str(error)
                errors.append(
                    {"pointer": f"/fields/{name}", "code": "invalid_value", "detail": detail}
                )


def _unknown(name: str, fields: Fields) -> dict[str, str]:
    hint = did_you_mean(name, [field.name for field in fields.values()]) or (
        'declare it with `POST /v1/fields`, or send `"fields_mode": "create"`'
    )
    detail = f"there is no field `{name[:60]}`; {hint}"
    return {"pointer": f"/fields/{name[:60]}", "code": "unknown_field", "detail": detail}


def _tag(name: str, list_: str, errors: list[dict[str, str]]) -> str:
    try:
        return _short(name)
    except ValueError as error:
        errors.append({"pointer": f"/tags/{list_}", "code": "invalid_value", "detail": str(error)})
        return ""


def plain(text: str, longest: int) -> str:
    """A short text that can be printed; raises ValueError."""
    text = text.strip()
    if not text:
        raise ValueError("this is empty; send null to clear it")
    if len(text) > longest:
        raise ValueError(f"this may have {longest} characters, and it has {len(text)}")
    if "\0" in text or not text.isprintable():
        raise ValueError("this has characters that cannot be printed")
    return text


def _identity(text: str) -> str:
    return plain(text, LONGEST_ID)


def _short(text: str) -> str:
    return plain(text, LONGEST_NAME)


def channel(text: str) -> str:
    """A channel that a contact may prefer; raises ValueError."""
    if text.strip().lower() not in CHANNELS:
        raise ValueError("the channels are `email`, `sms` and `push message`")
    return text.strip().lower()


_CHECKS: Final[dict[str, Any]] = {
    "external_id": _identity,
    "email": normalised,
    "phone": phone,
    "preferred_channel": channel,
    "time_zone": zone,
    "stage": _short,
    "owner": _short,
}
