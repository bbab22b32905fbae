"""`/v1/imports` and `/v1/jobs`: files of contacts, and how far longer work has come."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.exceptions import InternalServerException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from headless import ids
from headless.api import bodies
from headless.api.auditing import shows_nobody
from headless.api.auth import Call, Caller, needs, piecemeal
from headless.api.openapi import reads, speaks
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
from headless.audience.imports import COUNTED, Import, Options
from headless.audience.remembered import ring
from headless.audience.saving import OnConflict
from headless.audience.sheet import OnMissing
from headless.campaigns import fetched
from headless.campaigns.fetched import NDJSON, Asked
from headless.problems import Problem
from headless.workspace import jobs
from headless.workspace.jobs import SEALED, Job, State

_LOOK_SECONDS: Final = 0.2
_SHA_256: Final = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):")
_RANGE: Final = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_LONGEST_ASK: Final = 64 * 1024
_MOST_WAIT: Final = 60
_READERS: Final = ("contacts:read", "contacts:write", "campaigns:read", "campaigns:publish")


_COUNTED: Final = (*COUNTED, "joined", "left")
_ENDERS: Final = ("contacts:write", "campaigns:publish")


class FileAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file at an address that we may call; its form is seen from its media type or its name.

    With `sha256` (in hexadecimal) an import of the same file that has stopped goes on.
    """

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    form: Literal["csv", "ndjson"] | None = None
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None


class JobShape(msgspec.Struct, frozen=True):
    """A job: `done` of `total` (null while that is not known), and where its faults are."""

    id: str
    kind: str
    state: State
    done: int
    total: int | None
    counts: dict[str, int]
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    eta_at: Instant | None
    errors_url: str
    result_url: str | None
    result: dict[str, Any] | None
    detail: str | None


def shape(call: Call, job: Job) -> JobShape:
    """A job as answers show it."""
    result = dict(job.detail or {})
    reason = result.pop("reason", None)
    result.pop(SEALED, None)
    id_ = ids.encode("job", job.id)
    return JobShape(
        id=id_,
        kind=job.kind,
        state=job.state,
        done=job.done,
        total=job.total,
        counts={name: job.counts[name] for name in _COUNTED if name in job.counts},
        created_at=instant(job.created_at),
        started_at=maybe_instant(job.started_at),
        finished_at=maybe_instant(job.finished_at),
        eta_at=_eta(call, job),
        errors_url=f"/v1/jobs/{id_}/errors",
        result_url=None,
        result=result or None,
        detail=reason,
    )


def _eta(call: Call, job: Job) -> str | None:
    """When it will be over, if what is left goes as fast as what is done."""
    detail = job.detail or {}
    done, total = detail.get("bytes", job.done), detail.get("total_bytes", job.total)
    if job.is_over or job.started_at is None or not done or not total:
        return None
    left = (call.house.clock.now() - job.started_at) * (max(total - done, 0) / done)
    return instant(call.house.clock.now() + min(left, timedelta(days=30)))


@post(
    "/imports",
    opt={
        **needs("contacts:write"),
        **reads(FileAt, "text/csv", "application/x-ndjson"),
        **piecemeal(),
    },
    tags=["Contacts"],
    status_code=202,
    request_max_body_size=None,
)
async def import_contacts(
    request: Request[Any, Any, Any],
    call: Caller,
    kind: FromQuery[Literal["contacts"]] = "contacts",
    dry_run: FromQuery[bool] = False,
    on_conflict: FromQuery[OnConflict] = "update",
    on_missing_field: FromQuery[OnMissing] = "fail",
    delimiter: FromQuery[str | None] = None,
    map: Annotated[  # noqa: A002 - the word of the query
        list[str] | None, QueryParameter(description="`Heading:field`, as often as needed")
    ] = None,
) -> Response[JobShape]:
    """Take in contacts, CSV or NDJSON, as the body or from a `url`; the answer is the job.

    What comes as the body is taken in when the answer comes. A file at a `url` is fetched by a
    worker: the job is `queued`, and `GET /v1/jobs/{id}?wait=20` tells how far it has come.

    The first line of a CSV names the columns: `email` or `external_id`, `time_zone`, `tags` and
    `segments` (several separated by `;`), `stage`, `owner`, and fields (`spend`, or `spend:number`
    for a new one); an empty cell keeps what is there. Each line of NDJSON is a contact as
    `POST /v1/contacts` takes it. While it runs, `GET /v1/jobs?state=running` shows it. With
    `Repr-Digest: sha-256=:…:` an import that has stopped goes on when the same file comes again,
    or only the rest of it with `Content-Range: bytes FIRST-LAST/SIZE`, where FIRST is the job's
    `result.resume.at`.
    """
    bodies.need_media(
        request, "text/csv", "application/csv", "text/plain", *NDJSON, "application/json"
    )
    first, size = _range(request)
    options = Options(
        dry_run=dry_run,
        on_conflict=on_conflict,
        on_missing=on_missing_field,
        delimiter=delimiter,
        mapping=_mapping(map or []),
        size=request.content_length if size is None else size,
        start=first,
        form="ndjson" if bodies.media_of(request) in NDJSON else "csv",
        digest=_digest(request.headers.get("repr-digest")),
    )
    if bodies.media_of(request) == "application/json":
        job = await _from_address(request, call, options)
    else:
        job = await _importing(call, options).run(_whole(request.stream()))
    answer = shape(call, job)
    headers = {"Location": f"/v1/jobs/{answer.id}"}
    if dry_run:
        headers["Headless-Dry-Run"] = "true"
    return Response(answer, status_code=202, headers=headers)


def _importing(call: Call, options: Options) -> Import:
    hashes = ring(call.house.settings.secret_keys)
    return Import(call.database, call.workspace_id, call.house.clock, options, hashes)


