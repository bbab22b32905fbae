"""A small world for tests of the engine: contacts, campaigns, and a clock that the test moves.

Everything goes through the real use cases and the real engine over a real database; only time is
the test's own.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from headless.audience.activities import Activity, record
from headless.audience.membership import join, leave
from headless.campaigns import inspect, lifecycle, publish, why
from headless.runtime.engine import Engine
from headless.runtime.listen import hear
from headless.storage import tables
from headless.storage.codes import ActivityKind, EnrollmentState, Outcome
from headless.storage.database import Database
from headless.storage.tables import Instant
from headless.workspace.names import made, subjects

MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
STAGES = ("Lead", "Customer")
FIELDS = {"country": "text", "plan": "text", "age": "number", "birthday": "date", "trial": "date"}
EMAILS = ("Welcome", "Reminder", "Tips", "X")
SEGMENTS = ("Leads", "Done", "VIP")

_NEXT = text(
    "select min(at) from ("
    " select min(due_at) as at from position where due_at > :now and due_at <= :end union all"
    " select min(asks_at) from segment where asks_at > :now and asks_at <= :end) moment"
).bindparams(bindparam("now", type_=Instant), bindparam("end", type_=Instant))
"""The next moment at which something is due."""


class World:
    """One workspace in one database, at `now`."""

    def __init__(self, database: Database, *, batch: int = 5_000) -> None:
        self.database = database
        self.engine = Engine(database, batch=batch)
        self.now = MONDAY
        self.ids: dict[str, int] = {}
        self.emails: dict[str, int] = {}
        self.segments: dict[str, int] = {}

    async def begin(self, *, zone: str = "UTC") -> "World":
        """The workspace with its fields, segments and emails."""
        async with self.database.transaction() as tx:
            await tx.execute(
                insert(tables.workspace).values(name="Acme", time_zone=zone, created_at=self.now)
            )
            fields = [
                {"workspace_id": 1, "name": name, "type": type_, "created_at": self.now}
                for name, type_ in FIELDS.items()
            ]
            await tx.execute(insert(tables.field).values(fields))
            for name in SEGMENTS:
                row = {"workspace_id": 1, "name": name, "created_at": self.now}
                made = insert(tables.segment).values(row).returning(tables.segment.c.id)
                self.segments[name] = await tx.scalar(made)
            for name in EMAILS:
                row = {
                    "workspace_id": 1, "name": name, "created_at": self.now, "updated_at": self.now,
                }  # fmt: skip
                self.emails[name] = await tx.scalar(
                    insert(tables.email).values(row).returning(tables.email.c.id)
                )
                body = {
                    "workspace_id": 1, "email_id": self.emails[name], "version": 1,
                    "subject": name, "html": name, "created_at": self.now,
                }  # fmt: skip
                await tx.execute(insert(tables.email_version).values(body))
        await self.things("stage", *STAGES)
        return self

    async def things(self, kind: str, *names: str) -> list[int]:
        """Things of a kind with these names (`stage`, `form`, `group` ...), new ones made."""
        async with self.database.transaction() as tx:
            ids = await made(tx, 1, kind, names, now=self.now)
        return [ids[name] for name in names]

    async def people(self, *names: str, segment: str | None = None, **values: Any) -> None:
        """Contacts with these external ids; `values` are columns or fields of all of them."""
        columns = {k: v for k, v in values.items() if k not in FIELDS}
        fields = {k: v for k, v in values.items() if k in FIELDS}
        async with self.database.transaction() as tx:
            for name in names:
                row = {
                    "workspace_id": 1, "external_id": name, "email": f"{name}@example.org",
                    "fields": fields, "created_at": self.now, "updated_at": self.now, **columns,
                }  # fmt: skip
                self.ids[name] = await tx.scalar(
                    insert(tables.contact).values(row).returning(tables.contact.c.id)
                )
        if segment:
            await self.joins(segment, *names)

    async def set(self, name: str, **values: Any) -> None:
        """Change a contact's columns or fields, as the API does."""
        columns = {k: v for k, v in values.items() if k not in FIELDS}
        fields = {k: v for k, v in values.items() if k in FIELDS}
        async with self.database.transaction() as tx:
            await tx.execute(
                update(tables.contact)
                .where(tables.contact.c.id == self.ids[name])
                .values(fields=tables.contact.c.fields.concat(fields), **columns)
            )
            change = {"workspace_id": 1, "contact_id": self.ids[name]}
            await tx.execute(upsert(tables.contact_change).values(change).on_conflict_do_nothing())

    async def joins(self, segment: str, *names: str) -> None:
        async with self.database.transaction() as tx:
            who = [self.ids[name] for name in names]
            await join(tx, 1, self.segments[segment], who, now=self.now)

    async def leaves(self, segment: str, *names: str) -> None:
        async with self.database.transaction() as tx:
            who = [self.ids[name] for name in names]
            await leave(tx, 1, self.segments[segment], who, now=self.now)

    async def start(self, source: str, *, name: str | None = None) -> int:
        """Store and start a campaign, and let everything due happen."""
        async with self.database.transaction() as tx:
            made, _ = await publish.create(tx, 1, source, name=name, now=self.now)
            await lifecycle.start(tx, 1, made.id, plan=made.hash, now=self.now)
        await self.settle()
        return made.id

    async def settle(self) -> int:
        """Let everything happen that is due now."""
        return await self.engine.settle(now=self.now)

    async def wait(self, **length: float) -> None:
        """Let time pass, stopping whenever something is due, as it would live."""
        end = self.now + timedelta(**length)
        while True:
            async with self.database.glance() as tx:
                due = await tx.scalar(_NEXT, {"now": self.now, "end": end})
            self.now = due or end
            await self.settle()
            if due is None:
                return

    async def jump(self, **length: float) -> None:
        """Let time pass with nobody at work: an outage."""
        self.now += timedelta(**length)
        await self.settle()

    async def _happens(
        self, kind: ActivityKind, ref: int, names: Iterable[str], *,
        ago: timedelta = timedelta(0), key: str | None = None, **properties: Any,
    ) -> int:  # fmt: skip
        items = [
            Activity(
                contact_id=self.ids[name], kind=kind, ref=ref, occurred_at=self.now - ago,
                key=None if key is None else f"{key}:{name}", properties=properties or None,
            )
            for name in names
        ]  # fmt: skip
        async with self.database.transaction() as tx:
            recorded = await record(tx, 1, items, now=self.now)
            await hear(tx, self.engine.versions, 1, recorded.ids, now=self.now)
        await self.settle()
        return len(recorded.ids)

    async def opens(self, email: str, *names: str, **more: Any) -> int:
        return await self._happens(ActivityKind.OPENED, self.emails[email], names, **more)

    async def clicks(self, email: str, *names: str, **more: Any) -> int:
        return await self._happens(ActivityKind.CLICKED, self.emails[email], names, **more)

    async def does(self, event: str, *names: str, **more: Any) -> int:
        async with self.database.transaction() as tx:
            (ref,) = (await subjects(tx, 1, "event", [event], now=self.now)).values()
        return await self._happens(ActivityKind.DID, ref, names, **more)

    # ------------------------------------------------------------ what came of it

    async def journal(self, name: str, campaign: int = 1) -> list[str]:
        """A contact's journal: `step: outcome` with the reason or the change behind it."""
        async with self.database.transaction() as tx:
            told = await why.why(tx, 1, self.ids[name], campaign, now=self.now)
        return [
            f"{line.step}: {line.outcome}" + (f" ({line.reason})" if self._told(line) else "")
            for run in told.runs
            for line in run.lines
        ]

    def _told(self, line: why.Line) -> bool:
        return line.reason is not None and line.outcome in ("done", "skipped")

    async def times(self, name: str) -> list[tuple[int, str]]:
        """When each step of a contact was taken."""
        rows = await self.rows(
            "select step, at from journal where contact_id = :id order by at, step",
            id=self.ids[name],
        )
        return [(step, at.strftime("%a %d %b %H:%M")) for step, at in rows]

    async def rows(self, query: str, **params: Any) -> list[tuple[Any, ...]]:
        async with self.database.transaction() as tx:
            return [tuple(row) for row in (await tx.execute(text(query), params)).all()]

    async def one(self, query: str, **params: Any) -> Any:
        return (await self.rows(query, **params))[0][0]

    async def points(self, name: str) -> int:
        return int(await self.one("select points from contact where id = :id", id=self.ids[name]))

    async def tags(self, name: str) -> list[str]:
        rows = await self.rows(
            "select tag.name from contact_tag join tag on tag.id = tag_id"
            " where contact_id = :id order by 1",
            id=self.ids[name],
        )
        return [row[0] for row in rows]

    async def mails(self, name: str) -> list[str]:
        rows = await self.rows(
            "select e.name from message m join email e on e.id = m.ref"
            " where m.contact_id = :id and m.channel = 1 order by m.id",
            id=self.ids[name],
        )
        return [row[0] for row in rows]

    async def runs(self, name: str) -> list[str]:
        rows = await self.rows(
            "select state from enrollment where contact_id = :id order by id", id=self.ids[name]
        )
        return [EnrollmentState(row[0]).name.lower() for row in rows]

    async def outcomes(self, campaign: int = 1) -> dict[tuple[int, str], int]:
        """Contacts by step and outcome, as the stats tell it."""
        async with self.database.transaction() as tx:
            stats = await inspect.stats(tx, 1, campaign)
        assert set(stats.steps[0].outcomes) <= {o.name.lower() for o in Outcome}
        return {(s.step, word): n for s in stats.steps for word, n in s.outcomes.items()}
