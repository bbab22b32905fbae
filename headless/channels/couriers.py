"""Couriers by provider: what takes the messages of a workspace's own channel.

Imports its neighbours.
"""

from collections.abc import Callable
from typing import Final

from headless.channels.accounts import Opened
from headless.channels.email import EmailCourier
from headless.channels.links import Links
from headless.channels.ports import Courier
from headless.channels.smtp import SmtpSender, server_of


def _smtp(own: Opened, links: Links) -> Courier:
    sender = SmtpSender(server_of(own.settings, own.secrets), width=own.settings.connections)
    return EmailCourier(links, sender)


_MAKERS: Final[dict[str, Callable[[Opened, Links], Courier]]] = {"smtp": _smtp}


def make(own: Opened, links: Links) -> Courier | None:
    """The courier of a channel; None while nothing can carry that provider's messages."""
    maker = _MAKERS.get(own.provider)
    return None if maker is None else maker(own, links)
