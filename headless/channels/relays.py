"""Relays: what a mail needs so that the server's owner can tell us later what became of it.

Each provider gives back our message's token in its events if it stands in a header of that
provider's own; their own open and click tracking is switched off, or all would count twice. A plain
server gets a return path instead, and a DKIM signature of ours; providers sign themselves. Sources:
the providers' SMTP pages. Imports its neighbours.
"""

from datetime import datetime
from typing import Final

import msgspec

from headless import ids
from headless.channels.providers import Smtp, SmtpSecrets
from headless.channels.returns import Returns
from headless.channels.signing import Signer, signer

MARK: Final = "hm"
"""What our message's id is called in every provider's events."""
_SENDGRID_OFF: Final = ("clicktrack", "opentrack", "subscriptiontrack")
Headers = tuple[tuple[str, str], ...]


class Relay(msgspec.Struct, frozen=True):
    """How mails are made ready for one server."""

    settings: Smtp
    signer: Signer | None
    returns: Returns | None

    def headers(self, message_id: int) -> Headers:
        """The headers that name the message to the provider."""
        token = ids.encode("msg", message_id)
        match self.settings.relay:
            case "ses":
                chosen = self.settings.configuration_set
                named = (("X-SES-CONFIGURATION-SET", chosen),) if chosen else ()
                return (*named, ("X-SES-MESSAGE-TAGS", f"{MARK}={token}"))
            case "sendgrid":
                off = {name: {"settings": {"enable": 0}} for name in _SENDGRID_OFF}
                told = {"unique_args": {MARK: token}, "filters": off}
                return (("X-SMTPAPI", msgspec.json.encode(told).decode()),)
            case "mailgun":
                told_ = msgspec.json.encode({MARK: token}).decode()
                return (("X-Mailgun-Variables", told_), ("X-Mailgun-Track", "no"))
            case "postmark":
                return (
                    (f"X-PM-Metadata-{MARK}", token),
                    ("X-PM-Message-Stream", self.settings.stream or "broadcast"),
                    ("X-PM-TrackOpens", "false"),
                    ("X-PM-TrackLinks", "None"),
                    ("X-PM-KeepID", "true"),
                )
            case _:
                return ()

    def envelope(self, sender: str, workspace_id: int, message_id: int) -> str:
        """The return path: the sender's own address, unless bounces are to come to us."""
        if self.returns is None or self.settings.bounce_domain is None:
            return sender
        local = self.returns.local_part(workspace_id, message_id)
        return f"{local}@{self.settings.bounce_domain}"

    def signed(self, mail: bytes, *, now: datetime) -> bytes:
        """The mail as it goes on the wire."""
        return mail if self.signer is None else self.signer.sign(mail, now=now)


def relay(settings: Smtp, secrets: SmtpSecrets, returns: Returns) -> Relay:
    """How a workspace's own server wants its mails; raises KeyFaultError."""
    made = None
    if secrets.dkim_key and settings.dkim_domain and settings.dkim_selector:
        made = signer(settings.dkim_domain, settings.dkim_selector, secrets.dkim_key)
    plain = settings.relay == "plain"
    return Relay(settings, made if plain else None, returns if plain else None)
