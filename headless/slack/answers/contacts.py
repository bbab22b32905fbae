"""`why`, `where` and `preview`: one contact, read from the journal and never worked out anew."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from headless.audience.contacts import Contact
from headless.campaigns import publish, why
from headless.campaigns.why import Run, Why
from headless.channels import previews
from headless.channels.previews import Given
from headless.content import emails
from headless.dsl import ast
from headless.dsl.plan import Act, in_order
from headless.problems import Problem
from headless.slack.desk import finding
from headless.slack.desk.desk import Desk, Handler
from headless.slack.desk.refusals import SAY
from headless.slack.kit import blocks
from headless.slack.kit.moments import clock, day, in_zone, moment
from headless.slack.kit.reply import Block, Reply
from headless.slack.people import privacy
from headless.slack.people.asker import Asker
from headless.slack.verbs.parse import Command, folded
from headless.storage import tables
from headless.storage.database import Transaction

_MESSAGE: Final = re.compile(r" \(msg_\w+\)")
_MOST_CAMPAIGNS: Final = 5
_MOST_EMAILS: Final = 4
_MOST_BODY: Final = 700


async def why_(desk: Desk, asker: Asker, command: Command) -> Reply:
    """What happened to a contact, in one campaign or in those that it was in of late."""
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        who = await finding.contact(tx, asker, command)
        mail = command.options.get("did not get") or command.options.get("got")
        if mail is not None:
            key = "did not get" if "did not get" in command.options else "got"
            mail = (await finding.email(tx, asker, command, key)).name
        if "in" in command.options:
            named = [(await finding.campaign(tx, asker, command, "in")).id]
        else:
            named = await _campaigns_of(tx, asker.workspace_id, who.id, mail)
        traces = [
            await why.why(tx, asker.workspace_id, who.id, number, now=now)
            for number in named[:_MOST_CAMPAIGNS]
        ]
        await privacy.looked(tx, asker, "why", who.id, shared=command.shared, now=now)
    called = privacy.called(who, shared=command.shared)
    body: list[Block] = [blocks.header(called)]
    if not traces:
        text = "is in no campaign, and never was" if mail is None else f"no campaign sends {mail}"
        body.append(blocks.section(f"{blocks.escape(called)}: {blocks.escape(text)}."))
    for trace in traces:
        body += _trace(trace, who, asker, mail, shared=command.shared)
    if len(named) > _MOST_CAMPAIGNS:
        body.append(
            blocks.context(f"and {len(named) - _MOST_CAMPAIGNS} more campaigns; say `in …`")
        )
    body.append(blocks.context(_zones(asker, who, shared=command.shared)))
    return Reply(text=f"Why: {blocks.escape(called)}", blocks=blocks.fit(body), shareable=True)


def _trace(
    trace: Why, who: Contact, asker: Asker, mail: str | None, *, shared: bool
) -> Iterator[Block]:
    """One campaign's runs, the newest first."""
    name = blocks.escape(trace.campaign)
    if trace.reason is not None:
        reason = in_zone(trace.reason, asker.zone)
        yield blocks.section(
            f"*{name}*: {blocks.escape(_for_all(reason, who) if shared else reason)}"
        )
    for run in reversed(trace.runs):
        yield blocks.section(f"*{name}* · run {run.rotation}, version {run.version}, {run.state}")
        table = _table(run, asker.zone, mail)
        yield from blocks.codes(_for_all(table, who) if shared else table)


def _table(run: Run, zone: str, mail: str | None) -> str:
    """The journal of a run, day by day; `>` marks the lines about a mail that was asked for."""
    rows: list[tuple[str, ...]] = []
    lines: list[str] = []
    today = ""
    marked = None if mail is None else folded(mail)
    for line in run.lines:
        if (date := day(line.at, zone)) != today:
            today = date
            rows.append((today,))
        outcome = line.outcome
        if line.reason:
            outcome += f": {_briefly(line.reason, line.at, zone)}"
        about = marked is not None and line.step.startswith("send") and marked in folded(line.step)
        rows.append((f"{'>' if about else ' '} {clock(line.at, zone)}", line.step, outcome))
    for place in run.waiting:
        until = "until it happens" if place.until is None else f"until {moment(place.until, zone)}"
        kept = f": {in_zone(place.reason, zone)}" if place.reason else ""
        rows.append(("  now", f"waiting at {place.step}", f"{until}{kept}"))
    width = min(max((len(row[1]) for row in rows if len(row) > 1), default=0), 40)
    for row in rows:
        if len(row) == 1:
            lines.append(row[0])
        else:
            lines.append(f"{row[0]:10}  {blocks.cut(row[1], width):{width}}  {row[2]}")
    if run.ended_at is not None:
        lines.append(f"  {clock(run.ended_at, zone)}  {run.state}")
    return "\n".join(lines)


def _briefly(reason: str, at: datetime, zone: str) -> str:
    """A reason without ids, and without the day where it is that of its line."""
    told = _MESSAGE.sub("", in_zone(reason, zone))
    return told.replace(f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d} ", "")


def _for_all(text: str, who: Contact) -> str:
    return privacy.masked(text, [who], traced=True)


def _zones(asker: Asker, who: Contact, *, shared: bool) -> str:
    if shared:
        return f"times in {asker.zone}"
    theirs = who.time_zone
    told = f"times in {asker.zone}, which is yours"
    return told if theirs in (None, asker.zone) else f"{told}; the contact's is {theirs}"


