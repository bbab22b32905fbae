"""`/v1/campaigns`: store, look at, start, pause, resume and stop campaigns.

A campaign is named in a path by its id or, percent-encoded, by its name.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from headless import ids
from headless.api import bodies
from headless.api.auth import Call, Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import (
    Cursor,
    Instant,
    Limit,
    Page,
    after,
    instant,
    maybe_instant,
    number,
    page,
)
from headless.campaigns import enroll, inspect, lifecycle, publish
from headless.campaigns.inspect import Line, StepStats
from headless.campaigns.publish import Campaign
from headless.dsl.examine import Examined, examine
from headless.dsl.explain import explain
from headless.dsl.render import Report, report
from headless.problems import Problem

_TEXT: Final = "text/plain"
_MOST_BY_HAND: Final = 1_000
State = Literal["draft", "running", "paused", "stopped", "archived"]


class CampaignWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A campaign's text; `name` is for a text that has none."""

    source: str
    name: Annotated[str, msgspec.Meta(min_length=1)] | None = None


class AnalysisShape(msgspec.Struct, frozen=True):
    """What the checker foresees for one contact."""

    most_emails_in_7_days: int | None
    longest_stay: str


class CampaignShape(msgspec.Struct, frozen=True):
    """A campaign with its newest version."""

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
    stopped_at: Instant | None


class CampaignRow(msgspec.Struct, frozen=True):
    """A campaign in a list."""

    id: str
    name: str
    state: str
    version: int
    hash: str
    created_at: Instant
    updated_at: Instant
    started_at: Instant | None


class Agreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hash of the plan that the caller has seen."""

    plan: str | None = None


class Resume(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of waits that came due meanwhile: they run now, or all waits are shifted."""

    overdue: Literal["run", "shift"] = "run"


class ResumedShape(msgspec.Struct, frozen=True):
    """A campaign that runs again."""

    id: str
    name: str
    state: str
    overdue: int


class StatsShape(msgspec.Struct, frozen=True):
    """A campaign in numbers."""

    id: str
    name: str
    state: str
    enrollments: dict[str, int]
    messages: dict[str, int]
    steps: tuple[StepStats, ...]


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


class ByHand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contacts by their ids, and what `entry.*` shall know of them."""

    contacts: list[str]
    data: dict[str, Any] | None = None


class Moved(msgspec.Struct, frozen=True):
    """How many contacts came in or went out."""

    contacts: int


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
        stopped_at=maybe_instant(found.stopped_at),
    )


def _row(found: Campaign) -> CampaignRow:
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


def line_shape(line: Line) -> LineShape:
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


def _answer(found: Campaign, read: Examined | None = None, *, status: int = 200) -> Response[Any]:
    headers = {"ETag": _etag(found)}
    if status == 201:
        headers["Location"] = f"/v1/campaigns/{found.public_id}"
    return Response(shape(found, read), status_code=status, headers=headers)


def _etag(found: Campaign) -> str:
    return f'"{found.revision}-{found.hash.removeprefix("sha256:")[:6]}"'


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
    return _answer(found, read, status=201)


@get("/campaigns", opt=needs("campaigns:read"), tags=["Campaigns"])
async def list_campaigns(
    call: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    in_state: Annotated[State | None, QueryParameter(name="state")] = None,
) -> Page[CampaignRow]:
    """The workspace's campaigns in the order in which they were made."""
    start = after(cursor, list="campaigns", state=in_state)
    async with call.transaction() as tx:
        rows = await inspect.listing(
            tx, call.workspace_id, limit=limit + 1, after_id=start or 0, state=in_state
        )
    return page(rows, limit, lambda row: row.id, _row, list="campaigns", state=in_state)


@get("/campaigns/{name:str}", opt=needs("campaigns:read"), tags=["Campaigns"])
async def get_campaign(call: Caller, name: FromPath[str]) -> Response[CampaignShape]:
    """One campaign: its text, what it does, and what the checker foresees."""
    async with call.transaction() as tx:
        return _answer(await publish.find(tx, call.workspace_id, name))


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
        wanted = request.headers.get("if-match")
        if wanted is not None and wanted.strip() not in ("*", _etag(before)):
            raise Problem("stale_version", "somebody has saved in between; read it again and merge")
        found, read = await publish.edit(
            tx, call.workspace_id, before.id, body.source, revision=before.revision, now=call.now
        )
    return _answer(found, read)


