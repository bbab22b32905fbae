"""Which machines may be called."""

import asyncio

import pytest

from headless.channels.answers import Answer, Verdict
from headless.channels.http import Http, Request
from headless.channels.reach import ForbiddenAddressError, GuardedResolver, literal_refusal, refusal

INSIDE = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0",
    "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::",
]  # fmt: skip
OUTSIDE = ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"]


@pytest.mark.parametrize("address", INSIDE)
def test_our_own_network_is_not_called(address: str) -> None:
    assert refusal(address, "live") is not None


@pytest.mark.parametrize("address", OUTSIDE)
def test_public_addresses_are_called_unless_in_a_sandbox(address: str) -> None:
    assert refusal(address, "live") is None
    assert refusal(address, "sandbox") is not None


def test_a_sandbox_calls_this_machine() -> None:
    assert refusal("127.0.0.1", "sandbox") is None
    assert refusal("10.0.0.1", "sandbox") is not None


def test_allowed_hosts_may_be_anywhere() -> None:
    assert literal_refusal("10.0.0.1", "live", frozenset()) is not None
    assert literal_refusal("10.0.0.1", "live", frozenset({"10.0.0.1"})) is None
    assert literal_refusal("name.example", "live", frozenset()) is None


@pytest.mark.parametrize("name", ["localhost", "2130706433", "0x7f.1", "127.1"])
async def test_names_are_judged_by_where_they_lead(name: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        await GuardedResolver("live").resolve(name, 80)
    assert (await GuardedResolver("sandbox").resolve(name, 80))[0]["host"] in ("127.0.0.1", "::1")
    assert await GuardedResolver("live", frozenset({name})).resolve(name, 80)


LOCAL = [
    "127.0.0.1", "127.1", "2130706433", "0177.0.0.1", "0x7f.1", "127.0.0.1.", "0", "localhost",
    "[::1]", "[::ffff:127.0.0.1]", "u:p@127.0.0.1", "１２７.0.0.1", "①27.0.0.1", "127。0。0。1",
]  # fmt: skip


async def test_no_way_of_writing_this_machine_leads_to_it() -> None:
    heard = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        http = Http()
        for host in LOCAL:
            asked = Request("POST", f"http://{host}:{port}/x", {}, b"{}")
            came = await http.call(asked, mode="live", seconds=5)
            assert isinstance(came, Answer), host
            assert came.verdict is Verdict.PARK, (host, came)
        await http.close()
    assert not heard
