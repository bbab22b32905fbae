"""Submitting: what answers a window that was submitted, while Slack waits for it.

Each answers None, which closes the window, or a `response_action`; a refusal is said in the window.
Nothing here takes long: what does is left to a worker. Imports the flows and the desk.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from headless.problems import Problem
from headless.slack.desk.desk import Desk
from headless.slack.flows import approving, declining, drafting, editing, starting, views
from headless.slack.kit import blocks
from headless.slack.people.asker import Asker

Answer = dict[str, Any] | None
Submission = Callable[[Desk, Asker, dict[str, Any]], Awaitable[Answer]]


def _guarded(submission: Submission) -> Submission:
    async def answer(desk: Desk, asker: Asker, view: dict[str, Any]) -> Answer:
        try:
            return await submission(desk, asker, view)
        except Problem as problem:
            said = blocks.escape(problem.detail)
            told = views.notice("Not done", f"{said[:1].upper()}{said[1:]}.")
            return {"response_action": "update", "view": told}

    return answer


SUBMISSIONS: Final[dict[str, Submission]] = {
    callback: _guarded(submission)
    for callback, submission in (
        ("editor", editing.saved),
        ("apply", editing.applied),
        ("rename", drafting.renamed),
        ("start", starting.confirmed),
        ("ask", approving.asked),
        ("decline", declining.declined),
    )
}
"""By callback id."""
