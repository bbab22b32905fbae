"""The small closed lists that the tables keep as smallint, with one name for each number.

A number, once used, keeps its meaning for ever: append, never renumber. Imports nothing of ours.
"""

from enum import IntEnum


class Channel(IntEnum):
    """The ways a message takes to a contact or to a system."""

    EMAIL = 1
    SMS = 2
    PUSH = 3
    WEBHOOK = 4
    SLACK = 5
    INTEGRATION = 6  # another system's contacts


class ActivityKind(IntEnum):
    """What a contact did, or what happened to it; `activity.ref` names the thing it was done to."""

    SENT = 1  # ref: the email; kept as the message itself, never as an activity row
    OPENED = 2  # ref: the email
    CLICKED = 3  # ref: the email; properties.url
    BOUNCED = 4  # ref: the email
    REPLIED = 5  # ref: the email
    REPLIED_SMS = 6  # ref: the sms
    VISITED = 7  # ref: the page, 0 when only its url is known; properties.url
    SPENT = 8  # ref: the page, 0 for the site; properties.seconds
    SUBMITTED = 9  # ref: the form
    DOWNLOADED = 10  # ref: the asset
    REQUESTED = 11  # ref: the slot
    JOINED_SEGMENT = 12  # ref: the segment
    LEFT_SEGMENT = 13  # ref: the segment
    JOINED_CAMPAIGN = 14  # ref: the campaign
    LEFT_CAMPAIGN = 15  # ref: the campaign
    GOT_TAG = 16  # ref: the tag
    ENTERED_STAGE = 17  # ref: the stage
    REACHED_POINTS = 18  # ref: the point group, 0 for the plain ones; properties.points
    CHANGED = 19  # ref: the field
    UNSUBSCRIBED = 20  # ref: the channel, 0 for all
    DID = 21  # ref: the event name
    COMPLAINED = 22  # ref: the email


class EnrollmentState(IntEnum):
    """Where a contact's run through a campaign stands."""

    RUNNING = 0
    FINISHED = 1  # the path came to its end
    EXITED = 2  # an `exit` step
    GOAL = 3
    STOPPED = 4  # a `stop when` rule
    REMOVED = 5  # by hand, for good: no rebuild brings the contact back
    ENDED = 6  # the campaign was stopped under it
    MERGED = 7  # two contacts became one, and the other's run goes on


class Outcome(IntEnum):
    """What a step came to, as the journal says it."""

    ENTERED = 0
    DONE = 1
    YES = 2  # the branch of `then`; `detail.arm` counts from 0 where there are several
    NO = 3  # the branch of `else`
    SENT = 4  # the intent to send was written
    SKIPPED = 5  # `detail.reason` says why it did not happen
    FAILED = 6
    HELD = 7
    EXITED = 8
    GOAL = 9
    STOPPED = 10
    REMOVED = 11
    DROPPED = 12  # an occurrence that found the body of its `whenever` still running
    IGNORED = 13  # an entry during a run


class MessageState(IntEnum):
    """Where a message stands between its intent and its end."""

    PENDING = 0  # due at `due_at`
    SENDING = 1  # claimed by a worker
    SENT = 2  # handed over
    SKIPPED = 3  # not sent, `reason` says why; nothing to do
    PARKED = 4  # a person must look: `reason` says what was refused
    UNCERTAIN = 5  # a worker died between the hand-over and its note of it


def word(code: IntEnum) -> str:
    """A code as people and programs read it: `Outcome.ENTERED` -> `entered`."""
    return code.name.lower()
