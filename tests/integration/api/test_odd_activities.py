"""Activities that cannot be kept: each is refused by itself, and the others are kept."""

import httpx
from api_server import Server
from sqlalchemy import text

LONG = "".join(chr(0x4E00 + n) for n in range(3_000))
ODD = [
    {"did": "a\x00b"},
    {"did": "   "},
    {"did": LONG},
    {"did": "bought", "id": LONG},
    {"did": "bought", "properties": {"a": ["b\x00"]}},
    {"did": "bought", "properties": {"a\x00": 1}},
    {"did": "bought", "occurred_at": "2026-11-23T09:30:00"},
    {"did": "bought", "occurred_at": "0001-01-01T00:00:00+14:00"},
    {
        "did": "bought",
        "occurred_at": "0001-01-01T00:00:00Z",
        "sent_at": "9999-12-31T00:00:00Z",
    },
]
FINE = [
    {"did": "bought", "occurred_at": "9999-12-31T23:59:59-14:00"},  # a clock that is wrong
    {
        "did": "bought",
        "occurred_at": "9999-12-31T00:00:00Z",
        "sent_at": "0001-01-01T00:00:00Z",
    },
    {"did": "bought", "properties": {"path": "a\\u0000b", "n": 10**30}},
]


async def test_one_odd_item_never_refuses_the_rest(api: httpx.AsyncClient) -> None:
    ada = {"contact": {"external_id": "ada"}}
    await api.post("/v1/contacts", json=ada["contact"])
    mixed = [item for pair in zip(ODD, FINE * 3, strict=True) for item in pair]
    taken = await api.post("/v1/activities", json=[ada | item for item in mixed])
    assert taken.status_code == 202, taken.text
    told = taken.json()
    assert (told["accepted"], len(told["rejected"])) == (len(ODD), len(ODD))
    assert [one["index"] for one in told["rejected"]] == list(range(0, 2 * len(ODD), 2))
    strangers = [{"contact": {"external_id": odd}, "did": "x"} for odd in ("a\x00", LONG, "")]
    taken = await api.post("/v1/activities", json=[*strangers, ada | {"did": "came"}])
    assert (taken.json()["accepted"], len(taken.json()["rejected"])) == (1, 3)


async def test_an_event_is_not_taught_properties_without_end(api: httpx.AsyncClient) -> None:
    await api.post("/v1/contacts", json={"external_id": "ada"})
    for start in (0, 400, 800):
        many = {f"p{number}": 1 for number in range(start, start + 400)}
        said = {"contact": {"external_id": "ada"}, "did": "bought", "properties": many}
        assert (await api.post("/v1/activities", json=said)).status_code == 202
    (event,) = (await api.get("/v1/events")).json()["data"]
    assert len(event["properties"]) == 500


async def test_what_a_batch_almost_agrees_in_is_kept_apart(
    server: Server, api: httpx.AsyncClient
) -> None:
    await api.post("/v1/contacts", json={"external_id": "ada"})
    bought = {"contact": {"external_id": "ada"}, "did": "bought"}
    given = [{"a": 1}, {"a": True}, {"a": 1.0}]
    items = [bought | {"id": f"o{n}", "properties": one} for n, one in enumerate(given)]
    same = [bought | {"properties": {"b": 1}}, bought | {"properties": {"b": 1}}]
    for lot, new in ((items, 3), (same, 2), ([items[0], bought, items[1]], 1)):
        taken = await api.post("/v1/activities", json=lot)
        assert (taken.status_code, taken.json()["accepted"]) == (202, new), taken.text
    query = text("select properties::text from activity order by id")
    async with server.database.transaction() as tx:
        kept = list((await tx.execute(query)).scalars())
    assert kept == ['{"a": 1}', '{"a": true}', '{"a": 1.0}', *['{"b": 1}'] * 2, None]
