"""The outbox: messages that are due are claimed, handed over, and settled.

A message is marked `sending`, in a committed transaction, only when a connection is free for it; so
whatever happens to this process, at most as many messages as it has connections are uncertain. The
mark is a lease in `due_at`, renewed while the hand-over lasts: a lease that has run out belongs to
a worker that died, and `recover` takes its messages over. Knows no channel: couriers do the rest.
Imports storage and its neighbours `messages`, `settling`, `wire`, `answers` and `ports`.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog
from sqlalchemy import ARRAY, BigInteger, bindparam, case, func, literal, update

from headless.channels import breakers, messages
from headless.channels.answers import Answer, Verdict
from headless.channels.ports import Courier, Due, Parcel, Refusal
from headless.channels.rates import Pace, unpaced
from headless.channels.settling import settle
from headless.channels.suppressions import Suppress, suppress
from headless.channels.wire import Landed, Wire
from headless.storage.codes import Channel, MessageState, word
from headless.storage.database import Database, Transaction
from headless.storage.measures import SENDS
from headless.storage.tables import message

LEASE: Final = timedelta(seconds=30)
RENEW_SECONDS: Final = 10.0
SEND_SECONDS: Final = 150.0  # after which a hand-over that says nothing is given up
LAST_SECONDS: Final = 3.0  # the same at the end of the process
SLOW_SECONDS: Final = 60.0  # for which a domain that asks for less gets nothing, if it has a rate
_GATHER_SECONDS: Final = 0.02

log = structlog.get_logger(__name__)


class Delivered(msgspec.Struct, frozen=True):
    """What a delivery came to. `more`: others are due; `stopped`: why the channel does not work."""

    sent: int = 0
    retried: int = 0
    skipped: int = 0
    parked: int = 0
    uncertain: int = 0
    put_off: int = 0
    more: bool = False
    stopped: str | None = None


async def deliver(
    database: Database,
    courier: Courier,
    *,
    workspace_id: int,
    now: datetime,
    batch: int = 500,
    pace: Pace | None = None,
) -> Delivered:
    """Hand over at most `batch` messages of a channel that are due at `now`, no faster than `pace`.

    Each is handed over at most once by this call. Time goes on from `now` by the loop's clock.
    """
    answer = await courier.ready()
    if answer.verdict is not Verdict.SENT:
        log.warning("channel_broken", channel=courier.channel.name.lower(), reason=answer.detail)
        await _note_broken(database, courier, workspace_id, answer.detail, now)
        return Delivered(stopped=answer.detail)
    pace = pace or unpaced(courier.channel.name)
    delivery = _Delivery(database, courier, workspace_id, now, batch, pace)
    try:
        done = await delivery.run()
    except BaseException:
        await delivery.wind_down()
        raise
    if done.stopped is not None:
        await _note_broken(database, courier, workspace_id, done.stopped, delivery.now())
    return done


async def _note_broken(
    database: Database, courier: Courier, workspace_id: int, reason: str, now: datetime
) -> None:
    async with database.transaction() as tx:
        await breakers.broken(tx, workspace_id, courier.channel, reason=reason, now=now)


class _Delivery:
    """One call of `deliver`: what is on the wire, and what has come back."""

    def __init__(
        self,
        database: Database,
        courier: Courier,
        workspace_id: int,
        now: datetime,
        batch: int,
        pace: Pace,
    ) -> None:
        self.database = database
        self.courier = courier
        self.pace = pace
        self.workspace_id = workspace_id
        self.left = batch
        self.dry = False  # nothing more was due when last asked
        self.stopped: str | None = None
        self.put_off = 0
        self.counts: Counter[MessageState] = Counter()
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._start = now
        self._renewed = self._began
        self._wire = Wire()
        self._landed: list[Landed] = []

    def now(self) -> datetime:
        """The instant of the call plus what has passed since."""
        return self._start + timedelta(seconds=self._loop.time() - self._began)

    async def run(self) -> Delivered:
        """Keep the connections busy until nothing is due, or the batch is through."""
        while True:
            await self._turn()
            if self._wire or self._landed:
                await self._gather()
            elif self.dry or self.stopped or self.left <= 0:
                return self._result()

    async def wind_down(self) -> None:
        """Something broke, or we are to stop: note what the messages on the wire come to.

        What gets no answer in `LAST_SECONDS` is uncertain.
        """
        self._landed += await self._wire.end(LAST_SECONDS)
        if self._landed:
            async with self.database.transaction() as transaction:
                await self._settle(transaction)

    async def _turn(self) -> None:
        """One transaction: settle what has come back, mark what goes out next."""
        room = 0 if self.dry or self.stopped else self.courier.width - len(self._wire)
        room = min(room, self.left)
        if room <= 0 and not self._landed:
            return
        landed = len(self._landed)
        async with self.database.transaction() as transaction:
            await self._settle(transaction)
            leaving = await self._mark(transaction, room) if room > 0 else []
        del self._landed[:landed]
        for due, parcel in leaving:
            self._wire.launch(due, parcel, self._send(parcel))

    async def _mark(self, transaction: Transaction, room: int) -> list[tuple[Due, Parcel]]:
        now = self.now()
        due = await messages.claim(transaction, self.workspace_id, self.courier.channel, now, room)
        granted = (await self.pace.room(len(due), now)).count
        due = due[:granted]
        self.left -= len(due)
        self.dry = len(due) < room  # nothing more is due, or the rate allows no more now
        if not due:
            return []
        prepared = await self.courier.prepare(transaction, due, now=now)
        by_id = {each.id: each for each in due}
        refused = [each for each in prepared if isinstance(each, Refusal)]
        parcels = [each for each in prepared if isinstance(each, Parcel)]
        parcels = await self._within_domains(transaction, parcels, now)
        await messages.refuse(transaction, self.workspace_id, refused, now)
        await messages.mark_sending(transaction, self.workspace_id, parcels, now + LEASE)
        for refusal in refused:
            self._count(MessageState[refusal.state.upper()])
        return [(by_id[parcel.message_id], parcel) for parcel in parcels]

    async def _within_domains(
        self, transaction: Transaction, parcels: list[Parcel], now: datetime
    ) -> list[Parcel]:
        """Those that their domains' rates and breakers let go; the others are due later."""
        wanted = Counter(domain for each in parcels if (domain := _domain(each)))
        shut = await breakers.closed_to(
            transaction, self.workspace_id, self.courier.channel, wanted, now=now
        )
        open_to = {domain: count for domain, count in wanted.items() if domain not in shut}
        grants = await self.pace.domains(open_to, now)
        left = {domain: grant.count for domain, grant in grants.items()}
        going, later = [], {}
        for parcel in parcels:
            domain = _domain(parcel)
            if domain in shut:
                later[parcel.message_id] = shut[domain]
            elif not domain or left[domain] > 0:
                left[domain] = left.get(domain, 0) - 1
                going.append(parcel)
            else:
                later[parcel.message_id] = now + timedelta(seconds=grants[domain].wait)
        await messages.put_off(transaction, self.workspace_id, later)
        self.put_off += len(later)
        return going

    async def _send(self, parcel: Parcel) -> Answer:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await self.courier.send(parcel, now=self.now())
        except TimeoutError:
            return Answer(Verdict.UNCERTAIN, f"no answer in {SEND_SECONDS:.0f} seconds")

    async def _gather(self) -> None:
        """Wait until half of what is out has come back, or a little after the first has."""
        enough = max(len(self._wire) // 2, 1)
        until = None
        while self._wire and len(self._landed) < enough:
            timeout = RENEW_SECONDS if until is None else until - self._loop.time()
            if timeout <= 0:
                return
            count = 1 if until is None else enough - len(self._landed)
            await self._wire.some_back(count, timeout)
            self._landed += self._wire.collect()
            if self._landed and until is None:
                until = self._loop.time() + _GATHER_SECONDS
            await self._renew()

    async def _renew(self) -> None:
        """Tell the others that what is still on the wire is not a dead worker's."""
        if self._loop.time() - self._renewed < RENEW_SECONDS:
            return
        self._renewed = self._loop.time()
        pending = self._wire.messages() + [due for due, _, _ in self._landed]
        async with self.database.transaction() as transaction:
            await transaction.execute(
                update(message)
                .where(
                    message.c.workspace_id == self.workspace_id,
                    message.c.id == func.any(bindparam("ids", type_=ARRAY(BigInteger))),
                    message.c.state == int(MessageState.SENDING),
                )
                .values(due_at=self.now() + LEASE),
                {"ids": [due.id for due in pending]},
            )

    async def _settle(self, transaction: Transaction) -> None:
        if not self._landed:
            return
        now = self.now()
        settlements = []
        dead = []
        for due, parcel, answer in self._landed:
            if answer.slow:
                await self.pace.slow_down(_domain(parcel), SLOW_SECONDS, now)
            settlement = settle(due, answer, now)
            settlements.append(settlement)
            if answer.verdict is Verdict.SUPPRESS:
                dead.append(_dead(self.courier.channel, due, answer, now))
            if answer.verdict is Verdict.BROKEN:
                self.stopped = answer.detail
        await messages.write(transaction, self.workspace_id, settlements, now)
        await self._count_refusals(transaction, now)
        if dead:
            await suppress(transaction, self.workspace_id, self.courier.channel, dead, now=now)
        for state, count in Counter(each.state for each in settlements).items():
            self._count(state, count)

    async def _count_refusals(self, transaction: Transaction, now: datetime) -> None:
        outcomes = [
            breakers.Outcome(_domain(parcel), due.version_id, answer.verdict is Verdict.PARK)
            for due, parcel, answer in self._landed
            if answer.verdict in _ANSWERED
        ]
        tripped = await breakers.count(
            transaction, self.workspace_id, self.courier.channel, outcomes, now=now
        )
        for each in tripped:
            log.warning(
                "breaker_tripped", scope=each.scope, subject=each.subject, refused=each.refused
            )

    def _count(self, state: MessageState, count: int = 1) -> None:
        SENDS.labels(word(self.courier.channel), word(state)).inc(count)
        self.counts[state] += count

    def _result(self) -> Delivered:
        state, counts = MessageState, self.counts
        return Delivered(
            sent=counts[state.SENT],
            retried=counts[state.PENDING],
            skipped=counts[state.SKIPPED],
            parked=counts[state.PARKED],
            uncertain=counts[state.UNCERTAIN],
            put_off=self.put_off,
            more=not self.dry and self.stopped is None,
            stopped=self.stopped,
        )


_ANSWERED: Final = frozenset((Verdict.SENT, Verdict.SUPPRESS, Verdict.FAILED, Verdict.PARK))


def _domain(parcel: Parcel) -> str:
    """Whose servers a mail goes to; empty for what is no mail."""
    return parcel.recipient.rpartition("@")[2].lower() if "@" in parcel.recipient else ""


def _dead(channel: Channel, due: Due, answer: Answer, now: datetime) -> Suppress:
    return Suppress(
        contact_id=due.contact_id,
        reason="hard_bounce",
        source=f"{channel.name.lower()}: {answer.detail}",
        at=now,
        ref=due.ref,
        message_id=due.id,
        detail=answer.detail,
    )


async def recover(database: Database, *, workspace_id: int, channel: Channel, now: datetime) -> int:
    """Take over what workers that died had on the wire; answers how many messages that were.

    A marketing mail is held as `uncertain` until a person decides; a transactional one and a
    webhook, which its receiver knows by its id, go out again.
    """
    again = (
        message.c.data["transactional"].as_boolean().is_(True)
        if channel is Channel.EMAIL
        else literal(True)
    )
    async with database.transaction() as transaction:
        result = await transaction.execute(
            update(message)
            .where(
                message.c.workspace_id == workspace_id,
                message.c.channel == int(channel),
                message.c.state == int(MessageState.SENDING),
                message.c.due_at <= now,
            )
            .values(
                state=case((again, int(MessageState.PENDING)), else_=int(MessageState.UNCERTAIN)),
                due_at=now,
                reason="the worker died while it was handing this over",
            )
            .returning(message.c.id)
        )
        return len(result.all())


async def resend(
    transaction: Transaction, *, workspace_id: int, message_ids: Iterable[int], now: datetime
) -> int:
    """Send uncertain or parked messages once more, from the first attempt; answers how many."""
    result = await transaction.execute(
        update(message)
        .where(
            message.c.workspace_id == workspace_id,
            message.c.id == func.any(bindparam("ids", type_=ARRAY(BigInteger))),
            message.c.state.in_([int(MessageState.UNCERTAIN), int(MessageState.PARKED)]),
        )
        .values(state=int(MessageState.PENDING), attempts=0, due_at=now, reason=None)
        .returning(message.c.id),
        {"ids": [*message_ids]},
    )
    return len(result.all())
