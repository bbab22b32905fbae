"""Publish: from a text to a stored version, or to everything that is wrong with it.

The one door for all faces: `check` answers without storing, `create` and `edit` store. A stored
version never changes. Imports the language, `workspace`, `audience` and storage.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.exc import DBAPIError

from headless import ids
from headless.campaigns import news
from headless.dsl import ast
from headless.dsl import plan as plans
from headless.dsl.diagnostics import Diagnostic, error, in_order
from headless.dsl.examine import Examined, examine
from headless.dsl.plan import Plan
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import campaign, segment, version
from headless.workspace import former
from headless.workspace.catalogue import load
from headless.workspace.names import key, resolve

MOST_TEXT: Final = 256 * 1024
MOST_NAME: Final = 120
_NAMING: Final = 7_236_513  # with the workspace: one namer of campaigns at a time


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign with its newest version."""

    id: int
    name: str
    state: str
    revision: int
    version_id: int
    version: int
    hash: str
    source: str
    plan: Plan
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    paused_at: datetime | None
    pause_reason: str | None
    stopped_at: datetime | None

    @property
    def public_id(self) -> str:
        """The id that faces show."""
        return ids.encode("cmp", self.id)


async def check(tx: Transaction, workspace_id: int, text: str) -> Examined:
    """Everything that can be said of a text in this workspace; stores nothing."""
    if len(text) > MOST_TEXT:
        raise Problem("too_large", f"a campaign's text has at most {MOST_TEXT // 1024} KB")
    # a long text takes a second: other requests go on meanwhile
    read = await asyncio.to_thread(examine, text, await load(tx, workspace_id))
    faults = [fault async for fault in _patterns(tx, read.campaign)] if read.campaign else []
    if not faults:
        return read
    told = in_order([*read.diagnostics, *faults])
    return msgspec.structs.replace(read, diagnostics=told, plan=None, analysis=None)


