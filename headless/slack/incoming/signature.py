"""The signature on what Slack sends: v0, HMAC-SHA256 over the raw body, five minutes old at most.

Two secrets hold while the app's is being changed. Computes only; imports slack_sdk.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from slack_sdk.signature import Clock, SignatureVerifier

_LONGEST: Final = 20


class _At(Clock):
    """A clock that stands at the instant of the request."""

    def __init__(self, now: datetime) -> None:
        self._now = now.timestamp()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now


def holds(
    secrets: Sequence[str], body: bytes, *, timestamp: str, signature: str, now: datetime
) -> bool:
    """Whether one of the secrets signed the body, and not more than five minutes ago."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < _LONGEST):
        return False
    if not signature.isascii():
        return False
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    clock = _At(now)
    return any(
        SignatureVerifier(one, clock).is_valid(text, timestamp, signature) for one in secrets
    )


def headers(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers with which Slack would sign a body: for the check-up."""
    timestamp = str(int(now.timestamp()))
    made = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": str(made)}
