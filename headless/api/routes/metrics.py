"""`/v1/metrics`: the installation in numbers, for Prometheus with a token of its own."""

from typing import Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from headless.api.auth import Caller, needs
from headless.storage import metrics


@get("/metrics", opt=needs("metrics:read"), tags=["Operation"], media_type="text/plain")
async def read_metrics(call: Caller) -> Response[bytes]:
    """The numbers of the whole installation, all workspaces together, as Prometheus reads them.

    Without a token a worker answers the same at `HEADLESS_METRICS`.
    """
    body = await metrics.exposition(call.database, call.house.settings.url)
    return Response(body, media_type=metrics.CONTENT_TYPE)


HANDLERS: Final[list[HTTPRouteHandler]] = [read_metrics]
