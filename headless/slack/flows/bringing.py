"""Bringing: a message, or the file that hangs on it, becomes a draft or a new version.

`Make a campaign` in the menu of a message does it, and a mention with a file. What people are in
shows first what the new text would do to them; agreeing fetches the text once more, and holds for
that plan alone. Imports the use cases, `files`, the views and the desk's values.
"""

import json
from typing import Any, Final

import msgspec

from headless.campaigns import publish, versions
from headless.campaigns.proposals import VersionPlan
from headless.campaigns.publish import Campaign
from headless.problems import Problem
from headless.slack.desk.acting import must_be, note, signer
from headless.slack.desk.desk import Desk, Doing
from headless.slack.flows import approving, drafting, editing, views
from headless.slack.kit import blocks
from headless.slack.kit.reply import Reply
from headless.slack.outgoing import files
from headless.slack.people.asker import Asker
from headless.slack.tasks import Task
from headless.slack.verbs.parse import Command, Mistake, parse, source_of, tidy
from headless.storage.database import Transaction

_MOST_CARRIED: Final = 1_200
"""Characters of a text that a button carries; a longer one is read again from its file."""
_TAKING: Final = ("home", "new", "check", "plan")


async def shortcut(desk: Desk, task: Task) -> Reply:
    """`Make a campaign` on a message: its text, or its file, becomes a draft or a new version."""
    asker = task.asker
    must_be(asker, "editor")
    if "message" not in task.payload:
        return await editing.new(desk, asker, Command("new"))
    message = task.payload["message"] or {}
    file_id = files.campaign_file(message.get("files") or ())
    text = await _text(desk, asker, file_id, str(message.get("text") or ""))
    if not text:
        raise Problem("invalid_value", "the message has no text, and no `.campaign` file")
    return await _brought(desk, asker, text, file_id)


async def mention(desk: Desk, task: Task) -> Reply:
    """A mention with a file: `@campaigns` alone or `new` take it, `check` and `plan` look at it."""
    asker, read = task.asker, parse(task.text)
    if tidy(task.text).lower() == "check":
        read = Command("check")  # with nothing else it lacks a text, which is in the file
    file_id = files.campaign_file(task.payload.get("files") or ())
    if file_id is None or isinstance(read, Mistake) or read.rest or read.verb not in _TAKING:
        return await desk.answer(asker, task.text)
    if read.verb in ("check", "plan"):
        text = await _text(desk, asker, file_id, "")
        return await desk.obey(asker, msgspec.structs.replace(read, rest=text))
    must_be(asker, "editor")
    text = await _text(desk, asker, file_id, "")
    if read.name is not None:
        return await drafting.drafted(desk, asker, text, read.name)
    return await _brought(desk, asker, text, file_id)


async def _brought(desk: Desk, asker: Asker, text: str, file_id: str | None) -> Reply:
    """A draft, a draft's next text, or the plan of what runs."""
    async with desk.database.transaction() as tx:
        checked = await publish.check(tx, asker.workspace_id, text)
        known = await _known(tx, asker, checked.plan.name if checked.plan else None)
    if known is None:
        return await drafting.drafted(desk, asker, text, None)
    if known.state == "draft":
        return await _redrafted(desk, asker, known, text)
    return await _asked(desk, asker, known, text, file_id)


async def _text(desk: Desk, asker: Asker, file_id: str | None, written: str) -> str:
    """The text of a file, else what was written."""
    if file_id is None:
        return source_of(written)
    return await files.read(await desk.client(asker.workspace_id, asker.team_id), file_id)


async def _known(tx: Transaction, asker: Asker, name: str | None) -> Campaign | None:
    if name is None:
        return None
    try:
        return await publish.find(tx, asker.workspace_id, name)
    except Problem as problem:
        if problem.code != "not_found":
            raise
        return None


async def _redrafted(desk: Desk, asker: Asker, known: Campaign, text: str) -> Reply:
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        kept, _ = await publish.edit(tx, asker.workspace_id, known.id, text, now=now)
        detail = {"version": kept.version}
        await note(tx, asker, "edit_campaign", kept.public_id, detail, now=now)
    return await drafting.show(desk, asker, kept)


# ---------------------------------------------------------------- a new version of what runs


async def _asked(
    desk: Desk, asker: Asker, known: Campaign, text: str, file_id: str | None
) -> Reply:
    """What the text would do to everybody inside, with the button that agrees to it."""
    async with desk.database.transaction() as tx:
        plan = await versions.plan(tx, asker.workspace_id, known.id, text, now=desk.clock.now())
    if plan.becomes == plan.was:
        return Reply(text=f"{blocks.quoted(known.name)} says that already; nothing would change.")
    said = views.version_lines(known, plan)
    if not plan.stranded:
        carried: dict[str, Any] = {"file": file_id} if file_id else {"text": text}
        if file_id is None and len(text) > _MOST_CARRIED:
            raise Problem(
                "too_large",
                f"`{known.name}` is {known.state}, and this text is too long for a button; put it "
                "into a `.campaign` file, and choose *Make a campaign* on that",
            )
        mine = views.value(known, plan=plan.hash, **carried)
        said.append(blocks.actions(blocks.button("Apply", "bring:now", mine, style="primary")))
    return Reply(text=_question(known, plan), blocks=blocks.fit(said))


def _question(known: Campaign, plan: VersionPlan) -> str:
    return f"A new version of {blocks.quoted(known.name)}: {plan.was} → {plan.becomes}"


async def apply(desk: Desk, task: Task) -> Reply:
    """It was agreed to."""
    asker, now = task.asker, desk.clock.now()
    must_be(asker, "editor")
    agreed = json.loads(task.value)
    text = agreed.get("text") or await _text(desk, asker, agreed["file"], "")
    try:
        async with desk.database.transaction() as tx:
            found = await publish.find(tx, asker.workspace_id, agreed["id"])
            kept, told = await versions.apply(
                tx,
                asker.workspace_id,
                found.id,
                text,
                agreed=agreed["plan"],
                by=await signer(tx, asker),
                now=now,
            )
            detail = {"version": told.becomes}
            await note(tx, asker, "apply_version", kept.public_id, detail, now=now)
    except Problem as problem:
        if problem.code == "approval_required":
            said = await approving.ask_for_version(desk, asker, found, text, problem)
            return Reply(text=said)
        if problem.code != "plan_drifted":
            raise
        return await _asked(desk, asker, found, text, agreed.get("file"))
    return Reply(
        text=f"{blocks.quoted(kept.name)} has version {kept.version}; "
        f"{views.many(told.inside, 'contact has', 'contacts have')} gone over to it."
    )


DOINGS: Final[dict[str, Doing]] = {"shortcut": shortcut, "mention": mention}
CLICKS: Final[dict[str, Doing]] = {"bring:now": apply}
