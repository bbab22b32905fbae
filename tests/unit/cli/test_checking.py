"""Whom `headless check` asks, and what it says when there is nobody to be asked."""

import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from headless.cli.checking import check_all
from headless.cli.output import Exit, Failure
from headless.dsl.catalogue import Catalogue, Email
from headless.dsl.examine import examine
from headless.dsl.render import report

TEXT = "send email Welcom"
KNOWN = Catalogue(emails={"Welcome": Email()})
TOKEN = "hk_test_1"


class Workspace(BaseHTTPRequestHandler):
    """Answers as `POST /v1/check` does, for a workspace with one email."""

    def do_POST(self) -> None:
        asked = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
        told = [report(asked["source"], one) for one in examine(asked["source"], KNOWN).diagnostics]
        known = self.headers["Authorization"] == f"Bearer {TOKEN}"
        body = {"diagnostics": told} if known else {"detail": "this token is not known here"}
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(msgspec.json.encode(body))

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Workspace) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    for name in [name for name in os.environ if name.startswith("HEADLESS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def put(**words: str) -> None:
        for name, word in words.items():
            monkeypatch.setenv(name, word)

    return put


def told(*, standalone: bool = False) -> list[str]:
    (found,) = check_all([TEXT], standalone=standalone)
    return [one.code for one in found]


def test_names_are_held_against_the_workspace(url: str, environ: Callable[..., None]) -> None:
    environ(HEADLESS_URL=url, HEADLESS_TOKEN=TOKEN)
    assert told() == ["E200"]
    assert told(standalone=True) == []


def test_without_a_workspace_names_are_taken_on_trust(environ: Callable[..., None]) -> None:
    environ()
    assert told() == []


@pytest.mark.parametrize(
    ("token", "code"), [("wrong", Exit.NOT_AUTHENTICATED), (TOKEN, Exit.TRY_AGAIN)]
)
def test_a_workspace_that_was_named_must_answer(
    url: str, environ: Callable[..., None], token: str, code: Exit
) -> None:
    nobody = "http://127.0.0.1:9"
    environ(HEADLESS_URL=nobody if code is Exit.TRY_AGAIN else url, HEADLESS_TOKEN=token)
    with pytest.raises(Failure) as caught:
        told()
    assert caught.value.code is code
    assert "--standalone" in caught.value.fix


def test_a_server_that_is_gone_is_told_and_done_without(
    environ: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    environ()
    (tmp_path / ".headless").mkdir()
    (tmp_path / ".headless" / "token").write_text(TOKEN)
    assert told() == []
    assert "taken on trust" in capsys.readouterr().err


def test_a_catalogue_in_a_file_is_all_that_is_asked(
    tmp_path: Path, environ: Callable[..., None]
) -> None:
    environ(HEADLESS_URL="http://127.0.0.1:9", HEADLESS_TOKEN=TOKEN)
    path = tmp_path / "catalogue.json"
    document = {"workspace": "Acme", "made_at": "2026-11-23T09:30:00.000Z", "catalogue": KNOWN}
    path.write_bytes(msgspec.json.encode(document))
    (found,) = check_all([TEXT], standalone=False, catalogue=path)
    assert "did you mean `Welcome`?" in str(found)
    path.write_text("{}")
    with pytest.raises(Failure, match="is no catalogue"):
        check_all([TEXT], standalone=False, catalogue=path)
    with pytest.raises(Failure, match="cannot be read"):
        check_all([TEXT], standalone=False, catalogue=tmp_path / "none.json")
