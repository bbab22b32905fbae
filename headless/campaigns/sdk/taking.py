"""Taking: a batch of calls becomes contacts, activities, merges and companies, in one transaction.

Each call counts once by the sender's own id, whatever is sent again: the ids are noted with what
the calls bring, so that an SDK may repeat a batch until it is answered. One bad call never refuses
the rest. Imports its neighbours, `audience`, the runtime and storage.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast, get_args

import msgspec
from sqlalchemy.exc import DBAPIError

from headless.audience import companies, devices
from headless.audience.activities import Activity, record
from headless.audience.devices import Platform
from headless.audience.remembered import Hashes
from headless.audience.saving import is_race
from headless.audience.seen import claim, forget
from headless.audience.writes import Write
from headless.campaigns import ingest, visits
from headless.campaigns.sdk import browsers, names, people
from headless.campaigns.sdk.calls import Call
from headless.campaigns.sdk.people import Known, People, Traits
from headless.campaigns.sdk.trust import Sender, believed
from headless.campaigns.visitors import Deed
from headless.problems import Problem
from headless.runtime.listen import hear
from headless.runtime.versions import Versions
from headless.storage.codes import ActivityKind
from headless.storage.database import Database, Transaction

_TRIES: Final = 5
_DONE: Final = {"track": ActivityKind.DID, "page": ActivityKind.VISITED,
                "screen": ActivityKind.VISITED}  # fmt: skip
_UTM: Final = {"name": "campaign", "source": "source", "medium": "medium", "term": "term",
               "content": "content"}  # fmt: skip
_DEVICE_TOKEN_LIMIT: Final = 4_096


class Taken(msgspec.Struct, frozen=True):
    """What a batch came to; `left_out` are traits that did not fit, each with the reason."""

    accepted: int
    duplicates: int
    rejected: tuple[tuple[int, Problem], ...]
    left_out: tuple[str, ...] = ()


async def take(
    database: Database,
    versions: Versions,
    sender: Sender,
    calls: Sequence[Call | Problem],
    *,
    agent: str = "",
    hashes: Hashes | None = None,
    now: datetime,
) -> Taken:
    """Take the calls of one request; `agent` is the browser's name of itself, for public keys."""
    good: dict[int, Call] = {}
    rejected: dict[int, Problem] = {}
    for index, call in enumerate(calls):
        held = believed(sender, call) if isinstance(call, Call) else call
        if isinstance(held, Problem):
            rejected[index] = held
        else:
            good[index] = held
    for attempt in range(_TRIES):
        try:
            async with database.transaction() as tx:
                batch = _Batch(tx, versions, sender, agent, hashes, now)
                duplicates = await batch.take(good)
                refused = {**rejected, **batch.refused}
                return Taken(
                    len(calls) - len(refused) - duplicates,
                    duplicates,
                    tuple(sorted(refused.items())),
                    tuple(batch.people.left_out),
                )
        except DBAPIError as error:
            if attempt == _TRIES - 1 or not is_race(error):
                raise
    raise AssertionError("the last attempt answers or raises")


