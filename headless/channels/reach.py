"""Which machines we may call on a customer's behalf.

A webhook's address comes from outside, so it must not lead into our own network (SSRF): only public
addresses are called, and in a sandbox only this machine's own. What counts is the address that is
connected to, after the name was looked up; the look-up is done here, once, and aiohttp connects to
its answer. Imports nothing of ours.
"""

import asyncio
import ipaddress
import socket
from typing import Final, Literal

from aiohttp.abc import AbstractResolver, ResolveResult

Mode = Literal["sandbox", "live"]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class ForbiddenAddressError(OSError):
    """The name leads to a machine that we may not call."""


def refusal(address: str, mode: Mode) -> str | None:
    """Why this IP address may not be called; None when it may."""
    inner = _inner(ipaddress.ip_address(address.partition("%")[0]))
    if mode == "sandbox":
        return None if inner.is_loopback else "a sandbox calls only this machine"
    if not inner.is_global or inner.is_multicast or inner.is_reserved:
        return "the address is not a public one"
    return None


def _inner(address: _Address) -> _Address:
    """An IPv4 address in an IPv6 one's clothes is judged as what it is."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def literal_refusal(host: str, mode: Mode, allowed: frozenset[str]) -> str | None:
    """The same for a host that is written as an address; None for names, which are looked up."""
    if host.lower() in allowed:
        return None
    try:
        return refusal(host.strip("[]"), mode)
    except ValueError:
        return None


class GuardedResolver(AbstractResolver):
    """Looks names up and answers only addresses that may be called."""

    def __init__(self, mode: Mode, allowed: frozenset[str] = frozenset()) -> None:
        """`allowed`: host names that may lead anywhere."""
        self._mode = mode
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name; ForbiddenAddressError when one of them may not be called."""
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        results = []
        for kind, _, proto, _, address in found:
            reason = None if host.lower() in self._allowed else refusal(str(address[0]), self._mode)
            if reason is not None:
                raise ForbiddenAddressError(f"`{host}` may not be called: {reason}")
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(address[0]),
                    port=port,
                    family=kind,
                    proto=proto,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        """Nothing is kept."""
