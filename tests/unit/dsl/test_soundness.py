"""All faults in one run: one fault hides no other, and its repair causes none."""

import pytest

from headless.dsl.codes import WORKSPACE
from headless.dsl.examine import examine

THREE = """\
from segment Leeds
when opned email Welcome within 3d then add points 10
split do 50%: send email Tips 40%: send email Deal with (discount = 1) end
"""


def told(text: str) -> list[tuple[str, str]]:
    seen = examine(text, WORKSPACE)
    assert seen.plan is None
    return [(d.code, text[d.span.start : d.span.end]) for d in seen.diagnostics]


def test_a_name_a_word_and_shares_are_told_at_once() -> None:
    assert told(THREE) == [
        ("E200", "Leeds"),
        ("E120", "opned"),
        ("E211", THREE.splitlines()[2]),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the statement with the fault is not spoken of twice, its neighbours are
        ("send email\nsend email Nope", [("E116", ""), ("E200", "Nope")]),
        ("send email Nope foo wait 1d", [("E117", "Nope foo")]),
        ("send email Welcom at nine\nadd points 5", [("E100", "at")]),
        # what could be wrong only by the repair is not said
        ("xy sned email Tips\njump to xy", [("E125", "")]),
        ("split do 60%: send email Tips 30% send email Sale end", [("E125", "")]),
        ("split do 60%: send emal Tips 30%: send email Sale end", [("E120", "emal")]),
        ("start when did\nif entry.totl > 5 then exit", [("E116", "")]),
        # faults of values and of layout hide no others either
        (
            "wait until 2026-02-30\nsend email Nope\njump to x",
            [("E122", "2026-02-30"), ("E200", "Nope"), ("E205", "x")],
        ),
        (
            "wait 3\nif points > 5 and points < 2 then exit",
            [("E110", "3"), ("E304", "points > 5 and points < 2")],
        ),
        # a fix of such a fault points at the text as typed
        ("wait 3\nsend email Tipps", [("E110", "3"), ("E200", "Tipps")]),
    ],
)
def test_one_report_for_each_fault(text: str, expected: list[tuple[str, str]]) -> None:
    assert told(text) == expected


def test_a_fix_behind_a_repair_is_where_it_belongs() -> None:
    text = "wait 3\nsend email Tipps"
    (_, found) = examine(text, WORKSPACE).diagnostics
    assert found.fix is not None
    (edit,) = found.fix.edits
    assert (text[edit.span.start : edit.span.end], edit.text) == ("Tipps", '"Tips"')
