"""Layout as a checksum: a text never means something else than it looks like."""

import pytest

from headless.dsl.diagnostics import apply
from headless.dsl.format import canonical
from headless.dsl.parser import parse

MISLEADING_ELSE = """\
when opened email A within 1d do
  if points > 5 then add tag x
else
  add tag y
end
"""


def codes(text: str) -> list[str]:
    return [d.code for d in parse(text).diagnostics]


def test_an_else_under_another_question_is_an_error() -> None:
    (report,) = parse(MISLEADING_ELSE).diagnostics
    assert report.code == "E130"
    assert "`when` on line 1" in report.message
    assert "`if` on line 2" in report.message
    assert report.fix is not None
    assert report.fix.safe
    fixed = parse(apply(MISLEADING_ELSE, report.fix)).campaign
    assert fixed is not None
    assert canonical(fixed).splitlines()[-3:] == ["else", "  add tag y", "end"]


@pytest.mark.parametrize(
    "text",
    [
        "send email A\n  send email B\n",
        "when opened email A then add points 1\n  add tag x\n",
        "repeat 2 times do\n  wait 1d\nsend email A\nend\n",
        "if a is b do\n  if c is d do\n    exit\n  end\n  end\n",
        "if a is b do\n  if c is d do\n    exit\nend\n  wait 1d\nend\n",
        "parallel do\n  exit\n    also\n  exit\nend\n",
        "if a is b do\n  exit\nelse\n    exit\n  end\n",
    ],
)
def test_a_misleading_layout_is_an_error(text: str) -> None:
    assert "E130" in codes(text)
    assert codes(" ".join(text.split())) == []


@pytest.mark.parametrize(
    "text",
    [
        "if a is b do\nexit\nelse\nwait 1d\nend\nsend email A",
        "if a is b do\n\texit\nelse\n\twait 1d\nend",
        "when opened email A\n  within 3d\n  then add points 1,\n       add tag x\n  else exit",
        "  send email A\n  send email B",
        "if a is b do exit\nelse wait 1d end",
        "split do\n  50%: send email A\n       wait 1d\n  rest: exit\nend",
        "intro: if a is b do\n  exit\nend",
        "if a is b then exit\nor if c is d then wait 1d\nelse send email A",
    ],
)
def test_an_honest_layout_is_fine(text: str) -> None:
    assert codes(text) == []


def test_layout_is_checked_beside_other_faults() -> None:
    text = "sned email A\nwait 1d\nwait 2d\n" + MISLEADING_ELSE
    assert codes(text) == ["E120", "E130"]
