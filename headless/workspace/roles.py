"""Roles: what a colleague may do, whichever token they use.

Each role may do what those before it may. Computes only; imports the scopes of `tokens`.
"""

from collections.abc import Collection
from typing import Final, Literal

from headless.workspace.tokens import SCOPES

Role = Literal["viewer", "editor", "approver", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "editor", "approver", "admin")
"""From the least to the most."""

_ADMINS_READ: Final = frozenset({"audit:read", "tokens:read"})
_EDITORS: Final = frozenset(
    {
        "activities:write",
        "campaigns:publish",
        "campaigns:write",
        "components:write",
        "contacts:write",
        "emails:write",
        "segments:write",
    }
)
_ADMINS: Final = frozenset(
    {
        "admin",
        "channels:write",
        "contacts:erase",
        "contacts:export",
        "members:write",
        "tokens:write",
        "workspace:write",
    }
)


def scopes_of(role: Role) -> tuple[str, ...]:
    """What a role may do, as the scopes of tokens."""
    if role == "admin":
        return ("admin",)
    held = {scope for scope in SCOPES if scope.endswith(":read")} - _ADMINS_READ
    if role == "editor":
        held |= _EDITORS
    if role == "approver":
        held = set(SCOPES) - _ADMINS - _ADMINS_READ
    return tuple(sorted(held))


def bounded(scopes: Collection[str], role: Role) -> tuple[str, ...]:
    """Of a token's scopes those that its owner's role allows."""
    allowed = scopes_of(role)
    if "admin" in allowed:
        return tuple(scopes)
    return allowed if "admin" in scopes else tuple(one for one in scopes if one in allowed)
