"""`/v1/campaigns`: store, look at, start, pause, resume and stop campaigns.

A campaign is named in a path by its id or, percent-encoded, by its name.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies
from headless.api.auth import Call, Caller, needs
from headless.api.openapi import reads, speaks
from headless.api.shapes import (
    Cursor,
    Instant,
    Limit,
    Page,
    after,
    included,
    instant,
    maybe_instant,
    moment,
    page,
)
from headless.campaigns import inspect, publish, versions, why
from headless.campaigns.inspect import StepStats
from headless.campaigns.publish import Campaign
from headless.campaigns.versions import Stored
from headless.dsl.examine import Examined, examine
from headless.dsl.explain import explain
from headless.dsl.render import Report, report
from headless.problems import Problem
from headless.storage.database import Transaction

_TEXT: Final = "text/plain"
Include = Annotated[
    str | None, QueryParameter(description="`stats`, `versions`, or both with a comma between")
]
State = Literal["draft", "running", "paused", "stopped", "archived"]


class CampaignWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A campaign's text; `name` is for a text that has none."""

    source: str
    name: Annotated[str, msgspec.Meta(min_length=1)] | None = None


class AnalysisShape(msgspec.Struct, frozen=True):
    """What the checker foresees for one contact."""

    most_emails_in_7_days: int | None
    longest_stay: str


class NumbersShape(msgspec.Struct, frozen=True):
    """What a campaign has come to, in numbers."""

    enrollments: dict[str, int]
    messages: dict[str, int]
    steps: tuple[StepStats, ...]


class StatsShape(NumbersShape, frozen=True):
    """A campaign in numbers."""

    id: str
    name: str
    state: str


class VersionShape(msgspec.Struct, frozen=True):
    """A stored version; `running` are the runs that go by it now."""

    number: int
    hash: str
    source: str
    created_at: Instant
    running: int
    current: bool


class CampaignShape(msgspec.Struct, frozen=True):
    """A campaign with its newest version; `stats` and `versions` where `include` asked."""

    id: str
    name: str
    state: str
    version: int
    hash: str
    source: str
    explain: str
    analysis: AnalysisShape | None
    diagnostics: list[Report]
    created_at: Instant
    updated_at: Instant
    started_at: Instant | None
    paused_at: Instant | None
    pause_reason: str | None
    owned_by: str | None
    stopped_at: Instant | None
    stats: NumbersShape | UnsetType = UNSET
    versions: list[VersionShape] | UnsetType = UNSET


class CampaignRow(msgspec.Struct, frozen=True):
    """A campaign in a list; `stats` and `versions` where `include` asked for them."""

    id: str
    name: str
    state: str
    version: int
    hash: str
    created_at: Instant
    updated_at: Instant
    started_at: Instant | None
    stats: NumbersShape | UnsetType = UNSET
    versions: list[VersionShape] | UnsetType = UNSET


class LineShape(msgspec.Struct, frozen=True):
    """One line of the journal."""

    at: Instant
    contact_id: str
    rotation: int
    line: int
    step: str
    outcome: str
    reason: str | None
    detail: dict[str, Any] | None
    message_id: str | None


def shape(found: Campaign, read: Examined | None = None) -> CampaignShape:
    """A campaign as answers show it."""
    read = read or examine(found.source)
    analysis = None
    if read.analysis is not None:
        analysis = AnalysisShape(read.analysis.most_emails_in_7_days, read.analysis.stay)
    return CampaignShape(
        id=found.public_id,
        name=found.name,
        state=found.state,
        version=found.version,
        hash=found.hash,
        source=found.source,
        explain=explain(read.campaign) if read.campaign else "",
        analysis=analysis,
        diagnostics=[report(found.source, one) for one in read.diagnostics],
        created_at=instant(found.created_at),
        updated_at=instant(found.updated_at),
        started_at=maybe_instant(found.started_at),
        paused_at=maybe_instant(found.paused_at),
        pause_reason=found.pause_reason,
        owned_by=found.plan.owner,
        stopped_at=maybe_instant(found.stopped_at),
    )


def row(found: Campaign) -> CampaignRow:
    """A campaign as lists show it."""
    return CampaignRow(
        id=found.public_id,
        name=found.name,
        state=found.state,
        version=found.version,
        hash=found.hash,
        created_at=instant(found.created_at),
        updated_at=instant(found.updated_at),
        started_at=maybe_instant(found.started_at),
    )


def version_shape(one: Stored) -> VersionShape:
    """A stored version as answers show it."""
    return VersionShape(
        one.number, one.hash, one.source, instant(one.created_at), one.running, one.current
    )


async def _more(
    tx: Transaction, call: Call, found: Sequence[Campaign], include: str | None
) -> dict[int, dict[str, Any]]:
    """What is asked for beside the campaigns, by their numbers, for all of them at once."""
    asked = included(include, "stats", "versions")
    more: dict[int, dict[str, Any]] = {one.id: {} for one in found}
    if "stats" in asked:
        for number, told in (await inspect.stats_of(tx, call.workspace_id, found)).items():
            more[number]["stats"] = NumbersShape(told.enrollments, told.messages, told.steps)
    if "versions" in asked:
        for number, stored in (await versions.listings(tx, call.workspace_id, found)).items():
            more[number]["versions"] = [version_shape(one) for one in stored]
    return more


def line_shape(line: why.Line) -> LineShape:
    """A line of the journal as answers show it."""
    return LineShape(
        at=instant(line.at),
        contact_id=ids.encode("con", line.contact_id),
        rotation=line.rotation,
        line=line.line,
        step=line.step,
        outcome=line.outcome,
        reason=line.reason,
        detail=line.detail,
        message_id=None if line.message_id is None else ids.encode("msg", line.message_id),
    )