class _Batch:
    """The calls of one request inside their transaction."""

    def __init__(
        self,
        tx: Transaction,
        versions: Versions,
        sender: Sender,
        agent: str,
        hashes: Hashes | None,
        now: datetime,
    ) -> None:
        self.tx = tx
        self.versions = versions
        self.sender = sender
        self.agent = agent
        self.now = now
        self.workspace_id = sender.workspace_id
        self.people = People(tx, sender.workspace_id, hashes, now=now)
        self.refused: dict[int, Problem] = {}
        self.users: dict[str, int] = {}  # external id -> contact
        self.events: dict[str, int] = {}

    async def take(self, given: Mapping[int, Call]) -> int:
        """Take the calls that are new; answers how many were known already."""
        fresh = await self._fresh(given)
        if self.sender.public is not None:
            await self._refuse_surplus(fresh)
        calls = list(fresh.values())
        self.events = await ingest.event_ids(
            self.tx,
            self.workspace_id,
            [
                (call.name, call.data)
                for index, call in fresh.items()
                if call.kind == "track" and index not in self.refused
            ],
            now=self.now,
        )
        both = [name for call in calls for name in (call.anonymous_id, call.previous_id)]
        alone = {name for name in both if name is not None}
        known = await browsers.meet(self.tx, self.workspace_id, alone, now=self.now)
        await self._write_users(fresh)
        claims = self._claims(calls)
        claims |= await self._write_strangers(calls, known, claims)
        await self._join(calls, claims)
        await self._note(fresh, known, claims)
        await self._release(fresh)
        return len(given) - len(fresh)

    async def _refuse_surplus(self, fresh: Mapping[int, Call]) -> None:
        """Refuse new names of activities when a public key has brought too many."""
        done = {n: call.name.strip().lower() for n, call in fresh.items() if call.kind == "track"}
        if not done:
            return
        many = await names.surplus(self.tx, self.workspace_id, list(done.values()))
        for index, name in done.items():
            if name in many:
                self.refused[index] = Problem(
                    "invalid_value",
                    f"`{name[:60]}` is new, and with {names.MOST:,} names a public key brings no "
                    "more; report it once with a token, or use a name that there is",
                )

    async def _release(self, fresh: Mapping[int, Call]) -> None:
        """What was refused may come again: its id is not kept."""
        keys = [f"{self.sender.source}:{fresh[n].key}" for n in self.refused if fresh[n].key]
        if keys:
            await forget(self.tx, self.workspace_id, keys)

    async def _fresh(self, given: Mapping[int, Call]) -> dict[int, Call]:
        by_key: dict[str, int] = {}
        for index, call in given.items():
            if call.key is not None:
                by_key.setdefault(f"{self.sender.source}:{call.key}", index)
        new = await claim(self.tx, self.workspace_id, by_key, now=self.now) if by_key else set()
        kept = {by_key[key] for key in new}
        return {n: call for n, call in given.items() if call.key is None or n in kept}

    # ------------------------------------------------------------ who

    async def _write_users(self, fresh: Mapping[int, Call]) -> None:
        """Find the contacts of external ids; make those that are new, change those identified."""
        by_user: dict[str, list[Call]] = {}
        for call in fresh.values():
            if call.user_id is not None and call.kind != "alias":
                by_user.setdefault(call.user_id, []).append(call)
        there = await people.find(self.tx, self.workspace_id, by_user)
        self.users = {name: one.id for name, one in there.items()}
        if not self.sender.may_write and self.sender.public is None:
            self._refuse_unknown(fresh)
            return
        writes = [
            (name, Write(external_id=name), said)
            for name, calls in sorted(by_user.items())
            if (said := _said(calls, there.get(name))) is not None
        ]
        secret = self.sender.public is None
        saved = await self.people.write([w[1:] for w in writes], create_fields=secret)
        problems: dict[str, Problem] = {}
        for (name, _, _), one in zip(writes, saved, strict=True):
            if one.contact_id is not None:
                self.users[name] = one.contact_id
            elif one.problem is not None and name not in self.users:
                problems[name] = one.problem
        for index, call in fresh.items():
            if call.user_id in problems:
                self.refused[index] = problems[call.user_id]

    def _refuse_unknown(self, fresh: Mapping[int, Call]) -> None:
        for index, call in fresh.items():
            if call.user_id is not None and call.user_id not in self.users:
                self.refused[index] = Problem(
                    "not_found",
                    f"there is no contact with the external id `{call.user_id}`; a token with "
                    "`contacts:write` would make it",
                )

    def _claims(self, calls: Sequence[Call]) -> dict[str, int]:
        """Whose browsers are, by the calls that name both."""
        return {
            call.anonymous_id: self.users[call.user_id]
            for call in calls
            if call.anonymous_id and call.user_id in self.users
        }

    async def _write_strangers(
        self,
        calls: Sequence[Call],
        known: Mapping[str, browsers.Browser],
        claims: Mapping[str, int],
    ) -> dict[str, int]:
        """What `identify` says of people without an external id; the browsers that are theirs.

        Those who are known change only by a secret token; an address that nobody has makes a
        contact, as a form would.
        """
        by_browser: dict[str, list[Call]] = {}
        for call in calls:
            if call.kind == "identify" and call.user_id is None and call.anonymous_id:
                by_browser.setdefault(call.anonymous_id, []).append(call)
        secret = self.sender.public is None
        said = {name: people.traits(of) for name, of in sorted(by_browser.items())}
        addresses = [one.email for one in said.values() if isinstance(one.email, str)]
        taken = set() if secret else await people.having(self.tx, self.workspace_id, addresses)
        writes: list[tuple[str, Write, Traits]] = []
        for name, traits in said.items():
            whose = known[name].contact_id or claims.get(name)
            if whose is not None:
                if secret:
                    writes.append((name, Write(contact_id=whose), traits))
            elif isinstance(traits.email, str) and traits.email.strip().lower() not in taken:
                taken |= set() if secret else {traits.email.strip().lower()}
                writes.append((name, Write(), traits))
        saved = await self.people.write([w[1:] for w in writes], create_fields=secret)
        return {
            name: one.contact_id
            for (name, _, _), one in zip(writes, saved, strict=True)
            if one.contact_id is not None and name not in claims
        }

    async def _join(self, calls: Sequence[Call], claims: dict[str, int]) -> None:
        """`alias`, `group` and devices, which are rare: one after the other."""
        for call in calls:
            whose = self.users.get(call.user_id or "")
            if call.kind == "alias" and call.user_id and call.previous_id:
                whose = await self.people.join(call.previous_id, call.user_id)
                if whose is not None:
                    self._moved(call, whose, claims)
            elif call.kind == "group" and whose is not None:
                await self._belong(call, whose)
            if whose is not None and (token := _device(call)) is not None:
                await devices.register(
                    self.tx, self.workspace_id, whose, token, _platform(call), now=self.now
                )

    def _moved(self, call: Call, whose: int, claims: dict[str, int]) -> None:
        """After two contacts have become one, everybody who meant the one means the other."""
        gone = self.users.get(call.previous_id or "")
        self.users |= {name: whose for name, number in self.users.items() if number == gone}
        for name, number in claims.items():
            if number == gone:
                claims[name] = whose
        self.users[call.user_id or ""] = whose
        claims.setdefault(call.previous_id or "", whose)

    async def _belong(self, call: Call, whose: int) -> None:
        named = call.data.get("name")
        name = named if isinstance(named, str) and named.strip() else call.group_id or ""
        known = await companies.fields(self.tx, self.workspace_id)
        by_name = {one.lower(): one for one in known}
        fields = {by_name[k.lower()]: v for k, v in call.data.items() if k.lower() in by_name}
        try:
            company, _ = await companies.save(
                self.tx, self.workspace_id, name, fields, now=self.now
            )
        except Problem as problem:
            self.people.left_out.append(f"`groupId`: {problem.detail}")
            return
        await companies.join(self.tx, self.workspace_id, company.id, [whose], now=self.now)

    # ------------------------------------------------------------ what

    async def _note(
        self,
        fresh: Mapping[int, Call],
        known: Mapping[str, browsers.Browser],
        claims: Mapping[str, int],
    ) -> None:
        """Write down what was done, and let the campaigns hear it."""
        done: list[tuple[int, Deed]] = []
        alone: dict[str, list[Deed]] = {}
        for index, call in fresh.items():
            if call.kind not in _DONE or index in self.refused:
                continue
            deed = self._deed(call)
            if call.user_id is not None:
                done.append((self.users[call.user_id], deed))
            elif call.anonymous_id is not None:
                alone.setdefault(call.anonymous_id, []).append(deed)
        done += await browsers.settle(self.tx, self.workspace_id, known, claims, alone)
        activities = [
            Activity(
                contact_id=contact_id,
                kind=ActivityKind(deed.kind),
                ref=deed.ref,
                occurred_at=min(deed.at, self.now),
                properties=deed.properties,
            )
            for contact_id, deed in done
        ]
        if activities:
            recorded = await record(self.tx, self.workspace_id, activities, now=self.now)
            await hear(
                self.tx,
                self.versions,
                self.workspace_id,
                recorded.ids,
                about=recorded.about,
                now=self.now,
            )

    def _deed(self, call: Call) -> Deed:
        if call.kind == "track":
            ref = self.events[call.name.lower()]
            return Deed(int(ActivityKind.DID), ref, call.at, call.key or "", call.data)
        return Deed(int(_DONE[call.kind]), 0, call.at, call.key or "", self._seen(call))

    def _seen(self, call: Call) -> dict[str, Any]:
        """The properties of a page or a screen that somebody saw."""
        page = call.context.get("page")
        where = {**(page if isinstance(page, dict) else {}), **call.data}
        agent = call.context.get("userAgent")
        agent = agent if isinstance(agent, str) else self.agent
        url, referrer = where.get("url"), where.get("referrer")
        seen = visits.visit(
            url if isinstance(url, str) else "",
            referrer if isinstance(referrer, str) else "",
            agent,
        )
        found: dict[str, Any] = visits.device(agent) if seen is None else seen
        if call.name:
            found["name"] = call.name
        if call.kind == "screen":
            found["screen"] = call.name
        if utm := _utm(call.context.get("campaign")):
            found["utm"] = utm
        return found


def _said(calls: Sequence[Call], known: Known | None) -> Traits | None:
    """What is to be written about somebody; None when nothing is."""
    said = people.traits(calls)
    if known is not None and known.time_zone is not None:
        said = msgspec.structs.replace(said, time_zone=None)
    identified = any(call.kind == "identify" for call in calls)
    return said if known is None or identified or said.time_zone is not None else None


def _utm(campaign: Any) -> dict[str, str]:
    if not isinstance(campaign, dict):
        return {}
    return {
        ours: value[:200]
        for theirs, ours in _UTM.items()
        if isinstance(value := campaign.get(theirs), str) and value and value.isprintable()
    }


def _device(call: Call) -> str | None:
    """The token by which an app can be reached."""
    device = call.context.get("device")
    token = device.get("token") if isinstance(device, dict) else None
    fits = isinstance(token, str) and 0 < len(token) <= _DEVICE_TOKEN_LIMIT
    return cast(str, token) if fits else None


def _platform(call: Call) -> Platform:
    device = call.context.get("device")
    named = device.get("type") if isinstance(device, dict) else None
    word = named.lower() if isinstance(named, str) else ""
    return cast(Platform, word) if word in get_args(Platform) else "web"
