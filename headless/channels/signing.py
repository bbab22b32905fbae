"""DKIM: a mail signed with a workspace's own key, so that its domain can vouch for it (RFC 6376).

The canonical form is dkimpy's, and its verifier checks us in the tests; the RSA operation is
`cryptography`'s, twenty times as fast as dkimpy's own. Pure: imports nothing of ours.
"""

import base64
import hashlib
import re
from datetime import datetime
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from dkim.canonicalization import Relaxed

_SHORTEST: Final = 1024
_SIGNED: Final = (
    b"from", b"to", b"subject", b"date", b"message-id", b"reply-to", b"mime-version",
    b"content-type", b"list-unsubscribe", b"list-unsubscribe-post", b"list-id", b"feedback-id",
)  # fmt: skip
_OVERSIGNED: Final = b"from"
"""Named once more than it is there: nobody can add a second sender that some reader shows."""
_FIELD: Final = re.compile(rb"([\x21-\x39\x3b-\x7e]+):((?:[^\r]|\r\n[ \t])*)\r\n")


class KeyFaultError(ValueError):
    """The text is no private RSA key that mail can be signed with."""


class Signer(msgspec.Struct, frozen=True):
    """Signs for one domain and selector: `s._domainkey.d` holds the public half."""

    domain: str
    selector: str
    key: RSAPrivateKey

    def sign(self, mail: bytes, *, now: datetime) -> bytes:
        """The mail, lines ending in CR LF, with a `DKIM-Signature` before its headers."""
        head, _, body = mail.partition(b"\r\n\r\n")
        fields = {name.lower(): value for name, value in _FIELD.findall(head + b"\r\n")}
        named = [name for name in _SIGNED if name in fields]
        digest = hashlib.sha256(Relaxed.canonicalize_body(body)).digest()
        value = (
            b"v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=%s; t=%d;\r\n h=%s;\r\n bh=%s;\r\n b="
        ) % (
            self.domain.encode("ascii"),
            self.selector.encode("ascii"),
            int(now.timestamp()),
            b":".join((_OVERSIGNED, *named)),
            base64.b64encode(digest),
        )
        signed = Relaxed.canonicalize_headers([(name, fields[name]) for name in named])
        ((own, unsigned),) = Relaxed.canonicalize_headers([(b"DKIM-Signature", value)])
        text = b"".join(name + b":" + content for name, content in signed)
        made = self.key.sign(text + own + b":" + unsigned.rstrip(b"\r\n"), PKCS1v15(), SHA256())
        return b"DKIM-Signature: " + value + _folded(base64.b64encode(made)) + b"\r\n" + mail

    def record(self) -> str:
        """What the TXT record of `selector._domainkey.domain` must say."""
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode('ascii')}"


def signer(domain: str, selector: str, pem: str) -> Signer:
    """A signer from a private key as PEM; raises KeyFaultError with what to do."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise KeyFaultError("the DKIM key is no private key in PEM without a password") from error
    if not isinstance(key, RSAPrivateKey):
        raise KeyFaultError("the DKIM key is not RSA, which is all that every mailbox verifies")
    if key.key_size < _SHORTEST:
        raise KeyFaultError(f"the DKIM key has {key.key_size} bits; make one of 2048")
    return Signer(domain, selector, key)


def _folded(text: bytes, width: int = 72) -> bytes:
    return b"\r\n ".join(text[start : start + width] for start in range(0, len(text), width))
