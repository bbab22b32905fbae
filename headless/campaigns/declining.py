"""Declining: a second person's no to a start that concerns many, or its author's own.

What was declined stays declined until somebody asks again in so many words, so that a program that
tries once more does not ask for ever. Imports `approvals`, `publish` and storage.
"""

from datetime import datetime
from typing import Final

from headless.campaigns import approvals
from headless.campaigns.approvals import Approval, Signer
from headless.campaigns.publish import find
from headless.problems import Problem
from headless.storage.database import Transaction

MOST_WORDS: Final = 500
"""The longest reason, in characters."""


async def decline(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    *,
    plan: str | None,
    reason: str | None = None,
    by: Signer,
    now: datetime,
) -> Approval:
    """Say no to a plan that somebody has asked about; a second time changes nothing.

    Whoever may approve declines, also what was approved and has not started yet; whoever asked
    takes it back by it. Raises Problem `wrong_state` when nobody has asked or it runs already,
    `plan_required` with the plan that waits, `plan_drifted` for another one, `insufficient_scope`
    for anybody else, and `invalid_value` for a reason that is too long.
    """
    if reason is not None and (len(reason) > MOST_WORDS or "\0" in reason):
        raise Problem("invalid_value", f"`reason` has at most {MOST_WORDS} characters")
    found = await find(tx, workspace_id, campaign_id, lock=True)
    asked = await approvals.listing(tx, workspace_id, campaign_id)
    starts = found.state == "draft"
    open_ = [one for one in asked if one.waits or (starts and one.approved_by is not None)]
    given = approvals.asked_about(found, asked if plan else open_, plan)
    if not by.approves and given.asked_by != by.actor:
        raise Problem(
            "insufficient_scope",
            "declining takes a person with the role `approver` or `admin`, or who asked for it; "
            f"{by.name} is neither",
        )
    if given.approved_by is not None and not starts:
        raise Problem(
            "wrong_state",
            f"{given.approved_name} approved it, and `{found.name}` is {found.state}; pause or "
            "stop it instead",
            state=found.state,
        )
    if given.declined_by is not None:
        return given
    word = {
        "declined_by": by.actor,
        "declined_name": by.name,
        "declined_at": now,
        "reason": (reason or "").strip() or None,
    }
    return await approvals.give(tx, workspace_id, given, "declined", word, now=now)
