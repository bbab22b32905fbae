"""Views: drafts, plans, confirmations and cards as Block Kit, from values that were read before.

Computes only: no database, no Slack. Every name from outside is escaped. Imports `blocks`, `parse`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from headless.campaigns import declining
from headless.campaigns.inspect import Stats
from headless.campaigns.lifecycle import StartPlan
from headless.campaigns.proposals import VersionPlan
from headless.campaigns.publish import Campaign
from headless.slack.kit import blocks
from headless.slack.kit.blocks import Option
from headless.slack.kit.reply import Block
from headless.slack.verbs.parse import spoken

STATES: Final = {
    "draft": ":memo: draft",
    "running": ":large_green_circle: running",
    "paused": ":double_vertical_bar: paused",
    "stopped": ":black_square_for_stop: stopped",
    "archived": ":file_cabinet: archived",
}
_INSIDE: Final = "running"
_ENDS: Final = ("finished", "exited", "goal", "stopped", "removed", "ended", "merged")
_MOST_WARNINGS: Final = 5


class Reach(msgspec.Struct, frozen=True):
    """How many a draft would concern: at once, and as the last 30 days tell.

    `past` is None where nothing was heard of what starts it, `answered` where the first step does
    not ask.
    """

    now: int
    past: int | None = None
    answered: int | None = None


def value(found: Campaign, **more: Any) -> dict[str, Any]:
    """What a button of a campaign carries: whose it is, and which text and state were looked at."""
    return {"id": found.public_id, "revision": found.revision, **more}


def many(count: int, one: str, several: str) -> str:
    """`1 contact`, `1,204 contacts`."""
    return f"{count:,} {one if count == 1 else several}"


# ---------------------------------------------------------------- drafts


def reach_words(reach: Reach) -> str:
    """The reach as a sentence."""
    said = f"*Reach*: {many(reach.now, 'contact', 'contacts')} would enter at once."
    if reach.past is None:
        return said if reach.now else "*Reach*: nobody enters at once, and there is no history yet."
    said += f" In the last 30 days it would have started {many(reach.past, 'time', 'times')}"
    if reach.answered is not None:
        said += f"; {many(reach.answered, 'contact', 'contacts')} would have gone on"
    return f"{said}."


def draft(
    found: Campaign, told: str, reach: Reach, warnings: Sequence[str] = ()
) -> tuple[Block, ...]:
    """A draft with what it means, whom it reaches, and what can be done with it."""
    said = [
        blocks.section(f"*Draft* {blocks.quoted(found.name)}\n{blocks.escape(told)}"),
        blocks.section(reach_words(reach)),
    ]
    if warnings:
        said.append(blocks.context(*(f":warning: {blocks.escape(one)}" for one in warnings[:5])))
    mine = value(found)
    said.append(
        blocks.actions(
            blocks.button("Start…", "start:open", mine, style="primary"),
            blocks.button("Try it on me", "try:open", mine),
            blocks.button("Edit", "edit:open", mine),
            blocks.button("Rename", "rename:open", mine),
            blocks.button(
                "Discard",
                "discard",
                mine,
                style="danger",
                confirm=blocks.confirm(
                    "Discard the draft?",
                    f"“{found.name}” is thrown away. It never ran, so nobody is concerned.",
                    "Discard",
                    danger=True,
                ),
            ),
        )
    )
    return blocks.fit(said)


# ---------------------------------------------------------------- starting


def start_lines(plan: StartPlan) -> list[str]:
    """A start's plan in sentences."""
    lines = [
        f"*{many(plan.enter_now, 'contact enters', 'contacts enter')}* at once"
        if plan.enter_now
        else "Nobody enters at once: it waits for what contacts do",
        f"{many(plan.emails_first_day, 'email goes', 'emails go')} out by the first steps",
    ]
    return lines + [f":warning: {blocks.escape(one)}" for one in plan.warnings[:_MOST_WARNINGS]]


def start_modal(
    found: Campaign, plan: StartPlan, told: str, approvers: Sequence[str] | None, **more: Any
) -> dict[str, Any]:
    """The plan to agree to. `approvers` is None where nobody else is needed."""
    said = [
        blocks.section(f"{blocks.quoted(found.name)}, version {found.version}"),
        blocks.section(blocks.escape(blocks.cut(told, 2_000))),
        blocks.section("\n".join(f"• {line}" for line in start_lines(plan))),
    ]
    if approvers is not None:
        said.append(blocks.section(needs_approver(plan.enter_now, approvers)))
    meta = value(found, plan=plan.hash, people=plan.enter_now, **more)
    if approvers is None:
        return blocks.modal(
            "Start?", said, callback="start", submit="Start", close="Cancel", meta=meta
        )
    submit = "Ask them" if approvers else None
    return blocks.modal("Start?", said, callback="ask", submit=submit, close="Cancel", meta=meta)


