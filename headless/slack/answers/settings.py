"""`settings`: how Headless behaves in a team, and from when on a second person must agree.

Imports the desk, `installations`, and the workspace's approvals.
"""

import re
from typing import Final

from headless.campaigns import approvals
from headless.problems import Problem
from headless.slack.answers.roles import MAY, installation
from headless.slack.desk.acting import must_be, note
from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.desk.refusals import Mistaken
from headless.slack.kit import blocks
from headless.slack.kit.blocks import Option
from headless.slack.kit.reply import Block, Reply
from headless.slack.people.asker import Asker
from headless.slack.tasks import Task
from headless.slack.teams import installations
from headless.slack.teams.installations import DefaultRole
from headless.slack.verbs.manifest import SCOPES
from headless.slack.verbs.parse import Command, Mistake
from headless.workspace import workspaces

_DEFAULT: Final = "settings:default"
_DEFAULTS: Final[tuple[DefaultRole, ...]] = ("none", "viewer", "editor")
_APPROVAL: Final = re.compile(
    r"approvals?(?:[ _]threshold)?(?: (?:above|over))?[ :=]+"
    r"(?:(?P<off>off|never|none)|(?P<most>\d{1,3}(?:[, ]\d{3})+|\d{1,12}))",
    re.IGNORECASE,
)
_HELP: Final = "as in `/campaign settings approval 5000`, or `/campaign settings approval off`"


async def settings(desk: Desk, asker: Asker, command: Command) -> Reply:
    """How Headless behaves in this team; `approval N` changes from when on two must agree."""
    if command.rest:
        return await _changed(desk, asker, command.rest.strip())
    async with desk.database.transaction() as tx:
        house = await workspaces.find(tx, asker.workspace_id)
        made = await installation(tx, asker)
        most = await approvals.threshold(tx, asker.workspace_id)
        able = await approvals.approvers(tx, asker.workspace_id)
    missing = [scope for scope in SCOPES if scope not in made.scopes]
    lines = [
        f"*{blocks.escape(made.name)}* belongs to the workspace "
        f"*{blocks.escape(house.name)}* ({house.mode}), whose time zone is {house.time_zone}.",
        f"Installed by <@{made.installed_by}>.",
        _approval_words(most),
    ]
    if most is not None:
        named = ", ".join(blocks.escape(one.name) for one in able[:10])
        lines.append(f"Who can approve: {named or 'nobody any more; give the role `approver`'}.")
    if made.scopes and missing:
        wanted = ", ".join(f"`{one}` ({SCOPES[one]})" for one in missing)
        lines.append(f":warning: Some scopes are missing: {wanted}. Install once more to get them.")
    menu = blocks.select(
        _DEFAULT,
        "Everybody else",
        [Option(f"Everybody else {MAY[one]}", one) for one in _DEFAULTS],
        chosen=made.default_role,
    )
    body: tuple[Block, ...] = (
        blocks.section("\n".join(lines)),
        blocks.actions(menu, block_id="settings"),
        blocks.context(
            "`/campaign settings approval 5000` changes from when on two must agree, "
            "`/campaign role` lists who has a role."
        ),
    )
    return Reply(text=f"Settings of {blocks.escape(made.name)}", blocks=body)


def _approval_words(most: int | None) -> str:
    if most is None:
        return "Whoever may start a campaign may start it for as many contacts as they like."
    return f"What concerns more than *{most:,} contacts* needs a second person's word."


async def _changed(desk: Desk, asker: Asker, typed: str) -> Reply:
    """Set the threshold, or take it away."""
    found = _APPROVAL.fullmatch(typed)
    if found is None:
        said = f"there is no setting `{blocks.one_line(typed)[:40]}` to change by a word"
        raise Mistaken(Mistake(said, _HELP, "settings"))
    most = None if found["off"] else int(re.sub(r"\D", "", found["most"]))
    async with desk.database.transaction() as tx:
        was = await approvals.threshold(tx, asker.workspace_id)
        await approvals.set_threshold(tx, asker.workspace_id, most)
        detail = {"was": was, "is": most}
        now = desk.clock.now()
        await note(tx, asker, "set_approval_threshold", "workspace", detail, now=now)
    return _reply(_approval_words(most))


async def set_default(desk: Desk, task: Task) -> Reply:
    """The menu in the settings was used."""
    asker, now = task.asker, desk.clock.now()
    must_be(asker, "admin")
    chosen = next((one for one in _DEFAULTS if one == task.value), None)
    if chosen is None:
        raise Problem("invalid_value", "this is no role that everybody can have")
    async with desk.database.transaction() as tx:
        await installations.set_default_role(tx, asker.workspace_id, asker.team_id, chosen, now=now)
        detail = {"role": chosen}
        await note(tx, asker, "set_slack_default_role", asker.team_id, detail, now=now)
    return _reply(f"Everybody to whom nobody gave a role {MAY[chosen]} now.")


def _reply(text: str) -> Reply:
    return Reply(text=text, blocks=(blocks.section(text),))


HANDLERS: Final[dict[str, Handler]] = {"settings": settings}
CLICKS: Final[dict[str, Doing]] = {_DEFAULT: set_default}
