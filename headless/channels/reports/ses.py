"""Amazon SES, whose events come through SNS: signed by Amazon, for a topic that must be ours.

The certificate is fetched once from Amazon's own hosts and kept. A valid signature proves nothing
about whose topic it is, so the channel names the one that it expects. Source: the SNS page on
verifying signatures and the SES page on event contents. Imports `report`.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from headless.channels.reports.report import (
    Call,
    Fate,
    NotTheirsError,
    Report,
    Taken,
    UnreadableError,
    decoded,
    key_of,
    moment,
    number,
    object_in,
)

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets a certificate's PEM from an address of Amazon's."""

_CERTIFICATE: Final = re.compile(
    r"https://sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/SimpleNotificationService-[a-f0-9]+\.pem"
)
_CONFIRM: Final = re.compile(r"https://sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/\?[^\s]+")
_SIGNED: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
    "UnsubscribeConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip
_DIGESTS: Final[dict[str, type[HashAlgorithm]]] = {"1": SHA1, "2": SHA256}
_FATES: Final = {
    "Delivery": Fate.DELIVERED,
    "DeliveryDelay": Fate.LATER,
    "Reject": Fate.REFUSED,
    "Rendering Failure": Fate.REFUSED,
    "Complaint": Fate.COMPLAINED,
    "Subscription": Fate.UNSUBSCRIBED,
    "Open": Fate.OPENED,
    "Click": Fate.CLICKED,
}
_DEAD: Final = frozenset(("General", "NoEmail"))
_LISTED: Final = frozenset(("Suppressed", "OnAccountSuppressionList"))
_REFUSED: Final = frozenset(("ContentRejected", "MessageTooLarge", "AttachmentRejected"))


async def take(call: Call, *, topic_arn: str | None, fetch: Fetch) -> Taken:
    """What SNS brings; raises NotTheirsError or UnreadableError."""
    envelope = decoded(call.body)
    if not isinstance(envelope, dict) or envelope.get("Type") not in _SIGNED:
        raise UnreadableError("this is no message of SNS; raw delivery must be off")
    await _verify(envelope, fetch)
    if topic_arn is None or envelope.get("TopicArn") != topic_arn:
        raise NotTheirsError("the topic is not the one in this channel's `topic_arn`")
    if envelope["Type"] != "Notification":
        wanted = str(envelope.get("SubscribeURL", ""))
        confirms = envelope["Type"] == "SubscriptionConfirmation"
        return Taken(confirm=wanted if confirms and _CONFIRM.fullmatch(wanted) else None)
    try:
        event = decoded(str(envelope.get("Message", "")).encode())
    except UnreadableError:
        return Taken(foreign=1)  # the first one after confirming is a plain sentence
    made = _report(event, str(envelope["MessageId"])) if isinstance(event, dict) else None
    return Taken((made,)) if made else Taken(foreign=1)


async def _verify(envelope: dict[str, Any], fetch: Fetch) -> None:
    address = str(envelope.get("SigningCertURL", ""))
    digest = _DIGESTS.get(str(envelope.get("SignatureVersion")))
    if not _CERTIFICATE.fullmatch(address) or digest is None:
        raise NotTheirsError("the certificate is not Amazon's")
    fields = (name for name in _SIGNED[envelope["Type"]] if envelope.get(name) is not None)
    text = "".join(f"{name}\n{envelope[name]}\n" for name in fields)
    try:
        key = x509.load_pem_x509_certificate(await fetch(address)).public_key()
        if not isinstance(key, RSAPublicKey):
            raise NotTheirsError("the certificate is not Amazon's")
        signature = base64.b64decode(str(envelope.get("Signature", "")), validate=True)
        key.verify(signature, text.encode(), PKCS1v15(), digest())
    except (InvalidSignature, ValueError, binascii.Error) as error:
        raise NotTheirsError("the signature is not Amazon's") from error


def _report(event: dict[str, Any], key: str) -> Report | None:
    kind = str(event.get("eventType") or event.get("notificationType"))
    mail, part = object_in(event.get("mail")), object_in(event.get(_member(kind)))
    marks = object_in(mail.get("tags")).get("hm")
    message_id = number(marks[0]) if isinstance(marks, list) and marks else None
    fate = _fate(kind, event)
    if message_id is None or fate is None:
        return None
    return Report(
        fate=fate,
        key=key_of("ses", key),
        message_id=message_id,
        at=moment(part.get("timestamp") or mail.get("timestamp")),
        detail=_detail(part),
        url=part.get("link"),
    )


def _member(kind: str) -> str:
    return kind[:1].lower() + kind[1:]


def _fate(kind: str, event: dict[str, Any]) -> Fate | None:
    if kind != "Bounce":
        return _FATES.get(kind)
    bounce = object_in(event.get("bounce"))
    sort = str(bounce.get("bounceSubType"))
    if bounce.get("bounceType") == "Permanent":
        return Fate.DEAD if sort in _DEAD else Fate.LISTED if sort in _LISTED else Fate.REFUSED
    return Fate.REFUSED if sort in _REFUSED else Fate.LATER


def _detail(part: dict[str, Any]) -> str:
    recipients = part.get("bouncedRecipients")
    if isinstance(recipients, list) and recipients:
        first = object_in(recipients[0])
        return str(first.get("diagnosticCode") or first.get("status") or "")[:500]
    return str(part.get("complaintFeedbackType") or part.get("reason") or "")[:500]
