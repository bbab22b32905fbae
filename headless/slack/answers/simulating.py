"""`simulate`: what made-up contacts go through, told."""

from typing import Final

from headless.simulation.outcome import Simulated
from headless.simulation.prepare import START, prepare
from headless.simulation.rehearsal import rehearse
from headless.slack.desk import finding
from headless.slack.desk.desk import Desk, Handler
from headless.slack.kit import blocks
from headless.slack.kit.moments import moment
from headless.slack.kit.reply import Block, Reply
from headless.slack.people.asker import Asker
from headless.slack.verbs.parse import Command

_LENGTH: Final = "30d"
_LINES: Final = 60


async def simulate(desk: Desk, asker: Asker, command: Command) -> Reply:
    """What five made-up contacts go through."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
    length = command.options.get("length", _LENGTH)
    simulated = await rehearse(desk.database, lambda: prepare(found.source, None, []), length)
    return _told(found.name, length, simulated)


def _told(name: str, length: str, simulated: Simulated) -> Reply:
    runs = simulated.stats["enrollments"]
    messages = sum(len(person.messages) for person in simulated.contacts.values())
    states = " · ".join(f"{many} {state}" for state, many in runs.items())
    body: list[Block] = [
        blocks.section(
            f"*{blocks.escape(name)}* · {length} with five made-up contacts",
            fields=[
                f"*Runs*\n{states or 'nobody has entered'}",
                f"*Messages*\n{messages:,}",
            ],
        )
    ]
    journal = simulated.journal
    rows = [
        (moment(line.at, "UTC"), line.contact, blocks.cut(line.step, 40),
         f"{line.outcome}: {line.reason}" if line.reason else line.outcome)
        for line in journal[:_LINES]
    ]  # fmt: skip
    if rows:
        body += blocks.codes(blocks.table(rows))
    if len(journal) > _LINES:
        body.append(blocks.context(f"and {len(journal) - _LINES:,} more lines"))
    begun = moment(START, "UTC")
    body.append(
        blocks.context(f"it begins on {begun} UTC, unless the text says when; nothing was sent")
    )
    text = f"{blocks.escape(name)}, simulated: {states or 'nobody has entered'}"
    return Reply(text=text, blocks=blocks.fit(body), shareable=True)


HANDLERS: Final[dict[str, Handler]] = {"simulate": simulate}
