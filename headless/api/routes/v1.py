"""Every handler under `/v1`, in the order in which the documentation shows them."""

from typing import Final

from litestar.handlers import HTTPRouteHandler

from headless.api.routes import (
    activities,
    approvals,
    campaigns,
    channels,
    companies,
    components,
    contacts,
    emails,
    fields,
    imports,
    language,
    lifecycle,
    messages,
    people,
    segments,
    settings,
    site,
    standing,
    suppressions,
    tokens,
    versions,
    whoami,
    why,
)

HANDLERS: Final[list[HTTPRouteHandler]] = [
    *whoami.HANDLERS,
    *tokens.HANDLERS,
    *settings.HANDLERS,
    *contacts.HANDLERS,
    *people.HANDLERS,
    *standing.HANDLERS,
    *companies.HANDLERS,
    *fields.HANDLERS,
    *imports.HANDLERS,
    *segments.HANDLERS,
    *emails.HANDLERS,
    *components.HANDLERS,
    *site.HANDLERS,
    *channels.HANDLERS,
    *language.HANDLERS,
    *campaigns.HANDLERS,
    *lifecycle.HANDLERS,
    *approvals.HANDLERS,
    *versions.HANDLERS,
    *activities.HANDLERS,
    *why.HANDLERS,
    *messages.HANDLERS,
    *suppressions.HANDLERS,
]
