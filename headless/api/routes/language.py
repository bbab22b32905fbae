"""The language without storing anything: check, format, explain and draw a campaign's text.

The question is answered with 200 whatever the text is like; `Accept: text/plain` gives what a
terminal shows.
"""

import asyncio
from typing import Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads, speaks
from headless.api.routes.campaigns import AnalysisShape, CampaignWrite, source_of
from headless.campaigns import publish
from headless.campaigns.unseen import Unseen, of_everybody
from headless.dsl import draw
from headless.dsl.examine import Examined
from headless.dsl.explain import explain
from headless.dsl.format import format_parsed
from headless.dsl.parser import parse
from headless.dsl.render import Report, report, terminal

_TEXT: Final = "text/plain"
_PICTURES: Final = speaks("image/svg+xml", "image/png", only=True)


class Finding(Report, frozen=True, kw_only=True):
    """A diagnostic, with the page that explains it."""

    docs: str


class CheckAnswer(msgspec.Struct, frozen=True):
    """What is to be said of a text; `ok` says that it can be stored.

    `unseen` says of how many contacts of the workspace opens and clicks cannot be seen, where the
    text asks for them.
    """

    ok: bool
    diagnostics: list[Finding]
    hash: str | None
    explain: str | None
    analysis: AnalysisShape | None
    unseen: Unseen | None


class TextAnswer(msgspec.Struct, frozen=True):
    """A text made of the text; null when it has faults, which are in `diagnostics`."""

    text: str | None
    diagnostics: list[Finding]


def _findings(read: Examined) -> list[Finding]:
    return [
        Finding(**msgspec.structs.asdict(report(read.text, one)), docs=f"/docs/errors/{one.code}")
        for one in read.diagnostics
    ]


async def _read(request: Request[Any, Any, Any], call: Caller) -> Examined:
    body = await source_of(request)
    async with call.transaction() as tx:
        return await publish.check(tx, call.workspace_id, body.source)


@post(
    "/check",
    opt={**needs("campaigns:read"), **reads(CampaignWrite, _TEXT), **speaks(_TEXT)},
    tags=["Language"],
    status_code=200,
)
async def check_text(request: Request[Any, Any, Any], call: Caller) -> Response[Any]:
    """Everything that can be said of a text in this workspace."""
    read = await _read(request, call)
    unseen = None
    if read.plan is not None:
        async with call.transaction() as tx:
            unseen = await of_everybody(tx, call.workspace_id, read.plan)
    if bodies.wants_text(request):
        note = f"{unseen.sentence}\n" if unseen else ""
        return bodies.plain((terminal(read.text, read.diagnostics) or "ok\n") + note)
    analysis = read.analysis
    return Response(
        CheckAnswer(
            ok=read.ok,
            diagnostics=_findings(read),
            hash=read.plan.hash if read.plan else None,
            explain=explain(read.campaign) if read.ok and read.campaign else None,
            analysis=None
            if analysis is None
            else AnalysisShape(analysis.most_emails_in_7_days, analysis.stay),
            unseen=unseen,
        )
    )


@post(
    "/format",
    opt={**needs("campaigns:read"), **reads(CampaignWrite, _TEXT), **speaks(_TEXT)},
    tags=["Language"],
    status_code=200,
)
async def format_text(request: Request[Any, Any, Any], call: Caller) -> Response[Any]:
    """The text in its one canonical form."""
    read = await _read(request, call)
    printed = await asyncio.to_thread(lambda: format_parsed(parse(read.text)))
    return _text_answer(request, read, printed)


@post(
    "/explain",
    opt={**needs("campaigns:read"), **reads(CampaignWrite, _TEXT), **speaks(_TEXT)},
    tags=["Language"],
    status_code=200,
)
async def explain_text(request: Request[Any, Any, Any], call: Caller) -> Response[Any]:
    """What the text does, in plain English: the compiler's own reading."""
    read = await _read(request, call)
    told = explain(read.campaign) if read.campaign and read.ok else None
    return _text_answer(request, read, told)


@post(
    "/diagram",
    opt={**needs("campaigns:read"), **reads(CampaignWrite, _TEXT), **_PICTURES},
    tags=["Language"],
    status_code=200,
)
async def draw_text(request: Request[Any, Any, Any], call: Caller) -> Response[Any]:
    """The text as a picture: SVG, or PNG with `Accept: image/png`; faults answer 422."""
    read = await _read(request, call)
    if read.plan is None:
        raise publish.faulty(read)
    if "image/png" in request.headers.get("accept", ""):
        picture = await asyncio.to_thread(draw.png, read.plan)
        return Response(picture, media_type="image/png")
    return Response(await asyncio.to_thread(draw.svg, read.plan), media_type="image/svg+xml")


def _text_answer(
    request: Request[Any, Any, Any], read: Examined, text: str | None
) -> Response[Any]:
    if bodies.wants_text(request):
        return bodies.plain(text if text is not None else terminal(read.text, read.diagnostics))
    return Response(TextAnswer(text, _findings(read)))


HANDLERS: Final[list[HTTPRouteHandler]] = [check_text, format_text, explain_text, draw_text]
