"""`/v1/contacts/bulk`: one change to all contacts for whom a condition holds, planned first."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.routes.imports import JobShape, shape
from headless.audience import bulk
from headless.audience.bulk import Deed


class Bulk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to change (a condition in the language), how, and the hash of the plan that was seen."""

    where: Annotated[str, msgspec.Meta(min_length=1)]
    do: Deed
    plan: str | None = None


@post(
    "/contacts/bulk",
    opt={**needs("contacts:write"), **reads(Bulk)},
    tags=["Contacts"],
    status_code=202,
)
async def change_in_bulk(request: Request[Any, Any, Any], call: Caller) -> Response[JobShape]:
    """Change all contacts for whom a condition holds, each as if it were changed alone: a job.

    Without the plan's hash the answer (428) is the plan: how many contacts are meant, the first 20
    of them, and the hash. The same call with `plan` set to it begins the job that
    `GET /v1/jobs/{id}` follows; it is refused (409) when other contacts are meant by now. Whoever
    comes to fit later is not changed, and what the change itself does to the condition matters not.
    """
    body = await bodies.read(request, Bulk)
    async with call.transaction() as tx:
        begun = await bulk.begin(
            tx, call.workspace_id, body.where, body.do, agreed=body.plan, now=call.now
        )
    answer = shape(call, begun)
    call.about(answer.id, do=body.do.members, contacts=begun.total)
    return Response(answer, status_code=202, headers={"Location": f"/v1/jobs/{answer.id}"})


HANDLERS: Final[list[HTTPRouteHandler]] = [change_in_bulk]
