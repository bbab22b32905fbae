"""Every handler under `/v1`, in the order in which the documentation shows them."""

from typing import Final

from litestar.handlers import HTTPRouteHandler

from headless.api.routes import (
    activities,
    campaigns,
    contacts,
    fields,
    imports,
    language,
    whoami,
    why,
)

HANDLERS: Final[list[HTTPRouteHandler]] = [
    *whoami.HANDLERS,
    *contacts.HANDLERS,
    *fields.HANDLERS,
    *imports.HANDLERS,
    *language.HANDLERS,
    *campaigns.HANDLERS,
    *activities.HANDLERS,
    *why.HANDLERS,
]
