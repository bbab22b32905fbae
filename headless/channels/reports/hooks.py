"""Where providers report to: one secret address a channel, and the reader for each provider.

Imports its neighbours.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Final

from headless.channels.accounts import Opened
from headless.channels.fetching import Fetcher
from headless.channels.reports import mailgun, postmark, sendgrid, ses, twilio
from headless.channels.reports.report import Call, NotTheirsError, Taken

_LENGTH: Final = 32
PATH: Final = "/hooks/"


class Hooks:
    """Makes and verifies the secret part of those addresses."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        """`keys`: the key ring, newest first."""
        self._keys = keys

    def secret(self, channel_id: int) -> str:
        """The last part of a channel's address, 32 characters."""
        return _secret(self._keys[0], channel_id)

    def holds(self, channel_id: int, given: str) -> bool:
        """Whether any key of the ring made this secret."""
        return any(
            hmac.compare_digest(_secret(key, channel_id).encode(), given.encode())
            for key in self._keys
        )


def _secret(key: bytes, channel_id: int) -> str:
    made = hmac.digest(key, f"headless hook {channel_id}".encode(), hashlib.sha256)
    return made.hex()[:_LENGTH]


async def take(own: Opened, call: Call, fetcher: Fetcher, *, now: datetime) -> Taken:
    """What a request to a channel's address holds; raises NotTheirsError or UnreadableError."""
    if own.provider == "twilio":
        return twilio.take(call, token=own.secrets.auth_token, now=now)
    relay = getattr(own.settings, "relay", None)
    key = getattr(own.secrets, "webhook_key", None)
    match relay:
        case "ses":
            return await ses.take(call, topic_arn=own.settings.topic_arn, fetch=fetcher.get)
        case "sendgrid":
            return sendgrid.take(call, key=key)
        case "mailgun":
            return mailgun.take(call, key=key)
        case "postmark":
            return postmark.take(call)
        case _:
            raise NotTheirsError("this channel's server reports by mail, not here")
