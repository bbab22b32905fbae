"""Links that were bent: they lead nowhere, record nothing, and add nothing to an answer."""

import httpx
from api_server import Server
from post_office import post_office

HTML = '<p><a href="https://example.com/a">a</a> <a href="{{ place }}">b</a></p>'
BAD = ("javascript:alert(1)", "//evil.example/x", "data:text/html,x", "ftp://evil.example")
FAR = "https://example.com/日本?q=ü"
SPLIT = "https://example.com/x\r\nSet-Cookie: own=1\r\n\r\n<script>"


async def test_a_link_leads_only_where_the_mail_says(
    server: Server, api: httpx.AsyncClient
) -> None:
    async with post_office(server, api) as office, server.client() as reader:
        await office.email("Welcome", html=HTML)
        await office.contact("ada")
        for place in (*BAD, SPLIT, FAR):
            ask = {"contact": {"external_id": "ada"}, "email": "Welcome", "data": {"place": place}}
            await office.made("/v1/send", ask | {"transactional": False}, 202)
        await office.settle()
        mails = await office.mails("ada")
        assert len(mails) == len(BAD) + 2
        followed = set()
        for mail in mails:
            for link in mail["links"]["clicks"]:
                answer = await reader.get(link)
                assert answer.status_code in (302, 404)
                assert "set-cookie" not in answer.headers
                if answer.status_code == 302:
                    followed.add(answer.headers["location"].partition("?")[0])
        assert all(place.startswith("https://example.com/") for place in followed), followed
        assert {"https://example.com/a", "https://example.com/%E6%97%A5%E6%9C%AC"} <= followed
        for mail in mails[: len(BAD)]:
            assert "evil.example" not in mail["headers"].get("List-Unsubscribe", "")
            assert "javascript:" not in mail["text"]

        first = mails[0]["links"]["clicks"][0]
        for more in ("?url=https://evil.example", "?target=//evil.example", "?next=/%0d%0aX:1"):
            answer = await reader.get(first + more)
            assert answer.headers["location"].startswith("https://example.com/a")
            assert "evil" not in answer.headers["location"]


async def test_bent_tokens_do_nothing(server: Server, api: httpx.AsyncClient) -> None:
    async with post_office(server, api) as office, server.client() as reader:
        await office.email("Welcome", html=HTML)
        await office.contact("ada")
        ask = {"contact": {"external_id": "ada"}, "email": "Welcome", "transactional": False}
        await office.made("/v1/send", ask, 202)
        await office.settle()
        (mail,) = await office.mails("ada")
        links = mail["links"]
        tokens = {
            "/c/": links["clicks"][0].rpartition("/")[2],
            "/u/": links["unsubscribe"].rpartition("/")[2],
            "/o/": links["open"].rpartition("/")[2].removesuffix(".gif"),
        }
        for path, token in tokens.items():
            bent = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
                    for at in range(0, len(token), 5)]  # fmt: skip
            others = [one for other, one in tokens.items() if other != path]
            for odd in (*bent, *others, token[:-1], token + "=", token.swapcase()):
                for method in ("GET", "POST") if path == "/u/" else ("GET",):
                    answer = await reader.request(method, path + odd)
                    assert answer.status_code == (200 if path == "/o/" else 404), (path, odd)
                    assert "location" not in answer.headers
        assert await office.rows("select count(*) from activity where kind <> 1") == [(0,)]
        assert await office.rows("select count(*) from suppression") == [(0,)]