def needs_approver(contacts: int, approvers: Sequence[str]) -> str:
    """Why somebody else must agree, and who can."""
    said = f":lock: It concerns {many(contacts, 'contact', 'contacts')}, so it needs an approver. "
    if not approvers:
        return said + "Nobody else here can approve; give somebody the role `approver` first."
    shown = ", ".join(approvers[:10])
    return said + f"{many(len(approvers), 'person', 'people')} can: {shown}"


def request(
    found: Campaign, asked_by: str, contacts: int, told: str | None, **meta: Any
) -> list[Block]:
    """What an approver is shown; `told` is what it would do, None where that is not known."""
    what = "start" if found.state == "draft" else "put a new text into"
    said = [
        blocks.section(
            f"{asked_by} wants to {what} {blocks.quoted(found.name)}, which concerns "
            f"*{many(contacts, 'contact', 'contacts')}*. It needs your word."
        )
    ]
    if told:
        said.append(blocks.section(blocks.escape(blocks.cut(told, 2_000))))
    source = f"source {spoken(found.name, found.public_id)}"
    said.append(
        blocks.actions(
            blocks.button("Approve", "approve", value(found, **meta), style="primary"),
            blocks.button("Decline…", "decline:open", value(found, **meta)),
            blocks.button("Show the text", "say:source", source),
        )
    )
    return said


def version_lines(found: Campaign, plan: VersionPlan) -> list[Block]:
    """What a new version does to everybody inside."""
    lines = [
        f"{blocks.quoted(found.name)}   version {plan.was} → {plan.becomes}",
        f"*{many(plan.inside, 'contact goes', 'contacts go')}* over to it, "
        f"{many(plan.enter_now, 'enters', 'enter')} now",
        *(f":warning: {blocks.escape(one)}" for one in plan.warnings[:_MOST_WARNINGS]),
        *(f":no_entry: {blocks.escape(one)}" for one in plan.stranded[:_MOST_WARNINGS]),
    ]
    said = [blocks.section("\n".join(lines))]
    if plan.changes:
        rows = [(one.sign, one.now or one.was, one.fate) for one in plan.changes]
        said.append(blocks.code(blocks.table(rows)))
    return said


def version_modal(found: Campaign, plan: VersionPlan, text: str, **meta: Any) -> dict[str, Any]:
    """The same, to agree to; the text stays in the view."""
    shown = blocks.field(
        "The new text",
        blocks.text_input("source", value=text, lines=True),
        block_id="source",
        hint="what is applied is what stands here",
    )
    kept = value(found, plan=plan.hash, people=plan.inside + plan.enter_now, **meta)
    submit = None if plan.stranded else "Apply"
    said = [*version_lines(found, plan), shown]
    return blocks.modal(
        "New version?", said, callback="apply", submit=submit, close="Cancel", meta=kept
    )


def notice(title: str, *texts: str) -> dict[str, Any]:
    """A window that only says something."""
    return blocks.modal(title, [blocks.section(one) for one in texts], callback="notice")


# ---------------------------------------------------------------- cards


class Shown(msgspec.Struct, frozen=True):
    """What a card tells; two that are equal look the same."""

    state: str
    version: int
    revision: int
    inside: int
    entered: int
    goal: int
    messages: dict[str, int]
    trouble: int
    held: bool
    note: str


def shown(found: Campaign, numbers: Stats, *, held: bool, note: str) -> Shown:
    """A campaign's numbers as its card tells them."""
    return Shown(
        state=found.state,
        version=found.version,
        revision=found.revision,
        inside=numbers.enrollments.get(_INSIDE, 0),
        entered=sum(numbers.enrollments.values()),
        goal=numbers.enrollments.get("goal", 0),
        messages={word: count for word, count in numbers.messages.items() if count},
        trouble=numbers.messages.get("parked", 0) + numbers.messages.get("uncertain", 0),
        held=held,
        note=note,
    )


