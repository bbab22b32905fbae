"""A mail as it goes on the wire: RFC 5322 headers, a text part and an html part.

Written by hand where the standard library would take five times as long, and read back by the
standard library's parser in the tests. A header that would hold a line break is refused here
whatever the caller did before. Pure: imports nothing of ours.
"""

import binascii
import re
from collections.abc import Iterator
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from typing import Final

import msgspec

_CRLF: Final = b"\r\n"
# No quoted-printable or base64 text can hold `=_`, so no body can hold the boundary.
_BOUNDARY: Final = b"=_headless_alternative"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LINE: Final = 76
_NEWLINES: Final = re.compile(r"\r\n|\r|\n")


class HeaderError(ValueError):
    """A header would hold a line break or another control character."""


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One mail to one person. `message_id` is ours (`msg_…`); `sender` may hold a name."""

    message_id: str
    sender: str
    recipient: str
    subject: str
    html: str
    text: str
    date: datetime
    reply_to: str | None = None
    unsubscribe: str | None = None  # the address for List-Unsubscribe, with RFC 8058's one click
    feedback_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()  # of the server that carries it


class Mailbox(msgspec.Struct, frozen=True):
    """A sender: as it stands in `From`, and its bare address for the envelope."""

    header: str
    address: str

    @property
    def domain(self) -> str:
        """What stands behind the `@`."""
        return self.address.rpartition("@")[2]


def build(mail: Mail) -> bytes:
    """The mail's bytes, lines ending in CR LF; raises HeaderError."""
    return b"".join(
        (
            _headers(mail),
            b"--" + _BOUNDARY + _CRLF + b'Content-Type: text/plain; charset="utf-8"' + _CRLF,
            _body(mail.text),
            b"--" + _BOUNDARY + _CRLF + b'Content-Type: text/html; charset="utf-8"' + _CRLF,
            _body(mail.html),
            b"--" + _BOUNDARY + b"--" + _CRLF,
        )
    )


def _headers(mail: Mail) -> bytes:
    sender = mailbox(mail.sender)
    lines = [
        _line("From", sender.header),
        _line("To", ascii_address(mail.recipient) or mail.recipient),
        f"Subject: {_encoded('Subject', mail.subject)}",
        f"Date: {_date(mail.date.replace(microsecond=0))}",
        _line("Message-ID", f"<{mail.message_id}@{sender.domain}>"),
    ]
    if mail.reply_to:
        lines.append(_line("Reply-To", mailbox(mail.reply_to).header))
    if mail.unsubscribe:
        lines.append(_line("List-Unsubscribe", f"<{mail.unsubscribe}>"))
        lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    if mail.feedback_id:
        lines.append(_line("Feedback-ID", mail.feedback_id))
    lines += (_line(name, value) for name, value in mail.headers)
    lines.append("MIME-Version: 1.0")
    lines.append(f'Content-Type: multipart/alternative; boundary="{_BOUNDARY.decode()}"')
    try:
        return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n"
    except UnicodeEncodeError as error:
        raise HeaderError("a header holds characters that mail cannot carry there") from error


def _line(name: str, value: str) -> str:
    if _CONTROL.search(value):
        raise HeaderError(f"`{name}` would hold a line break")
    return f"{name}: {value}"


def _encoded(name: str, value: str) -> str:
    """An unstructured header's value: as it is when it may, else by RFC 2047, folded."""
    if _CONTROL.search(value):
        raise HeaderError(f"`{name}` would hold a line break")
    if value.isascii() and len(value) < _LINE - len(name) and "=?" not in value:
        return value
    return Header(value, "utf-8", header_name=name).encode(linesep="\r\n")


@lru_cache(maxsize=256)
def mailbox(written: str) -> Mailbox:
    """`Ann <ann@example.com>` or a bare address; raises HeaderError."""
    if _CONTROL.search(written):
        raise HeaderError("a sender would hold a line break")
    name, address = parseaddr(written)
    plain = ascii_address(address)
    if plain is None:
        raise HeaderError(f"`{written}` is no mail address")
    return Mailbox(formataddr((name, plain)), plain)


def ascii_address(address: str) -> str | None:
    """The address as every server takes it (its domain by IDNA), or None when there is no such."""
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain or not local.isascii() or _CONTROL.search(address):
        return None
    if " " in address or "<" in address or ">" in address:
        return None
    if domain.isascii():
        return address
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return None


@lru_cache(maxsize=8)
def _date(second: datetime) -> str:
    return format_datetime(second)


def _body(text: str) -> bytes:
    if "\r" in text:
        text = _NEWLINES.sub("\n", text)
    raw = text.replace("\n", "\r\n").encode("utf-8", "replace")
    if len(raw) - len(text) > len(raw) // 4:
        return (
            b"Content-Transfer-Encoding: base64\r\n\r\n"
            + _CRLF.join(_lines(binascii.b2a_base64(raw, newline=False)))
            + _CRLF
        )
    # The line end goes in with the rest: it tells b2a_qp which kind of line end to write.
    encoded = binascii.b2a_qp(raw + _CRLF, istext=True)
    return b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded


def _lines(encoded: bytes) -> Iterator[bytes]:
    for start in range(0, len(encoded), _LINE):
        yield encoded[start : start + _LINE]
