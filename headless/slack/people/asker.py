"""People in Slack: who asks, from where, and what they may do.

Values only; imports nothing of ours. `accounts` reads them from our tables, without asking Slack.
"""

from typing import Final, Literal

import msgspec

Role = Literal["viewer", "editor", "approver", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "editor", "approver", "admin")
"""From the least to the most; each may do what those before it may."""


class Asker(msgspec.Struct, frozen=True):
    """Who asked, as our tables know them.

    `team_id` is the installation's key: the team's id, or the organisation's where the app is
    installed for a whole Enterprise Grid. `zone` is an IANA name: the reader's. `channel_id` is
    None where nobody stands in a channel (the Home tab). `outsider`: the person belongs to another
    organisation that shares the channel. `shared`: such people read here.
    """

    workspace_id: int
    team_id: str
    user_id: str
    name: str
    role: Role
    zone: str
    channel_id: str | None = None
    thread_ts: str | None = None
    outsider: bool = False
    shared: bool = False

    @property
    def actor(self) -> str:
        """How the audit names them: `slack:T1/U2`."""
        return f"slack:{self.team_id}/{self.user_id}"

    @property
    def mention(self) -> str:
        """How a message names them: Slack shows it as `@ann`."""
        return f"<@{self.user_id}>"


def may(asker: Asker, needed: Role) -> bool:
    """Whether the asker's role is the needed one or more; outsiders may do nothing."""
    return not asker.outsider and ROLES.index(asker.role) >= ROLES.index(needed)