async def _campaigns_of(
    tx: Transaction, workspace_id: int, contact_id: int, mail: str | None
) -> list[int]:
    """The campaigns that a contact was in, the latest first, or all that send a mail."""
    e = tables.enrollment.c
    rows = await tx.execute(
        select(e.campaign_id, e.entered_at)
        .where(e.workspace_id == workspace_id, e.contact_id == contact_id)
        .order_by(e.entered_at.desc())
    )
    found = list(dict.fromkeys(row[0] for row in rows))
    if mail is None:
        return found
    campaigns = await tx.execute(
        publish.selected(workspace_id).where(tables.campaign.c.state != "archived")
    )
    sending = [
        one.id
        for one in map(publish.from_row, campaigns)
        if folded(mail) in {folded(name) for name in _emails_of(one)}
    ]
    return [one for one in found if one in sending] or sending


def _emails_of(campaign: publish.Campaign) -> list[str]:
    """The emails that a campaign sends, in the order of its steps."""
    names = [
        step.action.message.text
        for step in in_order(campaign.plan)
        if isinstance(step, Act)
        and isinstance(step.action, ast.SendMessage)
        and step.action.channel == "email"
    ]
    return list(dict.fromkeys(names))


async def where(desk: Desk, asker: Asker, command: Command) -> Reply:
    """In which campaigns a contact stands now."""
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        who = await finding.contact(tx, asker, command)
        named = await _campaigns_of(tx, asker.workspace_id, who.id, None)
        traces = [
            await why.why(tx, asker.workspace_id, who.id, number, now=now) for number in named
        ]
        await privacy.looked(tx, asker, "where", who.id, shared=command.shared, now=now)
    called = privacy.called(who, shared=command.shared)
    body: list[Block] = [blocks.header(called), *_about(who, shared=command.shared)]
    lines = [line for trace in traces for line in _standing(trace, asker.zone)]
    if lines:
        body.append(blocks.section("\n".join(lines)))
    else:
        body.append(blocks.section("Stands in no campaign now."))
    past = sum(not any(run.ended_at is None for run in trace.runs) for trace in traces)
    if past:
        many = "one campaign" if past == 1 else f"{past} campaigns"
        body.append(blocks.context(f"{many} more, now over for this contact"))
    body.append(blocks.context(_zones(asker, who, shared=command.shared)))
    if who.email and not command.shared:
        press = blocks.button("Why?", f"{SAY}:why", f"why {who.email}")
        body.append(blocks.actions(press))
    return Reply(text=f"Where: {blocks.escape(called)}", blocks=blocks.fit(body), shareable=True)


def _about(who: Contact, *, shared: bool) -> list[Block]:
    """What else is known of a contact, for the asker alone."""
    if shared:
        return []
    facts = [f"*Points*\n{who.points:,}"]
    if who.stage:
        facts.append(f"*Stage*\n{blocks.escape(who.stage)}")
    if who.tags:
        facts.append(f"*Tags*\n{blocks.escape(', '.join(who.tags))}")
    if who.segments:
        facts.append(f"*Segments*\n{blocks.escape(', '.join(who.segments))}")
    if who.suppressed:
        facts.append(f"*Gets no*\n{blocks.escape(', '.join(who.suppressed))}")
    return [blocks.section("What is known:", fields=facts)]


def _standing(trace: Why, zone: str) -> Iterator[str]:
    for run in trace.runs:
        for place in run.waiting:
            until = "" if place.until is None else f", until {moment(place.until, zone)}"
            kept = f" ({blocks.escape(in_zone(place.reason, zone))})" if place.reason else ""
            yield (f"• *{blocks.escape(trace.campaign)}*: {blocks.quoted(place.step)}{until}{kept}")


async def preview(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The emails of a campaign as one contact would get them."""
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        who = await finding.contact(tx, asker, command, "for")
        body: list[Block] = []
        sends = _emails_of(found)
        for name in sends[:_MOST_EMAILS]:
            body += await _mail(desk, tx, asker, name, who, shared=command.shared, now=now)
        if found.state != "draft":
            trace = await why.why(tx, asker.workspace_id, who.id, found.id, now=now)
            if trace.reason is not None:
                reason = _for_all(trace.reason, who) if command.shared else trace.reason
                body.append(blocks.context(blocks.escape(in_zone(reason, asker.zone))))
        await privacy.looked(tx, asker, "preview", who.id, shared=command.shared, now=now)
    called = privacy.called(who, shared=command.shared)
    title = f"{found.name} for {called}"
    if not sends:
        body.append(blocks.section("It sends no email."))
    if len(sends) > _MOST_EMAILS:
        body.append(blocks.context(f"and {len(sends) - _MOST_EMAILS} more emails"))
    return Reply(
        text=blocks.escape(title),
        blocks=blocks.fit([blocks.header(title), *body]),
        shareable=True,
    )


async def _mail(
    desk: Desk,
    tx: Transaction,
    asker: Asker,
    name: str,
    who: Contact,
    *,
    shared: bool,
    now: datetime,
) -> list[Block]:
    stored = await emails.find(tx, workspace_id=asker.workspace_id, name=name)
    if stored is None:
        return [blocks.section(f"{blocks.quoted(name)} is not there any more.")]
    try:
        made = await previews.preview(
            tx,
            asker.workspace_id,
            email_id=stored.id,
            version=None,
            contact_id=who.id,
            given=Given(),
            base_url=desk.settings.url,
            now=now,
        )
    except Problem as problem:
        return [blocks.section(f"{blocks.quoted(name)}: {blocks.escape(problem.detail)}")]
    whose = [who] if shared else []
    subject, text = made.subject, made.text
    if shared:
        subject, text = privacy.masked(subject, whose), privacy.masked(text, whose)
    return [
        blocks.section(f"*{blocks.escape(subject)}*\nfrom {blocks.escape(made.sender)}"),
        blocks.code(blocks.cut(text, _MOST_BODY)),
    ]


HANDLERS: Final[dict[str, Handler]] = {"why": why_, "where": where, "preview": preview}
