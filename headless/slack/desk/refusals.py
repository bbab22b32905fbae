"""Refusals: what is said to who may not, to what could not be read, and when something is wrong.

Each says what to do next. Computes only; imports `blocks`, `parse`, `people`, `reply`, `verbs`.
"""

from typing import Final

from headless.dsl.render import terminal
from headless.problems import Problem
from headless.slack.kit import blocks
from headless.slack.kit.reply import Block, Reply
from headless.slack.people.asker import Asker
from headless.slack.verbs import Verb
from headless.slack.verbs.parse import Mistake, Suggestion

SAY: Final = "say"
"""The beginning of the action id of a button that says the command in its value."""
NOBODY: Final = "You have no role here. An admin can give you one: `/campaign role @you viewer`"
"""Said to who may not even look."""
OUTSIDER: Final = "I answer people of this company only. Ask one of them, please."
"""Said to people of another company who share a channel."""
_MOST_BUTTONS: Final = 5


class Mistaken(Exception):  # noqa: N818 - what a handler raises when a word in the command is wrong
    """A command that was read, but names something that is not there."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.said)
        self.mistake = mistake


def mistake(found: Mistake) -> Reply:
    """What could not be read, with what may have been meant: a button only where it is safe."""
    text = f"{_sentence(blocks.escape(found.said))}\n{_sentence(blocks.escape(found.help))}"
    said: list[Block] = [blocks.section(text)]
    risky = [one for one in found.suggestions if not one.safe]
    if risky:
        meant = "\n".join(f"• {typed(one.typed)}" for one in risky)
        said.append(blocks.section(f"Did you mean this? Then type it:\n{meant}"))
    buttons = say_buttons([one for one in found.suggestions if one.safe])
    if buttons:
        said.append(blocks.context("Did you mean:"))
        said.append(blocks.actions(*buttons))
    return Reply(text=text, blocks=blocks.fit(said))


def typed(command: str) -> str:
    """A command as code, to be typed: `/campaign pause Welcome`."""
    return blocks.quoted(f"/campaign {command}")


def say_buttons(suggestions: list[Suggestion]) -> list[Block]:
    """Buttons that say a command."""
    fitting = [one for one in suggestions if len(one.typed) <= blocks.MOST_VALUE]
    return [
        blocks.button(one.typed, f"{SAY}:{place}", one.typed)
        for place, one in enumerate(fitting[:_MOST_BUTTONS])
    ]


def role(verb: Verb, asker: Asker) -> Reply:
    """Said to who lacks the role."""
    text = (
        f"`{verb.name}` needs the role *{verb.role}*, and you are *{asker.role}*. "
        f"An admin can change that: `/campaign role @{blocks.escape(asker.name)} {verb.role}`"
    )
    return Reply(text=text, blocks=(blocks.section(text),))


def outsider() -> Reply:
    """Said to people of another company who share a channel."""
    return Reply(text=OUTSIDER, blocks=(blocks.section(OUTSIDER),))


def shared(verb: Verb) -> Reply:
    """Said where people of another company read along."""
    text = (
        f"`{verb.name}` shows contact data, and this channel is shared with another company. "
        "Ask me in a direct message, or in a channel of your own."
    )
    return Reply(text=text, blocks=(blocks.section(text),))


def problem(found: Problem, verb: Verb | None = None) -> Reply:
    """What a use case refused, in its own words; a faulty text with every diagnostic."""
    text = _sentence(blocks.escape(found.detail))
    said = [blocks.section(text)]
    faults = found.extra.get("faults")
    if faults:
        said.append(blocks.code(terminal(found.extra.get("text", ""), faults)))
    if verb is not None:
        said.append(blocks.context(f"`/campaign help {verb.name}` shows how it is used"))
    return Reply(text=text, blocks=blocks.fit(said))


def _sentence(text: str) -> str:
    """Our own messages have no capital and no full stop; a chat's sentence has both."""
    said = text[:1].upper() + text[1:]
    return said if said.endswith((".", "?", "!", "…", "`")) else f"{said}."
