"""Twilio's callbacks: what became of a text message, and what people answer.

Signed with the account's own token: HMAC-SHA1 over our address as Twilio called it and the form's
fields, sorted by name. Source: Twilio's pages on webhook security, message status and error codes.
Imports `report`.
"""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

from headless.channels.reports.report import (
    Call,
    Fate,
    NotTheirsError,
    Report,
    Taken,
    Text,
    UnreadableError,
    key_of,
    number,
)

_HEADER: Final = "x-twilio-signature"
_MOST_FIELDS: Final = 200
_FATES: Final = {
    "21211": Fate.DEAD,  # no valid number
    "21614": Fate.DEAD,  # not a mobile number
    "21610": Fate.UNSUBSCRIBED,  # the person answered STOP
    "30004": Fate.FAILED,  # blocked by the one it was for
    "30005": Fate.DEAD,  # unknown number
    "30006": Fate.DEAD,  # a landline
    "30007": Fate.REFUSED,  # the carrier takes it for spam
}
_OVER: Final = frozenset(("undelivered", "failed"))
_STOP: Final = frozenset(
    ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout")
)
"""What a person answers to be left alone; Twilio stops the number at the same words."""


def take(call: Call, *, token: str, now: datetime) -> Taken:
    """What Twilio tells; raises NotTheirsError, UnreadableError."""
    try:
        pairs = parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except (UnicodeDecodeError, ValueError) as error:
        raise UnreadableError("Twilio sends a form") from error
    if not _is_signed(call, pairs, token):
        raise NotTheirsError("the signature is not of this account's token")
    fields = dict(pairs)
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    if not sid:
        raise UnreadableError("there is no `MessageSid`")
    status = (fields.get("MessageStatus") or fields.get("SmsStatus") or "").lower()
    if "From" in fields and "Body" in fields and status in ("", "received"):
        words = fields["Body"].strip()
        stops = words.lower() in _STOP or fields.get("OptOutType") == "STOP"
        text = Text(sender=fields["From"], words=words, key=key_of("twilio", sid), stops=stops)
        return Taken(texts=(text,))
    report = _report(call, fields, sid, status, now)
    return Taken((report,)) if report is not None else Taken(foreign=1)


def _report(
    call: Call, fields: dict[str, str], sid: str, status: str, now: datetime
) -> Report | None:
    named = parse_qs(urlsplit(call.url).query).get("hm", [""])[0]
    message_id, code = number(named), fields.get("ErrorCode", "")
    if message_id is None:
        return None
    if status == "delivered":
        fate = Fate.DELIVERED
    elif status in _OVER:
        fate = _FATES.get(code, Fate.FAILED)
    else:
        return None
    detail = f"{status} {code} {fields.get('ErrorMessage', '')}".strip()
    return Report(
        fate=fate,
        key=key_of("twilio", sid, status),
        message_id=message_id,
        at=now,
        detail=detail[:500],
    )


def _is_signed(call: Call, pairs: list[tuple[str, str]], token: str) -> bool:
    text = call.url + "".join(name + value for name, value in sorted(pairs))
    made = hmac.digest(token.encode(), text.encode(), hashlib.sha1)
    return hmac.compare_digest(
        base64.b64encode(made), call.headers.get(_HEADER, "").encode("ascii", "replace")
    )