@post(
    "/campaigns/{name:str}/start",
    opt={**needs("campaigns:publish"), **reads(Agreement)},
    tags=["Campaigns"],
    status_code=200,
)
async def start_campaign(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Response[CampaignShape]:
    """Let a campaign run; without the plan's hash the answer (428) is the plan to agree to."""
    body = await bodies.read(request, Agreement, default=Agreement())
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        started = await lifecycle.start(
            tx, call.workspace_id, found.id, plan=body.plan, now=call.now
        )
    return _answer(started)


@post(
    "/campaigns/{name:str}/pause",
    opt=needs("campaigns:publish"),
    tags=["Campaigns"],
    status_code=200,
)
async def pause_campaign(call: Caller, name: FromPath[str]) -> CampaignRow:
    """Hold a running campaign; everybody keeps their place."""
    number_ = await _number(call, name)
    async with call.transaction() as tx:
        return _row(await lifecycle.pause(tx, call.workspace_id, number_, now=call.now))


@post(
    "/campaigns/{name:str}/resume",
    opt={**needs("campaigns:publish"), **reads(Resume)},
    tags=["Campaigns"],
    status_code=200,
)
async def resume_campaign(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> ResumedShape:
    """Let a paused campaign go on; says how many waits had come due."""
    body = await bodies.read(request, Resume, default=Resume())
    number_ = await _number(call, name)
    async with call.transaction() as tx:
        resumed = await lifecycle.resume(
            tx, call.workspace_id, number_, shifted=body.overdue == "shift", now=call.now
        )
    found = resumed.campaign
    return ResumedShape(found.public_id, found.name, found.state, resumed.overdue)


@post(
    "/campaigns/{name:str}/stop",
    opt=needs("campaigns:publish"),
    tags=["Campaigns"],
    status_code=200,
)
async def stop_campaign(call: Caller, name: FromPath[str]) -> CampaignRow:
    """End a campaign for everybody in it, for good."""
    number_ = await _number(call, name)
    async with call.transaction() as tx:
        return _row(await lifecycle.stop(tx, call.workspace_id, number_, now=call.now))


@get("/campaigns/{name:str}/stats", opt=needs("campaigns:read"), tags=["Campaigns"])
async def campaign_stats(
    request: Request[Any, Any, Any],
    call: Caller,
    name: FromPath[str],
    sums: FromQuery[bool] = False,
) -> Response[Any]:
    """How many came to each step and what became of them; a table with `Accept: text/plain`.

    With `sums=true` each step also adds up the numbers that the answering activities brought.
    """
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        stats = await inspect.stats(tx, call.workspace_id, found.id, sums=sums)
    if bodies.wants_text(request):
        return bodies.plain(inspect.render_stats(found.name, found.state, stats))
    return Response(
        StatsShape(
            found.public_id,
            found.name,
            found.state,
            stats.enrollments,
            stats.messages,
            stats.steps,
        )
    )


@get("/campaigns/{name:str}/journal", opt=needs("campaigns:read"), tags=["Campaigns"])
async def campaign_journal(call: Caller, name: FromPath[str], limit: Limit = 50) -> Page[LineShape]:
    """The newest steps that contacts took, newest first."""
    number_ = await _number(call, name)
    async with call.transaction() as tx:
        lines = await inspect.trace(tx, call.workspace_id, number_, limit=limit)
    return Page([line_shape(line) for line in lines], None)


@post(
    "/campaigns/{name:str}/contacts",
    opt={**needs("campaigns:publish"), **reads(ByHand)},
    tags=["Campaigns"],
    status_code=200,
)
async def add_contacts(request: Request[Any, Any, Any], call: Caller, name: FromPath[str]) -> Moved:
    """Let contacts enter by hand; those who are in, or may not come again, are passed over."""
    body = await bodies.read(request, ByHand)
    numbers = _numbers(body.contacts)
    number_ = await _number(call, name)
    async with call.transaction() as tx:
        entered = await enroll.add(
            tx,
            call.house.versions,
            call.workspace_id,
            number_,
            numbers,
            data=body.data,
            now=call.now,
        )
    return Moved(entered)


@post(
    "/campaigns/{name:str}/contacts/remove",
    opt={**needs("campaigns:publish"), **reads(ByHand)},
    tags=["Campaigns"],
    status_code=200,
)
async def remove_contacts(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Moved:
    """Take contacts out by hand, for good: nothing brings them back into this campaign."""
    body = await bodies.read(request, ByHand)
    number_ = await _number(call, name)
    async with call.transaction() as tx:
        gone = await enroll.remove(
            tx, call.workspace_id, number_, _numbers(body.contacts), now=call.now
        )
    return Moved(gone)


def _numbers(contacts: list[str]) -> list[int]:
    if len(contacts) > _MOST_BY_HAND:
        raise Problem("too_large", f"a call takes at most {_MOST_BY_HAND} contacts; send several")
    return [number("con", one) for one in contacts]


HANDLERS: Final[list[HTTPRouteHandler]] = [
    create_campaign,
    list_campaigns,
    get_campaign,
    edit_campaign,
    start_campaign,
    pause_campaign,
    resume_campaign,
    stop_campaign,
    campaign_stats,
    campaign_journal,
    add_contacts,
    remove_contacts,
]
