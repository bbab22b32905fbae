"""`/hooks/{channel}/{secret}`: what providers report. The secret part is never logged.

Each provider's own proof is checked over the raw body before it is read; what cannot be proved is
answered 403, which none of them tries again.
"""

from typing import Any, Final

import structlog
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless import ids
from headless.api.auth import house_of
from headless.channels import accounts
from headless.channels.fetching import FetchError
from headless.channels.providers import PROVIDERS
from headless.channels.reports import hooks, taking
from headless.channels.reports.report import Call, NotTheirsError, UnreadableError
from headless.problems import Problem

BODY_LIMIT: Final = 1024 * 1024
log = structlog.get_logger(__name__)


@post(
    "/hooks/{channel:str}/{secret:str}",
    include_in_schema=False,
    status_code=200,
    request_max_body_size=BODY_LIMIT,
)
async def take_reports(
    request: Request[Any, Any, Any], channel: FromPath[str], secret: FromPath[str]
) -> Response[Any]:
    """Take what a provider reports about our messages."""
    house = house_of(request)
    number = ids.decode("chn", channel)
    if number is None or not house.hooks.holds(number, secret):
        raise Problem("not_found", "there is nothing at this address")
    async with house.database.transaction() as tx:
        own = await accounts.opened_by_id(tx, house.seals, number)
    if own is None:
        raise Problem("not_found", "this channel is gone")
    query = request.scope["query_string"].decode("latin-1")
    call = Call(
        {name.lower(): value for name, value in request.headers.items()},
        await request.body(),
        house.settings.url + request.url.path + (f"?{query}" if query else ""),
    )
    try:
        taken = await hooks.take(own, call, house.fetcher, now=house.clock.now())
        if taken.confirm is not None:
            await house.fetcher.get(taken.confirm)
    except NotTheirsError as error:
        log.warning("report_refused", channel=channel, reason=str(error))
        return Response({"error": str(error)}, status_code=403)
    except (UnreadableError, FetchError) as error:
        log.warning("report_unreadable", channel=channel, reason=str(error))
        return Response({"error": str(error)}, status_code=400)
    async with house.database.transaction() as tx:
        known = await taking.apply(
            tx,
            own.workspace_id,
            PROVIDERS[own.provider].kind,
            taken.reports,
            source=own.provider if own.provider != "smtp" else own.settings.relay,
            now=house.clock.now(),
        )
        for text in taken.texts:
            known += await taking.texted(
                tx, own.workspace_id, text, source=own.provider, now=house.clock.now()
            )
    return Response({"taken": known})


HANDLERS: Final[list[HTTPRouteHandler]] = [take_reports]
