"""Editing: a window with the text, what is wrong with it while it is written, and a save.

Check puts the findings under the editor and leaves the text alone; a faulty text is not saved. A
draft is saved as it is, a campaign that people are in shows first what the new text does to them.
Texts too long for a window go out as a file, and come in by `bringing`. Imports the use cases, the
views, `files` and the desk's values.
"""

import json
from datetime import datetime
from typing import Any, Final

import msgspec
from slack_sdk.errors import SlackApiError

from headless.campaigns import publish, versions
from headless.campaigns.publish import Campaign
from headless.dsl.examine import Examined
from headless.dsl.explain import explain
from headless.dsl.render import plain, terminal
from headless.problems import Problem
from headless.slack import tasks
from headless.slack.desk import finding
from headless.slack.desk.acting import must_be, note, signer
from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.flows import approving, drafting, views
from headless.slack.kit import blocks
from headless.slack.kit.reply import Reply
from headless.slack.outgoing import files
from headless.slack.people.asker import Asker
from headless.slack.tasks import Task
from headless.slack.verbs.parse import Command, source_of
from headless.storage.database import Transaction

Answer = dict[str, Any] | None
_RETURN: Final = (
    "Change it, put it into any conversation, and choose *Make a campaign* in the menu of that "
    "message."
)
_MOST_ERROR: Final = 1_900
_GONE: Final = frozenset(("hash_conflict", "not_found", "view_not_found"))


async def new(desk: Desk, asker: Asker, command: Command) -> Reply:
    """An empty editor, or a draft of the text that came with the command."""
    if command.rest:
        return await drafting.drafted(desk, asker, command.rest, command.name)
    meta = {"id": None, "revision": 0, "channel": asker.channel_id}
    view = views.editor(source="", name=command.name or "", meta=meta)
    text = (
        "A new campaign: type it after the colon, as in "
        '`/campaign new "Spring sale": from segment VIP send email Spring`'
    )
    return Reply(text=text, view=view, blocks=(blocks.section(text),))


async def new_click(desk: Desk, task: Task) -> Reply:
    """The same from a button."""
    must_be(task.asker, "editor")
    return await new(desk, task.asker, Command("new"))


async def edit(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The editor with a campaign's text."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
    return await _opened(desk, asker, found)


async def edit_click(desk: Desk, task: Task) -> Reply:
    """The same from a button."""
    must_be(task.asker, "editor")
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, json.loads(task.value)["id"])
    return await _opened(desk, task.asker, found)


async def _opened(desk: Desk, asker: Asker, found: Campaign) -> Reply:
    if found.state in ("stopped", "archived"):
        raise Problem(
            "wrong_state", f"`{found.name}` is {found.state}; make a new campaign of its text"
        )
    if len(found.source) > blocks.MOST_INPUT:
        return await _as_file(desk, asker, found)
    meta = views.value(found, channel=asker.channel_id)
    return Reply(
        text=f"Edit {blocks.quoted(found.name)}",
        view=views.editor(source=found.source, name=None, meta=meta),
        blocks=(blocks.code(found.source),),
    )


async def _as_file(desk: Desk, asker: Asker, found: Campaign) -> Reply:
    """A text that no field takes: as a file in a direct message."""
    client = await desk.client(asker.workspace_id, asker.team_id)
    await files.send(client, asker.user_id, found, _RETURN)
    text = (
        f"The text of {blocks.quoted(found.name)} has {len(found.source):,} characters, and a "
        f"window takes {blocks.MOST_INPUT:,}. I have sent it to you as a file. {_RETURN}"
    )
    return Reply(text=text, blocks=(blocks.section(text),))


async def file_click(desk: Desk, task: Task) -> Reply:
    """The whole text as a file, for whoever only looks."""
    must_be(task.asker, "viewer")
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, json.loads(task.value)["id"])
    client = await desk.client(task.asker.workspace_id, task.asker.team_id)
    await files.send(client, task.asker.user_id, found, f"Version {found.version}, {found.state}")
    return Reply(text=f"I have sent you the text of {blocks.quoted(found.name)} as a file.")


# ---------------------------------------------------------------- check while writing


