"""Look-ups: what Slack says of a person and of a channel, asked for when our own word is old.

A person's name, zone and address are kept in our tables for a day; whether a channel is shared with
another company is remembered for ten minutes in this process. Only workers ask. Imports `accounts`
and `clients`.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from headless.clock import Clock
from headless.slack.people import accounts
from headless.slack.people.accounts import Account
from headless.slack.people.asker import Asker
from headless.slack.teams.clients import ENDED, Clients
from headless.storage.database import Database

_REMEMBERED: Final = timedelta(minutes=10)
_MOST: Final = 10_000
log = structlog.get_logger(__name__)


class Lookups:
    """One worker's look-ups."""

    def __init__(self, database: Database, clients: Clients, clock: Clock) -> None:
        self._database = database
        self._clients = clients
        self._clock = clock
        self._shared: dict[tuple[str, str], tuple[bool, datetime]] = {}

    async def known(self, asker: Asker) -> Asker | None:
        """The asker with name, zone and channel as Slack has them, and the role that is theirs now;
        None for who may not even look any more. Raises SlackApiError when our token is refused,
        NotInstalledError, and aiohttp's errors."""
        async with self._database.glance() as tx:
            found = await accounts.find(tx, asker.workspace_id, asker.team_id, asker.user_id)
        if found is not None and found.role is not None:
            if found.role == "none":
                return None
            asker = msgspec.structs.replace(asker, role=found.role)
        return await self._channel(await self._person(asker, found))

    async def _person(self, asker: Asker, found: Account | None) -> Asker:
        now = self._clock.now()
        if found is not None and found.fresh(now) and not asker.outsider:
            return asker
        client = await self._clients.of(asker.workspace_id, asker.team_id)
        try:
            user = (await client.users_info(user=asker.user_id))["user"]
        except SlackApiError as error:
            _raise_ended(error)
            log.info("slack_person_unknown", error=error.response["error"])
            return asker
        if asker.outsider:
            home = (user.get("enterprise_user") or {}).get("enterprise_id")
            if home != asker.team_id:
                return asker
            asker = msgspec.structs.replace(asker, outsider=False)
        elif _is_elsewhere(asker, user):  # an event does not always say so
            return msgspec.structs.replace(asker, outsider=True, shared=True)
        return await self._noted(asker, user, now)

    async def _noted(self, asker: Asker, user: dict[str, Any], now: datetime) -> Asker:
        profile = user.get("profile") or {}
        name = profile.get("display_name") or profile.get("real_name") or user.get("name")
        zone = user.get("tz") or None
        async with self._database.transaction() as tx:
            await accounts.note(
                tx,
                asker.workspace_id,
                asker.team_id,
                asker.user_id,
                name=name or asker.name,
                zone=zone,
                email=profile.get("email"),
                now=now,
            )
        return msgspec.structs.replace(asker, name=name or asker.name, zone=zone or asker.zone)

    async def _channel(self, asker: Asker) -> Asker:
        """The same, with whether people of other companies read there."""
        if asker.shared or asker.channel_id is None or asker.channel_id[:1] not in "CG":
            return asker
        place, now = (asker.team_id, asker.channel_id), self._clock.now()
        shared, until = self._shared.get(place, (False, now))
        if until <= now:
            client = await self._clients.of(asker.workspace_id, asker.team_id)
            shared = await _is_shared(client, asker.channel_id)
            if len(self._shared) >= _MOST:
                self._shared.clear()
            self._shared[place] = (shared, now + _REMEMBERED)
        return msgspec.structs.replace(asker, shared=shared)


def _is_elsewhere(asker: Asker, user: dict[str, Any]) -> bool:
    """Whether Slack says that a person is of another team than the one that has the app."""
    home, whole = user.get("team_id"), user.get("enterprise_user") or {}
    if not asker.team_id.startswith("T") or home in (None, asker.team_id):
        return False
    return asker.team_id not in (whole.get("teams") or ())


async def _is_shared(client: AsyncWebClient, channel: str) -> bool:
    """Whether a channel is shared; one that Slack does not tell us of is taken for our own: what
    is said there goes to the asker alone."""
    try:
        told = (await client.conversations_info(channel=channel))["channel"]
    except SlackApiError as error:
        _raise_ended(error)
        return False
    return bool(told.get("is_ext_shared") or told.get("is_pending_ext_shared"))


def _raise_ended(error: SlackApiError) -> None:
    if error.response["error"] in ENDED:
        raise error
