"""A story played on the real engine, with workers that come in any order and take any number.

`Stage` is the tests' `World` with a settling of its own: hints are shuffled, batches are of random
size, jobs run twice, two at a time. What has become of each contact is told in the reference's
words.
"""

import asyncio
import datetime
from collections import defaultdict
from random import Random
from typing import Any

from model.asking import utc
from model.story import Changes, Does, Holds, Joins, Line, Outcome, Person, Story
from sqlalchemy import insert, text
from world import FIELDS, SEGMENTS, World

from headless.audience.membership import join
from headless.audience.saving import save
from headless.audience.writes import Write
from headless.campaigns import lifecycle
from headless.runtime.engine import Engine
from headless.runtime.sweep import sweep
from headless.storage import tables
from headless.storage.codes import EnrollmentState
from headless.storage.codes import Outcome as Code
from headless.storage.database import Database, Transaction
from headless.workspace.names import tags

_KEPT = {
    "workspace", "alembic_version", "email", "email_version", "segment", "field", "subject", "tag",
}  # fmt: skip
_ASKED = {
    "journal": "select j.contact_id, e.rotation, j.at, j.step, j.outcome, j.detail"
    " from journal j join enrollment e on e.id = j.enrollment_id",
    "contact": "select id, points, fields from contact",
    "segments": "select contact_id, name from segment_member join segment on segment.id ="
    " segment_id",
    "tags": "select contact_id, name from contact_tag join tag on tag.id = tag_id",
    "messages": "select m.contact_id, e.name, m.created_at from message m join email e on e.id ="
    " m.ref where m.channel = 1 and m.state <> 3",
    "runs": "select contact_id, state from enrollment order by rotation",
    "unsubscribed": "select contact_id, true from suppression",
}


