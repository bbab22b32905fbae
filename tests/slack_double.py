"""A strict Slack: the Web API as far as it is used here, refusing what Slack would refuse.

Tokens belong to teams, a trigger id opens one window within three seconds, a response url takes
five posts in half an hour, channels must know the bot, and each payload is checked
(`slack_payloads`); what it finds fails the test that asks for `faults`. `script` answers a method
with errors first. The real SDK talks to it over HTTP: `async with SlackDouble(clock) as slack`.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Self

from aiohttp import WSMsgType, web
from slack_payloads import faults_of_blocks, faults_of_message, faults_of_view
from slack_team import Call, Payload, RefusalError, Team

from headless.clock import Clock

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
CLIENT_ID, CLIENT_SECRET = "1234.5678", "c1ient-secret"
APP_TOKEN = "xapp-1-A1-secret"
TRIGGER_SECONDS, RESPONSE_MINUTES, RESPONSES = 3, 30, 5
Method = Callable[[Team, Payload], Awaitable[Payload]]


class SlackDouble:
    """Slack; `url` is its Web API's address."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.teams: dict[str, Team] = {}
        self.calls: list[Call] = []
        self.responses: list[Call] = []
        self.faults: list[str] = []
        self.codes: dict[str, Payload] = {}
        self.envelopes: list[Payload] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.downloads: list[tuple[str, str]] = []
        self.while_answering: Callable[[Call], Awaitable[None]] | None = None
        self._scripts: defaultdict[str, list[tuple[int, Payload, dict[str, str]]]]
        self._scripts = defaultdict(list)
        self._triggers: dict[str, tuple[str, datetime]] = {}
        self._spent: set[str] = set()
        self._urls: dict[str, tuple[str, datetime, int]] = {}
        self._uploads: dict[str, tuple[str, str, bytes]] = {}
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=10 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/respond/{url}", self._respond)
        app.router.add_post("/upload/{file}", self._upload)
        app.router.add_get("/files-pri/{file}/download/{name}", self._download)
        app.router.add_get("/socket", self._socket)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base = f"http://127.0.0.1:{port}"
        self.url = f"{self.base}/api"
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in self.sockets:
            await socket.close()
        await self._runner.cleanup()

    # ------------------------------------------------------------ what tests set up

    def team(self, team_id: str, name: str = "Acme", *, token: str | None = None) -> Team:
        """A team with a bot, a channel C1 that it is in, and Ann (U1) and Bob (U2)."""
        made = self.teams[team_id] = Team(team_id, name, f"UBOT{team_id}")
        made.tokens.add(token or f"xoxb-{team_id}")
        made.user("U1", "ann")
        made.user("U2", "bob", "America/New_York")
        made.user(made.bot, "campaigns")
        made.channel("C1")
        return made

    def file(self, team_id: str, name: str, data: bytes | str, **about: Any) -> Payload:
        """A file that somebody has put into a channel, as it hangs on their message."""
        team, file_id = self.teams[team_id], f"F{next(self._numbers)}"
        team.files[file_id] = data if isinstance(data, bytes) else data.encode()
        team.about_files[file_id] = {"name": name, **about}
        return {"id": file_id, "name": name}

    def code(self, team_id: str, user_id: str = "U1", *, rotating: bool = False) -> str:
        """What the browser brings back when somebody has agreed."""
        code = f"code-{next(self._numbers)}"
        self.codes[code] = {"team": team_id, "user": user_id, "rotating": rotating}
        return code

    def script(self, method: str, error: str, *, status: int = 200, after: int = 0) -> None:
        """Answer the next call of a method so; `after` is `Retry-After`, in seconds."""
        headers = {"Retry-After": str(after)} if after else {}
        self._scripts[method].append((status, {"ok": False, "error": error}, headers))

    def trigger(self, team_id: str) -> str:
        """A new trigger id, as it comes with a command or a click."""
        made = f"{next(self._numbers)}.{team_id}.trigger"
        self._triggers[made] = (team_id, self.clock.now() + timedelta(seconds=TRIGGER_SECONDS))
        return made

    def response_url(self, team_id: str) -> str:
        """A new response url."""
        name = f"{team_id}-{next(self._numbers)}"
        until = self.clock.now() + timedelta(minutes=RESPONSE_MINUTES)
        self._urls[name] = (team_id, until, 0)
        return f"{self.base}/respond/{name}"

    def of(self, method: str, team: str | None = None) -> list[Call]:
        """The calls of a method."""
        return [c for c in self.calls if c.method == method and team in (None, c.team)]

    async def push(self, kind: str, payload: Payload) -> None:
        """Send an envelope to the newest socket."""
        envelope = {
            "type": kind,
            "envelope_id": f"e{next(self._numbers)}",
            "payload": payload,
            "accepts_response_payload": True,
        }
        await self.sockets[-1].send_json(envelope)

    # ------------------------------------------------------------ the Web API

    async def _api(self, request: web.Request) -> web.Response:
        method, payload = request.match_info["method"], await _payload(request)
        if self._scripts[method]:
            status, body, headers = self._scripts[method].pop(0)
            return web.json_response(body, status=status, headers=headers)
        try:
            if method == "oauth.v2.access":
                answer = self._exchange(payload)
            elif method == "apps.connections.open":
                if request.headers.get("Authorization") != f"Bearer {APP_TOKEN}":
                    raise RefusalError("invalid_auth")
                answer = {"url": f"{self.base.replace('http', 'ws')}/socket"}
            else:
                answer = await self._as_team(request, method, payload)
        except RefusalError as refusal:
            return web.json_response({"ok": False, "error": str(refusal)})
        headers = {"x-oauth-scopes": "commands,chat:write"} if method == "auth.test" else {}
        return web.json_response({"ok": True, **answer}, headers=headers)

    async def _as_team(self, request: web.Request, method: str, payload: Payload) -> Payload:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        team = next((one for one in self.teams.values() if token in one.tokens), None)
        if team is None:
            raise RefusalError("invalid_auth")
        known: dict[str, Method] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.postEphemeral": self._whisper,
            "chat.update": self._update,
            "chat.unfurl": self._unfurl,
            "conversations.info": self._channel_info,
            "conversations.open": self._direct,
            "views.open": self._open,
            "views.push": self._open,
            "views.update": self._update_view,
            "views.publish": self._publish,
            "users.info": self._user,
            "users.lookupByEmail": self._lookup,
            "files.getUploadURLExternal": self._upload_url,
            "files.completeUploadExternal": self._complete,
            "files.info": self._file,
        }
        if method not in known:
            self._fault(method, "there is no such method here")
            raise RefusalError("unknown_method")
        answer = await known[method](team, payload)
        call = Call(method, team.id, payload, self.clock.now())
        self.calls.append(call)
        if self.while_answering is not None:
            await self.while_answering(call)
        return answer

    def _fault(self, method: str, *faults: str) -> None:
        self.faults += [f"{method}: {fault}" for fault in faults]
        if faults:
            raise RefusalError("invalid_blocks")

    def _exchange(self, payload: Payload) -> Payload:
        known = (payload.get("client_id"), payload.get("client_secret"))
        if known != (CLIENT_ID, CLIENT_SECRET):
            raise RefusalError("bad_client_secret")
        if payload.get("grant_type") == "refresh_token":
            spent = payload.get("refresh_token", "")
            team = next((one for one in self.teams.values() if spent in one.refresh), None)
            if team is None:
                raise RefusalError("invalid_refresh_token")
            team.tokens.discard(team.refresh.pop(spent))
            self.calls.append(Call("oauth.v2.access", team.id, payload, self.clock.now()))
            return self._rotating(team)
        given = self.codes.pop(payload.get("code", ""), None)
        if given is None:
            raise RefusalError("invalid_code")
        team = self.teams[given["team"]]
        whole = team.enterprise == team.id
        answer: Payload = {
            "app_id": "A1",
            "token_type": "bot",
            "scope": "commands,chat:write",
            "bot_user_id": team.bot,
            "authed_user": {"id": given["user"]},
            "is_enterprise_install": whole,
            "enterprise": team.enterprise and {"id": team.enterprise, "name": team.name},
            "team": None if whole else {"id": team.id, "name": team.name},
        }
        if given["rotating"]:
            return answer | self._rotating(team)
        return answer | {"access_token": min(team.tokens)}

    def _rotating(self, team: Team) -> Payload:
        number = next(self._numbers)
        token, refresh = f"xoxe.xoxb-{team.id}-{number}", f"xoxe-{team.id}-{number}"
        team.tokens.add(token)
        team.refresh[refresh] = token
        return {"access_token": token, "refresh_token": refresh, "expires_in": 43_200}

    async def _auth_test(self, team: Team, _: Payload) -> Payload:
        return {"team_id": team.id, "team": team.name, "user_id": team.bot, "bot_id": "B1"}

    async def _post(self, team: Team, payload: Payload) -> Payload:
        channel = self._writable(team, payload)
        self._fault("chat.postMessage", *faults_of_message(payload))
        self._files_known(team, payload)
        thread = payload.get("thread_ts")
        if thread is not None and (channel, thread) not in team.messages:
            raise RefusalError("thread_not_found")
        ts = f"{self.clock.now().timestamp():.0f}.{next(self._numbers):06}"
        team.messages[channel, ts] = payload
        return {"channel": channel, "ts": ts}

    async def _whisper(self, team: Team, payload: Payload) -> Payload:
        self._writable(team, payload)
        self._fault("chat.postEphemeral", *faults_of_message(payload))
        self._files_known(team, payload)
        if payload.get("user") not in team.users:
            raise RefusalError("user_not_in_channel")
        return {"message_ts": f"{self.clock.now().timestamp():.0f}.{next(self._numbers):06}"}

    async def _update(self, team: Team, payload: Payload) -> Payload:
        place = (payload["channel"], payload["ts"])
        if place not in team.messages:
            raise RefusalError("message_not_found")
        self._fault("chat.update", *faults_of_message(payload))
        self._files_known(team, payload)
        team.messages[place] = payload
        return {"channel": place[0], "ts": place[1]}

    def _writable(self, team: Team, payload: Payload) -> str:
        channel = str(payload.get("channel"))
        if channel in team.users:
            return f"D{channel}"
        known = team.channels.get(channel)
        if known is None:
            raise RefusalError("channel_not_found")
        if not known["member"]:
            raise RefusalError("not_in_channel")
        return channel

    def _files_known(self, team: Team, payload: Payload) -> None:
        for block in payload.get("blocks") or []:
            wanted = (block.get("slack_file") or {}).get("id")
            if wanted is not None and wanted not in team.files:
                self._fault("files", f"an image shows the file {wanted}, which is not there")

    async def _unfurl(self, team: Team, payload: Payload) -> Payload:
        for shown in payload["unfurls"].values():
            self._fault("chat.unfurl", *faults_of_blocks(shown.get("blocks", []), most=50))
        return {}

    async def _channel_info(self, team: Team, payload: Payload) -> Payload:
        known = team.channels.get(payload["channel"])
        if known is None:
            raise RefusalError("channel_not_found")
        return {"channel": {"id": known["id"], "is_ext_shared": known["shared"]}}

    async def _direct(self, team: Team, payload: Payload) -> Payload:
        users = payload["users"].split(",")
        if any(user not in team.users for user in users):
            raise RefusalError("user_not_found")
        channel = f"D{''.join(users)}"
        team.channel(channel)
        return {"channel": {"id": channel}}

    async def _open(self, team: Team, payload: Payload) -> Payload:
        trigger = payload.get("trigger_id", "")
        if trigger in self._spent:
            raise RefusalError("trigger_exchanged")
        if trigger not in self._triggers or self._triggers[trigger][0] != team.id:
            raise RefusalError("invalid_trigger_id")
        if self.clock.now() > self._triggers[trigger][1]:
            raise RefusalError("expired_trigger_id")
        self._fault("views.open", *faults_of_view(payload["view"]))
        self._spent.add(trigger)
        view_id = f"V{next(self._numbers)}"
        return {"view": self._kept(team, view_id, payload["view"])}

    async def _update_view(self, team: Team, payload: Payload) -> Payload:
        view_id = payload.get("view_id", "")
        if view_id not in team.views:
            raise RefusalError("not_found")
        if payload.get("hash") not in (None, team.views[view_id]["hash"]):
            raise RefusalError("hash_conflict")
        self._fault("views.update", *faults_of_view(payload["view"]))
        return {"view": self._kept(team, view_id, payload["view"])}

    async def _publish(self, team: Team, payload: Payload) -> Payload:
        self._fault("views.publish", *faults_of_view(payload["view"]))
        team.homes[payload["user_id"]] = payload["view"]
        return {"view": {**payload["view"], "id": f"V{next(self._numbers)}"}}

    def _kept(self, team: Team, view_id: str, view: Payload) -> Payload:
        made = {**view, "id": view_id, "hash": f"h{next(self._numbers)}", "team_id": team.id}
        team.views[view_id] = made
        return made

    async def _user(self, team: Team, payload: Payload) -> Payload:
        if payload["user"] not in team.users:
            raise RefusalError("user_not_found")
        return {"user": team.users[payload["user"]]}

    async def _lookup(self, team: Team, payload: Payload) -> Payload:
        for user in team.users.values():
            if user["profile"]["email"] == payload["email"]:
                return {"user": user}
        raise RefusalError("users_not_found")

    async def _upload_url(self, team: Team, payload: Payload) -> Payload:
        file_id = f"F{next(self._numbers)}"
        self._uploads[file_id] = (team.id, payload["filename"], b"")
        return {"file_id": file_id, "upload_url": f"{self.base}/upload/{file_id}"}

    async def _complete(self, team: Team, payload: Payload) -> Payload:
        files = payload["files"]
        if payload.get("channel_id"):
            self._writable(team, {"channel": payload["channel_id"]})
        for one in files:
            owner, name, data = self._uploads.pop(one["id"], ("", "", b""))
            if owner != team.id or not data:
                raise RefusalError("file_not_found")
            team.files[one["id"]] = data
            team.about_files[one["id"]] = {"name": name}
        return {"files": [{"id": one["id"], "title": one.get("title")} for one in files]}

    async def _file(self, team: Team, payload: Payload) -> Payload:
        file_id = payload["file"]
        if file_id not in team.files:
            raise RefusalError("file_not_found")
        name = team.about_files[file_id]["name"]
        told = {
            "id": file_id,
            "mode": "hosted",
            "is_external": False,
            "size": len(team.files[file_id]),
            "url_private_download": f"{self.base}/files-pri/{file_id}/download/{name}",
            **team.about_files[file_id],
        }
        return {"file": told}

    async def _download(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        file_id = request.match_info["file"]
        self.downloads.append((file_id, token))
        for team in self.teams.values():
            if token in team.tokens and file_id in team.files:
                return web.Response(body=team.files[file_id], content_type="text/plain")
        raise web.HTTPFound(f"{self.base}/signin")  # a page for people, and no error

    async def _upload(self, request: web.Request) -> web.Response:
        file_id = request.match_info["file"]
        owner, name, _ = self._uploads[file_id]
        self._uploads[file_id] = (owner, name, await request.read())
        return web.Response(text="OK")

    async def _respond(self, request: web.Request) -> web.Response:
        name, payload = request.match_info["url"], await request.json()
        team_id, until, used = self._urls.get(name, ("", self.clock.now(), RESPONSES))
        if used >= RESPONSES or self.clock.now() > until:
            return web.Response(status=404, text="expired_url")
        self._urls[name] = (team_id, until, used + 1)
        if not payload.get("delete_original"):
            found = faults_of_message(payload)
            self.faults += [f"response_url: {fault}" for fault in found]
            if found:
                return web.Response(status=400, text="invalid_blocks")
            try:
                self._files_known(self.teams[team_id], payload)
            except RefusalError as refusal:
                return web.Response(status=400, text=str(refusal))
        self.responses.append(Call(name, team_id, payload, self.clock.now()))
        return web.Response(text="ok")

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        await socket.send_json({"type": "hello", "num_connections": 1})
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                self.envelopes.append(json.loads(message.data))
        return socket


async def _payload(request: web.Request) -> Payload:
    """The arguments, wherever the SDK has put them."""
    if request.content_type == "application/json":
        found: Payload = await request.json()
        return found
    given = {**request.query, **(await request.post())}
    return {name: _decoded(value) for name, value in given.items()}


def _decoded(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "[{":
        return json.loads(value)
    return value
