"""A running application with its mail: a sink, the couriers, the engine; driven by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from api_server import Server
from sqlalchemy import text

from headless.channels.post import Post
from headless.channels.sink import run_sink
from headless.runtime.engine import Engine


class PostOffice:
    """The application, and what a worker does for it."""

    def __init__(self, server: Server, api: httpx.AsyncClient, post: Post) -> None:
        self.server = server
        self.api = api
        self.post = post
        self.engine = Engine(server.database)

    async def settle(self) -> None:
        for _ in range(3):
            await self.engine.settle(now=self.server.clock.now())
            for wake in await self.post.due():
                while await self.post.deliver(wake):
                    pass

    async def made(self, path: str, body: Any, status: int = 201) -> Any:
        answer = await self.api.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def contact(self, name: str, **more: Any) -> str:
        body = {"external_id": name, "email": f"{name}@example.com", **more}
        return str((await self.made("/v1/contacts", body))["id"])

    async def email(self, name: str, **more: Any) -> str:
        body = {"name": name, "subject": name, "html": f"<p>{name}</p>", **more}
        return str((await self.made("/v1/emails", body))["id"])

    async def start(self, source: str) -> str:
        answer = await self.api.post(
            "/v1/campaigns", content=source, headers={"Content-Type": "text/plain"}
        )
        assert answer.status_code == 201, answer.text
        path = f"/v1/campaigns/{answer.json()['id']}/start"
        plan = (await self.api.post(path)).json()["plan"]["hash"]
        started = await self.api.post(path, json={"plan": plan})
        assert started.status_code == 200, started.text
        return str(answer.json()["id"])

    async def does(self, what: str, *names: str) -> None:
        for name in names:
            body = {"contact": {"external_id": name}, "did": what}
            await self.made("/v1/activities", body, 202)
        await self.settle()

    async def mails(self, name: str) -> list[dict[str, Any]]:
        """The mails that somebody has got, the oldest first."""
        answer = await self.api.get(f"/dev/inbox?to={name}@example.com")
        return list(reversed(answer.json()["data"]))

    async def subjects(self, name: str) -> list[str]:
        return [mail["subject"] for mail in await self.mails(name)]

    async def why(self, name: str, campaign: str) -> str:
        found = await self.made("/v1/contacts/lookup", {"external_id": name}, 200)
        answer = await self.api.get(
            f"/v1/contacts/{found['id']}/why",
            params={"campaign": campaign},
            headers={"Accept": "text/plain"},
        )
        return answer.text

    async def rows(self, query: str, **given: Any) -> list[tuple[Any, ...]]:
        async with self.server.database.transaction() as tx:
            return [tuple(row) for row in await tx.execute(text(query), given)]


@asynccontextmanager
async def post_office(server: Server, api: httpx.AsyncClient) -> AsyncIterator[PostOffice]:
    async with run_sink(server.database, clock=server.clock) as sink:
        keys = tuple(key.encode() for key in server.app.state.house.settings.secret_keys)
        post = Post(
            server.database,
            server.clock.now,
            keys=keys,
            base_url="http://testserver",
            smtp_url=sink.url,
        )
        try:
            yield PostOffice(server, api, post)
        finally:
            await post.close()
