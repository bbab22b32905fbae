"""The command line's manners: where the answer goes, what a fault says, what it ends with."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

RIGHT = "when opened email X within 3d then add points 10\n"
WRONG = "when opned email X within 3d then add points 10\n"


def headless(
    *words: str, stdin: str = "", environ: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("HEADLESS_")}
    kept.pop("DATABASE_URL", None)
    kept.pop("REDIS_URL", None)
    return subprocess.run(
        [sys.executable, "-c", "from headless.cli import main; main()", *words],
        input=stdin,
        capture_output=True,
        text=True,
        env=kept | (environ or {}),
        cwd=cwd,
        timeout=60,
        check=False,
    )


def test_a_sound_text_ends_with_0() -> None:
    done = headless("check", "-", stdin=RIGHT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "-: ok\n", "")


def test_a_faulty_text_ends_with_1_and_has_the_caret_at_the_fault() -> None:
    done = headless("check", "-", stdin=WRONG)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    shown = next(number for number, line in enumerate(lines) if "opned email" in line)
    assert lines[shown].index("opned") == lines[shown + 1].index("^^^^^")


def test_check_as_json_has_a_place_for_each_fault(tmp_path: Path) -> None:
    (tmp_path / "a.campaign").write_text(RIGHT)
    (tmp_path / "b.campaign").write_text(WRONG)
    done = headless("check", "--json", str(tmp_path))
    assert done.returncode == 1
    (fault,) = json.loads(done.stdout)
    assert fault["file"] == str(tmp_path / "b.campaign")
    assert fault["span"]["start"] == {"line": 1, "column": 6, "offset": 5}
    (alone,) = json.loads(headless("check", "--json", "-", stdin=WRONG).stdout)
    assert set(alone) == {"code", "severity", "message", "help", "fix", "span", "related"}
    assert json.loads(headless("check", "--json", "--standalone", "-", stdin=RIGHT).stdout) == []


def test_fmt_prints_the_canonical_form_and_rewrites_several(tmp_path: Path) -> None:
    done = headless("fmt", "-", stdin="WHEN opened Email X within 3 days THEN add points 10")
    assert done.stdout == "when opened email X within 3d then add points 10\n"
    one, two = tmp_path / "a.campaign", tmp_path / "b.campaign"
    one.write_text("send email   A")
    two.write_text("send email B\n")
    assert headless("fmt", "--check", str(tmp_path)).returncode == 1
    assert headless("fmt", str(tmp_path)).returncode == 0
    assert (one.read_text(), two.read_text()) == ("send email A\n", "send email B\n")
    assert headless("fmt", "--check", str(tmp_path)).returncode == 0
    faulty = headless("fmt", "-", stdin=WRONG)
    assert (faulty.returncode, faulty.stdout) == (1, "")


def test_explain_and_draw(tmp_path: Path) -> None:
    assert "within 3 days from the sending of X" in headless("explain", "-", stdin=RIGHT).stdout
    for ending, begins in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".mmd", b"flowchart")):
        out = tmp_path / f"x{ending}"
        assert headless("draw", "-", "--output", str(out), stdin=RIGHT).returncode == 0
        assert out.read_bytes().startswith(begins)
    assert headless("draw", "-", "-o", str(tmp_path / "x.bmp"), stdin=RIGHT).returncode == 2


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "cannot be read: No such file"),
        (lambda path: path.mkdir(), "no file that ends in `.campaign`"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "is not UTF-8 (byte 0)"),
    ],
)
def test_what_cannot_be_read_is_a_fault_of_use(tmp_path: Path, make, told: str) -> None:
    make(tmp_path / "it")
    done = headless("check", str(tmp_path / "it"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr
    assert done.stderr.splitlines()[-1].startswith("→ ")


def test_check_needs_no_settings_and_loads_no_database() -> None:
    code = (
        "import sys\nfrom headless.cli import main\n"
        "try: main(['check', '-'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'sqlalchemy', 'litestar', 'httpx', 'asyncio', 'rich.console'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=RIGHT,
        capture_output=True,
        text=True,
        env=os.environ | {"HEADLESS_PROT": "1"},
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_check_starts_quickly() -> None:
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        headless("check", "-", stdin=RIGHT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.8  # of the processor; 0.3 s when nothing else runs


def test_an_unknown_command_names_the_nearest() -> None:
    done = headless("chekc")
    assert done.returncode == 2
    assert "check" in done.stderr


def test_help_shows_every_command() -> None:
    done = headless("--help")
    assert done.returncode == 0
    for name in ("dev", "serve", "work", "check", "import", "campaigns", "why", "doctor"):
        assert f" {name} " in done.stdout


def test_settings_that_do_not_fit_are_all_told() -> None:
    done = headless("settings", environ={"HEADLESS_PROT": "1", "HEADLESS_TOKNE": "x"})
    assert done.returncode == 2
    assert "did you mean `HEADLESS_PORT`?" in done.stderr
    assert "did you mean `HEADLESS_TOKEN`?" in done.stderr


def test_settings_show_value_and_origin_and_no_secret() -> None:
    environ = {"HEADLESS_TOKEN": "hk_test_secret", "HEADLESS_PORT": "9000"}
    shown = {
        item["name"]: item for item in json.loads(headless("settings", environ=environ).stdout)
    }
    assert shown["HEADLESS_PORT"]["value"] == "9000"
    assert shown["HEADLESS_PORT"]["origin"] == "environment"
    assert shown["HEADLESS_TOKEN"]["value"] == "********"
    assert shown["DATABASE_URL"]["value"] is None


@pytest.mark.parametrize("command", ["serve", "work", "migrate"])
def test_a_part_without_its_servers_says_what_to_set(command: str) -> None:
    done = headless(command)
    assert done.returncode == 2
    assert "`DATABASE_URL`" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("→ ")


def test_without_a_token_the_client_says_how_to_get_one(tmp_path: Path) -> None:
    done = headless("campaigns", "list", cwd=tmp_path)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1] == (
        "→ set HEADLESS_TOKEN, or start `headless dev` in this folder"
    )


def test_a_server_that_is_away_is_a_try_again(tmp_path: Path) -> None:
    environ = {"HEADLESS_URL": "http://127.0.0.1:9", "HEADLESS_TOKEN": "hk_test_x"}
    done = headless("campaigns", "list", cwd=tmp_path, environ=environ)
    assert done.returncode == 75
    assert "http://127.0.0.1:9 does not answer" in done.stderr


def test_the_doctor_finds_that_nothing_runs(tmp_path: Path) -> None:
    environ = {"HEADLESS_URL": "http://127.0.0.1:9"}
    done = headless("doctor", "--json", cwd=tmp_path, environ=environ)
    assert done.returncode == 1
    findings = {finding["about"]: finding for finding in json.loads(done.stdout)}
    assert {finding["verdict"] for finding in findings.values()} == {"xx"}
    assert all(finding["fix"] for finding in findings.values())
    assert done.stderr == "0 warnings, 4 faults\n"
