"""Firebase Cloud Messaging, HTTP v1: a signed service account gets a token, which sends.

Source: Firebase's pages on the HTTP v1 API, its error codes, and Google's on service accounts.
Pure; imports `answers`, `http` and `providers`.
"""

import base64
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from headless.channels.answers import SENT, Answer, Verdict
from headless.channels.google import ServiceAccount
from headless.channels.http import Request, Response, retry_after
from headless.channels.providers import Fcm

PAYLOAD_LIMIT: Final = 4096
_SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_HOUR: Final = timedelta(hours=1)
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Bearer(msgspec.Struct, frozen=True):
    """A token that sends, and until when it does."""

    text: str
    until: datetime


class Push(msgspec.Struct, frozen=True):
    """What a push message says; `url` is opened by a touch."""

    title: str
    body: str
    url: str | None = None
    data: dict[str, str] = {}


def token_request(settings: Fcm, who: ServiceAccount, key: RSAPrivateKey, now: datetime) -> Request:
    """The request that gets a token for an hour."""
    claims = {
        "iss": who.client_email,
        "scope": _SCOPE,
        "aud": settings.token_url,
        "iat": int(now.timestamp()),
        "exp": int((now + _HOUR).timestamp()),
    }
    text = b".".join(_part(each) for each in ({"alg": "RS256", "typ": "JWT"}, claims))
    signed = text + b"." + _base64(key.sign(text, PKCS1v15(), SHA256()))
    form = urlencode({"grant_type": _GRANT, "assertion": signed.decode()}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Request("POST", settings.token_url, headers, form)


def bearer(response: Response, now: datetime) -> Bearer | Answer:
    """The token of the answer, or what it means that there is none."""
    told = response.json()
    if response.status == 200 and isinstance(told, dict) and "access_token" in told:
        seconds = float(told.get("expires_in", 3600))
        return Bearer(str(told["access_token"]), now + timedelta(seconds=seconds * 0.9))
    detail = f"Google gives no token: {response.status} {_words(told)}"[:500]
    if response.status >= 500 or response.status == 429:
        return Answer(Verdict.RETRY, detail, after=retry_after(response, now))
    return Answer(Verdict.BROKEN, detail)


def request(settings: Fcm, token: str, *, device: str, push: Push) -> Request:
    """The request that sends one push message to one device."""
    message: dict[str, Any] = {
        "token": device,
        "notification": {"title": push.title, "body": push.body},
    }
    data = {**push.data, **({"url": push.url} if push.url else {})}
    if data:
        message["data"] = data
    if push.url:
        message["webpush"] = {"fcm_options": {"link": push.url}}
    return Request(
        "POST",
        f"{settings.base_url}/v1/projects/{settings.project_id}/messages:send",
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        msgspec.json.encode({"message": message}),
    )


def answer(response: Response, now: datetime) -> Answer:
    """What Firebase's answer means; SUPPRESS means: this device is gone."""
    if 200 <= response.status < 300:
        return SENT
    told = response.json()
    code, sort = _code(told)
    detail = f"{response.status} {code} {_words(told)}".strip()[:500]
    if code == "UNREGISTERED" or (code == "INVALID_ARGUMENT" and sort.endswith("FcmError")):
        return Answer(Verdict.SUPPRESS, detail)
    if response.status in (401, 403):
        return Answer(Verdict.BROKEN, detail)
    if response.status == 429 or response.status >= 500:
        return Answer(Verdict.RETRY, detail, slow=True, after=retry_after(response, now))
    return Answer(Verdict.PARK, detail)


def _code(told: object) -> tuple[str, str]:
    error = told.get("error") if isinstance(told, dict) else None
    if not isinstance(error, dict):
        return "", ""
    for each in error.get("details") or ():
        if isinstance(each, dict) and "errorCode" in each:
            return str(each["errorCode"]), str(each.get("@type", ""))
    return str(error.get("status", "")), ""


def _words(told: object) -> str:
    if not isinstance(told, dict):
        return ""
    error = told.get("error")
    if isinstance(error, dict):
        return str(error.get("message", ""))
    return str(told.get("error_description") or error or "")


def _part(value: dict[str, Any]) -> bytes:
    return _base64(msgspec.json.encode(value))


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
