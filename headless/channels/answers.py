"""What a server's answer means for a message, its address and its channel.

Only an answer about the *address* suppresses it; one about *us* parks the message and never
touches the contact. Decided by the enhanced code (RFC 3463), else by the class, else by the words.
Pure: imports nothing of ours.
"""

import re
from enum import Enum
from typing import Final, Literal

import msgspec

Stage = Literal["connect", "mail", "recipient", "data", "dot"]


class Verdict(Enum):
    """What to do with the message."""

    SENT = "sent"
    RETRY = "retry"  # later, a bounded number of times
    SUPPRESS = "suppress"  # the address is dead: never again
    FAILED = "failed"  # this message is over, the address lives
    PARK = "park"  # they refuse us: a person must look
    BROKEN = "broken"  # the channel does not work: keep the message, stop the channel
    UNCERTAIN = "uncertain"  # it may have been taken


class Answer(msgspec.Struct, frozen=True):
    """A verdict, in the server's own words; `slow` when this domain wants to be asked less often,
    `after` seconds when the other side names them."""

    verdict: Verdict
    detail: str = ""
    slow: bool = False
    after: float | None = None


SENT: Final = Answer(Verdict.SENT)

_ENHANCED: Final = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_DEAD: Final = frozenset(((1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1)))
_SENDERS: Final = frozenset(((1, 7), (1, 8)))  # about the sender's address, not the recipient's
_LOGIN: Final = frozenset((530, 534, 535, 538))
_UNKNOWN: Final = re.compile(
    r"unknown (user|recipient|mailbox|address|account)"
    r"|(user|recipient|mailbox|address|account) (is )?(unknown|not found|unavailable|does not exist"
    r"|doesn't exist|rejected: (undeliverable|unknown))"
    r"|no such (user|recipient|mailbox|address|account|person)"
    r"|(user|mailbox|account|address|recipient).{0,20}(disabled|inactive|deactivated)"
    r"|invalid (recipient|mailbox|user)|not a valid (mailbox|recipient|user)"
    r"|does not (exist|have an? .{0,20}account)|nobody here",
    re.IGNORECASE,
)
_US: Final = re.compile(
    r"spam|block|black ?list|deny|denied|policy|reputation|relay|unauthenticated|dmarc|dkim"
    r"|not (permitted|allowed|authori[sz]ed|accepted)|\bspf\b|\bptr\b|reverse dns|abuse|banned"
    r"|\brbl\b|reject|content",
    re.IGNORECASE,
)
_DETAIL: Final = 500


def classify(code: int, text: str, stage: Stage) -> Answer:
    """What an SMTP reply means: `code` of three digits, `text` its words, `stage` when it came."""
    detail = f"{code} {' '.join(text.split())}"[:_DETAIL]
    if 200 <= code < 300:
        return SENT
    if code in _LOGIN:
        return Answer(Verdict.BROKEN, detail)
    match = _ENHANCED.match(text)
    status = (int(match[2]), int(match[3])) if match else None
    if code < 500 or (match and match[1] == "4"):
        return Answer(Verdict.RETRY, detail, slow=status is not None and status[0] == 7)
    if stage == "connect":
        return Answer(Verdict.BROKEN, detail)
    if status is None:
        return Answer(_by_words(code, text, stage), detail)
    return Answer(_by_status(status, stage), detail)


def lost(stage: Stage, why: str) -> Answer:
    """What a connection that ended without an answer means."""
    if stage == "dot":
        return Answer(Verdict.UNCERTAIN, f"no answer after the message: {why}"[:_DETAIL])
    verdict = Verdict.BROKEN if stage == "connect" else Verdict.RETRY
    return Answer(verdict, f"connection lost: {why}"[:_DETAIL])


def _by_status(status: tuple[int, int], stage: Stage) -> Verdict:
    if status[0] == 7 or status in _SENDERS:
        return Verdict.PARK
    if status in _DEAD:
        # Before the recipient is named, it is our own address that they do not know.
        return Verdict.PARK if stage == "mail" else Verdict.SUPPRESS
    return Verdict.FAILED


def _by_words(code: int, text: str, stage: Stage) -> Verdict:
    if code in (550, 551, 553) and stage != "mail" and _UNKNOWN.search(text):
        return Verdict.SUPPRESS
    if code == 554 or stage == "mail" or (code in (550, 551, 553) and _US.search(text)):
        return Verdict.PARK
    return Verdict.FAILED
