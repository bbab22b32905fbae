"""Requests as mail providers make them, with their own proofs, from keys of the tests."""

import base64
import datetime
import hashlib
import hmac
import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b.pem"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
NOW = datetime.datetime(2026, 11, 23, 9, 30, tzinfo=datetime.UTC)
_ORDER = (
    "Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
)  # fmt: skip
Request = tuple[bytes, dict[str, str]]


class Amazon:
    """Signs as SNS does; `get` hands out the certificate and notes what else was asked for."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(NOW - datetime.timedelta(days=1))
            .not_valid_after(NOW + datetime.timedelta(days=365))
            .sign(self.key, SHA256())
        )
        self.asked: list[str] = []

    async def get(self, url: str) -> bytes:
        self.asked.append(url)
        return self.certificate.public_bytes(Encoding.PEM)

    def envelope(self, message: Any, *, version: str = "2", **more: str) -> Request:
        given = {
            "Type": "Notification",
            "MessageId": "m-1",
            "TopicArn": TOPIC,
            "Message": message if isinstance(message, str) else json.dumps(message),
            "Timestamp": "2026-11-23T09:30:00.000Z",
            **more,
        }
        text = "".join(f"{name}\n{given[name]}\n" for name in _ORDER if name in given)
        digest = SHA256() if version == "2" else SHA1()
        made = self.key.sign(text.encode(), PKCS1v15(), digest)
        given |= {
            "SignatureVersion": version,
            "Signature": base64.b64encode(made).decode(),
            "SigningCertURL": more.get("SigningCertURL", CERTIFICATE),
        }
        return json.dumps(given).encode(), {"Content-Type": "text/plain; charset=UTF-8"}


def ses_bounce(token: str, kind: str = "Permanent", sort: str = "General") -> dict[str, Any]:
    return {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": sort,
            "timestamp": "2026-11-23T09:29:00.000Z",
            "bouncedRecipients": [
                {"emailAddress": "x@example.com", "diagnosticCode": "smtp; 550 5.1.1 unknown"}
            ],
        },
        "mail": {"timestamp": "2026-11-23T09:28:00.000Z", "tags": {"hm": [token]}},
    }


class SendGrid:
    """Signs as SendGrid's event webhook does."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public(self) -> str:
        der = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def request(self, *events: dict[str, Any]) -> Request:
        body, at = json.dumps(events).encode(), "1795426200"
        made = self.key.sign(at.encode() + body, ec.ECDSA(SHA256()))
        return body, {
            "Content-Type": "application/json",
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(made).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": at,
        }


def mailgun(key: str, event: dict[str, Any], token: str = "t-1") -> Request:
    text = f"1795426200{token}".encode()
    signature = hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
    signed = {"timestamp": "1795426200", "token": token, "signature": signature}
    body = json.dumps({"signature": signed, "event-data": event}).encode()
    return body, {"Content-Type": "application/json"}


def postmark(event: dict[str, Any]) -> Request:
    return json.dumps(event).encode(), {"Content-Type": "application/json"}
