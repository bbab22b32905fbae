"""DKIM signatures, judged by dkimpy's verifier."""

from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from headless.channels import mail
from headless.channels.signing import KeyFaultError, Signer, signer

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def ours() -> Signer:
    return signer("example.com", "h1", pem(rsa.generate_private_key(65537, 2048)))


def a_mail(**more: str) -> bytes:
    return mail.build(
        mail.Mail(
            message_id="msg_1",
            sender="Ann Ä <ann@example.com>",
            recipient="ada@example.org",
            subject=more.get("subject", "Grüße an alle, die heute Zeit haben und gerne lesen " * 3),
            html=more.get("html", "<p>Hello  there </p>\n\n\n"),
            text="Hello",
            date=NOW,
            unsubscribe="https://c.example.com/u/TOKEN",
            feedback_id="1:marketing:1:headless",
        )
    )


def verified(signed: bytes, signer: Signer) -> bool:
    def answer(name: bytes, timeout: int = 5) -> bytes | None:
        wanted = f"{signer.selector}._domainkey.{signer.domain}."
        return signer.record().encode() if name.decode() == wanted else None

    return bool(dkim.verify(signed, dnsfunc=answer))


@pytest.mark.parametrize("html", ["<p>Hi</p>", "", " \n\t\n", "x" * 3000, "ÄÖÜ" * 400, ".\n.."])
def test_a_signed_mail_verifies(ours: Signer, html: str) -> None:
    assert verified(ours.sign(a_mail(html=html), now=NOW), ours)


def test_a_changed_body_or_header_does_not(ours: Signer) -> None:
    signed = ours.sign(a_mail(), now=NOW)
    assert not verified(signed.replace(b"Hello", b"Hallo"), ours)
    assert not verified(signed.replace(b"ada@example.org", b"eve@example.org"), ours)
    assert not verified(signed.replace(b"/u/TOKEN", b"/u/OTHERS"), ours)


def test_nobody_can_add_a_second_sender(ours: Signer) -> None:
    signed = ours.sign(a_mail(), now=NOW)
    head, _, rest = signed.partition(b"From:")
    assert not verified(head + b"From: eve@example.org\r\nFrom:" + rest, ours)


def test_one_click_unsubscribing_is_signed(ours: Signer) -> None:
    signed = ours.sign(a_mail(), now=NOW)
    named = signed.partition(b"h=")[2].partition(b";")[0]
    assert b"list-unsubscribe:list-unsubscribe-post" in named


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no key", "no private key in PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "not RSA"),
    ],
)
def test_keys_that_cannot_sign_are_refused(text: str, says: str) -> None:
    with pytest.raises(KeyFaultError, match=says):
        signer("example.com", "h1", text)
