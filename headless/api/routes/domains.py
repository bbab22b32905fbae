"""`/v1/domains`: what the DNS has to say of the domains that a workspace sends mail from."""

from typing import Final

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless.api.auth import Call, Caller, needs
from headless.api.shapes import Page
from headless.channels import domains
from headless.channels.domains import Domain
from headless.problems import Problem

_SCOPES: Final = ("channels:read", "channels:write")


class DkimShape(msgspec.Struct, frozen=True):
    """A key that mails are signed with: it stands at `<selector>._domainkey.<domain>`."""

    domain: str
    selector: str


class DomainShape(msgspec.Struct, frozen=True):
    """A domain of the sender's address; `return_paths` are where bounces come back to."""

    name: str
    dkim: list[DkimShape]
    return_paths: list[str]


class RecordShape(msgspec.Struct, frozen=True):
    """One record that was looked for; `fix` is what to set. Mail suffers where a `needed` one is
    not `ok`."""

    ok: bool
    needed: bool
    says: str
    fix: str | None


class LookedUp(msgspec.Struct, frozen=True):
    """A domain as the DNS has it; `ok` says that nothing needed is missing."""

    name: str
    ok: bool
    records: list[RecordShape]


def _shape(known: Domain) -> DomainShape:
    keys = [DkimShape(domain, selector) for domain, selector in known.dkim]
    return DomainShape(known.name, keys, list(known.bounces))


async def _known(call: Call) -> list[Domain]:
    async with call.transaction() as tx:
        return await domains.sending(tx, call.workspace_id)


@get("/domains", opt=needs(*_SCOPES), tags=["Channels"])
async def list_domains(call: Caller) -> Page[DomainShape]:
    """The domains that the workspace sends mail from: its sender's, with the keys and return paths
    of its mail servers. `example.com` is nobody's and not listed."""
    return Page([_shape(one) for one in await _known(call)], None)


@get("/domains/{name:str}", opt=needs(*_SCOPES), tags=["Channels"])
async def check_domain(call: Caller, name: FromPath[str]) -> LookedUp:
    """Look a domain up in the DNS now: SPF, DMARC, each DKIM key, the exchanger of each return
    path, and what to set where one is missing."""
    wanted = name.lower()
    found = next((one for one in await _known(call) if one.name == wanted), None)
    if found is None:
        raise Problem(
            "not_found",
            f"this workspace sends nothing from `{name[:100]}`; its sender's domain is the one in "
            "`sender` of `/v1/workspace`",
        )
    records = await domains.look(found)
    ok = all(one.ok or not one.needed for one in records)
    told = [RecordShape(one.ok, one.needed, one.says, one.fix) for one in records]
    return LookedUp(found.name, ok, told)


HANDLERS: Final[list[HTTPRouteHandler]] = [list_domains, check_domain]
