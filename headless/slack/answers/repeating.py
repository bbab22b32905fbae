"""Buttons that say a command again: suggestions, and Share."""

from typing import Final

import msgspec

from headless.slack import refusals
from headless.slack.desk import Desk, Doing
from headless.slack.parse import Mistake, parse
from headless.slack.refusals import SAY
from headless.slack.reply import Reply
from headless.slack.sharing import SHARE
from headless.slack.tasks import Task


async def say(desk: Desk, task: Task) -> Reply:
    """Answer as if the person had typed what the button says."""
    return await desk.answer(task.asker, task.value)


async def share(desk: Desk, task: Task) -> Reply:
    """The same answer for everybody in the channel, with what is personal masked."""
    read = parse(task.value)
    if isinstance(read, Mistake):
        return refusals.mistake(read)
    return await desk.obey(task.asker, msgspec.structs.replace(read, shared=True))


ACTIONS: Final[dict[str, Doing]] = {f"{SAY}:": say, SHARE: share}
