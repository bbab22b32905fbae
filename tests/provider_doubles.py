"""Local servers that take messages as Twilio and Firebase document it, and refuse all else."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class TwilioDouble:
    """Takes what its REST reference says; `fails` answers a number with a status and a code."""

    def __init__(self, sid: str = "AC1", token: str = "tok") -> None:
        self.sid, self.token = sid, token
        self.fails: dict[str, tuple[int, int]] = {}
        self.taken: list[dict[str, str]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post(f"/2010-04-01/Accounts/{self.sid}/Messages.json", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        login = base64.b64encode(f"{self.sid}:{self.token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {login}":
            return web.json_response({"code": 20003, "message": "Authenticate"}, status=401)
        assert request.content_type == "application/x-www-form-urlencoded"
        form = {name: each[0] for name, each in parse_qs((await request.read()).decode()).items()}
        assert set(form) <= {"To", "From", "MessagingServiceSid", "Body", "StatusCallback"}
        assert ("From" in form) != ("MessagingServiceSid" in form)
        if form["To"] in self.fails:
            status, code = self.fails[form["To"]]
            return web.json_response({"code": code, "message": "no"}, status=status)
        self.taken.append(form)
        return web.json_response({"sid": f"SM{len(self.taken)}", "status": "queued"}, status=201)


class FirebaseDouble:
    """Gives tokens for assertions that the service account signed, and takes messages with them."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.email = "push@acme.iam.gserviceaccount.com"
        self.gone: set[str] = set()
        self.tokens = 0
        self.taken: list[dict[str, Any]] = []
        self.url = ""

    @property
    def account(self) -> str:
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return json.dumps(
            {"type": "service_account", "client_email": self.email, "private_key": pem}
        )

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_post("/v1/projects/acme/messages:send", self._take)
        return app

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: each[0] for name, each in parse_qs((await request.read()).decode()).items()}
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        head, claims, signature = (
            base64.urlsafe_b64decode(part + "==") for part in form["assertion"].split(".")
        )
        signed = form["assertion"].rpartition(".")[0].encode()
        self.key.public_key().verify(signature, signed, PKCS1v15(), SHA256())
        told = json.loads(claims)
        assert json.loads(head) == {"alg": "RS256", "typ": "JWT"}
        assert told["iss"] == self.email
        assert told["aud"] == f"{self.url}/token"
        assert told["exp"] - told["iat"] == 3600
        assert told["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        self.tokens += 1
        return web.json_response({"access_token": f"ya29.{self.tokens}", "expires_in": 3600})

    async def _take(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer ya29.{self.tokens}"
        body = await request.json()
        assert set(body) == {"message"}
        message = body["message"]
        assert set(message) <= {"token", "notification", "data", "webpush"}
        assert all(isinstance(value, str) for value in message.get("data", {}).values())
        if message["token"] in self.gone:
            kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
            details = [{"@type": kind, "errorCode": "UNREGISTERED"}]
            error = {"code": 404, "status": "NOT_FOUND", "message": "gone", "details": details}
            return web.json_response({"error": error}, status=404)
        self.taken.append(message)
        return web.json_response({"name": f"projects/acme/messages/{len(self.taken)}"})


class HubSpotDouble:
    """Takes the batch upsert of its CRM API; `status` answers otherwise."""

    def __init__(self, token: str = "pat") -> None:
        self.token = token
        self.status = 200
        self.taken: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/crm/v3/objects/contacts/batch/upsert", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"message": "bad token"}, status=401)
        body = await request.json()
        assert set(body) == {"inputs"}
        for each in body["inputs"]:
            assert set(each) == {"id", "idProperty", "properties"}
            assert each["idProperty"] == "email"
            assert all(isinstance(value, str) for value in each["properties"].values())
        if self.status == 207:
            errors = [{"message": "Property values were not valid"}]
            return web.json_response({"status": "COMPLETE", "errors": errors}, status=207)
        if self.status != 200:
            headers = {"Retry-After": "10"}
            return web.json_response({"message": "slow down"}, status=self.status, headers=headers)
        self.taken += body["inputs"]
        return web.json_response({"status": "COMPLETE", "results": []})


class SlackDouble:
    """Takes `chat.postMessage`; `error` answers what Slack would."""

    def __init__(self) -> None:
        self.error = ""
        self.taken: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/chat.postMessage", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer xoxb-1":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if self.error:
            return web.json_response({"ok": False, "error": self.error})
        body = await request.json()
        assert set(body) == {"channel", "text", "unfurl_links"}
        self.taken.append(body)
        return web.json_response({"ok": True, "ts": "1.2", "channel": body["channel"]})
