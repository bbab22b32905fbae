"""What the DNS says of a domain that mail is sent from, asked of a name server of our own."""

import dns.asyncresolver
import dns.resolver
import pytest
from name_server import Zone, name_server

from headless.channels import domains
from headless.channels.domains import Domain, Record, look

GOOD: Zone = {
    ("acme.test.", "TXT"): ['"v=spf1 include:_spf.example.com -all"', '"other words"'],
    ("_dmarc.acme.test.", "TXT"): ['"v=DMARC1; p=none"'],
    ("h1._domainkey.acme.test.", "TXT"): ['"v=DKIM1; k=rsa; p=MIIB" "IjAN"'],
    ("bounce.acme.test.", "MX"): ["10 c.acme.test."],
}
ACME = Domain("acme.test", (("acme.test", "h1"),), ("bounce.acme.test",))


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


async def test_a_host_that_knows_no_resolver_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unset(**_: bool) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.asyncresolver, "Resolver", unset)
    (record,) = await look(ACME)
    assert (record.ok, record.fix) == (False, "look at this host's resolvers")
