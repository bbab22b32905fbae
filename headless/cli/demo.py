"""The demonstration: sample people and a welcome campaign, brought in over the HTTP API, and what
happens then told on the console as it happens.

Everything it makes has a name or an id of its own, so that a second start finds it and goes on.
It knows the API only: whatever it does, anybody can do.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx

from headless.clock import SystemClock

Say = Callable[[str], None]

_BETWEEN_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.5
_AGAIN_SECONDS: Final = 1.0
_LONG_POLL_SECONDS: Final = 10
_LINES: Final = 100
_TROUBLE: Final = ("failed", "skipped", "held")
_PLAIN: Final = {"Content-Type": "text/plain; charset=utf-8"}
_JSON: Final = {"Accept": "application/json"}

PEOPLE: Final = (
    ("ada@example.com", "Ada"),
    ("grace@example.com", "Grace"),
    ("alan@example.com", "Alan"),
    ("hedy@example.com", "Hedy"),
    ("edsger@example.com", "Edsger"),
    ("barbara@example.com", "Barbara"),
)

EMAILS: Final = {
    "Welcome": {
        "subject": 'Welcome, {{ contact.first_name | default: "friend" }}',
        "html": "<h1>Good that you are here, {{ contact.first_name }}</h1>"
        "<p>Opening this mail has just given you 10 points: the campaign was waiting for it.</p>"
        '<p><a href="https://example.com/tour">Take the tour</a></p>',
    },
    "First steps": {
        "subject": "Three first steps, {{ contact.first_name }}",
        "html": "<p>You opened the welcome, so here is more.</p>"
        '<p><a href="https://example.com/steps">Show me</a></p>',
    },
    "Are you there": {
        "subject": "Did our welcome get lost?",
        "html": "<p>You have not opened it for ten minutes. That is fine.</p>"
        '<p><a href="https://example.com/later">Later</a></p>',
    },
}

CAMPAIGN: Final = """\
campaign "Welcome series"
start when did "signed up"

wait 2s
send email Welcome
when opened email Welcome within 10m do
  add points 10
  add tag curious
  wait 10s
  send email "First steps"
else
  send email "Are you there"