async def check(desk: Desk, task: Task) -> None:
    """Put what is wrong under the text, in the window that is open."""
    must_be(task.asker, "viewer")
    view = task.payload.get("view") or {}
    text, name = _typed(view)
    async with desk.database.transaction() as tx:
        checked = await publish.check(tx, task.asker.workspace_id, text)
    client = await desk.client(task.asker.workspace_id, task.asker.team_id)
    shown = views.editor(
        source=text,
        name=name,
        meta=view.get("private_metadata", ""),
        findings=terminal(checked.text, checked.diagnostics, name="campaign"),
        sound=checked.ok,
        told=explain(checked.campaign) if checked.ok and checked.campaign else "",
    )
    try:
        await client.views_update(view_id=task.view_id, hash=task.view_hash, view=shown)
    except SlackApiError as error:
        if error.response["error"] not in _GONE:
            raise


def _typed(view: dict[str, Any]) -> tuple[str, str | None]:
    """What stands in the window: the text, and the name where there is a field for it."""
    values = view.get("state", {}).get("values", {})
    text = source_of(values.get("source", {}).get("source", {}).get("value") or "")
    name = values["name"]["name"].get("value") or "" if "name" in values else None
    return text, name


# ---------------------------------------------------------------- saving


async def saved(desk: Desk, asker: Asker, view: dict[str, Any]) -> Answer:
    """Save what stands in the window, or say at its place what is wrong."""
    must_be(asker, "editor")
    text, name = _typed(view)
    meta = json.loads(view["private_metadata"])
    now = desk.clock.now()
    try:
        async with desk.database.transaction() as tx:
            checked = await publish.check(tx, asker.workspace_id, text)
            if not checked.ok:
                return _errors(checked)
            if meta["id"] is None:
                kept = await _create(tx, asker, text, name or None, now)
            else:
                kept = await publish.find(tx, asker.workspace_id, meta["id"])
                if kept.state != "draft":
                    return await _planned(tx, asker, kept, text, meta, now)
                kept, _ = await publish.edit(
                    tx, asker.workspace_id, kept.id, text, revision=meta["revision"], now=now
                )
                await note(
                    tx, asker, "edit_campaign", kept.public_id, {"version": kept.version}, now=now
                )
            await _show_later(tx, asker, kept, meta.get("channel"), now)
    except Problem as problem:
        place = "name" if problem.code == "name_taken" and name is not None else "source"
        return {"response_action": "errors", "errors": {place: problem.detail[:_MOST_ERROR]}}
    return None


async def _create(
    tx: Transaction, asker: Asker, text: str, name: str | None, now: datetime
) -> Campaign:
    found, _ = await publish.create(tx, asker.workspace_id, text, name=name, now=now)
    await note(tx, asker, "create_campaign", found.public_id, now=now)
    return found


def _errors(checked: Examined) -> dict[str, Any]:
    """The faults as Slack shows them at a field."""
    faults = [one for one in checked.diagnostics if one.severity == "error"]
    said = plain(checked.text, faults)
    return {"response_action": "errors", "errors": {"source": blocks.cut(said, _MOST_ERROR)}}


async def _show_later(
    tx: Transaction, asker: Asker, found: Campaign, where: str | None, now: datetime
) -> None:
    """The worker shows what was saved: it draws the picture, which takes time."""
    whom = msgspec.structs.replace(asker, channel_id=where)
    shown = Task(
        kind="action",
        asker=whom,
        name="draft:show",
        value=json.dumps(views.value(found)),
        at=now,
    )
    await tasks.store(tx, shown, key=f"saved:{found.public_id}:{found.revision}")


# ---------------------------------------------------------------- a new version of what runs


async def _planned(
    tx: Transaction, asker: Asker, found: Campaign, text: str, meta: dict[str, Any], now: datetime
) -> Answer:
    """What the text would do to everybody inside, in the same window."""
    plan = await versions.plan(tx, asker.workspace_id, found.id, text, now=now)
    if plan.becomes == plan.was:
        return {
            "response_action": "errors",
            "errors": {"source": "this says the same as before; nothing would change"},
        }
    view = views.version_modal(found, plan, text, channel=meta.get("channel"))
    return {"response_action": "update", "view": view}