def card(found: Campaign, told: Shown) -> tuple[str, tuple[Block, ...]]:
    """The card of a campaign: its text for notifications, and its blocks."""
    state = STATES[found.state]
    text = f"{blocks.escape(blocks.one_line(found.name))} is {found.state}"
    lines = [f"*{blocks.escape(blocks.one_line(found.name))}*   {state}"]
    if told.note:
        lines.append(told.note)
    if told.held:
        lines.append(":red_circle: *All sending is held*: messages wait until it is released")
    fields = [
        f"*{told.inside:,}* inside now",
        f"*{told.entered:,}* entered so far",
        f"*{told.messages.get('sent', 0):,}* messages sent",
    ]
    if told.goal:
        fields.append(f"*{told.goal:,}* reached the goal")
    if told.trouble:
        fields.append(f":warning: *{told.trouble:,}* messages need a person")
    said = [
        blocks.section("\n".join(lines), fields=fields),
        blocks.context(f"version {found.version}"),
    ]
    buttons = _buttons(found)
    if buttons:
        said.append(blocks.actions(*buttons))
    return text, tuple(said)


def _buttons(found: Campaign) -> list[Block]:
    mine = value(found)
    asked = f"stats {spoken(found.name, found.public_id)}"
    stats = blocks.button("Stats", "say:stats", asked)
    stop = blocks.button("Stop…", "stop:open", mine, style="danger")
    match found.state:
        case "draft":
            return [
                blocks.button("Start…", "start:open", mine, style="primary"),
                blocks.button("Edit", "edit:open", mine),
            ]
        case "running":
            return [
                blocks.button("Pause", "pause", mine),
                stats,
                blocks.button("Edit", "edit:open", mine),
                stop,
            ]
        case "paused":
            return [
                blocks.button("Resume", "resume:open", mine, style="primary"),
                stats,
                blocks.button("Edit", "edit:open", mine),
                stop,
            ]
        case "stopped":
            return [stats, blocks.button("Archive", "archive", mine)]
        case _:
            return [stats]


# ---------------------------------------------------------------- the editor


def editor(
    *,
    source: str,
    name: str | None,
    meta: Mapping[str, Any],
    findings: str | None = None,
    sound: bool = False,
    told: str = "",
) -> dict[str, Any]:
    """The editor. Blocks and actions keep their ids, so what is being typed survives an update.

    `name` None leaves its field out. `findings` is what the check said, None before the first.
    """
    said: list[Block] = []
    if name is not None:
        said.append(
            blocks.field(
                "Name",
                blocks.text_input("name", value=name, most=120, placeholder="Spring sale"),
                block_id="name",
                optional=True,
                hint="can be left out: the first words of the text make one",
            )
        )
    said.append(
        blocks.field(
            "Campaign",
            blocks.text_input(
                "source",
                value=source,
                lines=True,
                placeholder="when opened email Welcome within 3d then add points 10",
            ),
            block_id="source",
        )
    )
    said.append(
        blocks.actions(blocks.button("Check", "editor:check", "check"), block_id="editor-check")
    )
    if findings is not None:
        mark = ":white_check_mark: nothing is wrong" if sound else ":x: it cannot run like this"
        said.append(blocks.context(mark, block_id="verdict"))
        if findings:
            said.append(blocks.code(findings))
        if sound and told:
            said.append(blocks.section(blocks.escape(blocks.cut(told, 2_500))))
    return blocks.modal(
        "New campaign" if name is not None else "Edit campaign",
        said,
        callback="editor",
        submit="Save",
        close="Cancel",
        meta=meta,
    )


def decline_modal(found: Campaign, plan: str) -> dict[str, Any]:
    """Why a start is declined."""
    asked = blocks.field(
        "Why not?",
        blocks.text_input("reason", lines=True, most=declining.MOST_WORDS),
        block_id="reason",
        hint="Whoever asked is told.",
        optional=True,
    )
    meta = value(found, plan=plan)
    return blocks.modal(
        "Decline", [asked], callback="decline", submit="Decline", close="Cancel", meta=meta
    )


def rename_modal(found: Campaign) -> dict[str, Any]:
    """A new name for a campaign."""
    asked = blocks.field(
        "Name", blocks.text_input("name", value=found.name, most=120), block_id="name"
    )
    return blocks.modal(
        "Rename", [asked], callback="rename", submit="Rename", close="Cancel", meta=value(found)
    )


# ---------------------------------------------------------------- the first steps


def choices(options: Sequence[Option], action: str, placeholder: str) -> Block:
    """A menu in a row of its own."""
    return blocks.actions(blocks.select(action, placeholder, options))
