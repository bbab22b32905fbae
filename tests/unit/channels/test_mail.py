"""Mails as bytes: the standard library's parser reads back what was put in."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headless.channels.mail import HeaderError, Mail, ascii_address, build, mailbox

MAIL = Mail(
    message_id="msg_0123456789abc",
    sender="Zoë at Acme <hello@mail.example.com>",
    recipient="ada@example.com",
    subject="Hello Ada",
    html="<p>Good.</p>",
    text="Good.",
    date=datetime(2026, 11, 23, 9, 30, 5, 123, tzinfo=UTC),
    reply_to="Ann <ann@example.com>",
    unsubscribe="https://c.example.com/u/TOKEN",
    feedback_id="cmp_1:marketing:wsp_1:headless",
)


def read(**changes: Any) -> EmailMessage:
    raw = build(msgspec.structs.replace(MAIL, **changes))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    return cast(EmailMessage, message_from_bytes(raw, policy=default))


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_headers_say_who_and_what() -> None:
    mail = read()
    assert mail["From"] == "Zoë at Acme <hello@mail.example.com>"
    assert mail["To"] == "ada@example.com"
    assert mail["Subject"] == "Hello Ada"
    assert mail["Date"] == "Mon, 23 Nov 2026 09:30:05 +0000"
    assert mail["Message-ID"] == "<msg_0123456789abc@mail.example.com>"
    assert mail["Reply-To"] == "Ann <ann@example.com>"
    assert mail["List-Unsubscribe"] == "<https://c.example.com/u/TOKEN>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Feedback-ID"] == "cmp_1:marketing:wsp_1:headless"
    assert mail.get_content_type() == "multipart/alternative"
    assert [each.get_content_type() for each in mail.iter_parts()] == ["text/plain", "text/html"]


def test_transactional_mail_has_no_list_headers() -> None:
    mail = read(unsubscribe=None, feedback_id=None, reply_to=None)
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID", "Reply-To"):
        assert mail[name] is None


printable = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=300)


@given(printable.map(lambda text: " ".join(text.split())))
def test_any_subject_comes_back(subject: str) -> None:
    assert " ".join(str(read(subject=subject)["Subject"]).split()) == subject


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=3000))
def test_any_body_comes_back(body: str) -> None:
    mail = read(text=body, html=body)
    assert part(mail, "plain").rstrip("\n") == body.rstrip("\n")
    assert part(mail, "html").rstrip("\n") == body.rstrip("\n")


@pytest.mark.parametrize(
    "body", ["Добрый день\n" * 500, "x" * 5000, ".\n..\nFrom me\n= =\n \n\t\n"]
)
def test_awkward_bodies_come_back(body: str) -> None:
    assert part(read(text=body), "plain").rstrip("\n") == body.rstrip("\n")


@pytest.mark.parametrize("breaks", ["\r\n", "\n", "\r", "\r\n ", "\x00", "\x0b"])
@pytest.mark.parametrize(
    "member", ["subject", "sender", "recipient", "reply_to", "unsubscribe", "feedback_id"]
)
def test_no_header_holds_a_line_break(member: str, breaks: str) -> None:
    value = {"sender": "Ann{}Bcc: eve@example.com <ann@example.com>"}.get(member, "a{}Bcc: b@c.d")
    with pytest.raises(HeaderError):
        build(msgspec.structs.replace(MAIL, **{member: value.format(breaks)}))


def test_names_and_domains_outside_of_ascii() -> None:
    assert mailbox('"Müller, Jörg" <j@bücher.example>').address == "j@xn--bcher-kva.example"
    assert read(sender='"Müller, Jörg" <j@bücher.example>')["From"].addresses[0].display_name == (
        "Müller, Jörg"
    )
    assert ascii_address("jörg@example.com") is None
    assert ascii_address("nobody") is None
    assert ascii_address("a b@example.com") is None
