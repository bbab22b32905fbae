"""Couriers by provider: what takes the messages of a workspace's own channel.

Imports its neighbours.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from headless.channels.accounts import Opened
from headless.channels.email import EmailCourier
from headless.channels.http import Http
from headless.channels.links import Links
from headless.channels.ports import Courier
from headless.channels.push import PushCourier
from headless.channels.relays import relay
from headless.channels.reports.hooks import Hooks
from headless.channels.returns import Returns
from headless.channels.slack import SlackCourier
from headless.channels.sms import SmsCourier
from headless.channels.smtp import SmtpSender, server_of


class Kit(msgspec.Struct, frozen=True):
    """What an installation's couriers are made with."""

    links: Links
    returns: Returns
    hooks: Hooks
    allowed: frozenset[str] = frozenset()


def _smtp(own: Opened, kit: Kit) -> Courier:
    sender = SmtpSender(server_of(own.settings, own.secrets), width=own.settings.connections)
    return EmailCourier(kit.links, sender, relay(own.settings, own.secrets, kit.returns))


def _sms(own: Opened, kit: Kit) -> Courier:
    return SmsCourier(own, Http(kit.allowed), kit.hooks, kit.links.base_url)


def _push(own: Opened, kit: Kit) -> Courier:
    return PushCourier(own, Http(kit.allowed))


def _slack(own: Opened, kit: Kit) -> Courier:
    return SlackCourier(own, Http(kit.allowed))


_MAKERS: Final[dict[str, Callable[[Opened, Kit], Courier]]] = {
    "smtp": _smtp,
    "twilio": _sms,
    "json": _sms,
    "fcm": _push,
    "slack": _slack,
}


def make(own: Opened, kit: Kit) -> Courier | None:
    """The courier of a channel; None while nothing can carry that provider's messages.

    Raises ValueError when its settings or secrets cannot be used, with what to do about it.
    """
    maker = _MAKERS.get(own.provider)
    return None if maker is None else maker(own, kit)
