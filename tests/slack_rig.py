"""The real application, a strict Slack, and a worker's line, driven by hand on one clock.

`async with rig(database_url, ...) as slack` installs the team T1 (Ann, U1, is its admin). What
people do goes in as signed HTTP, what is said comes out of the double; `work()` does what waits,
with the time that pacing takes.
"""

import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from litestar import Litestar
from living import application
from slack_double import CLIENT_ID, CLIENT_SECRET, SECRET, Call, SlackDouble

from headless.clock import ManualClock
from headless.settings import Settings, load
from headless.slack import face
from headless.slack.people import accounts
from headless.slack.people.asker import Role
from headless.slack.teams import installations
from headless.slack.teams.installations import Grant, Secrets
from headless.slack.verbs.manifest import SCOPES
from headless.slack.work import Line
from headless.storage.database import Database, connect
from headless.workspace import tokens, workspaces

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Rig:
    """People in Slack, and what they see."""

    def __init__(
        self, app: Litestar, database: Database, clock: ManualClock, slack: SlackDouble, line: Line
    ) -> None:
        self.app = app
        self.database = database
        self.clock = clock
        self.slack = slack
        self.line = line
        self.workspace_id = 0
        self.token = ""
        self._numbers = itertools.count(1)

    # ------------------------------------------------------------ workspaces and people

    async def workspace(self, name: str) -> int:
        """Another workspace."""
        async with self.database.transaction() as tx:
            return (await workspaces.create(tx, name, now=self.clock.now())).id

    async def install(
        self, team_id: str, workspace_id: int, *, admin: str = "U1", enterprise: str | None = None
    ) -> None:
        """Install a team of the double, as the OAuth flow would."""
        team = self.slack.teams[team_id]
        grant = Grant(
            team_id=team_id,
            enterprise_id=enterprise,
            name=team.name,
            app_id="A1",
            bot_user_id=team.bot,
            scopes=tuple(SCOPES),
            installed_by=admin,
            secrets=Secrets(f"xoxb-{team_id}"),
        )
        seals = self.line.clients.seals
        async with self.database.transaction() as tx:
            await installations.save(tx, seals, workspace_id, grant, now=self.clock.now())
            await accounts.set_role(tx, workspace_id, team_id, admin, "admin", now=self.clock.now())

    async def role(self, user_id: str, role: Role, *, team_id: str = "T1") -> None:
        """Give somebody a role."""
        async with self.database.transaction() as tx:
            found = await installations.find(tx, team_id, None)
            assert found is not None
            await accounts.set_role(
                tx, found.workspace_id, team_id, user_id, role, now=self.clock.now()
            )

    def api(self, token: str | None = None) -> httpx.AsyncClient:
        """A client of the HTTP API."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://testserver",
            headers={"Authorization": f"Bearer {token or self.token}"},
        )

    # ------------------------------------------------------------ what people do

    async def command(
        self, text: str, *, user: str = "U1", team: str = "T1", channel: str = "C1", **more: Any
    ) -> httpx.Response:
        """Say `/campaign text`."""
        body = {
            "command": "/campaign",
            "text": text,
            "team_id": team,
            "user_id": user,
            "user_name": self.slack.teams[team].users.get(user, {}).get("name", ""),
            "channel_id": channel,
            "trigger_id": self.slack.trigger(team),
            "response_url": self.slack.response_url(team),
            "is_enterprise_install": "false",
            **more,
        }
        return await self.send(urlencode(body))

    async def mention(
        self, text: str, *, user: str = "U1", team: str = "T1", channel: str = "C1", **more: Any
    ) -> httpx.Response:
        """Say `@campaigns text` in a channel, or in a thread with `thread_ts`."""
        ts = f"{self.clock.now().timestamp():.0f}.{next(self._numbers):06}"
        self.slack.teams[team].messages[channel, ts] = {"text": text}
        event = {
            "type": "app_mention",
            "user": user,
            "text": f"<@{self.slack.teams[team].bot}> {text}",
            "ts": ts,
            "event_ts": ts,
            "channel": channel,
            "team": team,
            **more,
        }
        return await self.event(event, team=team)

    async def event(
        self, event: dict[str, Any], *, team: str = "T1", event_id: str | None = None, **more: Any
    ) -> httpx.Response:
        """Send an event, as the Events API does."""
        body = {
            "type": "event_callback",
            "team_id": team,
            "api_app_id": "A1",
            "event": event,
            "event_id": event_id or f"Ev{next(self._numbers)}",
            "event_time": int(self.clock.now().timestamp()),
            "authorizations": [{"team_id": team, "is_bot": True, "is_enterprise_install": False}],
            **more,
        }
        return await self.send(json.dumps(body), "application/json")

    async def click(
        self, action: dict[str, Any], *, user: str = "U1", team: str = "T1", channel: str = "C1",
        view: dict[str, Any] | None = None, message_ts: str | None = None,
        home: str | None = None, extra: dict[str, Any] | None = None,
    ) -> httpx.Response:  # fmt: skip
        """Press an element of ours: `action` is it, as it stands in the message or the view."""
        element = {"action_id": action["action_id"], "type": action.get("type", "button")}
        element |= {"block_id": action.get("block_id", "b"), "action_ts": "1.1"}
        element |= {name: action[name] for name in ("value", "selected_option") if name in action}
        body: dict[str, Any] = {
            "type": "block_actions",
            "team": {"id": team, "domain": "acme"},
            "user": {"id": user, "username": user.lower(), "team_id": home or team},
            "api_app_id": "A1",
            "trigger_id": self.slack.trigger(team),
            "actions": [element],
        }
        if view is not None:
            body |= {"view": view, "container": {"type": "view", "view_id": view["id"]}}
        else:
            body |= {"channel": {"id": channel, "name": "c"}}
            body |= {"response_url": self.slack.response_url(team)}
            if message_ts is not None:
                body |= {"message": {"ts": message_ts, "text": ""}}
            body |= {"container": {"type": "message", "channel_id": channel}}
        return await self.send(urlencode({"payload": json.dumps(body | (extra or {}))}))

    async def submit(
        self, view: dict[str, Any], values: dict[str, dict[str, Any]], *, user: str = "U1",
        team: str = "T1", **more: Any,
    ) -> httpx.Response:  # fmt: skip
        """Submit a window: `values` by block id and action id, as Slack sends them."""
        body = {
            "type": "view_submission",
            "team": {"id": team, "domain": "acme"},
            "user": {"id": user, "username": user.lower(), "team_id": team},
            "api_app_id": "A1",
            "trigger_id": self.slack.trigger(team),
            "view": {**view, "state": {"values": values}},
            **more,
        }
        return await self.send(urlencode({"payload": json.dumps(body)}))

    async def shortcut(
        self, callback_id: str, *, user: str = "U1", team: str = "T1",
        message: dict[str, Any] | None = None, channel: str = "C1",
    ) -> httpx.Response:  # fmt: skip
        """Use a shortcut: a message's, or a global one."""
        body: dict[str, Any] = {
            "type": "shortcut" if message is None else "message_action",
            "callback_id": callback_id,
            "team": {"id": team, "domain": "acme"},
            "user": {"id": user, "username": user.lower(), "team_id": team},
            "trigger_id": self.slack.trigger(team),
            "action_ts": f"{next(self._numbers)}.1",
        }
        if message is not None:
            body |= {"message": message, "channel": {"id": channel, "name": "c"}}
            body |= {"response_url": self.slack.response_url(team), "message_ts": message["ts"]}
        return await self.send(urlencode({"payload": json.dumps(body)}))

    async def send(
        self,
        body: str | bytes,
        content_type: str = "application/x-www-form-urlencoded",
        *,
        secret: str = SECRET,
        **headers: str | bytes,
    ) -> httpx.Response:
        """A request, signed as Slack signs; `headers` go before our own."""
        raw = body if isinstance(body, bytes) else body.encode()
        timestamp = str(int(self.clock.now().timestamp()))
        signed: dict[str, Any] = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(secret, timestamp, raw),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.post("/slack/events", content=raw, headers=signed)

    # ------------------------------------------------------------ what they see

    async def work(self, *, seconds: float = 30) -> None:
        """Do everything that waits, and let up to so many seconds pass for it."""
        await self.app.state.slack.settle()
        end = self.clock.now() + timedelta(seconds=seconds)
        while True:
            await self.line.once()
            if not await self.line.waiting():
                return
            if self.clock.now() >= end:
                return
            self.clock.advance(timedelta(seconds=1))

    @property
    def said(self) -> list[Call]:
        """Everything that was said, in the order in which it was: answers, posts and whispers."""
        posts = ("chat.postMessage", "chat.postEphemeral", "chat.update")
        calls = [call for call in self.slack.calls if call.method in posts]
        return sorted([*calls, *self.slack.responses], key=lambda call: call.at)

    async def ask(self, text: str, **how: Any) -> Call:
        """Say a command, let it be done, and answer what was said at last."""
        before = len(self.slack.responses)
        answer = await self.command(text, **how)
        assert answer.status_code == 200, answer.text
        assert not answer.text, answer.text
        await self.work()
        assert not self.slack.faults, self.slack.faults
        assert len(self.slack.responses) > before, "nothing was answered"
        return self.slack.responses[-1]


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's v0 signature, computed here by itself."""
    text = f"v0:{timestamp}:".encode() + body
    return "v0=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def settings_for(database_url: str, slack: SlackDouble, **more: str) -> Settings:
    """The settings of an installation with a Slack app."""
    return load(
        {
            "DATABASE_URL": database_url,
            "HEADLESS_SECRET_KEYS": "k" * 40,
            "HEADLESS_URL": "http://testserver",
            "HEADLESS_SLACK_CLIENT_ID": CLIENT_ID,
            "HEADLESS_SLACK_CLIENT_SECRET": CLIENT_SECRET,
            "HEADLESS_SLACK_SIGNING_SECRET": SECRET,
            "HEADLESS_SLACK_API_URL": slack.url,
            **more,
        }
    )


@asynccontextmanager
async def rig(database_url: str, *, installed: bool = True, **more: str) -> AsyncIterator[Rig]:
    """The application with a double of Slack; at its end the double must have found no fault."""
    clock = ManualClock(NOW)
    async with SlackDouble(clock) as slack:
        settings = settings_for(database_url, slack, **more)
        database = connect(database_url, pool_size=8)
        line = face.line(database, clock, settings)
        async with application(database, settings, clock) as app:
            made = Rig(app, database, clock, slack, line)
            made.workspace_id = await made.workspace("Acme")
            async with database.transaction() as tx:
                _, made.token = await tokens.make(
                    tx, made.workspace_id, "test", ["admin"], kind="test", now=NOW
                )
            slack.team("T1")
            if installed:
                await made.install("T1", made.workspace_id)
            try:
                yield made
            finally:
                await line.close()
        assert slack.faults == []
