"""Installing the app for a team: from a ticket to Slack and back, by OAuth v2.

The ticket that an admin's token made is the state. It is used once; that the browser that comes
back is the one that left is proved by a cookie made from it. Whoever installs is admin and gets a
message. Talks to Slack; imports `clients`, `installations`, `tickets`, `accounts`, `posting`.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import msgspec
import structlog
from slack_sdk.errors import SlackApiError

from headless.channels.senders.slack import escaped
from headless.clock import Clock
from headless.problems import Problem
from headless.settings import Settings
from headless.slack.outgoing import posting
from headless.slack.people import accounts
from headless.slack.teams import installations, tickets
from headless.slack.teams.clients import Clients, NotInstalledError, lasts_until
from headless.slack.teams.installations import Grant, Installation, Secrets
from headless.slack.verbs.manifest import SCOPES
from headless.storage.database import Database, Transaction
from headless.workspace import audit, workspaces

COOKIE: Final = "headless_slack"
log = structlog.get_logger(__name__)


class Page(msgspec.Struct, frozen=True):
    """What a browser is shown; `to` sends it elsewhere, `cookie` is to be kept for ten minutes."""

    status: int
    title: str
    text: str
    to: str | None = None
    cookie: str | None = None


class Installing:
    """The two steps of an installation; without the app's id and secret there are none."""

    def __init__(
        self, database: Database, clock: Clock, settings: Settings, clients: Clients
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._clients = clients

    @property
    def redirect(self) -> str:
        """Where Slack sends the browser back to."""
        return f"{self._settings.url}/slack/oauth_redirect"

    async def begin(self, ticket: str) -> Page:
        """Send the browser to Slack, if the ticket holds; it goes on holding."""
        if self._settings.slack_client_id is None or not self._settings.slack_client_secret:
            return Page(
                404,
                "Slack is not set up",
                "Set HEADLESS_SLACK_CLIENT_ID and HEADLESS_SLACK_CLIENT_SECRET, and start again.",
            )
        async with self._database.glance() as tx:
            found = await tickets.look(tx, "install", ticket, now=self._clock.now())
        if found is None:
            return _SPENT
        query = {
            "client_id": self._settings.slack_client_id,
            "scope": ",".join(SCOPES),
            "state": ticket,
            "redirect_uri": self.redirect,
        }
        base = self._settings.slack_api_url.removesuffix("/api")
        return Page(
            302,
            "To Slack",
            "Go on at Slack.",
            to=f"{base}/oauth/v2/authorize?{urlencode(query)}",
            cookie=_mark(ticket),
        )

    async def finish(self, *, state: str, code: str | None, error: str | None, cookie: str) -> Page:
        """Take the code, once, and keep what it buys."""
        if not hmac.compare_digest(cookie.encode(), _mark(state).encode()):
            return Page(
                400,
                "Another browser",
                "The installation began in another browser, or cookies are off. Open the link in "
                "this one and finish here.",
            )
        if error is not None or not code:
            return Page(
                200,
                "Not installed",
                "Slack says that nobody agreed. The link still holds for a few minutes.",
            )
        now = self._clock.now()
        async with self._database.transaction() as tx:
            ticket = await tickets.use(tx, "install", state, now=now)
        if ticket is None:
            return _SPENT
        try:
            told = await self._clients.exchange(code=code, redirect_uri=self.redirect)
            grant = _grant(told, now)
            async with self._database.transaction() as tx:
                made = await self.install(tx, ticket.workspace_id, grant, now=now)
        except SlackApiError as refused:
            return _failed(str(refused.response["error"]))
        except (aiohttp.ClientError, TimeoutError, OSError) as away:
            return _failed(type(away).__name__)
        except NotInstalledError as missing:
            return _failed(str(missing))
        except Problem as problem:
            return Page(409, "Not installed", problem.detail)
        return Page(
            200,
            f"Installed for {made.name}",
            "You are admin; I have written to you in Slack.",
            to=f"https://slack.com/app_redirect?{urlencode({'app': made.app_id})}",
        )

    async def grant_of(self, token: str, admin: str) -> Grant:
        """What a bot token that was made on the app's page is good for: Socket Mode on a laptop.

        `admin` is a Slack user's id or address. Raises Problem.
        """
        client = self._clients.bare(token)
        try:
            told = await client.auth_test()
            user = admin
            if "@" in admin:
                user = (await client.users_lookupByEmail(email=admin))["user"]["id"]
        except SlackApiError as error:
            raise Problem(
                "invalid_value",
                f"Slack does not take this token or person: {error.response['error']}",
            ) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Problem("not_ready", f"Slack does not answer: {type(error).__name__}") from error
        scopes = told.headers.get("x-oauth-scopes") or told.headers.get("X-OAuth-Scopes") or ""
        return Grant(
            team_id=told["team_id"],
            enterprise_id=told.get("enterprise_id"),
            name=told["team"],
            bot_user_id=told["user_id"],
            scopes=_listed(scopes),
            installed_by=user,
            secrets=Secrets(token),
        )

    async def install(
        self, tx: Transaction, workspace_id: int, grant: Grant, *, now: datetime
    ) -> Installation:
        """Keep a grant, make whoever gave it admin, and greet them; raises Problem `in_use`."""
        made = await installations.save(tx, self._clients.seals, workspace_id, grant, now=now)
        person = grant.installed_by
        await accounts.set_role(tx, workspace_id, grant.team_id, person, "admin", now=now)
        await audit.record(
            tx,
            workspace_id,
            actor=f"slack:{grant.team_id}/{person}",
            act="install_slack",
            subject=grant.team_id,
            detail={"scopes": list(grant.scopes)},
            now=now,
        )
        await _greet(tx, made, now)
        log.info("slack_installed", team=grant.team_id, workspace=workspace_id)
        return made


_SPENT: Final = Page(
    410,
    "This link is spent",
    "It holds for ten minutes and once. Make a new one: headless slack install",
)


def _failed(error: str) -> Page:
    return Page(
        502,
        "Not installed",
        f"Slack did not take it: {error}. Make a new link (headless slack install) and try again; "
        "headless slack doctor tells more.",
    )


def _mark(ticket: str) -> str:
    return hashlib.sha256(f"slack cookie {ticket}".encode()).hexdigest()


def _listed(scopes: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in scopes.split(",") if one.strip())


def _grant(told: dict[str, Any], now: datetime) -> Grant:
    """What `oauth.v2.access` says, for a team or for a whole organisation."""
    team, whole = told.get("team") or {}, told.get("enterprise") or {}
    place = whole if told.get("is_enterprise_install") else team
    return Grant(
        team_id=place["id"],
        enterprise_id=whole.get("id"),
        name=place.get("name") or place["id"],
        app_id=told.get("app_id", ""),
        bot_user_id=told.get("bot_user_id", ""),
        scopes=_listed(told.get("scope", "")),
        installed_by=(told.get("authed_user") or {})["id"],
        secrets=Secrets(told["access_token"], told.get("refresh_token")),
        expires_at=lasts_until(told, now),
    )


async def _greet(tx: Transaction, made: Installation, now: datetime) -> None:
    house = await workspaces.find(tx, made.workspace_id)
    others = {"none": "do nothing", "viewer": "look (viewer)", "editor": "write (editor)"}
    text = (
        f"Installed for *{escaped(house.name)}* ({house.mode}). You are admin. Everyone else may "
        f"{others[made.default_role]}. Give a role: `/campaign role @ann editor`"
    )
    buttons = [
        ("See the campaigns", "list"),
        ("Write a rule", "help rule"),
        ("What can I say?", "help"),
    ]
    await posting.post(
        tx,
        made.workspace_id,
        made.team_id,
        made.installed_by,
        text=text,
        blocks=[
            {"type": "section", "text": {"type": "mrkdwn", "text": text}},
            {
                "type": "actions",
                "elements": [
                    {
                        "type": "button",
                        "action_id": f"say:{place}",
                        "text": {"type": "plain_text", "text": label},
                        "value": command,
                    }
                    for place, (label, command) in enumerate(buttons)
                ],
            },
        ],
        key=f"greet:{made.team_id}:{now.timestamp()}",
        now=now,
    )