async def _from_address(request: Request[Any, Any, Any], call: Call, options: Options) -> Job:
    """Queue the import of the file that stands at an address; raises Problem `invalid_value`."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _LONGEST_ASK:
            raise Problem("too_large", "a body that names a `url` has at most 64 KB")
    file = bodies.decode(raw, FileAt)
    options = msgspec.structs.replace(options, size=None, start=0, digest=file.sha256)
    async with call.transaction() as tx:
        return await fetched.ask(
            tx,
            call.workspace_id,
            Asked(file.url, file.form, options),
            seals=call.house.seals,
            now=call.now,
        )


def _range(request: Request[Any, Any, Any]) -> tuple[int, int | None]:
    """The first byte that `Content-Range` says comes, and the size of the whole file."""
    header = request.headers.get("content-range")
    if header is None:
        return 0, None
    found = _RANGE.fullmatch(header.strip())
    first, last, size = (int(number) for number in found.groups()) if found else (0, 0, 0)
    if first > last or last + 1 != size:
        raise Problem(
            "invalid_value", "`Content-Range` is `bytes FIRST-LAST/SIZE`, to the end of the file"
        )
    if first and "repr-digest" not in request.headers:
        raise Problem("invalid_value", "`Content-Range` needs `Repr-Digest`, which names the file")
    if request.content_length not in (None, size - first):
        raise Problem("invalid_value", f"the body must have {size - first} bytes")
    return first, size


async def _whole(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of a body; raises Problem when the sender goes away before its end."""
    try:
        async for chunk in stream:
            if chunk:
                yield chunk
    except InternalServerException as error:
        raise Problem("invalid_body", "the stream broke off before its end") from error


def _digest(header: str | None) -> str | None:
    """The SHA-256 that `Repr-Digest` (RFC 9530) names, in hexadecimal."""
    if header is None:
        return None
    found = _SHA_256.search(header)
    if found is None:
        raise Problem("invalid_value", "`Repr-Digest` is `sha-256=:<44 characters of base64>:`")
    return base64.b64decode(found[1]).hex()


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        heading, colon, field = pair.partition(":")
        if not colon:
            raise Problem("invalid_value", f"`map` is `Heading:field`, not `{pair[:60]}`")
        mapping[heading] = field
    return mapping


@get("/jobs", opt={**needs(*_READERS), **shows_nobody()}, tags=["Jobs"])
async def list_jobs(
    call: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    job_state: Annotated[State | None, QueryParameter(name="state")] = None,
) -> Page[JobShape]:
    """The workspace's jobs, the newest first."""
    start = after(cursor, list="jobs", state=job_state)
    async with call.transaction() as tx:
        await jobs.bury(tx, call.workspace_id, now=call.now)
        rows = await jobs.listing(
            tx, call.workspace_id, limit=limit + 1, before=start, state=job_state
        )
    return page(
        rows, limit, lambda row: row.id, lambda row: shape(call, row), list="jobs", state=job_state
    )


@get("/jobs/{job_id:str}", opt={**needs(*_READERS), **shows_nobody()}, tags=["Jobs"])
async def get_job(
    call: Caller,
    job_id: FromPath[str],
    wait: Annotated[int, QueryParameter(ge=0, le=_MOST_WAIT)] = 0,
) -> JobShape:
    """One job; with `wait`, as soon as it is over, or when so many seconds have passed."""
    found = number("job", job_id)
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while True:
        async with call.transaction() as tx:
            await jobs.bury(tx, call.workspace_id, now=call.house.clock.now())
            job = await jobs.find(tx, call.workspace_id, found)
        left = until - loop.time()
        if job.is_over or left <= 0 or call.house.ending.is_set():
            return shape(call, job)
        with suppress(TimeoutError):
            await asyncio.wait_for(call.house.ending.wait(), min(_LOOK_SECONDS, left))


@delete("/jobs/{job_id:str}", opt=needs(*_ENDERS), tags=["Jobs"], status_code=200)
async def cancel_job(call: Caller, job_id: FromPath[str]) -> JobShape:
    """Cancel a job that is not over: it stops at its next step, and what it has done stays."""
    async with call.transaction() as tx:
        await jobs.bury(tx, call.workspace_id, now=call.now)
        ended = await jobs.cancel(tx, call.workspace_id, number("job", job_id), now=call.now)
    return shape(call, ended)


@get("/jobs/{job_id:str}/errors", opt={**needs(*_READERS), **speaks("text/csv")}, tags=["Jobs"])
async def job_errors(
    request: Request[Any, Any, Any], call: Caller, job_id: FromPath[str]
) -> Response[Any]:
    """The first 1,000 faults of a job: line, column, reason; as CSV with `Accept: text/csv`."""
    async with call.transaction() as tx:
        found = await jobs.errors_of(tx, call.workspace_id, number("job", job_id))
    if "text/csv" in request.headers.get("accept", ""):
        return Response(_as_csv(found), media_type="text/csv; charset=utf-8")
    return Response(Page(found, None))


def _as_csv(faults: list[dict[str, Any]]) -> str:
    rows = [("line", "column", "reason")]
    rows += [(str(f["line"]), f["column"] or "", f["reason"]) for f in faults]
    return "".join(",".join(map(_cell, row)) + "\r\n" for row in rows)


def _cell(text: str) -> str:
    """A cell in quotes; one that a spreadsheet would take for a formula is made text."""
    safe = f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
    return '"' + safe.replace('"', '""') + '"'


HANDLERS: Final[list[HTTPRouteHandler]] = [
    import_contacts, list_jobs, get_job, cancel_job, job_errors,
]  # fmt: skip
