"""Encryption and login, against a real server with a certificate of the test's own authority."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from headless.channels.answers import Verdict
from headless.channels.smtp import Server, SmtpSender, Tls


class Taken:
    """What the server saw of each mail: was it encrypted, and who was logged in."""

    def __init__(self) -> None:
        self.mails: list[tuple[bool, str | None]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        self.mails.append((encrypted, session.auth_data and session.auth_data.login.decode()))
        return "250 2.0.0 taken"


def _let_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(
        success=(data.login, data.password) == (b"ann", b"right"), handled=False, auth_data=data
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key for 127.0.0.1, which vouches for itself."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


@asynccontextmanager
async def serving(
    certificate: Path, *, implicit: bool = False, starttls: bool = True
) -> AsyncIterator[tuple[int, Taken]]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    taken, loop = Taken(), asyncio.get_running_loop()

    def conversation() -> SMTP:
        return SMTP(
            taken,
            hostname="tls.example",
            tls_context=context if starttls and not implicit else None,
            authenticator=_let_in,
            auth_require_tls=starttls,
            loop=loop,
        )

    server = await loop.create_server(
        conversation, "127.0.0.1", 0, ssl=context if implicit else None
    )
    try:
        yield server.sockets[0].getsockname()[1], taken
    finally:
        server.close()


def a_server(port: int, tls: Tls, password: str | None = None) -> Server:
    return Server("127.0.0.1", port, "ann" if password else None, password, tls, local=True)


async def send(server: Server) -> tuple[Verdict, str]:
    sender = SmtpSender(server)
    try:
        answer = await sender.send("a@example.com", "b@example.com", b"Subject: x\r\n\r\nHi\r\n")
    finally:
        await sender.close()
    return answer.verdict, answer.detail


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


async def test_starttls_and_a_login(trusted: Path) -> None:
    async with serving(trusted) as (port, taken):
        assert (await send(a_server(port, "required", "right")))[0] is Verdict.SENT
        assert taken.mails == [(True, "ann")]


async def test_starttls_where_it_is_offered(trusted: Path) -> None:
    async with serving(trusted) as (port, taken):
        assert (await send(a_server(port, "offered")))[0] is Verdict.SENT
        assert taken.mails == [(True, None)]


async def test_tls_from_the_first_byte(trusted: Path) -> None:
    async with serving(trusted, implicit=True, starttls=False) as (port, taken):
        assert (await send(a_server(port, "implicit")))[0] is Verdict.SENT
        assert taken.mails[0][0] is True


async def test_without_starttls_a_channel_that_requires_it_sends_nothing(trusted: Path) -> None:
    async with serving(trusted, starttls=False) as (port, taken):
        verdict, detail = await send(a_server(port, "required"))
        assert (verdict, taken.mails) == (Verdict.BROKEN, []), detail


async def test_a_wrong_password_breaks_the_channel_and_no_message(trusted: Path) -> None:
    async with serving(trusted) as (port, taken):
        verdict, detail = await send(a_server(port, "required", "wrong"))
        assert (verdict, taken.mails) == (Verdict.BROKEN, [])
        assert "535" in detail


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(certificate: Path) -> None:
    async with serving(certificate) as (port, taken):
        verdict, _ = await send(a_server(port, "required"))
        assert (verdict, taken.mails) == (Verdict.BROKEN, [])
