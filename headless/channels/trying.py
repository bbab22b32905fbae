"""Trying a channel: one message to a place that is named, handed over at once, and what was said.

Nothing of it is kept: no message row, no counting, no suppression. The same couriers and the same
guards as for real messages: a sandbox reaches only this machine. Imports `couriers` and its
neighbours.
"""

from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import Final

import msgspec

from headless import ids
from headless.audience import addresses, phones
from headless.channels import couriers, mail
from headless.channels.accounts import Opened
from headless.channels.answers import Answer, Verdict
from headless.channels.couriers import Kit
from headless.channels.email import EmailCourier
from headless.channels.ports import Courier, Due, Parcel, Refusal
from headless.channels.providers import PROVIDERS
from headless.channels.reach import Mode
from headless.channels.senders.fcm import Push
from headless.channels.webhook import WebhookCourier
from headless.problems import Problem
from headless.storage.codes import Channel
from headless.storage.database import Database
from headless.workspace.workspaces import Workspace

TEXT: Final = "A test of this channel"
_NOBODY: Final = 0  # no message has this number


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """Where the test goes (an address, a number, a device's token, a Slack channel) and its words.

    Without `to` Slack's goes to the channel's own place.
    """

    to: str | None
    text: str = TEXT


async def attempt(
    own: Opened, kit: Kit, house: Workspace, trial: Trial, *, now: datetime
) -> Answer:
    """Hand a test over by a channel; Problem `invalid_value` for a place that is none."""
    try:
        courier = couriers.make(own, kit)
    except ValueError as error:
        return Answer(Verdict.BROKEN, str(error))
    if courier is None:
        return Answer(Verdict.BROKEN, f"nothing here can carry messages of {own.provider}")
    try:
        if isinstance(courier, EmailCourier):
            return await _mail(courier, house, trial, now)
        return await courier.send(_parcel(courier, own, house, trial), now=now)
    finally:
        await courier.close()


def _parcel(courier: Courier, own: Opened, house: Workspace, trial: Trial) -> Parcel:
    mode: Mode = house.mode
    kind = PROVIDERS[own.provider].kind
    if kind is Channel.SLACK:
        return Parcel(_NOBODY, mode, trial.to or "", trial.text.encode())
    to = _needed(trial, "a phone number" if kind is Channel.SMS else "a device's token")
    if kind is Channel.SMS:
        return Parcel(_NOBODY, mode, _place(phones.normalised, to), trial.text.encode())
    body = msgspec.json.encode(Push(house.name, trial.text, None))
    return Parcel(_NOBODY, mode, msgspec.json.encode([to]).decode(), body)


async def _mail(courier: EmailCourier, house: Workspace, trial: Trial, now: datetime) -> Answer:
    to = mail.ascii_address(_place(addresses.normalised, _needed(trial, "an address")))
    if to is None:
        raise Problem("invalid_value", "`to` is no address that mail can be sent to")
    if house.mode == "sandbox" and not courier.sender.local:
        raise Problem(
            "sandbox_only", "a sandbox sends nothing from this machine; the workspace must be live"
        )
    ready = await courier.ready()
    if ready.verdict is not Verdict.SENT:
        return ready
    relay = courier.relay
    body = mail.build(
        mail.Mail(
            message_id=ids.encode("msg", _NOBODY),
            sender=house.sender,
            recipient=to,
            subject=trial.text,
            html=f"<p>{escape(trial.text)}</p>",
            text=trial.text,
            date=now,
            headers=relay.headers(_NOBODY) if relay else (),
        )
    )
    sender = mail.mailbox(house.sender).address
    return await courier.sender.send(sender, to, relay.signed(body, now=now) if relay else body)


async def attempt_webhook(
    database: Database, courier: WebhookCourier, workspace_id: int, number: int, *, now: datetime
) -> Answer:
    """Call a named webhook with a body that says that it is a test."""
    due = Due(
        workspace_id=workspace_id, id=_NOBODY, contact_id=0, ref=number, enrollment_id=None,
        version_id=None, activity_id=None, attempts=0, created_at=now,
        data={"body": {"test": True}}, links=None,
    )  # fmt: skip
    try:
        async with database.transaction() as tx:
            (prepared,) = await courier.prepare(tx, [due], now=now)
        if isinstance(prepared, Refusal):
            return Answer(Verdict.PARK, prepared.reason)
        return await courier.send(prepared, now=now)
    finally:
        await courier.close()


def _needed(trial: Trial, what: str) -> str:
    if not (trial.to or "").strip():
        raise Problem("invalid_value", f"`to` is needed: {what}")
    return str(trial.to).strip()


def _place(normalised: Callable[[str], str], text: str) -> str:
    try:
        return normalised(text)
    except ValueError as error:
        raise Problem("invalid_value", f"`to`: {error}") from error
