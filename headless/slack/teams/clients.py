"""Clients: Slack's Web API with an installation's token, renewed in time where tokens rotate.

A token is renewed while its row is locked, so that of several workers one does it and the others
read what it kept. Talks to Slack; imports slack_sdk, `installations` and storage.
"""

from datetime import datetime, timedelta
from typing import Any, Final, cast

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from headless.clock import Clock
from headless.seals import SealError, Seals
from headless.settings import Settings
from headless.slack.teams import installations
from headless.slack.teams.installations import Installation, Secrets
from headless.storage.database import Database, Transaction

_EARLY: Final = timedelta(minutes=30)
_SECONDS: Final = 15
ENDED: Final = frozenset(
    ("invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_authed")
)
"""What Slack answers to a token that never works again."""
log = structlog.get_logger(__name__)


class NotInstalledError(Exception):
    """The app is not, or no longer, installed for that team."""


class Clients:
    """Makes clients; one session of connections for all of them."""

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self.seals = Seals(tuple(key.encode() for key in settings.secret_keys))
        self._session: aiohttp.ClientSession | None = None

    def bare(self, token: str | None = None) -> AsyncWebClient:
        """A client with that token, or with none: for the exchange of codes."""
        return AsyncWebClient(
            token=token,
            base_url=self._settings.slack_api_url + "/",
            timeout=_SECONDS,
            session=self._connections(),
            retry_handlers=[],  # whoever calls tries again, by the clock and with patience
        )

    def webhook(self, url: str) -> AsyncWebhookClient:
        """A client of one response url."""
        return AsyncWebhookClient(
            url, timeout=_SECONDS, session=self._connections(), retry_handlers=[]
        )

    async def of(self, workspace_id: int, team_id: str) -> AsyncWebClient:
        """The client of an installation; raises NotInstalledError."""
        async with self._database.glance() as tx:
            found = await self._opened(tx, workspace_id, team_id)
        known, secrets = found
        if _ends(known, self._clock.now()) and secrets.refresh_token is not None:
            secrets = await self._renewed(workspace_id, team_id)
        return self.bare(secrets.token)

    async def ended(self, workspace_id: int, team_id: str, error: str) -> None:
        """Slack refuses the token: the installation is gone."""
        async with self._database.transaction() as tx:
            await installations.end(
                tx,
                workspace_id,
                [team_id],
                f"Slack refuses our token: {error}",
                now=self._clock.now(),
            )
        log.warning("slack_installation_ended", team=team_id, error=error)

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS))
        return self._session

    async def _opened(
        self, tx: Transaction, workspace_id: int, team_id: str, *, lock: bool = False
    ) -> tuple[Installation, Secrets]:
        try:
            found = await installations.opened(tx, self.seals, workspace_id, team_id, lock=lock)
        except SealError as error:
            raise NotInstalledError(f"the token of {team_id} cannot be read: {error}") from error
        if found is None:
            raise NotInstalledError(f"the app is not installed for {team_id}")
        return found

    async def _renewed(self, workspace_id: int, team_id: str) -> Secrets:
        """A token that lasts; raises SlackApiError when Slack does not renew it."""
        async with self._database.transaction() as tx:
            known, secrets = await self._opened(tx, workspace_id, team_id, lock=True)
            now = self._clock.now()
            if not _ends(known, now) or secrets.refresh_token is None:
                return secrets  # somebody else was quicker
            answer = await self.exchange(
                grant_type="refresh_token", refresh_token=secrets.refresh_token
            )
            fresh = Secrets(answer["access_token"], answer.get("refresh_token"))
            await installations.renew(
                tx,
                self.seals,
                workspace_id,
                team_id,
                fresh,
                expires_at=lasts_until(answer, now),
                now=now,
            )
            return fresh

    async def exchange(self, **how: str) -> dict[str, Any]:
        """`oauth.v2.access` with our secret, or with the old one while it is being changed."""
        client, known = self.bare(), self._settings.slack_client_secret
        for place, secret in enumerate(known, 1):
            try:
                # in the body: the SDK's own way makes aiohttp warn that it will be gone
                answer = await client.api_call(
                    "oauth.v2.access",
                    data={
                        "client_id": self._settings.slack_client_id or "",
                        "client_secret": secret,
                        **how,
                    },
                )
            except SlackApiError as error:
                if error.response["error"] == "bad_client_secret" and place < len(known):
                    continue
                raise
            return cast(dict[str, Any], answer.data)
        raise NotInstalledError("HEADLESS_SLACK_CLIENT_SECRET is not set")


def lasts_until(answer: dict[str, Any], now: datetime) -> datetime | None:
    """When the token of an answer ends; None: never."""
    seconds = answer.get("expires_in")
    return None if not seconds else now + timedelta(seconds=int(seconds))


def _ends(known: Installation, now: datetime) -> bool:
    return known.expires_at is not None and known.expires_at - _EARLY <= now
