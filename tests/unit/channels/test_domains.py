"""What the DNS says of a domain that mail is sent from, asked of a name server of our own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from headless.channels import domains
from headless.channels.domains import Domain, Record, look

Zone = dict[tuple[str, str], list[str]]
GOOD: Zone = {
    ("acme.test.", "TXT"): ['"v=spf1 include:_spf.example.com -all"', '"other words"'],
    ("_dmarc.acme.test.", "TXT"): ['"v=DMARC1; p=none"'],
    ("h1._domainkey.acme.test.", "TXT"): ['"v=DKIM1; k=rsa; p=MIIB" "IjAN"'],
    ("bounce.acme.test.", "MX"): ["10 c.acme.test."],
}
ACME = Domain("acme.test", (("acme.test", "h1"),), ("bounce.acme.test",))


class Names(asyncio.DatagramProtocol):
    """Answers from a zone; what is not in it is not there."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = dns.message.from_wire(data)
        question = asked.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        answer = dns.message.make_response(asked)
        records = self.zone.get((question.name.to_text(), kind))
        if records:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def name_server(zone: Zone) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Names(zone), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def seen(zone: Zone) -> list[Record]:
    async with name_server(zone) as port:
        return await look(ACME, nameservers=["127.0.0.1"], port=port)


async def test_a_domain_that_is_set_up() -> None:
    found = await seen(GOOD)
    assert all(record.ok for record in found), found
    assert [record.fix for record in found] == [None] * 4


async def test_each_record_that_is_missing_is_told_with_its_place() -> None:
    spf, dmarc, dkim, exchanger = await seen({})
    assert not any(record.ok for record in (spf, dmarc, dkim, exchanger))
    assert "TXT acme.test" in (spf.fix or "")
    assert "_dmarc.acme.test" in (dmarc.fix or "")
    assert "TXT h1._domainkey.acme.test" in (dkim.fix or "")
    assert "MX bounce.acme.test" in (exchanger.fix or "")


async def test_a_dns_that_does_not_answer_is_no_missing_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(domains, "_SECONDS", 0.2)
    async with name_server(GOOD) as port:
        pass
    (record,) = await look(ACME, nameservers=["127.0.0.1"], port=port)
    assert record.says.startswith("the DNS does not answer")


async def test_two_spf_records_and_a_revoked_key_are_faults() -> None:
    spf, _, dkim, _ = await seen(
        {
            **GOOD,
            ("acme.test.", "TXT"): ['"v=spf1 -all"', '"v=spf1 ~all"'],
            ("h1._domainkey.acme.test.", "TXT"): ['"v=DKIM1; p="'],
        }
    )
    assert "2 SPF records" in spf.says
    assert "revoked" in dkim.says
