"""Mails taken apart: subject, parts, and our own links."""

from datetime import UTC, datetime

import pytest

from headless.channels.inbox import Received, parse
from headless.channels.sink import headline

RAW = (
    "From: a@b.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?_an_alle?=\r\n"
    "Message-ID: <msg_0123456789abc@b.example>\r\nMIME-Version: 1.0\r\n"
    "List-Unsubscribe: <http://h.example/u/{t}>\r\n"
    'Content-Type: text/html; charset="{charset}"\r\n\r\n'
    '<a href="http://h.example/c/{t}">x</a><a href="http://h.example/c/{t}">again</a>'
    '<img src="http://h.example/o/{t}.gif"> http://h.example/c/{t}longer http://h.example/c/short'
)


def test_the_headline_is_what_a_person_reads() -> None:
    assert headline(RAW.encode()) == ("Grüße an alle", "msg_0123456789abc")
    assert headline(b"To: x\r\n\r\nSubject: in the body\r\n") == ("", None)
    assert headline(b"Subject: =?broken?q?x?=\r\n\r\n")[0] == "=?broken?q?x?="
    assert headline(b"SUBJECT:\r\nMessage-ID: <other@x>\r\n\r\n") == ("", None)


@pytest.mark.parametrize("charset", ["utf-8", "no-such-charset"])
def test_our_links_are_found_once_each(charset: str) -> None:
    token = "A" * 34
    raw = RAW.replace("{t}", token).replace("{charset}", charset).encode()
    received = Received(1, datetime.now(UTC), "a@b.example", "c@d.example", "s", "msg_1")
    mail = parse(received, raw)
    assert mail.links.open == f"http://h.example/o/{token}.gif"
    assert mail.links.clicks == (f"http://h.example/c/{token}",)
    assert mail.links.unsubscribe == f"http://h.example/u/{token}"
    assert mail.headers["Subject"] == "Grüße an alle"
    assert mail.text == ""