end
"""
_NAME: Final = "Welcome series"


class Demo:
    """The demonstration in one installation."""

    def __init__(self, client: httpx.AsyncClient, url: str, say: Say) -> None:
        """`client` calls the API with an admin's token; `url` is what a person types."""
        self._client = client
        self._url = url
        self._say = say
        self._names: dict[str, str] = {}

    async def load(self) -> None:
        """Make what is not there yet, and start the campaign."""
        for number, (address, first_name) in enumerate(PEOPLE, start=1):
            body = {
                "external_id": f"demo-{number}",
                "email": address,
                "fields": {"first_name": first_name},
                "fields_mode": "create",
            }
            contact = await self._post("/v1/contacts", body)
            self._names[contact["id"]] = first_name
        for name, parts in EMAILS.items():
            if not await self._there(f"/v1/emails/{quote(name)}"):
                await self._post("/v1/emails", {"name": name, **parts})
        if not await self._there(f"/v1/campaigns/{quote(_NAME)}"):
            await self._call("POST", "/v1/campaigns", content=CAMPAIGN, headers=_PLAIN)
        await self._start()

    async def _start(self) -> None:
        path = f"/v1/campaigns/{quote(_NAME)}"
        campaign = await self._call("GET", path)
        if campaign["state"] != "draft":
            return
        asked = await self._client.post(f"{path}/start", json={})
        if asked.status_code != httpx.codes.PRECONDITION_REQUIRED:
            raise httpx.HTTPStatusError(asked.text, request=asked.request, response=asked)
        await self._post(f"{path}/start", {"plan": asked.json()["plan"]["hash"]})

    async def sign_up(self) -> None:
        """Let the people sign up, one after the other; those who did already do nothing."""
        for number, (_, first_name) in enumerate(PEOPLE, start=1):
            told = await self._post(
                "/v1/activities",
                {
                    "contact": {"external_id": f"demo-{number}"},
                    "did": "signed up",
                    "id": f"demo-signed-up-{number}",
                },
            )
            if told["accepted"]:
                self._tell(None, f"{first_name} signed up")
                await asyncio.sleep(_BETWEEN_SECONDS)

    async def follow_mails(self, after: int) -> None:
        """Tell of each mail as it arrives."""
        query = {"wait": _LONG_POLL_SECONDS}
        while True:
            page = await self._read("/dev/inbox", params={**query, "after": after}, headers=_JSON)
            for mail in page["data"]:
                after = max(after, mail["id"])
                where = f"{self._url}/dev/inbox/{mail['id']}"
                self._tell(
                    mail["received_at"], f"mail to {mail['to']}: {mail['subject']}   {where}"
                )

    async def follow_journal(self, seen: set[tuple[Any, ...]]) -> None:
        """Tell of each step that says something about a person."""
        while True:
            for line in reversed(await self.journal()):
                key = _key(line)
                if key not in seen:
                    seen.add(key)
                    self._tell_line(line)
            await asyncio.sleep(_LOOK_SECONDS)

    async def journal(self) -> list[Any]:
        """The campaign's newest steps, newest first."""
        path = f"/v1/campaigns/{quote(_NAME)}/journal"
        page = await self._read(path, params={"limit": _LINES})
        return list(page["data"])

    def _tell_line(self, line: Mapping[str, Any]) -> None:
        name = self._names.get(line["contact_id"], line["contact_id"])
        step, outcome, reason = line["step"], line["outcome"], line["reason"] or ""
        if step.startswith("when opened"):
            opened = "opened the welcome" if outcome == "yes" else "did not open the welcome"
            self._tell(line["at"], f"{name} {opened}")
        elif step.startswith("add points"):
            self._tell(line["at"], f"{name} has points: {reason}")
        elif step.startswith("add tag") and outcome == "done":
            self._tell(line["at"], f"{name} has the tag {step.removeprefix('add tag ')}")
        elif outcome in _TROUBLE:
            self._tell(line["at"], f"{name}: {step}: {outcome} {reason}".rstrip())

    def _tell(self, at: str | None, what: str) -> None:
        moment = datetime.fromisoformat(at) if at else SystemClock().now()
        self._say(f"{moment.astimezone():%H:%M:%S}  {what}")

    async def _read(self, path: str, **how: Any) -> Any:
        """What a path answers, as soon as it does: the API may be starting again."""
        while True:
            try:
                return await self._call("GET", path, **how)
            except httpx.TransportError:
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _there(self, path: str) -> bool:
        answered = await self._client.get(path)
        if answered.status_code == httpx.codes.NOT_FOUND:
            return False
        answered.raise_for_status()
        return True

    async def _post(self, path: str, body: Any) -> Any:
        return await self._call("POST", path, json=body)

    async def _call(self, method: str, path: str, **how: Any) -> Any:
        answered = await self._client.request(method, path, **how)
        if answered.is_error:
            raise httpx.HTTPStatusError(
                f"{method} {path} answered {answered.status_code}: {answered.text}",
                request=answered.request,
                response=answered,
            )
        return answered.json()


def _key(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return line["at"], line["contact_id"], line["rotation"], line["step"], line["outcome"]


async def play(client: httpx.AsyncClient, url: str, say: Say) -> None:
    """Bring the demonstration in and tell what happens, until cancelled."""
    demo = Demo(client, url, say)
    await demo.load()
    seen = {_key(line) for line in await demo.journal()}
    say(
        "The campaign goes on where it stopped."
        if seen
        else f"A campaign runs: {len(PEOPLE)} people sign up, each gets a welcome mail after two "
        "seconds;\nwhoever opens it gets 10 points, and ten seconds later the first steps."
    )
    say(f"→ open {url}/dev/inbox in a browser, open a mail, and watch what is told here\n")
    newest = await client.get("/dev/inbox", params={"limit": 1}, headers=_JSON)
    mails = newest.json()["data"]
    await asyncio.gather(
        demo.sign_up(),
        demo.follow_mails(mails[0]["id"] if mails else 0),
        demo.follow_journal(seen),
    )
