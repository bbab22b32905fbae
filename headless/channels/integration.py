"""The integration channel: `push to X` makes or updates a contact in another system.

Each integration of a workspace is an account of its own, so one courier serves them all. Imports
storage, `seals` and its neighbours.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ARRAY, BigInteger, Row, bindparam, func, select

from headless import ids
from headless.channels.answers import SENT, Answer, Verdict
from headless.channels.facts import NO_CONTACT, facts, namespaces
from headless.channels.http import Http, Request, Response
from headless.channels.ports import Due, Parcel, Refusal
from headless.channels.reach import Mode
from headless.channels.senders import hubspot, upsert
from headless.channels.systems import SYSTEMS, HubSpot, Upsert, mapped
from headless.seals import SealError, Seals
from headless.storage.codes import Channel
from headless.storage.database import Transaction
from headless.storage.tables import integration

_WIDTH: Final = 8


class _Push(msgspec.Struct, frozen=True):
    """One contact on its way: to which integration, who it is, what is told."""

    ref: int
    person: dict[str, Any]
    properties: dict[str, Any]


class IntegrationCourier:
    """Takes contacts to a workspace's integrations."""

    channel = Channel.INTEGRATION

    def __init__(self, keys: tuple[bytes, ...], *, allowed: frozenset[str] = frozenset()) -> None:
        """`keys`: the key ring, newest first."""
        self.width = _WIDTH
        self._seals = Seals(keys)
        self._http = Http(allowed)
        self._known: dict[tuple[int, int], tuple[Any, Any]] = {}

    async def ready(self) -> Answer:
        """Always: each integration is a system of its own."""
        return SENT

    async def prepare(
        self, transaction: Transaction, due: Sequence[Due], *, now: datetime
    ) -> list[Parcel | Refusal]:
        """The contacts as the systems want them, or why not; all of one workspace."""
        known = await facts(transaction, Channel.INTEGRATION, due)
        systems = await _integrations(transaction, due)
        return [
            self._prepared(each, known.get(each.id), systems.get(each.ref), now) for each in due
        ]

    def _prepared(
        self, due: Due, row: Row[Any] | None, system: Row[Any] | None, now: datetime
    ) -> Parcel | Refusal:
        if row is None:
            return Refusal(due.id, "skipped", NO_CONTACT)
        if system is None:
            return Refusal(due.id, "parked", "the integration is gone")
        try:
            settings, _ = self._opened(due.workspace_id, system)
        except (SealError, msgspec.ValidationError) as error:
            return Refusal(due.id, "parked", f"the integration cannot be used: {error}")
        person: Any = namespaces(due, row, now)["contact"]
        properties = mapped(settings.fields, person, (due.data or {}).get("with", {}))
        if isinstance(settings, HubSpot) and not row.email:
            return Refusal(due.id, "skipped", "no address")
        push = _Push(due.ref, {**person}, properties)
        mode = "live" if row.mode == "live" else "sandbox"
        place = f"{due.workspace_id}:{due.ref}"
        return Parcel(due.id, mode, place, msgspec.json.encode(push))

    def _opened(self, workspace_id: int, row: Row[Any]) -> tuple[Any, Any]:
        """Settings and secrets; read anew each time, for they may have been changed."""
        kind = SYSTEMS[row.provider]
        raw = b"{}" if row.secrets is None else self._seals.open(workspace_id, row.secrets)
        made = (
            msgspec.convert(row.settings, kind.settings),
            msgspec.json.decode(raw, type=kind.secrets),
        )
        self._known[workspace_id, row.id] = made
        return made

    async def send(self, parcel: Parcel, *, now: datetime) -> Answer:
        """Tell one system of one contact."""
        workspace_id, _, ref = parcel.recipient.partition(":")
        settings, secrets = self._known[int(workspace_id), int(ref)]
        push = msgspec.json.decode(parcel.body, type=_Push)
        request = _request(settings, secrets, push, ids.encode("msg", parcel.message_id))
        mode: Mode = "live" if parcel.sender == "live" else "sandbox"
        response = await self._http.call(request, mode=mode)
        return response if isinstance(response, Answer) else _answer(settings, response, now)

    async def close(self) -> None:
        """End all connections."""
        await self._http.close()


def _request(settings: HubSpot | Upsert, secrets: Any, push: _Push, token: str) -> Request:
    if isinstance(settings, HubSpot):
        email = str(push.person.get("email"))
        return hubspot.request(settings, secrets, email=email, properties=push.properties)
    return upsert.request(
        settings, secrets, person=push.person, properties=push.properties, token=token
    )


def _answer(settings: HubSpot | Upsert, response: Response, now: datetime) -> Answer:
    """One system's refusal must not stop the others: a broken one parks its messages."""
    if isinstance(settings, HubSpot):
        answer = hubspot.answer(response, now)
    else:
        answer = upsert.answer(response, now)
    if answer.verdict is Verdict.BROKEN:
        return Answer(Verdict.PARK, f"the integration refuses our token: {answer.detail}")
    return answer


async def _integrations(tx: Transaction, due: Sequence[Due]) -> dict[int, Row[Any]]:
    refs = bindparam("refs", sorted({each.ref for each in due}), type_=ARRAY(BigInteger))
    i = integration.c
    rows = await tx.execute(
        select(i.id, i.provider, i.settings, i.secrets).where(
            i.workspace_id == due[0].workspace_id, i.id == func.any(refs)
        )
    )
    return {row.id: row for row in rows}