class Stage(World):
    """A world for one story after another."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.random = Random(0)
        self.asleep = False
        self._cleaning = ""

    async def raise_curtain(self) -> "Stage":
        """Make the workspace, once for all stories."""
        await self.begin()
        names = await self.rows(
            "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition"
        )
        emptied = [name for (name,) in names if name not in _KEPT]
        kept = ", ".join(str(number) for number in self.segments.values())
        self._cleaning = f"delete from segment where id not in ({kept});" + ";".join(
            f'delete from "{name}"' for name in sorted(emptied)
        )
        return self

    async def play(self, story: Story) -> dict[str, Outcome]:
        """The whole story; what has become of each contact."""
        self.engine = Engine(self.database)
        self.now, self.random, self.asleep = story.beginning, Random(story.seed), False
        async with self.database.transaction() as tx:
            await self._prepare(tx, story)
        campaign = await self.start(story.text)
        for at, what, happening in story.acts():
            await self._until(at)
            if what in ("pause", "resume"):
                async with self.database.transaction() as tx:
                    if isinstance(happening, Holds) and what == "resume":
                        shifted = happening.shifted
                        await lifecycle.resume(tx, 1, campaign, shifted=shifted, now=self.now)
                    else:
                        await lifecycle.pause(tx, 1, campaign, now=self.now)
            elif what in ("sleep", "wake"):
                self.asleep = what == "sleep"
            await self._happening(happening if what == "happens" else None)
            await self.settle()
        return await self._outcomes()

    async def _prepare(self, tx: Transaction, story: Story) -> None:
        raw: Any = await tx.connection.get_raw_connection()
        await raw.driver_connection.execute(self._cleaning)
        await tx.execute(text("update workspace set time_zone = :zone"), {"zone": story.zone})
        rows = [self._row(person) for person in story.people]
        made = insert(tables.contact).returning(tables.contact.c.external_id, tables.contact.c.id)
        self.ids = {row[0]: row[1] for row in await tx.execute(made, rows)}
        for name, segment_id in self.segments.items():
            inside = [self.ids[p.name] for p in story.people if name in p.segments]
            await join(tx, 1, segment_id, inside, now=self.now)
        tagged = [(p.name, tag) for p in story.people for tag in p.tags]
        known = await tags(tx, 1, {tag for _, tag in tagged})
        for name, tag in tagged:
            row = {"contact_id": self.ids[name], "tag_id": known[tag], "at": self.now}
            await tx.execute(insert(tables.contact_tag).values(workspace_id=1, **row))
        for person in story.people:
            if person.unsubscribed:
                row = {
                    "contact_id": self.ids[person.name], "channel": 1, "at": self.now,
                    "reason": "unsubscribed", "source": "test",
                }  # fmt: skip
                await tx.execute(insert(tables.suppression).values(workspace_id=1, **row))

    def _row(self, person: Person) -> dict[str, Any]:
        return {
            "workspace_id": 1, "external_id": person.name, "time_zone": person.zone,
            "email": f"{person.name}@example.org" if person.address else None,
            "fields": {name: _written(value) for name, value in person.fields},
            "points": person.points, "created_at": self.now, "updated_at": self.now,
        }  # fmt: skip

    # ------------------------------------------------------------ time and workers

    async def _until(self, end: datetime.datetime) -> None:
        if self.asleep:
            self.now = end
        else:
            await self.wait(seconds=(end - self.now).total_seconds())

    async def settle(self) -> int:
        """Let everything happen that is due, as several clumsy workers would."""
        total = 0
        while not self.asleep:
            moved = 0
            wakes = list(await sweep(self.database, now=self.now))
            self.random.shuffle(wakes)
            for wake in wakes:
                moved += await self._work(wake)
            if not moved:
                break
            total += moved
        return total

    async def _work(self, wake: Any) -> int:
        self.engine.batch = self.random.choice((1, 2, 3, 5_000))
        moved = await self.engine.once(wake, now=self.now)
        luck = self.random.random()
        if luck < 0.1:  # the same job, delivered twice
            moved += await self.engine.once(wake, now=self.now)
        elif luck < 0.2 and moved:  # two workers at the same step
            both = (self.engine.once(wake, now=self.now) for _ in range(2))
            moved += sum(await asyncio.gather(*both))
        return moved

    # ------------------------------------------------------------ what happens

    async def _happening(self, happening: Any) -> None:
        match happening:
            case Does(who=who, kind=kind, about=about, late=late, key=key, properties=told):
                verb = {"opened": self.opens, "clicked": self.clicks, "did": self.does}[kind]
                ago = datetime.timedelta(minutes=late)
                await verb(about, *who, ago=ago, key=key, **dict(told))
            case Joins(who=who, segment=segment, leave=leave):
                await (self.leaves if leave else self.joins)(segment, *who)
            case Changes(who=who, field=name, value=value):
                write = Write(contact_id=self.ids[who], fields={name: _written(value)})
                (saved,) = await save(self.database, 1, [write], now=self.now)
                assert saved.problem is None

    # ------------------------------------------------------------ what came of it

    async def _outcomes(self) -> dict[str, Outcome]:
        """What has become of each contact, in the reference's words."""
        found: dict[str, dict[int, list[Any]]] = {}
        async with self.database.transaction() as tx:
            for what, query in _ASKED.items():
                told = found[what] = defaultdict(list)
                for row in await tx.execute(text(query)):
                    told[row[0]].append(tuple(row[1:]) if len(row) > 2 else row[1])
        return {name: _outcome(found, number) for name, number in self.ids.items()}

    async def bookkeeping(self) -> list[str]:
        """What the tables must agree on, whatever the story: nothing, when all is well."""
        wrong = []
        tallied = "select step, outcome, sum(contacts) from tally group by 1, 2 order by 1, 2"
        counted = "select step, outcome, count(*) from journal group by 1, 2 order by 1, 2"
        if await self.rows(tallied) != await self.rows(counted):
            wrong.append("the stats are not what the journal adds up to")
        if await self.rows(
            "select 1 from position p join enrollment e on e.id = p.enrollment_id"
            " where e.state <> 0"
        ):
            wrong.append("a run that has ended still has a position")
        if await self.rows(
            "select 1 from enrollment e where e.state = 0 and not exists"
            " (select 1 from position p where p.enrollment_id = e.id)"
        ):
            wrong.append("a run that goes on has no position")
        return wrong


def _outcome(found: dict[str, dict[int, list[Any]]], number: int) -> Outcome:
    ((points, fields),) = found["contact"][number]
    return Outcome(
        journal=sorted(
            Line(run, utc(at), step, Code(code).name.lower(), _arm(code, detail))
            for run, at, step, code, detail in found["journal"][number]
        ),
        runs=[EnrollmentState(state).name.lower() for state in found["runs"][number]],
        points=points,
        tags=sorted(found["tags"][number]),
        segments=sorted(name for name in found["segments"][number] if name in SEGMENTS),
        fields={key: _read(key, value) for key, value in sorted(fields.items())},
        messages=sorted((email, utc(at)) for email, at in found["messages"][number]),
        unsubscribed=bool(found["unsubscribed"][number]),
    )


def _arm(code: int, detail: dict[str, Any] | None) -> int:
    return int((detail or {}).get("arm") or 0) if code in (Code.YES, Code.DONE) else 0


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) else value


def _read(name: str, value: Any) -> Any:
    return datetime.date.fromisoformat(value) if FIELDS.get(name) == "date" else value
