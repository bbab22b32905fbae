"""The SMS channel: a text of the workspace's, rendered for its contact, through its provider.

Imports `content`, storage and its neighbours.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Row, bindparam, func, select

from headless import ids
from headless.channels.accounts import Opened
from headless.channels.answers import SENT, Answer
from headless.channels.facts import NO_CONTACT, facts, namespaces
from headless.channels.http import Http, Request
from headless.channels.ports import Due, Parcel, Refusal
from headless.channels.providers import Twilio
from headless.channels.reach import Mode
from headless.channels.reports.hooks import Hooks
from headless.channels.senders import json_sms, twilio
from headless.content.templates import TemplateError, compile_template
from headless.storage.codes import Channel
from headless.storage.database import Transaction
from headless.storage.tables import sms

LONGEST: Final = 1600  # characters: what Twilio takes as one message
_WIDTH: Final = 16


class SmsCourier:
    """Takes a workspace's text messages to one provider."""

    channel = Channel.SMS

    def __init__(self, own: Opened, http: Http, hooks: Hooks, base_url: str) -> None:
        """`base_url` and `hooks` say where the provider reports to."""
        self.width = _WIDTH
        self._own = own
        self._http = http
        channel = ids.encode("chn", own.id)
        self._reports = f"{base_url}/hooks/{channel}/{hooks.secret(own.id)}"

    async def ready(self) -> Answer:
        """Always: a provider that is away answers message by message."""
        return SENT

    async def prepare(
        self, transaction: Transaction, due: Sequence[Due], *, now: datetime
    ) -> list[Parcel | Refusal]:
        """The texts, or why there is none; all of one workspace."""
        known = await facts(transaction, Channel.SMS, due)
        texts = await _bodies(transaction, due)
        return [self._prepared(each, known.get(each.id), texts.get(each.ref), now) for each in due]

    def _prepared(
        self, due: Due, row: Row[Any] | None, body: str | None, now: datetime
    ) -> Parcel | Refusal:
        if row is None:
            return Refusal(due.id, "skipped", NO_CONTACT)
        if row.suppressed is not None:
            return Refusal(due.id, "skipped", str(row.suppressed))
        if row.phone is None:
            return Refusal(due.id, "skipped", "no phone number")
        if body is None:
            return Refusal(due.id, "parked", "the sms is gone")
        try:
            text = compile_template(body, html=False).render(namespaces(due, row, now)).strip()
        except TemplateError as error:
            return Refusal(due.id, "parked", f"the sms cannot be made: {error}")
        if not text or len(text) > LONGEST:
            return Refusal(due.id, "parked", f"the text has {len(text)} characters, not 1 to 1,600")
        mode = "live" if row.mode == "live" else "sandbox"
        return Parcel(due.id, mode, row.phone, text.encode())

    async def send(self, parcel: Parcel, *, now: datetime) -> Answer:
        """Hand one text over."""
        mode: Mode = "live" if parcel.sender == "live" else "sandbox"
        response = await self._http.call(self._request(parcel), mode=mode)
        if isinstance(response, Answer):
            return response
        if isinstance(self._own.settings, Twilio):
            return twilio.answer(response, now)
        return json_sms.answer(response, now)

    def _request(self, parcel: Parcel) -> Request:
        token, text = ids.encode("msg", parcel.message_id), parcel.body.decode()
        settings, secrets = self._own.settings, self._own.secrets
        if isinstance(settings, Twilio):
            return twilio.request(
                settings,
                secrets,
                to=parcel.recipient,
                text=text,
                callback=f"{self._reports}?hm={token}",
            )
        return json_sms.request(settings, secrets, to=parcel.recipient, text=text, token=token)

    async def close(self) -> None:
        """End all connections."""
        await self._http.close()


async def _bodies(tx: Transaction, due: Sequence[Due]) -> dict[int, str]:
    refs = bindparam("refs", sorted({each.ref for each in due}), type_=ARRAY(BigInteger))
    rows = await tx.execute(
        select(sms.c.id, sms.c.body).where(
            sms.c.workspace_id == due[0].workspace_id, sms.c.id == func.any(refs)
        )
    )
    return {row.id: row.body for row in rows}
