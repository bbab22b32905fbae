"""Origins: where what Slack sends comes from, and who sent it, as our own tables know them.

All that came at the same moment is looked up in one question, and nothing of it is remembered: a
team that took the app away and a role that was taken count with the next request. Imports storage,
`asker` and `installations`.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping, Text, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from headless.slack.people.asker import Asker
from headless.slack.teams import installations
from headless.slack.teams.installations import Installation
from headless.storage.database import Transaction
from headless.storage.tables import slack_account, slack_installation, workspace


class Origin(msgspec.Struct, frozen=True):
    """Where a payload comes from: ids as Slack gave them, verified with the whole of it.

    `outsider` says that the person's team is not the one that was asked; `shared` that people of
    other organisations are in the channel.
    """

    team_id: str | None
    enterprise_id: str | None
    user_id: str | None
    user_name: str = ""
    channel_id: str | None = None
    thread_ts: str | None = None
    outsider: bool = False
    shared: bool = False

    @property
    def teams(self) -> tuple[str, ...]:
        """Whose installation it may be: the team's own goes before the organisation's."""
        return tuple(one for one in (self.team_id, self.enterprise_id) if one)


class Met(msgspec.Struct, frozen=True):
    """What is known of an origin; without an asker it is nobody's, or of who may not even look."""

    installation: Installation | None = None
    asker: Asker | None = None


_PERSON: Final = ("user_id", "role", "name", "zone", "looked_at")
_TEAMS: Final = bindparam("teams", type_=ARRAY(Text))
_USERS: Final = bindparam("users", type_=ARRAY(Text))
_MEET: Final = (
    select(
        *installations.COLUMNS,
        workspace.c.time_zone,
        *(slack_account.c[name].label(f"person_{name}") for name in _PERSON),
    )
    .join_from(slack_installation, workspace, workspace.c.id == slack_installation.c.workspace_id)
    .outerjoin(
        slack_account,
        (slack_account.c.workspace_id == slack_installation.c.workspace_id)
        & (slack_account.c.team_id == slack_installation.c.team_id)
        & (slack_account.c.user_id == _USERS.any_()),
    )
    .where(slack_installation.c.team_id == _TEAMS.any_(), slack_installation.c.state == "active")
)


async def meet(tx: Transaction, origins: Sequence[Origin]) -> list[Met]:
    """Each origin's installation and who it is, in their places, as far as there are such."""
    wanted: dict[str, Any] = {
        "teams": sorted({team for one in origins for team in one.teams}),
        "users": sorted({one.user_id for one in origins if one.user_id is not None}),
    }
    rows = (await tx.execute(_MEET, wanted)).mappings().all()
    made: dict[str, tuple[Installation, str]] = {}
    people: dict[tuple[str, str], RowMapping] = {}
    for row in rows:
        team = row["team_id"]
        if team not in made:
            made[team] = installations.read(row), row["time_zone"]
        people[team, row["person_user_id"]] = row
    met = []
    for one in origins:
        team = next((team for team in one.teams if team in made), None)
        if team is None:
            met.append(Met())
        elif one.user_id is None:
            met.append(Met(made[team][0]))
        else:
            met.append(Met(made[team][0], _asker(one, people.get((team, one.user_id)), made[team])))
    return met


def _asker(one: Origin, row: RowMapping | None, made: tuple[Installation, str]) -> Asker | None:
    """Who asks. In a whole organisation people of many teams ask: whoever Slack once told us is of
    it, is."""
    found, zone = made
    role = (row and row["person_role"]) or found.default_role
    if role == "none" or one.user_id is None:
        return None
    of_it = found.whole and row is not None and row["person_looked_at"] is not None
    return Asker(
        workspace_id=found.workspace_id,
        team_id=found.team_id,
        user_id=one.user_id,
        name=(row and row["person_name"]) or one.user_name or one.user_id,
        role=role,
        zone=(row and row["person_zone"]) or zone,
        channel_id=one.channel_id,
        thread_ts=one.thread_ts,
        outsider=one.outsider and not of_it,
        shared=one.shared or one.outsider,
    )
