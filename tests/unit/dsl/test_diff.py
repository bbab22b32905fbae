"""Two versions of a campaign: what is the same step, what changed, who would be stranded."""

import pytest

from headless.dsl.diff import Diff, diff, told
from headless.dsl.examine import examine
from headless.dsl.plan import Plan

BASE = """\
from segment L
send email A
wait 3d
when opened email A within 3d do
  add points 10
  wait 1d
  send email B
else
  send email C
end
wait 2d
send email D
"""


def plan_of(text: str) -> Plan:
    made = examine(text).plan
    assert made is not None
    return made


def between(old: str, new: str) -> Diff:
    return diff(plan_of(old), plan_of(new))


def lines(old: str, new: str) -> list[str]:
    return told(between(old, new), plan_of(new)).splitlines()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("wait 3d", "wait 3d  # the same"), []),
        (("wait 3d\n", "wait 5d\n"), ["~ wait 3d → wait 5d  (line 3)"]),
        (("wait 2d\n", "add tag x\nwait 2d\n"), ["+ add tag x  (line 11)"]),
        (("  wait 1d\n", ""), ["- wait 1d"]),
        (
            ("add points 10", "add points 20"),
            ["~ add points 10 → add points 20  (line 5)"],
        ),
        (
            ("within 3d do", "within 5d do"),
            ["~ when opened email A within 3d → when opened email A within 5d  (line 4)"],
        ),
        (
            ("send email D", "send email E"),
            ["- send email D", "+ send email E  (line 12)"],
        ),
        (
            ("from segment L", "from segment M\nre-entry always"),
            [
                "- from segment L",
                "~ re-entry never → re-entry always",
                "+ from segment M",
            ],
        ),
    ],
)
def test_what_changed_is_told(change: tuple[str, str], expected: list[str]) -> None:
    assert sorted(lines(BASE, BASE.replace(*change, 1))) == sorted(expected)


def test_a_flattened_text_is_no_change() -> None:
    found = between(BASE, " ".join(BASE.split()))
    assert found.changes == ()
    assert found.mapping == {number: number for number in range(10)}


def test_steps_are_found_again_behind_what_was_put_in() -> None:
    found = between(BASE, BASE.replace("send email A", "add tag x\nsend email A"))
    assert found.mapping == {0: 0} | {number: number + 1 for number in range(1, 10)}


def test_going_back_brings_everybody_back() -> None:
    new = BASE.replace("send email A", "send email A\nadd tag y").replace("  wait 1d\n", "")
    there, back = between(BASE, new), between(new, BASE)
    for old, middle in there.mapping.items():
        assert back.mapping[middle] == old


def test_a_label_is_found_wherever_it_goes() -> None:
    old = "from segment L\nx: wait 3d\nsend email A\nadd tag t"
    new = "from segment L\nsend email A\nif points > 5 do x: wait 4d end\nadd tag t"
    found = between(old, new)
    assert found.mapping == {0: 0, 1: 3, 2: 1, 3: 4}


def test_people_at_a_step_that_is_gone_are_stranded_until_the_text_says_where_to() -> None:
    old = "from segment L\nx: wait 3d\nsend email A"
    assert between(old, "from segment L\nsend email A").stranded == (1,)
    moved = "from segment L\nmoved x to y\ny: send email A"
    assert between(old, moved).stranded == ()
    assert between(old, moved).mapping[1] == 1
    leaving = between(old, "from segment L\nwaiting at x exit\nsend email A")
    assert leaving.stranded == ()
    assert leaving.leaving == (1,)


def test_a_step_may_get_a_label_or_lose_it() -> None:
    old = "from segment L\nwait 3d\nsend email A\nwait 3d"
    new = old.replace("send", "y: send")
    assert between(old, new).changes == ()
    assert between(new, old).mapping == {0: 0, 1: 1, 2: 2, 3: 3}


def test_shares_of_a_split_are_parameters() -> None:
    old = 'from segment L split do 50% "A": send email A rest "B": send email B end'
    assert lines(old, old.replace("50%", "40%")) == ["~ split 50%, 50% → split 40%, 60%  (line 1)"]
