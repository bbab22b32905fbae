"""Settling: what an answer means for its message: done, again later, or somebody has to look.

A retry is bounded and waits longer each time. Pure. Imports its neighbours `answers`, `messages`
and `ports`.
"""

from datetime import datetime, timedelta
from typing import Final

from headless.channels.answers import Answer, Verdict
from headless.channels.messages import Settlement
from headless.channels.ports import Due
from headless.storage.codes import MessageState

ATTEMPTS: Final = 8
FIRST_WAIT: Final = timedelta(minutes=1)  # then four times as long each time
LONGEST_WAIT: Final = timedelta(hours=4)
BROKEN_WAIT: Final = timedelta(seconds=30)


def settle(due: Due, answer: Answer, now: datetime) -> Settlement:
    """How a message goes on after an answer; `due.attempts` does not count this one."""
    attempts = due.attempts + 1
    state, due_at, reason, kept = MessageState.SENT, now, answer.detail or None, attempts
    retry = answer.verdict is Verdict.RETRY
    match answer.verdict:
        case Verdict.SENT:
            reason = None
        case Verdict.SUPPRESS:
            state, reason = MessageState.SKIPPED, f"bounced: {answer.detail}"
        case Verdict.FAILED:
            state, reason = MessageState.SKIPPED, f"failed: {answer.detail}"
        case Verdict.PARK:
            state, reason = MessageState.PARKED, f"refused: {answer.detail}"
        case Verdict.BROKEN:
            state, due_at, kept = MessageState.PENDING, now + BROKEN_WAIT, due.attempts
        case Verdict.UNCERTAIN:
            state, retry = MessageState.UNCERTAIN, due.transactional
    if retry:
        state, due_at = MessageState.PENDING, now + wait(due.id, attempts, answer)
        if attempts >= ATTEMPTS:
            state, reason = MessageState.PARKED, f"gave up after {attempts} times: {answer.detail}"
    return Settlement(due.id, attempts, state, due_at, reason, kept)


def wait(message_id: int, attempts: int, answer: Answer) -> timedelta:
    """How long to wait after so many attempts: longer each time, a quarter more or less."""
    length = min(FIRST_WAIT * 4.0 ** (attempts - 1), LONGEST_WAIT) * (4 if answer.slow else 1)
    scatter = 0.75 + (message_id * 2_654_435_761 + attempts * 40_503) % 1_000 / 2_000
    longer = timedelta(seconds=answer.after or 0)
    return max(longer, length * scatter)
