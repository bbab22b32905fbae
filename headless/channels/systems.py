"""Systems that contacts are pushed to (`push to X`): what must be known of each.

`fields` says which of ours goes where: `{"their_name": "our_field"}`; `email`, `phone`,
`external_id`, `points`, `stage`, `owner` and every custom field can be named. Pure: imports nothing
but `providers`' types.
"""

from typing import Any, Final, Literal

import msgspec

from headless.channels.providers import BearerSecrets, Text, Url


class HubSpot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """HubSpot's contacts, found by their address. The path moves with HubSpot's versions."""

    fields: dict[str, Text] = msgspec.field(default_factory=lambda: {"email": "email"})
    base_url: Url = "https://api.hubapi.com"
    path: Text = "/crm/v3/objects/contacts/batch/upsert"


class HubSpotSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a private app."""

    token: Text


class Upsert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Any system that takes a contact as a JSON object; `method` PUT or POST to `url`.

    `{external_id}` and `{email}` in the address stand for the contact's own.
    """

    url: Url
    method: Literal["POST", "PUT"] = "POST"
    fields: dict[str, Text] = msgspec.field(
        default_factory=lambda: {"external_id": "external_id", "email": "email"}
    )


class System(msgspec.Struct, frozen=True):
    """One kind of system: the types of its settings and secrets, and a sentence on it."""

    settings: type[msgspec.Struct]
    secrets: type[msgspec.Struct]
    sentence: str


SYSTEMS: Final[dict[str, System]] = {
    "hubspot": System(HubSpot, HubSpotSecrets, "HubSpot's contacts, made or updated by address."),
    "upsert": System(Upsert, BearerSecrets, "Any HTTP API that makes or updates a contact."),
}


def mapped(fields: dict[str, str], person: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Their members with our values; what `with (...)` gives goes before what the contact has."""
    values = {theirs: given.get(theirs, person.get(ours)) for theirs, ours in fields.items()}
    return {
        **{name: value for name, value in given.items() if name not in fields},
        **{name: value for name, value in values.items() if value is not None},
    }
