"""What the Slack double knows of a team, and of the calls that it answered."""

import json
from datetime import datetime
from typing import Any

import msgspec

Payload = dict[str, Any]


class Call(msgspec.Struct, frozen=True):
    """One call that was answered with `ok`; `team` is the token's."""

    method: str
    team: str
    payload: Payload
    at: datetime

    @property
    def words(self) -> str:
        """All that a person reads in it."""
        return json.dumps(self.payload, ensure_ascii=False)


class Team:
    """A team, or an organisation, that has installed the app."""

    def __init__(self, team_id: str, name: str, bot: str) -> None:
        self.id = team_id
        self.name = name
        self.bot = bot
        self.enterprise: str | None = None
        self.tokens: set[str] = set()
        self.refresh: dict[str, str] = {}
        self.users: dict[str, Payload] = {}
        self.channels: dict[str, Payload] = {}
        self.files: dict[str, bytes] = {}
        self.about_files: dict[str, Payload] = {}
        self.views: dict[str, Payload] = {}
        self.homes: dict[str, Payload] = {}
        self.messages: dict[tuple[str, str], Payload] = {}

    def user(self, user_id: str, name: str, zone: str = "Europe/Paris") -> None:
        """Somebody in the team."""
        self.users[user_id] = {
            "id": user_id,
            "name": name,
            "team_id": self.id,
            "tz": zone,
            "profile": {"display_name": name, "email": f"{name}@acme.example"},
        }

    def channel(self, channel_id: str, *, member: bool = True, shared: bool = False) -> None:
        """A channel; `member` is whether the bot is in it."""
        self.channels[channel_id] = {"id": channel_id, "member": member, "shared": shared}


class RefusalError(Exception):
    """`ok: false` with an error."""
