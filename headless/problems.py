"""Problems: what a use case answers when it cannot do as asked, the same for every face.

A problem has a stable code to switch on, a sentence for the person, and data for the program. HTTP
turns it into RFC 9457 problem details, the command line into a line with `→ do this`, Slack into
an answer. Imports nothing of ours.
"""

from typing import Any, Final

# code: (HTTP status, title)
CATALOGUE: Final[dict[str, tuple[int, str]]] = {
    "invalid_body": (400, "The body does not fit"),
    "invalid_value": (400, "A value does not fit"),
    "unknown_field": (400, "There is no such field"),
    "cursor_mismatch": (400, "The cursor belongs to another list"),
    "unauthenticated": (401, "A token is needed"),
    "insufficient_scope": (403, "The token may not do this"),
    "sandbox_only": (403, "Only a sandbox can do this"),
    "not_found": (404, "There is no such thing here"),
    "method_not_allowed": (405, "This method does not exist here"),
    "slow_body": (408, "The body came too slowly"),
    "name_taken": (409, "The name is taken"),
    "identity_conflict": (409, "Two contacts are meant"),
    "wrong_state": (409, "Not in this state"),
    "held": (409, "Nothing is sent now"),
    "key_busy": (409, "The same request is being answered"),
    "in_use": (409, "Others use it"),
    "plan_drifted": (409, "Things have moved since the plan"),
    "approval_required": (409, "A second person must approve"),
    "self_approval": (403, "Nobody approves their own"),
    "stranded": (409, "People would be lost"),
    "gone": (410, "It was there and is gone"),
    "stale_version": (412, "Somebody has saved in between"),
    "too_large": (413, "The body is too large"),
    "unsupported_media": (415, "This kind of body is not read here"),
    "key_reused": (422, "The key belongs to another request"),
    "invalid_text": (422, "The text has faults"),
    "plan_required": (428, "Starting needs the plan you agreed to"),
    "rate_limited": (429, "Too many requests"),
    "internal": (500, "Something broke on our side"),
    "not_ready": (503, "Not ready yet"),
}


class Problem(Exception):  # noqa: N818 - the word that RFC 9457 uses
    """A refusal with its code, its sentence and its data.

    `code` is a key of `CATALOGUE`; `detail` says what happened and what to do; `extra` is JSON that
    joins the answer's members, such as `diagnostics` or `plan`.
    """

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        if code not in CATALOGUE:
            raise KeyError(f"no problem is catalogued as {code}")
        self.code = code
        self.detail = detail
        self.extra = extra

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return CATALOGUE[self.code][0]

    @property
    def title(self) -> str:
        """The same short sentence for every problem of this code."""
        return CATALOGUE[self.code][1]
