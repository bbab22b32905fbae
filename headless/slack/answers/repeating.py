"""Buttons that say a command again: suggestions, and Share."""

from typing import Final

import msgspec

from headless.slack.desk import refusals
from headless.slack.desk.desk import Desk, Doing
from headless.slack.desk.refusals import SAY
from headless.slack.desk.sharing import SHARE
from headless.slack.kit.reply import Reply
from headless.slack.tasks import Task
from headless.slack.verbs.parse import Mistake, parse


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