def answer(found: Campaign, read: Examined | None = None, *, status: int = 200) -> Response[Any]:
    """A campaign with its entity tag; a new one with its place."""
    headers = {"ETag": etag(found)}
    if status == 201:
        headers["Location"] = f"/v1/campaigns/{found.public_id}"
    return Response(shape(found, read), status_code=status, headers=headers)


def etag(found: Campaign) -> str:
    """The entity tag of a campaign: another one after each save."""
    return f'"{found.revision}-{found.hash.removeprefix("sha256:")[:6]}"'


def refuse_stale(request: Request[Any, Any, Any], found: Campaign) -> None:
    """Raise Problem `stale_version` when `If-Match` names another save than the newest."""
    wanted = request.headers.get("if-match")
    if wanted is not None and wanted.strip() not in ("*", etag(found)):
        raise Problem("stale_version", "somebody has saved in between; read it again and merge")


async def source_of(request: Request[Any, Any, Any]) -> CampaignWrite:
    """The campaign's text that a request brings, plain or as JSON."""
    if bodies.media_of(request) == _TEXT:
        return CampaignWrite(await bodies.read_text(request))
    bodies.need_media(request, "application/json", _TEXT)
    return await bodies.read(request, CampaignWrite)


async def _number(call: Call, name: str) -> int:
    async with call.transaction() as tx:
        return (await publish.find(tx, call.workspace_id, name)).id


@post(
    "/campaigns",
    opt={**needs("campaigns:write"), **reads(CampaignWrite, _TEXT)},
    tags=["Campaigns"],
    status_code=201,
)
async def create_campaign(
    request: Request[Any, Any, Any], call: Caller, name: FromQuery[str | None] = None
) -> Response[CampaignShape]:
    """Store a text as a draft; a faulty one answers 422 with every diagnostic."""
    body = await source_of(request)
    async with call.transaction() as tx:
        found, read = await publish.create(
            tx, call.workspace_id, body.source, name=name or body.name, now=call.now
        )
    return answer(found, read, status=201)


@get("/campaigns", opt=needs("campaigns:read"), tags=["Campaigns"])
async def list_campaigns(
    call: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    in_state: Annotated[State | None, QueryParameter(name="state")] = None,
    updated_since: FromQuery[str | None] = None,
    include: Include = None,
) -> Page[CampaignRow]:
    """The workspace's campaigns in the order in which they were made.

    `updated_since`, a time with its zone, leaves out whose text and state are older.
    """
    asked = {"list": "campaigns", "state": in_state}
    if updated_since is not None:
        asked["updated_since"] = updated_since
    start = after(cursor, **asked)
    async with call.transaction() as tx:
        rows = await inspect.listing(
            tx,
            call.workspace_id,
            limit=limit + 1,
            after_id=start or 0,
            state=in_state,
            updated_since=moment("updated_since", updated_since),
        )
        more = await _more(tx, call, rows[:limit], include)
    return page(
        rows,
        limit,
        lambda found: found.id,
        lambda found: msgspec.structs.replace(row(found), **more[found.id]),
        **asked,
    )


@get("/campaigns/{name:str}", opt=needs("campaigns:read"), tags=["Campaigns"])
async def get_campaign(
    call: Caller, name: FromPath[str], include: Include = None
) -> Response[CampaignShape]:
    """One campaign: its text, what it does, and what the checker foresees."""
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        more = (await _more(tx, call, [found], include))[found.id]
    told = msgspec.structs.replace(shape(found), **more)
    return Response(told, headers={"ETag": etag(found)})


@put(
    "/campaigns/{name:str}/source",
    opt={**needs("campaigns:write"), **reads(CampaignWrite, _TEXT)},
    tags=["Campaigns"],
)
async def edit_campaign(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Response[CampaignShape]:
    """Store a new version of a draft; `If-Match` refuses to overwrite what somebody else saved."""
    body = await source_of(request)
    async with call.transaction() as tx:
        before = await publish.find(tx, call.workspace_id, name)
        refuse_stale(request, before)
        found, read = await publish.edit(
            tx, call.workspace_id, before.id, body.source, revision=before.revision, now=call.now
        )
    return answer(found, read)


@get(
    "/campaigns/{name:str}/stats",
    opt={**needs("campaigns:read"), **speaks(_TEXT)},
    tags=["Campaigns"],
)
async def campaign_stats(
    request: Request[Any, Any, Any],
    call: Caller,
    name: FromPath[str],
    sums: FromQuery[bool] = False,
    reasons: FromQuery[bool] = False,
) -> Response[Any]:
    """How many came to each step and what became of them; a table with `Accept: text/plain`.

    With `sums=true` each step also adds up the numbers that the answering activities brought, with
    `reasons=true` it says why what was skipped, held or failed was so, and how often.
    """
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        stats = await inspect.stats(tx, call.workspace_id, found.id, sums=sums, reasons=reasons)
    if bodies.wants_text(request):
        return bodies.plain(inspect.render_stats(found.name, found.state, stats))
    return Response(
        StatsShape(
            stats.enrollments,
            stats.messages,
            stats.steps,
            found.public_id,
            found.name,
            found.state,
        )
    )


HANDLERS: Final[list[HTTPRouteHandler]] = [
    create_campaign,
    list_campaigns,
    get_campaign,
    edit_campaign,
    campaign_stats,
]
