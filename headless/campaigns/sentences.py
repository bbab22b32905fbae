"""Sentences: what happened to a contact, in words that a marketer reads.

Pure: takes rows of the journal, of messages and of positions as `why` has read them, and says them.
Imports storage's codes.
"""

from datetime import datetime
from typing import Any, Final

from headless import ids
from headless.dsl.plan import Entry, Gone, Rule, Step, Wait, When
from headless.dsl.wording.literals import name
from headless.storage.codes import ActivityKind, EnrollmentState, MessageState, Outcome
from headless.storage.codes import word as word_of

_WITHOUT_REASON: Final = {
    Outcome.IGNORED: "it came while an earlier run was going on",
    Outcome.DROPPED: "it came while the steps of its rule were still running",
    Outcome.GOAL: "the goal was reached",
    Outcome.STOPPED: "a `stop when` of the campaign",
}
_HIDDEN: Final = frozenset({"arm", "until", "note"})
_DEEDS: Final = {
    ActivityKind.OPENED: "opened email",
    ActivityKind.CLICKED: "clicked in email",
    ActivityKind.BOUNCED: "bounced: email",
    ActivityKind.REPLIED: "replied to email",
    ActivityKind.COMPLAINED: "complained about email",
    ActivityKind.JOINED_SEGMENT: "joined segment",
    ActivityKind.LEFT_SEGMENT: "left segment",
    ActivityKind.JOINED_CAMPAIGN: "joined campaign",
    ActivityKind.LEFT_CAMPAIGN: "left campaign",
    ActivityKind.GOT_TAG: "got tag",
    ActivityKind.DID: "did",
}


def moment(instant: datetime) -> str:
    """`2026-11-23 09:31:20`, in UTC."""
    return f"{instant:%Y-%m-%d %H:%M:%S}"


def named(row: Any, step: Step) -> str:
    """What a line of the journal is about: the step as in the text, or the ending of the run."""
    detail = row.detail or {}
    match Outcome(row.outcome):
        case Outcome.GOAL:
            label = detail.get("label")
            return f"goal {name(label)}" if label else f"goal when {_event(detail)}"
        case Outcome.STOPPED:
            return f"stop when {_event(detail)}"
    return step.text or word_of(Outcome.ENTERED)


def _event(detail: dict[str, Any]) -> str:
    return str(detail.get("reason", "it happened"))


def reason(row: Any, step: Step | None) -> str | None:
    """The sentence beside a line of the journal: what decided it, or why it did not happen."""
    outcome, detail = Outcome(row.outcome), row.detail or {}
    if outcome is Outcome.HELD:
        return _held(detail)
    if "reason" in detail:
        return str(detail["reason"])
    if row.message_id is not None:
        return message(row)
    if "from" in detail:
        return f"{detail['from']} → {detail['to']}"
    if isinstance(step, When):
        return _answered(row, step, int(detail.get("arm", 0)))
    if row.kind is not None and isinstance(step, Entry | Rule):
        return f"{deed(row)} at {moment(row.occurred_at)}"
    if "round" in detail:
        return f"round {detail['round']}"
    if "name" in detail and "arm" in detail:
        return f"arm `{detail['name'] or detail['arm']}`"
    told = [f"{what} is {_shown(value)}" for what, value in detail.items() if what not in _HIDDEN]
    if "note" in detail:
        told.append(str(detail["note"]))
    return ", ".join(told) or _WITHOUT_REASON.get(outcome)


def _answered(row: Any, step: When, arm: int) -> str:
    """What a `when` heard, or that its time was up: of a `not`, the other way round."""
    yes = Outcome(row.outcome) is Outcome.YES
    hoped = step.arms[arm].trigger.negated if yes else not any(a.trigger.negated for a in step.arms)
    if hoped or row.kind is None:
        return "it had not happened when the time was up"
    return f"{deed(row)} at {moment(row.occurred_at)}"


def _held(detail: dict[str, Any]) -> str:
    until = str(detail.get("until") or "")
    return f"held by {detail.get('reason', 'a limit')}" + (
        f" until {_instant(until)}" if until else ""
    )


def _instant(text: str) -> str:
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:
        return text


def deed(row: Any) -> str:
    """What a contact did: `did "signed up"`, `opened email Welcome`."""
    kind = ActivityKind(row.kind)
    words = _DEEDS.get(kind, word_of(kind).replace("_", " "))
    if row.subject is None or kind not in _DEEDS:
        return words
    return f'{words} "{row.subject}"' if kind is ActivityKind.DID else f"{words} {row.subject}"


def _shown(value: Any) -> str:
    return "empty" if value is None else f"`{value}`"


def message(row: Any) -> str:
    """What became of a message: handed over, waiting, not sent and why."""
    state, number = MessageState(row.message_state), ids.encode("msg", row.message_id)
    match state:
        case MessageState.SENT if row.sent_at is not None:
            return f"handed over at {moment(row.sent_at)} ({number})"
        case MessageState.SKIPPED:
            return f"not sent: {row.reason} ({number})"
        case MessageState.PARKED:
            return f"parked until somebody looks: {row.reason} ({number})"
        case MessageState.UNCERTAIN:
            return f"uncertain: a worker died while it was handed over ({number})"
        case MessageState.PENDING:
            return f"waits in the outbox ({number})"
        case _:
            return f"{word_of(state)} ({number})"


def end(state: EnrollmentState) -> str:
    """Why a run is over."""
    return {
        EnrollmentState.FINISHED: "finished",
        EnrollmentState.EXITED: "exited",
        EnrollmentState.GOAL: "reached the goal",
        EnrollmentState.STOPPED: "stopped by a `stop when`",
        EnrollmentState.REMOVED: "removed by hand; only a hand brings the contact back",
        EnrollmentState.ENDED: "ended: the campaign was stopped",
    }.get(state, word_of(state))


def waits_for(step: Step, campaign: Any, due_at: datetime | None, now: datetime) -> str | None:
    """What keeps a contact at a step, where it is not the step's own waiting.

    `campaign` has `state`, `paused_at`, `active_from` and `active_to`.
    """
    if campaign.state == "paused":
        since = f" since {moment(campaign.paused_at)}" if campaign.paused_at else ""
        return f"the campaign is paused{since}"
    if campaign.active_from is not None and now < campaign.active_from:
        return f"the campaign begins at {moment(campaign.active_from)}"
    if campaign.active_to is not None and campaign.active_to <= now:
        return f"the campaign's dates ended at {moment(campaign.active_to)}; places are kept"
    if due_at is not None and due_at <= now:
        return "it is due; a worker takes it within seconds"
    if isinstance(step, Gone):
        return "the step is gone from the newest version"
    if not isinstance(step, Wait | When) and due_at is not None:
        return "held by quiet hours, a window or a limit"
    return None
