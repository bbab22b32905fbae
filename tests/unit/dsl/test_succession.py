"""The plan of a version that follows another: numbers that stay, are new, or come back."""

from headless.dsl.diff import diff
from headless.dsl.examine import examine
from headless.dsl.plan import Gone, Plan, Rule, Split, from_json, in_order, targets, to_json
from headless.dsl.succession import successor

ONE = "send email A wait 3d send email B wait 2d send email C"


def plan_of(text: str) -> Plan:
    made = examine(text).plan
    assert made is not None
    return made


def after(*texts: str) -> Plan:
    """The plan of the last of these versions."""
    found = plan_of(texts[0])
    for text in texts[1:]:
        new = plan_of(text)
        found = successor(found, new, diff(found, new))
    return found


def numbers(plan: Plan) -> dict[str, int]:
    return {step.text: step.number for step in in_order(plan)}


def way(plan: Plan) -> list[str]:
    """The texts from the entry on, always by the first way out."""
    found, number = [], 0
    while True:
        found.append(plan.steps[number].text)
        ahead = targets(plan.steps[number])
        if not ahead or ahead[0] is None:
            return found[1:]
        number = ahead[0]


def test_a_step_keeps_its_number_when_others_come_before_it() -> None:
    new = after(ONE, "add tag t " + ONE)
    assert [numbers(new)[f"send email {name}"] for name in "ABC"] == [1, 3, 5]
    assert numbers(new)["add tag t"] == 6
    assert way(new)[:3] == ["add tag t", "send email A", "wait 3d"]
    assert [step.number for step in new.steps] == list(range(7))


def test_a_step_that_is_gone_leaves_its_number_free_until_it_comes_back() -> None:
    two = ONE.replace("send email B ", "send email D ")
    new = after(ONE, two)
    assert isinstance(new.steps[3], Gone)
    assert numbers(new)["send email D"] == 6
    back = after(ONE, two, ONE)
    assert numbers(back) == numbers(plan_of(ONE))
    assert isinstance(back.steps[6], Gone)
    assert numbers(after(ONE, two, ONE, two)) == numbers(new)


def test_the_same_mail_in_another_place_is_the_same_step() -> None:
    new = after(ONE, "send email C send email A wait 3d send email B wait 2d")
    assert numbers(new)["send email C"] == 5
    assert way(new) == ["send email C", "send email A", "wait 3d", "send email B", "wait 2d"]


def test_a_new_layout_changes_no_number() -> None:
    text = 'split do 50% "a": send email A wait 1d rest: send email B end send email C'
    assert successor(plan_of(text), plan_of(text), diff(plan_of(text), plan_of(text))) == (
        _ordered(plan_of(text))
    )


def _ordered(plan: Plan) -> Plan:
    return Plan(
        **{name: getattr(plan, name) for name in plan.__struct_fields__ if name != "order"},
        order=tuple(step.number for step in plan.steps),
    )


def test_a_split_goes_on_dealing_by_its_first_key() -> None:
    body = 'do 50% "a": send email A rest: send email B end'
    first = plan_of(f"split {body}")
    new = after(f"split {body}", f"x: split {body}")
    (split,) = (step for step in new.steps if isinstance(step, Split))
    assert (split.key, split.seed) == ("@x", first.steps[1].key)


def test_rules_and_parallel_parts_keep_their_branches() -> None:
    one = 'whenever did "a" then add points 1 wait 9d'
    two = 'whenever did "b" then add points 2 ' + one
    new = after(one, two)
    branches = {step.text: step.branch for step in in_order(new) if isinstance(step, Rule)}
    assert branches == {"whenever did a": 1, "whenever did b": 2}


def test_what_moved_becomes_the_new_step() -> None:
    new = after("a: wait 3d send email A", "moved a to b b: wait 5d send email A")
    assert [(step.number, step.key) for step in in_order(new)][1:] == [
        (1, "@b"),
        (2, "send email A"),
    ]


def test_a_plan_that_follows_another_is_read_back_as_it_was_written() -> None:
    new = after(ONE, "add tag t " + ONE.replace("send email B ", ""))
    assert from_json(to_json(new)) == new
