"""What comes back by mail: bounces (RFC 3464), complaints (RFC 5965), replies by people.

A bounce names its message by the return path that it is sent to, which only we can make; a reply by
the Message-ID that it answers. What a machine answered (RFC 3834) is no reply. Pure: imports
`report`, `answers` and `returns`.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses
from typing import Final

import msgspec

from headless import ids
from headless.channels.answers import Verdict, classify
from headless.channels.reports.report import Fate, Report
from headless.channels.returns import Returns

_FATES: Final = {
    Verdict.SUPPRESS: Fate.DEAD,
    Verdict.PARK: Fate.REFUSED,
    Verdict.FAILED: Fate.FAILED,
    Verdict.BROKEN: Fate.REFUSED,
}
_OURS: Final = re.compile(r"<(msg_[0-9a-z]{13})@")
_PARSER: Final = BytesParser(_class=EmailMessage, policy=policy.default)
_TEXT_LIMIT: Final = 10_000
_QUOTED: Final = re.compile(r"\n\s*(>|On .{5,200} wrote:|-----Original Message).*", re.DOTALL)


class Reply(msgspec.Struct, frozen=True):
    """A person's answer to one of our mails: from which address, and what it says."""

    message_id: int
    sender: str
    text: str


class Bounce(msgspec.Struct, frozen=True):
    """A report on a message of a workspace."""

    workspace_id: int
    report: Report


def read(raw: bytes, recipient: str, returns: Returns, *, now: datetime) -> Bounce | Reply | None:
    """What a mail to `recipient` tells us; None when it is nothing that we know."""
    mail = _PARSER.parsebytes(raw)
    if mail.get_content_type() == "multipart/report":
        kind = str(mail.get_param("report-type") or "").lower()
        if kind == "delivery-status":
            return _bounce(mail, returns.message_of(recipient), now)
        if kind == "feedback-report":
            return _complaint(mail, returns, recipient, now)
        return None
    return None if _by_machine(mail) else _reply(mail)


def _bounce(mail: EmailMessage, message: tuple[int, int] | None, now: datetime) -> Bounce | None:
    failed = next((block for block in _status(mail) if _says(block, "action") == "failed"), None)
    if message is None or failed is None:
        return None
    status = _says(failed, "status").partition(" ")[0]
    told = _says(failed, "diagnostic-code", lower=False).partition(";")[2].strip()
    answer = classify(550, f"{status} {told}", "recipient")
    workspace_id, message_id = message
    report = Report(
        fate=_FATES.get(answer.verdict, Fate.FAILED),  # they have given up, for whatever reason
        key=f"dsn:{message_id}:{status}",
        message_id=message_id,
        at=now,
        detail=" ".join((told or status).split())[:500],
    )
    return Bounce(workspace_id, report)


def _status(mail: EmailMessage) -> Iterator[EmailMessage]:
    """The blocks of headers of the delivery status: one for the message, one each recipient."""
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            content = part.get_payload()
            for block in content if isinstance(content, list) else ():
                if isinstance(block, EmailMessage):
                    yield block


def _says(block: EmailMessage, name: str, *, lower: bool = True) -> str:
    value = str(block.get(name, "")).strip()
    return value.lower() if lower else value


def _complaint(
    mail: EmailMessage, returns: Returns, recipient: str, now: datetime
) -> Bounce | None:
    """A feedback report; the mail that it is about names its message by its return path."""
    paths = [recipient]
    abuse = False
    for part in mail.walk():
        if part.get_content_type() == "message/feedback-report":
            told = part.as_bytes(policy=policy.default).decode("utf-8", "replace")
            abuse = re.search(r"(?im)^feedback-type:\s*abuse", told) is not None
            paths += re.findall(r"(?im)^original-mail-from:\s*<?([^>\s]+)", told)
        if part["Return-Path"]:
            paths.append(str(part["Return-Path"]).strip("<> "))
    message = next((found for path in paths if (found := returns.message_of(path))), None)
    if not abuse or message is None:
        return None
    workspace_id, message_id = message
    report = Report(
        fate=Fate.COMPLAINED, key=f"arf:{message_id}", message_id=message_id, at=now, detail="abuse"
    )
    return Bounce(workspace_id, report)


def _by_machine(mail: EmailMessage) -> bool:
    """Whether a program wrote it: an answer while away, a list, a bounce without its form."""
    submitted = str(mail.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
    precedence = str(mail.get("Precedence", "")).strip().lower()
    return (
        submitted != "no"
        or precedence in ("auto_reply", "bulk", "junk", "list")
        or any(name in mail for name in ("X-Auto-Response-Suppress", "X-Autoreply"))
        or str(mail.get("Return-Path", "")).strip() == "<>"
    )


def _reply(mail: EmailMessage) -> Reply | None:
    named = f"{mail.get('In-Reply-To', '')} {mail.get('References', '')}"
    found = [ids.decode("msg", token) for token in _OURS.findall(named)]
    message_id = next((number for number in found if number is not None), None)
    sender = next((address for _, address in getaddresses([str(mail.get("From", ""))])), "")
    if message_id is None or not sender:
        return None
    return Reply(message_id, sender, _words(mail))


def _words(mail: EmailMessage) -> str:
    """What the person wrote, without what they quoted."""
    body = mail.get_body(("plain", "html"))
    if body is None:
        return ""
    try:
        text = str(body.get_content())
    except (LookupError, UnicodeError, ValueError):  # an encoding that nobody knows
        return ""
    return _QUOTED.sub("", "\n" + text).strip()[:_TEXT_LIMIT]
