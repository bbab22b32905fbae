"""`check`, `plan`, `diff`: what is wrong with a text, what it would do, what has changed in it."""

import asyncio
from typing import Final

from headless.campaigns import lifecycle, proposals, publish, versions
from headless.dsl.diagnostics import has_errors
from headless.dsl.diff import diff as difference
from headless.dsl.diff import told
from headless.dsl.examine import Examined, examine
from headless.dsl.explain import explain
from headless.problems import Problem
from headless.slack.desk import faults, finding
from headless.slack.desk.desk import Desk, Handler
from headless.slack.desk.refusals import SAY, Mistaken
from headless.slack.kit import blocks
from headless.slack.kit.reply import Block, Reply
from headless.slack.people.asker import Asker, may
from headless.slack.verbs.parse import Command, Mistake, spoken


async def check(desk: Desk, asker: Asker, command: Command) -> Reply:
    """What is wrong, or odd, in a text or in a campaign that is stored."""
    async with desk.database.transaction() as tx:
        if command.rest:
            text, name = command.rest, command.name
        else:
            found = await finding.campaign(tx, asker, command)
            text, name = found.source, found.name
        read = await publish.check(tx, asker.workspace_id, text)
        if has_errors(read.diagnostics):
            again = (lambda mended: f"check: {mended}") if command.rest else None
            return await faults.reply(tx, asker.workspace_id, text, read.diagnostics, again)
    title = f"*{blocks.escape(name)}* is in order." if name else "That text is in order."
    body: list[Block] = [blocks.section(f"✅ {title}"), *_foreseen(read)]
    if read.diagnostics:
        body.append(blocks.section("Worth a look:"))
        body.append(blocks.code(faults.shown(text, read.diagnostics)))
    if command.rest and may(asker, "editor") and len(text) <= blocks.MOST_VALUE:
        body.append(blocks.actions(blocks.button("Make a draft of it", f"{SAY}:rule", text)))
    return Reply(text="That text is in order.", blocks=blocks.fit(body), shareable=True)


def _foreseen(read: Examined) -> list[Block]:
    """What a sound text does, and what it can do to one contact."""
    body: list[Block] = []
    if read.campaign is not None:
        body.append(blocks.section(blocks.escape(explain(read.campaign))))
    if read.analysis is not None:
        most = read.analysis.most_emails_in_7_days
        emails = f"at most {most} emails in 7 days" if most else "sends no emails"
        emails = "no bound on emails" if most is None else emails
        body.append(blocks.context(f"{emails} · longest stay {read.analysis.stay}"))
    return body


async def plan(desk: Desk, asker: Asker, command: Command) -> Reply:
    """What starting would do; of a campaign that runs, what a new text would do."""
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        if command.rest:
            offered = await versions.plan(tx, asker.workspace_id, found.id, command.rest, now=now)
            text = f"What that text would do to {blocks.escape(found.name)}"
            told_ = blocks.codes(proposals.render(offered))
            return Reply(
                text=text,
                blocks=blocks.fit([blocks.section(f"*{text}*"), *told_]),
                shareable=True,
            )
        if found.state != "draft":
            raise Problem(
                "wrong_state",
                f"`{found.name}` is {found.state}; `/campaign plan {found.name}: TEXT` says what a "
                "new text would do to everybody inside",
            )
        first = await lifecycle.plan_start(tx, asker.workspace_id, found.id, now=now)
    body: list[Block] = [
        blocks.section(
            f"*Starting {blocks.escape(found.name)}* would change this:",
            fields=[
                f"*Enter now*\n{first.enter_now:,}",
                f"*Emails at once*\n{first.emails_first_day:,}",
            ],
        )
    ]
    if not found.plan.sources:
        body.append(blocks.context("Nobody enters by itself: contacts are added by hand."))
    elif not first.enter_now:
        body.append(blocks.context("Nobody enters at once; they come as it happens."))
    body += [blocks.context(f"⚠️ {blocks.escape(one)}") for one in first.warnings[:5]]
    if may(asker, "editor"):
        one = spoken(found.name, found.public_id)
        press = blocks.button("Start…", f"{SAY}:start", f"start {one}", style="primary")
        body.append(blocks.actions(press))
    text = f"Starting {blocks.escape(found.name)}: {first.enter_now:,} enter now"
    return Reply(text=text, blocks=blocks.fit(body), shareable=True)


async def diff(desk: Desk, asker: Asker, command: Command) -> Reply:
    """What is different between two versions; without numbers between the last two."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        stored = {
            one.number: one for one in await versions.listing(tx, asker.workspace_id, found.id)
        }
    newest = max(stored)
    start = int(command.options.get("from", max(newest - 1, 1)))
    end = int(command.options.get("to", newest))
    for number in (start, end):
        if number not in stored:
            raise Mistaken(
                Mistake(
                    f"`{found.name}` has no version {number}",
                    f"it has versions 1 to {newest}" if newest > 1 else "it has version 1 only",
                    "diff",
                )
            )
    name = blocks.escape(found.name)
    if newest == 1:
        text = f"{name} has one version only."
        return Reply(text=text, blocks=(blocks.section(f"*{name}* has one version only."),))
    old, new = await asyncio.to_thread(
        lambda: (examine(stored[start].source).plan, examine(stored[end].source).plan)
    )
    if old is None or new is None:
        raise Problem("invalid_text", "a version of this campaign has faults in this edition")
    lines = told(difference(old, new), new)
    body: list[Block] = [blocks.section(f"*{name}* · version {start} → {end}")]
    body += blocks.codes(lines) if lines else [blocks.section("They say the same.")]
    if may(asker, "editor") and start != newest:
        command_ = f"revert {spoken(found.name, found.public_id)} to {start}"
        press = blocks.button(f"Go back to {start}…", f"{SAY}:revert", command_)
        body.append(blocks.actions(press))
    text = f"{name}: version {start} against {end}"
    return Reply(text=text, blocks=blocks.fit(body), shareable=True)


HANDLERS: Final[dict[str, Handler]] = {"check": check, "plan": plan, "diff": diff}