async def applied(desk: Desk, asker: Asker, view: dict[str, Any]) -> Answer:
    """The plan of a new version was agreed to."""
    must_be(asker, "editor")
    text, _ = _typed(view)
    meta = json.loads(view["private_metadata"])
    now = desk.clock.now()
    try:
        async with desk.database.transaction() as tx:
            found = await publish.find(tx, asker.workspace_id, meta["id"])
            applied_, told = await versions.apply(
                tx,
                asker.workspace_id,
                found.id,
                text,
                agreed=meta["plan"],
                by=await signer(tx, asker),
                now=now,
            )
            await note(
                tx, asker, "apply_version", found.public_id, {"version": told.becomes}, now=now
            )
            await _show_later(tx, asker, applied_, meta.get("channel"), now)
    except Problem as problem:
        return await _not_applied(desk, asker, meta, text, problem)
    return None


async def _not_applied(
    desk: Desk, asker: Asker, meta: dict[str, Any], text: str, problem: Problem
) -> Answer:
    if problem.code == "plan_drifted":
        async with desk.database.transaction() as tx:
            found = await publish.find(tx, asker.workspace_id, meta["id"])
            return await _planned(tx, asker, found, text, meta, desk.clock.now())
    if problem.code == "approval_required":
        async with desk.database.transaction() as tx:
            found = await publish.find(tx, asker.workspace_id, meta["id"])
        told = await approving.ask_for_version(desk, asker, found, text, problem)
        return {"response_action": "push", "view": views.notice("Asked", told)}
    return {"response_action": "errors", "errors": {"source": problem.detail[:_MOST_ERROR]}}


async def revert(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Go back to an earlier version's text: at once in a draft, after a look at the plan else."""
    number, now = int(command.options["to"]), desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        text = await versions.source_of(tx, asker.workspace_id, found.id, number)
        if found.state == "draft":
            kept, _ = await publish.edit(tx, asker.workspace_id, found.id, text, now=now)
            detail = {"to": number, "version": kept.version}
            await note(tx, asker, "revert_campaign", kept.public_id, detail, now=now)
            said = f"{blocks.quoted(kept.name)} has the text of version {number} again."
            return Reply(text=said)
        plan = await versions.plan(tx, asker.workspace_id, found.id, text, now=now)
    if plan.becomes == plan.was:
        return Reply(text=f"{blocks.quoted(found.name)} has that text already.")
    mine = views.value(found, plan=plan.hash, to=number, people=plan.inside + plan.enter_now)
    said = (
        f"Go back to version {number} of {blocks.quoted(found.name)}, as version {plan.becomes}? "
        f"{views.many(plan.inside, 'contact goes', 'contacts go')} over to it, "
        f"{views.many(plan.enter_now, 'enters', 'enter')} now."
    )
    shown = [blocks.section(said)]
    shown += [blocks.section(f":no_entry: {blocks.escape(one)}") for one in plan.stranded[:5]]
    if not plan.stranded:
        button = blocks.button("Go back", "revert:now", mine, style="primary")
        shown.append(blocks.actions(button))
    return Reply(text=said, blocks=blocks.fit(shown))


async def revert_now(desk: Desk, task: Task) -> Reply:
    """It was agreed to."""
    must_be(task.asker, "editor")
    clicked, now = json.loads(task.value), desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, clicked["id"])
        text = await versions.source_of(tx, task.asker.workspace_id, found.id, clicked["to"])
    try:
        async with desk.database.transaction() as tx:
            kept, _ = await versions.apply(
                tx,
                task.asker.workspace_id,
                found.id,
                text,
                agreed=clicked["plan"],
                by=await signer(tx, task.asker),
                now=now,
            )
            detail = {"to": clicked["to"], "version": kept.version}
            await note(tx, task.asker, "revert_campaign", kept.public_id, detail, now=now)
    except Problem as problem:
        if problem.code != "approval_required":
            raise
        return Reply(text=await approving.ask_for_version(desk, task.asker, found, text, problem))
    return Reply(
        text=f"{blocks.quoted(kept.name)} has the text of version {clicked['to']} again, as "
        f"version {kept.version}."
    )


HANDLERS: Final[dict[str, Handler]] = {"new": new, "edit": edit, "revert": revert}
CLICKS: Final[dict[str, Doing]] = {
    "new:open": new_click,
    "edit:open": edit_click,
    "editor:check": check,
    "file:send": file_click,
    "revert:now": revert_now,
}
