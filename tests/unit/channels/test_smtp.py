"""SMTP over a real connection: pipelined or not, refused, cut off, and used again."""

import asyncio

import pytest
from mail_double import HANG_UP, MailDouble

from headless.channels.answers import Verdict
from headless.channels.smtp import SmtpSender, parse_url

BODY = b"Subject: x\r\n\r\nline\r\n.dot\r\n..two\r\n"


@pytest.fixture(params=[True, False], ids=["pipelined", "one by one"])
def pipelining(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_many_mails_over_few_connections(pipelining: bool) -> None:
    async with MailDouble(pipelining=pipelining) as server:
        sender = SmtpSender(parse_url(server.url), width=3)
        answers = await asyncio.gather(
            *(sender.send("a@b.example", f"p{n}@c.example", BODY) for n in range(30))
        )
        await sender.close()
        assert {answer.verdict for answer in answers} == {Verdict.SENT}
        assert server.taken == {f"p{n}@c.example": 1 for n in range(30)}
        assert server.raw["p7@c.example"] == BODY
        assert server.connections <= 3


async def test_a_refused_recipient_does_not_spoil_the_next(pipelining: bool) -> None:
    async with MailDouble(pipelining=pipelining) as server:
        server.rcpt = {"no@c.example": ["550 5.1.1 unknown"], "slow@c.example": ["450 4.2.0 later"]}
        sender = SmtpSender(parse_url(server.url), width=1)
        verdicts = [
            (await sender.send("a@b.example", to, BODY)).verdict
            for to in ("no@c.example", "yes@c.example", "slow@c.example", "yes@c.example")
        ]
        await sender.close()
        assert verdicts == [Verdict.SUPPRESS, Verdict.SENT, Verdict.RETRY, Verdict.SENT]
        assert server.taken == {"yes@c.example": 2}
        assert server.connections == 1


async def test_no_answer_after_the_dot_is_uncertain(pipelining: bool) -> None:
    async with MailDouble(pipelining=pipelining) as server:
        server.dot = {"x@c.example": [HANG_UP]}
        sender = SmtpSender(parse_url(server.url), width=1)
        answer = await sender.send("a@b.example", "x@c.example", BODY)
        assert answer.verdict is Verdict.UNCERTAIN
        assert server.taken["x@c.example"] == 1
        assert (await sender.send("a@b.example", "y@c.example", BODY)).verdict is Verdict.SENT
        await sender.close()


async def test_a_connection_that_ended_in_silence_is_replaced(pipelining: bool) -> None:
    async with MailDouble(pipelining=pipelining) as server:
        server.mail = [HANG_UP, "250 2.1.0 ok"]
        sender = SmtpSender(parse_url(server.url), width=1)
        await sender.send("a@b.example", "x@c.example", BODY)
        assert server.connections == 2
        await sender.close()


async def test_nobody_there_breaks_the_channel() -> None:
    async with MailDouble() as server:
        url = server.url
    sender = SmtpSender(parse_url(url))
    assert (await sender.ready()).verdict is Verdict.BROKEN
    assert (await sender.send("a@b.example", "x@c.example", BODY)).verdict is Verdict.BROKEN


async def test_a_login_that_is_not_offered_breaks_the_channel() -> None:
    async with MailDouble() as server:
        sender = SmtpSender(parse_url(server.url.replace("//", "//user:secret@")))
        answer = await sender.ready()
    assert answer.verdict is Verdict.BROKEN
    assert "secret" not in answer.detail


async def test_a_server_that_wants_the_mail_though_it_refused_the_recipient() -> None:
    """RFC 2920: commands sent in one breath may end so; an empty message puts it right."""
    said: list[bytes] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        answers = {
            b"EHLO": b"250-hello\r\n250 PIPELINING\r\n",
            b"RCPT": b"550 5.1.1 unknown\r\n",
            b"DATA": b"354 go on\r\n",
            b".": b"554 5.5.1 nobody\r\n",
        }
        async for line in reader:
            said.append(line.strip())
            writer.write(answers.get(line.split()[0], b"250 ok\r\n"))
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    sender = SmtpSender(
        parse_url(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"), width=1
    )
    for _ in range(2):
        answer = await sender.send("a@b.example", "no@c.example", BODY)
        assert (answer.verdict, answer.detail) == (Verdict.SUPPRESS, "550 5.1.1 unknown")
    await sender.close()
    server.close()
    assert b"line" not in said
    assert said.count(b".") == 2
    assert said.count(b"RSET") == 1


@pytest.mark.parametrize("address", ["a@b\r\nRCPT TO:<eve@c>", "a@b> x", "a b@c"])
async def test_commands_cannot_be_smuggled_in(address: str) -> None:
    async with MailDouble() as server:
        sender = SmtpSender(parse_url(server.url))
        assert (await sender.send("a@b.example", address, BODY)).verdict is Verdict.FAILED
        assert (await sender.send(address, "a@b.example", BODY)).verdict is Verdict.FAILED
        assert server.connections == 0


@pytest.mark.parametrize(
    ("url", "port", "tls", "local"),
    [
        ("smtp://127.0.0.1:2525", 2525, "never", True),
        ("smtp://localhost", 25, "never", True),
        ("smtp://[::1]:99?tls=required", 99, "required", True),
        ("smtp://mail.example.com", 25, "offered", False),
        ("smtp://u:p%40x@mail.example.com", 587, "offered", False),
        ("smtp://mail.example.com?tls=never", 25, "never", False),
        ("smtps://mail.example.com", 465, "implicit", False),
    ],
)
def test_a_url_names_the_server(url: str, port: int, tls: str, local: bool) -> None:
    server = parse_url(url)
    assert (server.port, server.tls, server.local) == (port, tls, local)
    assert server.password in (None, "p@x")


@pytest.mark.parametrize("url", ["http://x", "smtp://", "mail.example.com", "smtp://x?tls=maybe"])
def test_a_url_that_names_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"smtp|tls"):
        parse_url(url)
