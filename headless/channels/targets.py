"""What campaigns send to beside people: named webhooks, and other systems' contacts.

The kinds of components whose secrets are sealed: an answer names those that are set and shows none.
Imports `content`, `systems` and storage's tables.
"""

import base64
import binascii
import re
from typing import Annotated, Any, Final, Literal

import msgspec

from headless.channels.systems import SYSTEMS
from headless.content.kinds import About, Kind, Ready, Write, web_url
from headless.content.variables import invalid
from headless.dsl.near import some_of
from headless.problems import Problem
from headless.storage import tables

_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}")
_OURS: Final = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "content-type", "user-agent")
)


class WebhookTargetWrite(Write, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where `send webhook NAME` goes. `secret` (`whsec_…`) signs it in the place of the
    workspace's own; it is never shown, stays when it is left out, and goes with null."""

    url: str
    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=60)] = 10
    secret: str | msgspec.UnsetType | None = msgspec.UNSET


class IntegrationWrite(Write, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where `push to NAME` goes: a `provider` with its `settings`. `secrets` are never shown, stay
    when they are left out, and go with null."""

    provider: str
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    secrets: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET


def _webhook(given: WebhookTargetWrite, about: About) -> Ready:
    for name, value in given.headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OURS or name.lower()[:8] == "webhook-":
            raise invalid("headers", f"`{name[:60]}` is no header that can be set here")
        if not value.isprintable() or not value.isascii() or len(value) > 2_000:
            raise invalid("headers", f"the value of `{name}` cannot stand in a header")
    if len(given.headers) > 20:
        raise invalid("headers", "a webhook may have 20 headers of its own")
    columns: dict[str, Any] = {
        "url": web_url("url", given.url),
        "method": given.method,
        "headers": given.headers,
        "timeout_seconds": given.timeout_seconds,
    }
    written = {**columns, "secrets": ["secret"] if isinstance(given.secret, str) else []}
    if isinstance(given.secret, str):
        _check_secret(given.secret)
        columns["secrets"] = _sealed(about, {"secret": given.secret})
    elif given.secret is None:
        columns["secrets"] = None
    return Ready(columns=columns, written=written)


def _check_secret(text: str) -> None:
    try:
        raw = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("secret", "`secret` is `whsec_` and base64") from error
    if not text.startswith("whsec_") or not 24 <= len(raw) <= 64:
        raise invalid("secret", "`secret` is `whsec_` and 24 to 64 bytes in base64")


def _integration(given: IntegrationWrite, about: About) -> Ready:
    system = SYSTEMS.get(given.provider)
    if system is None:
        raise invalid("provider", f"`provider` is one of {some_of(SYSTEMS)}")
    settings = _converted("settings", given.settings, system.settings)
    written: dict[str, Any] = {
        "provider": given.provider,
        "settings": msgspec.to_builtins(settings),
        "secrets": sorted(given.secrets) if isinstance(given.secrets, dict) else [],
    }
    columns = {"provider": given.provider, "settings": written["settings"]}
    if isinstance(given.secrets, dict):
        secrets = _converted("secrets", given.secrets, system.secrets)
        columns["secrets"] = _sealed(about, msgspec.to_builtins(secrets))
    elif given.secrets is None:
        columns["secrets"] = None
    return Ready(columns=columns, written=written)


def _converted(member: str, given: dict[str, Any], type_: type[Any]) -> Any:
    try:
        return msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        said = str(error).replace("`$", f"`{member}").replace("Object", "it").lower()
        raise invalid(member, said) from error


def _sealed(about: About, value: dict[str, Any]) -> bytes:
    if about.seals is None:
        raise Problem("not_ready", "secrets cannot be kept: no key ring is set")
    return about.seals.seal(about.workspace_id, msgspec.json.encode(value))


WEBHOOK: Final = Kind(
    word="webhook",
    table=tables.webhook,
    prefix="wht",
    write=WebhookTargetWrite,
    check=_webhook,
    secret="secrets",  # noqa: S106 - the name of a column
)
INTEGRATION: Final = Kind(
    word="integration",
    table=tables.integration,
    prefix="int",
    write=IntegrationWrite,
    check=_integration,
    secret="secrets",  # noqa: S106 - the name of a column
)
