"""Drafts: a bare rule or a text becomes one, with what it means, its picture, and whom it reaches.

Imports the use cases of campaigns, the desk's values and the views.
"""

import asyncio
import json
from typing import Any, Final

from headless.campaigns import archiving, publish
from headless.campaigns.publish import Campaign
from headless.dsl.examine import Examined, examine
from headless.dsl.explain import explain
from headless.problems import Problem
from headless.slack.desk import finding
from headless.slack.desk.acting import must_be, note
from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.flows import views
from headless.slack.flows.reaching import reach
from headless.slack.kit import blocks
from headless.slack.kit.reply import Reply
from headless.slack.outgoing import pictures
from headless.slack.people.asker import Asker
from headless.slack.tasks import Task
from headless.slack.verbs.parse import Command
from headless.storage.database import Transaction

_MOST_NAMES: Final = 50


async def rule(desk: Desk, asker: Asker, command: Command) -> Reply:
    """A bare rule: a draft of it."""
    return await drafted(desk, asker, command.rest, None)


async def drafted(desk: Desk, asker: Asker, text: str, name: str | None) -> Reply:
    """Make a draft of a text, and show it; raises Problem `invalid_text`."""
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        checked = await publish.check(tx, asker.workspace_id, text)
        if checked.plan is None:
            raise publish.faulty(checked)
        found = await _create(desk, tx, asker, checked, name)
        await note(tx, asker, "create_campaign", found.public_id, now=now)
    return await show(desk, asker, found, checked)


async def _create(
    desk: Desk, tx: Transaction, asker: Asker, checked: Examined, name: str | None
) -> Campaign:
    """A draft; one without a name of its own gets the next that is free."""
    now, own = desk.clock.now(), name or (checked.plan.name if checked.plan else None)
    try:
        found, _ = await publish.create(tx, asker.workspace_id, checked.text, name=name, now=now)
        return found
    except Problem as problem:
        if problem.code != "name_taken" or own is not None:
            raise
        taken = await publish.find(tx, asker.workspace_id, str(problem.extra["id"]))
    for number in range(2, _MOST_NAMES):
        try:
            found, _ = await publish.create(
                tx, asker.workspace_id, checked.text, name=f"{taken.name}-{number}", now=now
            )
            return found
        except Problem as problem:
            if problem.code != "name_taken":
                raise
    raise Problem(
        "name_taken", f"there are {_MOST_NAMES} campaigns called `{taken.name}-…` already"
    )


async def show(desk: Desk, asker: Asker, found: Campaign, checked: Examined | None = None) -> Reply:
    """A draft as a message: its sentence, its reach, its picture, its buttons."""
    async with desk.database.transaction() as tx:
        checked = checked or await publish.check(tx, asker.workspace_id, found.source)
        reached = await reach(tx, found, now=desk.clock.now())
    told = explain(checked.campaign) if checked.campaign else ""
    odd = [one.message for one in checked.diagnostics if one.severity == "warning"]
    picture = await asyncio.to_thread(pictures.drawn, found.plan)
    return Reply(
        text=f"Draft {blocks.quoted(found.name)}: {blocks.escape(blocks.cut(told, 300))}",
        blocks=views.draft(found, told, reached, odd),
        picture=picture,
        alt=f"the steps of {found.name}",
    )


# ---------------------------------------------------------------- clicks


async def discard(desk: Desk, task: Task) -> Reply:
    """Throw a draft away."""
    must_be(task.asker, "editor")
    clicked = json.loads(task.value)
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, clicked["id"])
        await archiving.delete(tx, task.asker.workspace_id, found.id)
        detail = {
            "name": found.name,
            **{key: clicked[key] for key in ("reason",) if key in clicked},
        }
        await note(tx, task.asker, "delete_campaign", found.public_id, detail, now=desk.clock.now())
    return Reply(text=f"Discarded {blocks.quoted(found.name)}.")


async def rename(desk: Desk, task: Task) -> Reply:
    """Ask for a new name."""
    must_be(task.asker, "editor")
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, json.loads(task.value)["id"])
    return Reply(text="A new name", view=views.rename_modal(found))


async def renamed(desk: Desk, asker: Asker, view: dict[str, Any]) -> dict[str, Any] | None:
    """Take the new name."""
    must_be(asker, "editor")
    typed = view["state"]["values"]["name"]["name"].get("value") or ""
    number = json.loads(view["private_metadata"])["id"]
    now = desk.clock.now()
    try:
        async with desk.database.transaction() as tx:
            found = await publish.find(tx, asker.workspace_id, number)
            await archiving.rename(tx, asker.workspace_id, found.id, typed, now=now)
            await note(
                tx, asker, "rename_campaign", found.public_id,
                {"was": found.name, "is": typed.strip()}, now=now,
            )  # fmt: skip
    except Problem as problem:
        return {"response_action": "errors", "errors": {"name": problem.detail}}
    return None


async def draft_shown(desk: Desk, task: Task) -> Reply:
    """Show a draft that was saved in a window."""
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, json.loads(task.value)["id"])
    if found.state == "draft":
        return await show(desk, task.asker, found)
    text = f"Version {found.version} of {blocks.quoted(found.name)} is saved; it is {found.state}."
    return Reply(text=text)


async def delete(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Ask before a draft is thrown away; what ever ran is archived and not deleted."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
    if found.state != "draft":
        raise Problem(
            "wrong_state",
            f"`{found.name}` is {found.state}, and what ever ran is kept: `archive` puts it away",
        )
    text = f"Discard the draft {blocks.quoted(found.name)}? Nobody is in it."
    reason = command.options.get("reason")
    more = {"reason": blocks.cut(reason, 300)} if reason else {}
    button = blocks.button("Discard", "discard", views.value(found, **more), style="danger")
    return Reply(text=text, blocks=(blocks.section(text), blocks.actions(button)))


def sentence(text: str) -> str:
    """What a text does, for those who must agree to it."""
    read = examine(text)
    return explain(read.campaign) if read.campaign else ""


HANDLERS: Final[dict[str, Handler]] = {"rule": rule, "delete": delete}
CLICKS: Final[dict[str, Doing]] = {
    "discard": discard,
    "rename:open": rename,
    "draft:show": draft_shown,
}
