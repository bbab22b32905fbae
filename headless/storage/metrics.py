"""Metrics: the installation, or one workspace of it, in numbers, in Prometheus' text form.

Read from the database, so that one process tells of all: what is due and since when, the workers'
heartbeats and what they have counted, backups, partitions. Never a name or an address. Of a
workspace only what is its own is told, under the same names. Imports `measures`, `partitions`,
`installation` and `pulse`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import text

from headless import __version__
from headless.storage import installation, measures, partitions
from headless.storage.codes import Channel, word
from headless.storage.database import Database, Transaction
from headless.storage.measures import Sample
from headless.storage.pulse import Backlog, Pulse, feel

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FORGOTTEN: Final = timedelta(minutes=10)
_OUTBOX: Final = (
    "select channel, count(*), min(due_at) from message"
    " where state = 0 and due_at <= :now{mine} group by channel"
)
_STUCK: Final = "select state, count(*) from message where state in (4, 5){mine} group by state"
_SUPPRESSED: Final = (
    "select channel, reason, count(*) from suppression where true{mine} group by channel, reason"
)
_TODO: Final = "select count(*) from activity_todo where true{mine}"
_ENDPOINTS: Final = "select state, count(*) from endpoint where true{mine} group by state"
_POSITIONS: Final = "select count(*), min(due_at) from position where due_at <= :now{mine}"
_MINE: Final = " and workspace_id = :mine"
_WORKERS: Final = text("select name, seen_at, told from worker where seen_at > :since")
_STUCK_WORDS: Final = {4: "parked", 5: "uncertain"}


class Work(msgspec.Struct, frozen=True):
    """What is to be done, and what was given up, of one workspace or of all."""

    positions: Backlog
    outbox: dict[str, tuple[int, float]]
    stuck: dict[str, int]
    suppressed: dict[tuple[str, str], int]
    endpoints: dict[str, int]
    todo: int


class Seen(msgspec.Struct, frozen=True):
    """One look at the database."""

    pulse: Pulse
    stance: installation.Stance
    work: Work
    workers: dict[str, float]
    told: dict[str, list[Sample]]
    ahead: bool


async def exposition(database: Database, url: str) -> bytes:
    """All metrics; raises what the driver raises when the database is away or has no schema."""
    return _written(_Told(await look(database, url)))


async def exposition_of(database: Database, workspace_id: int, *, now: datetime) -> bytes:
    """The metrics of one workspace."""
    async with database.transaction() as tx:
        await tx.whole_tables()
        return _written(_Told(await _work(tx, now=now, workspace_id=workspace_id)))


def _written(told: "_Told") -> bytes:
    registry = CollectorRegistry()
    registry.register(told)
    return generate_latest(registry)


async def look(database: Database, url: str) -> Seen:
    """Look once, at all of it."""
    pulse = await feel(database)
    now = pulse.now
    async with database.transaction() as tx:
        await tx.whole_tables()
        workers = (await tx.execute(_WORKERS, {"since": now - _FORGOTTEN})).all()
        return Seen(
            pulse=pulse,
            stance=await installation.stance(tx, url),
            work=await _work(tx, now=now),
            workers={row.name: (now - row.seen_at).total_seconds() for row in workers},
            told={row.name: _samples(row.told) for row in workers},
            ahead=await partitions.ahead(tx, now=now),
        )


async def _work(tx: Transaction, *, now: datetime, workspace_id: int | None = None) -> Work:
    """Of one workspace, or of all."""
    mine = {} if workspace_id is None else {"mine": workspace_id}

    async def rows(query: str, **given: Any) -> Sequence[Any]:
        told = text(query.format(mine=_MINE if mine else ""))
        return (await tx.execute(told, {**given, **mine})).all()

    ((due, since),) = await rows(_POSITIONS, now=now)
    return Work(
        positions=Backlog(due, now - since if since else None),
        outbox={
            word(Channel(row[0])): (row[1], (now - row[2]).total_seconds())
            for row in await rows(_OUTBOX, now=now)
        },
        stuck={_STUCK_WORDS[row[0]]: row[1] for row in await rows(_STUCK)},
        suppressed={(word(Channel(row[0])), row[1]): row[2] for row in await rows(_SUPPRESSED)},
        endpoints={row[0]: row[1] for row in await rows(_ENDPOINTS)},
        todo=(await rows(_TODO))[0][0],
    )


def _samples(told: Any) -> list[Sample]:
    return [(name, labels, value) for name, labels, value in told or []]


class _Told:
    """A collector over one look, or over the work of one workspace."""

    def __init__(self, seen: Seen | Work) -> None:
        self._seen = seen

    def collect(self) -> Iterable[Metric]:
        if isinstance(self._seen, Work):
            yield from _of(self._seen)
            return
        yield from _processes(self._seen)
        yield from _of(self._seen.work)
        yield from _installation(self._seen)
        yield from measures.families(self._seen.told)


def _processes(seen: Seen) -> Iterable[Metric]:
    pulse = seen.pulse
    yield _one("headless_build_info", "This release.", {"version": __version__}, 1)
    yield _one(
        "headless_schema_current", "Whether the schema is this release's.", {},
        pulse.revision == pulse.newest_revision,
    )  # fmt: skip
    yield _one(
        "headless_connections_free", "Connections that PostgreSQL has left.", {},
        pulse.connections_free,
    )  # fmt: skip
    yield _one("headless_workers_alive", "Workers seen in the last 30 s.", {}, pulse.workers)
    yield _many(
        "headless_worker_heartbeat_age_seconds", "Since a worker was last seen.", ("worker",),
        {(name,): age for name, age in seen.workers.items()},
    )  # fmt: skip


def _of(work: Work) -> Iterable[Metric]:
    yield _one("headless_positions_due", "Contacts whose step is due.", {}, work.positions.count)
    yield _one(
        "headless_positions_oldest_seconds", "How late the latest of them is.", {},
        _seconds(work.positions.oldest),
    )  # fmt: skip
    yield _one(
        "headless_activities_unheard", "Activities the engine has not heard yet.", {}, work.todo
    )
    yield _many(
        "headless_outbox_due", "Messages that are due, by channel.", ("channel",),
        {(channel,): count for channel, (count, _) in work.outbox.items()},
    )  # fmt: skip
    yield _many(
        "headless_outbox_oldest_seconds", "How late the latest of them is.", ("channel",),
        {(channel,): age for channel, (_, age) in work.outbox.items()},
    )  # fmt: skip
    yield _many(
        "headless_messages_stuck", "Messages that a person has to decide on.", ("state",),
        {(state,): work.stuck.get(state, 0) for state in _STUCK_WORDS.values()},
    )  # fmt: skip
    yield _many(
        "headless_suppressed", "Contacts that get nothing, by channel and reason.",
        ("channel", "reason"), work.suppressed,
    )  # fmt: skip
    yield _many(
        "headless_webhook_endpoints", "Webhook endpoints, by state.", ("state",),
        {(state,): count for state, count in work.endpoints.items()},
    )  # fmt: skip


def _installation(seen: Seen) -> Iterable[Metric]:
    stance, now = seen.stance, seen.pulse.now
    yield _one("headless_copy", "Whether this is a copy, which sends nothing.", {}, stance.copy)
    yield _one(
        "headless_held_since_restore", "Whether it is held since a restore.", {},
        stance.restored,
    )  # fmt: skip
    yield _one(
        "headless_partitions_ahead", "Whether next month's partitions are there.", {},
        seen.ahead,
    )  # fmt: skip
    if stance.backed_up_at is not None:
        yield _one(
            "headless_backup_age_seconds", "Since `headless backup` last made one.", {},
            _seconds(now - stance.backed_up_at),
        )  # fmt: skip


def _one(name: str, about: str, labels: Mapping[str, str], value: float) -> Metric:
    made = GaugeMetricFamily(name, about, labels=list(labels))
    made.add_metric(list(labels.values()), float(value))
    return made


def _many(name: str, about: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    made = GaugeMetricFamily(name, about, labels=labels)
    for each, value in values.items():
        made.add_metric(each, float(value))
    return made


def _seconds(length: timedelta | None) -> float:
    return 0.0 if length is None else length.total_seconds()