async def _patterns(tx: Transaction, tree: ast.Campaign) -> AsyncIterator[Diagnostic]:
    """Regular expressions that PostgreSQL, which will run them, does not read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Matches):
            try:
                async with tx.connection.begin_nested():
                    await tx.execute(select(literal("").regexp_match(literal(node.pattern))))
            except DBAPIError as unread:
                reason = str(unread.orig).rpartition(":")[2] if unread.orig else ""
                yield error(
                    "E216",
                    f"`{node.pattern}` is not a regular expression that can be run",
                    node.span,
                    help=reason.strip(),
                )


async def create(
    tx: Transaction, workspace_id: int, text: str, *, name: str | None = None, now: datetime
) -> tuple[Campaign, Examined]:
    """Store a new campaign as a draft.

    Its name is the text's own, else `name`, else made from its first words. Raises Problem
    `invalid_text` with `diagnostics`, or `name_taken` with the `id` that has it.
    """
    checked = await _sound(tx, workspace_id, text)
    plan = _plan(checked)
    called = _name(plan, name)
    campaign_id = await _named(tx, workspace_id, called, now)
    await store(tx, workspace_id, campaign_id, 1, checked.text, plan, now=now)
    return await find(tx, workspace_id, campaign_id), checked


async def _named(tx: Transaction, workspace_id: int, name: str, now: datetime) -> int:
    """A campaign of that name, without a version yet; raises Problem `name_taken`."""
    await _free(tx, workspace_id, name)
    made = insert(campaign).values(
        workspace_id=workspace_id, name=name, version_id=0, created_at=now, updated_at=now
    )
    number: int = await tx.scalar(made.returning(campaign.c.id))
    return number


async def _free(tx: Transaction, workspace_id: int, name: str, but: int = 0) -> None:
    """Hold a name until the transaction ends; raises Problem `name_taken`."""
    await tx.execute(select(func.pg_advisory_xact_lock(_NAMING, workspace_id)))
    taken = await tx.scalar(
        select(campaign.c.id).where(
            campaign.c.workspace_id == workspace_id,
            campaign.c.id != but,
            func.lower(campaign.c.name) == name.lower(),
        )
    )
    if taken is not None:
        raise Problem(
            "name_taken",
            f"there is a campaign called `{name}` already; edit its text, or choose another name",
            id=ids.encode("cmp", taken),
        )


async def call_it(
    tx: Transaction, workspace_id: int, found: Campaign, plan: Plan, *, now: datetime
) -> None:
    """Let a campaign be called what its new text says; for thirty days the old name leads to it.

    A text that says no name changes none. Raises Problem `name_taken`, `invalid_value`.
    """
    if plan.name is None or plan.name == found.name:
        return
    name = _name(plan, None)
    await _free(tx, workspace_id, name, found.id)
    await tx.execute(
        update(campaign)
        .where(campaign.c.workspace_id == workspace_id, campaign.c.id == found.id)
        .values(name=name)
    )
    await former.note(tx, workspace_id, "cmp", found.name, name, found.id, now=now)


async def edit(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    text: str,
    *,
    revision: int | None = None,
    now: datetime,
) -> tuple[Campaign, Examined]:
    """Store a new version of a campaign that has not been started yet.

    Raises Problem `stale_version` when somebody has saved since `revision`, `wrong_state` for a
    campaign that people are in.
    """
    before = await find(tx, workspace_id, campaign_id, lock=True)
    if revision is not None and revision != before.revision:
        raise Problem("stale_version", "somebody has saved in between; read it again and merge")
    if before.state != "draft":
        raise Problem(
            "wrong_state",
            f"`{before.name}` is {before.state}; give it a new version by `plan` and `apply`",
        )
    checked = await _sound(tx, workspace_id, text)
    if _plan(checked).hash != before.hash or text != before.source:
        await call_it(tx, workspace_id, before, _plan(checked), now=now)
        await store(
            tx, workspace_id, campaign_id, before.version + 1, checked.text, _plan(checked), now=now
        )
    return await find(tx, workspace_id, campaign_id), checked


async def find(
    tx: Transaction, workspace_id: int, which: int | str, *, lock: bool = False
) -> Campaign:
    """A campaign by its number, its public id or its name; raises Problem `not_found`."""
    number = ids.decode("cmp", which) if isinstance(which, str) else which
    wanted = (
        campaign.c.id == number
        if number is not None
        else func.lower(campaign.c.name) == str(which).lower()
    )
    query = selected(workspace_id).where(wanted)
    row = (await tx.execute(query.with_for_update(of=campaign) if lock else query)).one_or_none()
    if row is None:
        raise Problem("not_found", f"there is no campaign `{which}`")
    return from_row(row)


def selected(workspace_id: int) -> Any:
    """The query for campaigns with their newest versions, for `from_row`."""
    return (
        select(
            campaign,
            version.c.number,
            version.c.hash,
            version.c.source,
            version.c.plan,
        )
        .join(
            version,
            (version.c.workspace_id == campaign.c.workspace_id)
            & (version.c.id == campaign.c.version_id),
        )
        .where(campaign.c.workspace_id == workspace_id)
    )


def from_row(row: Any) -> Campaign:
    """A campaign from a row of `selected`."""
    return Campaign(
        id=row.id,
        name=row.name,
        state=row.state,
        revision=row.revision,
        version_id=row.version_id,
        version=row.number,
        hash=row.hash,
        source=row.source,
        plan=plans.from_builtins(row.plan),
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
        paused_at=row.paused_at,
        pause_reason=row.pause_reason,
        stopped_at=row.stopped_at,
    )


async def _sound(tx: Transaction, workspace_id: int, text: str) -> Examined:
    checked = await check(tx, workspace_id, text)
    if checked.plan is None:
        raise faulty(checked)
    return checked


def faulty(checked: Examined) -> Problem:
    """The problem of a text with faults."""
    count = sum(d.severity == "error" for d in checked.diagnostics)
    faults = "one fault" if count == 1 else f"{count} faults"
    return Problem(
        "invalid_text", f"the text has {faults}", text=checked.text, faults=checked.diagnostics
    )


def _plan(checked: Examined) -> Plan:
    if checked.plan is None:
        raise faulty(checked)
    return checked.plan


def _name(plan: Plan, given: str | None) -> str:
    name = plan.name or given or _made_up(plan)
    if len(name) > MOST_NAME:
        raise Problem("invalid_value", f"a campaign's name has at most {MOST_NAME} characters")
    if not name.isprintable() or not name.strip():
        raise Problem("invalid_value", "a campaign's name has letters, no line breaks or the like")
    return name


def _made_up(plan: Plan) -> str:
    """A name for a bare rule: `when opened email X within 3d` -> `opened-email-x-within-3d`."""
    first = plan.steps[1].text if len(plan.steps) > 1 else "campaign"
    words = re.findall(r"\w+", first.lower())
    kept = [word for word in words if word not in ("when", "whenever", "then", "do")]
    return "-".join(kept)[:60].strip("-") or "campaign"


async def store(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    number: int,
    text: str,
    plan: Plan,
    *,
    now: datetime,
    hidden: Mapping[str, int] | None = None,
) -> int:
    """Store a version, from now on the campaign's newest; its id.

    `hidden` are hidden segments of an earlier version that it goes on with.
    """
    names = await resolve(tx, workspace_id, [plan], now=now)
    own = await _hidden_segments(tx, workspace_id, campaign_id, number, plan, hidden or {}, now)
    names = msgspec.structs.replace(names, ids=names.ids | own)
    version_id: int = await tx.scalar(
        insert(version)
        .values(
            workspace_id=workspace_id,
            campaign_id=campaign_id,
            number=number,
            source=text,
            hash=plan.hash,
            plan=msgspec.json.decode(plans.to_json(plan)),
            refs=msgspec.to_builtins(names),
            priority=plan.priority,
            created_at=now,
        )
        .returning(version.c.id)
    )
    await tx.execute(
        update(campaign)
        .where(campaign.c.workspace_id == workspace_id, campaign.c.id == campaign_id)
        .values(version_id=version_id, revision=campaign.c.revision + 1, updated_at=now)
    )
    what = "created" if number == 1 else "version_published"
    await news.tell(tx, workspace_id, campaign_id, what, now=now, version=number)
    return version_id


async def _hidden_segments(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    number: int,
    plan: Plan,
    kept: Mapping[str, int],
    now: datetime,
) -> dict[str, int]:
    """`from contacts where (…)` is a segment that only this campaign sees, followed from its start.

    Until then it has no condition, so that drafts cost nothing.
    """
    made = dict(kept)
    for index, source in enumerate(plan.sources):
        if source.contacts and key("source", str(index)) not in made:
            name = f"{ids.encode('cmp', campaign_id)} version {number} source {index + 1}"
            made[key("source", str(index))] = await tx.scalar(
                insert(segment)
                .values(
                    workspace_id=workspace_id, name=name, campaign_id=campaign_id, created_at=now
                )
                .returning(segment.c.id)
            )
    return made
