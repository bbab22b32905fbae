"""`/v1/metrics`: a workspace in numbers, for Prometheus with a token of its own."""

from typing import Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from headless.api.auth import Caller, needs
from headless.storage import metrics


@get("/metrics", opt=needs("metrics:read"), tags=["Operation"], media_type="text/plain")
async def read_metrics(call: Caller) -> Response[bytes]:
    """The numbers of the token's workspace, as Prometheus reads them.

    Those of the whole installation, its workers and its database are for who runs it: a worker
    answers them at `HEADLESS_METRICS`.
    """
    body = await metrics.exposition_of(call.database, call.workspace_id, now=call.now)
    return Response(body, media_type=metrics.CONTENT_TYPE)


HANDLERS: Final[list[HTTPRouteHandler]] = [read_metrics]
