"""Domains: whether the DNS says what receivers look for before they take our mail.

SPF and DMARC of the sender's domain, the DKIM key of each server of a workspace's own, the mail
exchanger of its return path. Reads only; asks the resolvers of this host, or those given. Imports
`providers` and storage.
"""

import asyncio
from collections.abc import Sequence
from email.utils import parseaddr
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.resolver
import msgspec
from sqlalchemy import select

from headless.channels.providers import Smtp
from headless.storage.codes import Channel
from headless.storage.database import Transaction
from headless.storage.tables import channel, workspace

_SECONDS: Final = 3.0
_NOBODY: Final = "example.com"
_NOT_THERE: Final = (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer)


class Domain(msgspec.Struct, frozen=True):
    """A domain that mail is sent from, with what the workspace's own server uses."""

    name: str
    dkim: tuple[tuple[str, str], ...] = ()  # (domain, selector)
    bounces: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True):
    """One record that was looked for; `needed`: mail suffers without it."""

    ok: bool
    says: str
    fix: str | None = None
    needed: bool = True


async def sending(tx: Transaction, workspace_id: int | None = None) -> list[Domain]:
    """The domains of all live workspaces' senders; or those of one, whatever its mode."""
    w, c = workspace.c, channel.c
    wanted = w.mode == "live" if workspace_id is None else w.id == workspace_id
    rows = await tx.execute(select(w.id, w.sender).where(wanted).order_by(w.id))
    found: dict[str, Domain] = {}
    for row in rows.all():
        name = parseaddr(row.sender)[1].rpartition("@")[2].lower()
        if not name or name == _NOBODY:
            continue
        kept = found.get(name, Domain(name))
        servers = await tx.execute(
            select(c.settings).where(
                c.workspace_id == row.id, c.kind == int(Channel.EMAIL), c.provider == "smtp"
            )
        )
        for settings in servers.scalars():
            kept = _with(kept, msgspec.convert(settings, Smtp))
        found[name] = kept
    return list(found.values())


def _with(domain: Domain, server: Smtp) -> Domain:
    dkim, bounces = set(domain.dkim), set(domain.bounces)
    if server.dkim_domain and server.dkim_selector:
        dkim.add((server.dkim_domain, server.dkim_selector))
    if server.bounce_domain:
        bounces.add(server.bounce_domain)
    return Domain(domain.name, tuple(sorted(dkim)), tuple(sorted(bounces)))


async def look(
    domain: Domain, *, nameservers: Sequence[str] | None = None, port: int = 53
) -> list[Record]:
    """What the DNS says of a domain; `nameservers` in place of this host's resolvers."""
    try:
        resolver = dns.asyncresolver.Resolver(configure=nameservers is None)
        resolver.lifetime = _SECONDS
        if nameservers is not None:
            resolver.nameservers = list(nameservers)
            resolver.port = port
        return list(
            await asyncio.gather(
                _spf(resolver, domain.name),
                _dmarc(resolver, domain.name),
                *(_dkim(resolver, *each) for each in domain.dkim),
                *(_exchanger(resolver, each) for each in domain.bounces),
            )
        )
    except dns.exception.DNSException as error:
        said = str(error).splitlines()[0]
        return [Record(False, f"the DNS does not answer: {said}", "look at this host's resolvers")]


async def _spf(resolver: dns.asyncresolver.Resolver, name: str) -> Record:
    texts = [text for text in await _texts(resolver, name) if text.lower().startswith("v=spf1")]
    if len(texts) == 1:
        return Record(True, f"SPF: {texts[0]}")
    if texts:
        return Record(False, f"{len(texts)} SPF records, which is as bad as none", "keep one")
    fix = f'add TXT {name} "v=spf1 include:<your provider> -all"'
    return Record(False, "no SPF record", fix)


async def _dmarc(resolver: dns.asyncresolver.Resolver, name: str) -> Record:
    texts = await _texts(resolver, f"_dmarc.{name}")
    for text in texts:
        if text.lower().startswith("v=dmarc1"):
            return Record(True, f"DMARC: {text}")
    fix = f'add TXT _dmarc.{name} "v=DMARC1; p=none; rua=mailto:…"'
    return Record(False, "no DMARC record", fix)


async def _dkim(resolver: dns.asyncresolver.Resolver, name: str, selector: str) -> Record:
    place = f"{selector}._domainkey.{name}"
    for text in await _texts(resolver, place):
        parts = dict(part.strip().split("=", 1) for part in text.split(";") if "=" in part)
        if parts.get("p", "").strip():
            return Record(True, f"DKIM selector {selector} is in DNS")
        if "p" in parts:
            return Record(False, f"DKIM selector {selector} is revoked", f"publish {place} anew")
    fix = f'add TXT {place} "v=DKIM1; k=rsa; p=<the public key>"'
    return Record(False, f"DKIM selector {selector} is not in DNS", fix)


async def _exchanger(resolver: dns.asyncresolver.Resolver, name: str) -> Record:
    try:
        found = await resolver.resolve(name, "MX")
    except _NOT_THERE:
        fix = f"add MX {name} 10 <the host with HEADLESS_RETURN_PORT>"
        return Record(False, f"no MX for the return path {name}: bounces are lost", fix)
    return Record(True, f"bounces to {name} go to {found[0].exchange}", needed=False)


async def _texts(resolver: dns.asyncresolver.Resolver, name: str) -> list[str]:
    try:
        found = await resolver.resolve(name, "TXT")
    except _NOT_THERE:
        return []
    return [b"".join(each.strings).decode(errors="replace") for each in found]
