"""`/v1/domains`: the sender's domain, with what the DNS has of it."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import httpx
import pytest
from name_server import Zone, name_server

from headless.channels import domains

GOOD: Zone = {
    ("acme.test.", "TXT"): ['"v=spf1 -all"'],
    ("_dmarc.acme.test.", "TXT"): ['"v=DMARC1; p=none"'],
}
Look = Callable[..., Awaitable[Sequence[domains.Record]]]


async def test_the_senders_domain_is_looked_up(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await api.get("/v1/domains")).json() == {"data": [], "next_cursor": None}
    changed = await api.patch("/v1/workspace", json={"sender": "Acme <hello@acme.test>"})
    assert changed.status_code == 200
    listed = (await api.get("/v1/domains")).json()["data"]
    assert listed == [{"name": "acme.test", "dkim": [], "return_paths": []}]
    look: Look = domains.look
    async with name_server(GOOD) as port:
        asking = partial(look, nameservers=["127.0.0.1"], port=port)
        monkeypatch.setattr(domains, "look", asking)
        sound = (await api.get("/v1/domains/ACME.test")).json()
    assert (sound["ok"], [one["fix"] for one in sound["records"]]) == (True, [None, None])
    async with name_server({}) as port:
        monkeypatch.setattr(domains, "look", partial(look, nameservers=["127.0.0.1"], port=port))
        bare = (await api.get("/v1/domains/acme.test")).json()
    assert bare["ok"] is False
    assert "TXT acme.test" in bare["records"][0]["fix"]
    other = await api.get("/v1/domains/other.test")
    assert (other.status_code, other.json()["code"]) == (404, "not_found")
