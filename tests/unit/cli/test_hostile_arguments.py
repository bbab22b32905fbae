"""Files as they come: other line breaks, marks, characters that a terminal obeys, wrong places."""

import json
from pathlib import Path

import pytest
from test_commands import RIGHT, WRONG, headless


def faults(path: Path) -> list[dict[str, object]]:
    done = headless("check", "--json", "--standalone", str(path))
    assert done.returncode == 1, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_a_place_that_cannot_be_written_is_a_fault_of_use(tmp_path: Path) -> None:
    done = headless("draw", "-", "-o", str(tmp_path / "no" / "x.svg"), stdin=RIGHT)
    assert done.returncode == 2
    assert "cannot be written: No such file" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("→ ")


@pytest.mark.parametrize("command", [("explain",), ("draw", "-o", "x.svg")])
def test_one_campaign_is_wanted_and_a_folder_has_two(tmp_path: Path, command: list[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.campaign").write_text(RIGHT)
    done = headless(command[0], str(tmp_path), *command[1:], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "has 2 campaigns" in done.stderr


@pytest.mark.parametrize("command", ["fmt", "check", "explain"])
def test_an_empty_name_is_no_file(command: str) -> None:
    done = headless(command, "")
    assert (done.returncode, done.stdout) == (2, "")
    assert "name is empty" in done.stderr


def test_the_ending_of_a_picture_may_be_in_capitals(tmp_path: Path) -> None:
    assert headless("draw", "-", "-o", str(tmp_path / "X.PNG"), stdin=RIGHT).returncode == 0
    assert (tmp_path / "X.PNG").read_bytes().startswith(b"\x89PNG")


def test_a_byte_order_mark_before_a_comment_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.campaign"
    path.write_bytes(b"\xef\xbb\xbf# why\n" + RIGHT.encode())
    assert headless("check", "--standalone", str(path)).returncode == 0
    assert headless("fmt", str(path)).stdout == "# why\n" + RIGHT


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_lines_and_offsets_are_those_of_the_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "x.campaign"
    text = f"# why{ending}{ending}{WRONG.strip()}{ending}exit{ending}"
    path.write_bytes(text.encode())
    (fault,) = faults(path)
    at = text.index("opned")
    assert fault["span"] == {
        "start": {"line": 3, "column": 6, "offset": at},
        "end": {"line": 3, "column": 11, "offset": at + 5},
    }
    shown = headless("check", "--standalone", str(path)).stdout.splitlines()
    row = next(number for number, line in enumerate(shown) if "opned email" in line)
    assert shown[row].startswith("3 | when opned")
    assert shown[row].index("opned") == shown[row + 1].index("^^^^^")
    assert not any("\r" in line for line in shown)


@pytest.mark.parametrize("control", ["\x1b[31m", "\u202e", "\x07"])
def test_no_character_of_a_text_is_obeyed_by_the_terminal(tmp_path: Path, control: str) -> None:
    path = tmp_path / "x.campaign"
    path.write_text(f'send email "A{control}B"\nsned email C\n', encoding="utf-8")
    done = headless("check", "--standalone", str(path))
    assert done.returncode == 1
    assert control[0] not in done.stdout
    assert "\ufffd" in done.stdout


def test_a_file_that_has_lost_its_line_breaks_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "x.campaign"
    path.write_text(f"# why {RIGHT}")
    (fault,) = faults(path)
    assert fault["code"] == "E007"
    assert 'note "' in str(fault["help"])
