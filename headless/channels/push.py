"""The push channel: one message to each of a contact's devices, through Firebase.

A device that Firebase no longer knows is forgotten. Imports `content`, storage and its neighbours.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ARRAY, BigInteger, Row, Text, bindparam, delete, func, select

from headless.channels.accounts import Opened
from headless.channels.answers import SENT, Answer, Verdict
from headless.channels.facts import NO_CONTACT, facts, namespaces
from headless.channels.google import account
from headless.channels.http import Http
from headless.channels.ports import Due, Parcel, Refusal
from headless.channels.reach import Mode
from headless.channels.senders import fcm
from headless.content.templates import TemplateError, compile_template
from headless.storage.codes import Channel
from headless.storage.database import Transaction
from headless.storage.tables import push_device, push_message

_WIDTH: Final = 16


class PushCourier:
    """Takes a workspace's push messages to one Firebase project."""

    channel = Channel.PUSH

    def __init__(self, own: Opened, http: Http) -> None:
        """Raises ValueError when the service account cannot be used."""
        self.width = _WIDTH
        self._own = own
        self._http = http
        self._account, self._key = account(own.secrets.service_account)
        self._bearer: fcm.Bearer | None = None
        self._asking = asyncio.Lock()
        self._gone: set[str] = set()

    async def ready(self) -> Answer:
        """Always: the token is fetched with the first message, by the workspace's own rules."""
        return SENT

    async def prepare(
        self, transaction: Transaction, due: Sequence[Due], *, now: datetime
    ) -> list[Parcel | Refusal]:
        """The messages and their devices, or why there is none; all of one workspace."""
        await self._forget(transaction)
        known = await facts(transaction, Channel.PUSH, due)
        messages, devices = await _messages(transaction, due), await _devices(transaction, due)
        return [
            self._prepared(
                each, known.get(each.id), messages.get(each.ref), devices.get(each.contact_id), now
            )
            for each in due
        ]

    def _prepared(
        self,
        due: Due,
        row: Row[Any] | None,
        message: Row[Any] | None,
        devices: list[str] | None,
        now: datetime,
    ) -> Parcel | Refusal:
        if row is None:
            return Refusal(due.id, "skipped", NO_CONTACT)
        if row.suppressed is not None:
            return Refusal(due.id, "skipped", str(row.suppressed))
        if not devices:
            return Refusal(due.id, "skipped", "no device")
        if message is None:
            return Refusal(due.id, "parked", "the push message is gone")
        names = namespaces(due, row, now)
        try:
            texts = [
                compile_template(text, html=False).render(names).strip()
                for text in (message.title, message.body, message.url or "")
            ]
        except TemplateError as error:
            return Refusal(due.id, "parked", f"the push message cannot be made: {error}")
        body = msgspec.json.encode(fcm.Push(texts[0], texts[1], texts[2] or None))
        if len(body) > fcm.PAYLOAD_LIMIT:
            return Refusal(due.id, "parked", "the push message has more than 4 KB")
        mode = "live" if row.mode == "live" else "sandbox"
        return Parcel(due.id, mode, msgspec.json.encode(devices).decode(), body)

    async def send(self, parcel: Parcel, *, now: datetime) -> Answer:
        """To each device; what reached one of them is sent."""
        mode: Mode = "live" if parcel.sender == "live" else "sandbox"
        bearer = await self._token(mode, now)
        if isinstance(bearer, Answer):
            return bearer
        push = msgspec.json.decode(parcel.body, type=fcm.Push)
        answers = []
        for device in msgspec.json.decode(parcel.recipient, type=list[str]):
            request = fcm.request(self._own.settings, bearer.text, device=device, push=push)
            response = await self._http.call(request, mode=mode)
            answer = response if isinstance(response, Answer) else fcm.answer(response, now)
            if answer.verdict is Verdict.SUPPRESS:
                self._gone.add(device)
                answer = Answer(Verdict.FAILED, answer.detail)
            answers.append(answer)
        return min(answers, key=lambda each: _RANK.index(each.verdict))

    async def _token(self, mode: Mode, now: datetime) -> fcm.Bearer | Answer:
        """Google's token: asked for once, however many messages wait for it."""
        async with self._asking:
            if self._bearer is not None and self._bearer.until > now:
                return self._bearer
            request = fcm.token_request(self._own.settings, self._account, self._key, now)
            response = await self._http.call(request, mode=mode)
            found = response if isinstance(response, Answer) else fcm.bearer(response, now)
            if isinstance(found, fcm.Bearer):
                self._bearer = found
            return found

    async def _forget(self, tx: Transaction) -> None:
        if self._gone:
            gone = bindparam("gone", sorted(self._gone), type_=ARRAY(Text))
            await tx.execute(
                delete(push_device).where(
                    push_device.c.workspace_id == self._own.workspace_id,
                    push_device.c.token == func.any(gone),
                )
            )
            self._gone.clear()

    async def close(self) -> None:
        """End all connections."""
        await self._http.close()


_RANK: Final = (
    Verdict.SENT, Verdict.UNCERTAIN, Verdict.BROKEN, Verdict.RETRY, Verdict.PARK, Verdict.SUPPRESS,
    Verdict.FAILED,
)  # fmt: skip
"""Of several devices' answers the first in this order counts."""


async def _messages(tx: Transaction, due: Sequence[Due]) -> dict[int, Row[Any]]:
    refs = bindparam("refs", sorted({each.ref for each in due}), type_=ARRAY(BigInteger))
    p = push_message.c
    rows = await tx.execute(
        select(p.id, p.title, p.body, p.url).where(
            p.workspace_id == due[0].workspace_id, p.id == func.any(refs)
        )
    )
    return {row.id: row for row in rows}


async def _devices(tx: Transaction, due: Sequence[Due]) -> dict[int, list[str]]:
    who = bindparam("who", sorted({each.contact_id for each in due}), type_=ARRAY(BigInteger))
    p = push_device.c
    rows = await tx.execute(
        select(p.contact_id, func.array_agg(p.token).label("tokens"))
        .where(p.workspace_id == due[0].workspace_id, p.contact_id == func.any(who))
        .group_by(p.contact_id)
    )
    return {row.contact_id: row.tokens for row in rows}
