"""Pictures of a campaign: everything is in them, nothing falls out of them, the text is visible."""

import re
import xml.etree.ElementTree as ET

import pytest
import resvg_py

from headless.dsl import font
from headless.dsl.draw import mermaid, png, svg
from headless.dsl.examine import examine
from headless.dsl.plan import Plan

WHOLE = """\
campaign "Größe & <co>"
from segment Leads
first: send email Welcome
when opened email Welcome within 3d do
  add points 10
or when clicked email Welcome within 2d do
  exit
else
  send sms Reminder
end
if points > 5 then add tag hot
split do 50% "A": send email A rest "B": note "hold-out" end
parallel do send email P also wait 1d end
whenever did "x" within 9d do remove points 5 end
repeat 3 times do send email R wait 1d end
when not opened email R within 1d then jump to first at most 2 times
"""


def made(text: str) -> Plan:
    found = examine(text).plan
    assert found is not None
    return found


def texts(picture: str) -> list[str]:
    root = ET.fromstring(picture)
    return [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]


def test_every_step_and_every_branch_is_in_the_picture() -> None:
    shown = texts(svg(made(WHOLE)))
    for text in (
        "Größe & <co>",
        "segment Leads",
        "first",
        "Welcome",
        "waits for the first of",
        "opened email Welcome within 3d",
        "none in time",
        "exit",
        "Reminder",
        "yes",
        "no",
        "50% A",
        "50% B",
        "hold-out",
        "at the same time",
        "when all are done",
        "whenever did x within 9d",
        "repeat 3 times",
        "not within 1 day",
        "it happened",
        "first, at most 2 times",
    ):
        assert text in shown


def test_counts_stand_on_their_steps_only_if_given() -> None:
    plan = made("send email A wait 1d")
    assert "12,345" in texts(svg(plan, {1: 12345}))
    assert len(texts(svg(plan))) == len(texts(svg(plan, {1: 12345}))) - 1


@pytest.mark.parametrize(
    "text",
    [
        "exit",
        "send email A",
        WHOLE,
        "if points > 1 do if points > 2 do if points > 3 do exit end else exit end end",
        'every week on monday at 09:00 do whenever did "x" then exit; wait 1d end',
        'from contacts where (country in (FR, BE) and not in campaign "A very long name indeed") '
        "send email A",
        f'note "{"a" * 500}"',
    ],
)
def test_nothing_falls_out_of_the_frame(text: str) -> None:
    picture = svg(made(text))
    root = ET.fromstring(picture)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))

    def walk(node: ET.Element, x: float, y: float) -> None:
        moved = re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", node.get("transform", ""))
        if moved:
            x, y = x + float(moved[1]), y + float(moved[2])
        if node.tag.endswith("rect") and node.get("rx") and "scale" not in str(node.attrib):
            left, top = x + float(node.get("x", 0)), y + float(node.get("y", 0))
            assert left >= 0
            assert top >= 0
            assert left + float(node.get("width", 0)) <= width
            assert top + float(node.get("height", 0)) <= height
        for child in node:
            walk(child, x, y)

    walk(root, 0, 0)


def test_the_text_is_visible_with_the_shipped_font_alone() -> None:
    plan = made("send email Welcome")
    bare = re.sub(r"<text.*?</text>", "", svg(plan))
    without = resvg_py.svg_to_bytes(svg_string=bare, zoom=2, skip_system_fonts=True)
    picture = png(plan)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > len(bytes(without)) + 500


def test_widths_are_those_of_the_font() -> None:
    assert font.width("", 10) == 0
    assert font.width("MM", 10) == pytest.approx(2 * font.width("M", 10))
    assert font.width("i", 10) < font.width("M", 10)
    assert font.width("ж", 10) != font.width("\U0001f600", 10)
    assert font.wrapped("one two", 10, 1000, 3) == ("one two",)
    lines = font.wrapped("word " * 40, 10, 80, 3)
    assert len(lines) == 3
    assert lines[2].endswith("…")
    assert all(font.width(line, 10) <= 80 for line in lines)


def test_mermaid_tells_the_same_graph() -> None:
    told = mermaid(made("when opened email X within 3d then add points 10 else exit"), {2: 1000})
    assert told == (
        """\
flowchart TD
  s0(["when X is sent"])
  s1{{"when opened email X within 3d"}}
  s2["add points 10 (1,000)"]
  s3(["exit"])
  s0 --> s1
  s1 -->|"yes"| s2
  s1 -->|"not within 3 days"| s3
  s2 --> done
  done(("end"))
"""
    )


def test_mermaid_knows_no_step_that_it_has_not_shown() -> None:
    told = mermaid(made(WHOLE))
    known = set(re.findall(r"^  (s\d+)[\[({]", told, re.MULTILINE))
    assert set(re.findall(r"\b(s\d+)\b", re.sub(r'"[^"]*"', "", told))) == known
