"""Trees become plans: numbers, ways, keys, the implicit start, and JSON both ways."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from headless.dsl import ast, plan
from headless.dsl.compile import compile_campaign
from headless.dsl.diagnostics import Span


def name(text: str) -> ast.Name:
    return ast.Name(text=text, span=Span(3, 9))


def send(email: str, label: str | None = None) -> ast.SendMessage:
    return ast.SendMessage(
        channel="email", message=name(email), label=name(label) if label else None
    )


def days(count: int) -> ast.Duration:
    return ast.Duration(days=count)


def opened(email: str, within: int | None = None, negated: bool = False) -> ast.Trigger:
    return ast.Trigger(
        event=ast.EmailOpened(email=name(email)),
        negated=negated,
        within=ast.Within(duration=days(within)) if within else None,
    )


def block(*steps: ast.Step) -> ast.Block:
    return ast.Block(steps=steps)


def compiled(*steps: ast.Step, settings: tuple[ast.Setting, ...] = ()) -> plan.Plan:
    return compile_campaign(ast.Campaign(name=None, settings=settings, steps=steps), "")


def ways(made: plan.Plan) -> dict[int, tuple[plan.Target, ...]]:
    return {step.number: plan.targets(step) for step in made.steps}


FROM = ast.From(sources=(ast.FromSegment(segment=name("Leads")),))


def test_a_bare_when_is_a_campaign_that_starts_when_the_email_is_sent() -> None:
    points = ast.AddPoints(points=10)
    made = compiled(
        ast.When(branches=(ast.WhenBranch(trigger=opened("X", 3), body=block(points)),))
    )
    assert made.sources == (plan.Source(event=ast.EmailOpened(email=name("X")), sent="X"),)
    assert made.re_entry.mode == "always"
    when = made.steps[1]
    assert isinstance(when, plan.When)
    assert when.implicit
    assert ways(made) == {0: (1,), 1: (2, None), 2: (None,)}


def test_a_source_makes_no_implicit_start() -> None:
    made = compiled(
        ast.When(branches=(ast.WhenBranch(trigger=opened("X", 3), body=block(send("Y"))),)),
        settings=(FROM,),
    )
    assert made.sources == (plan.Source(segment="Leads"),)
    assert made.re_entry.mode == "never"
    assert isinstance(made.steps[1], plan.When)
    assert not made.steps[1].implicit


def test_branches_rejoin_at_the_step_behind() -> None:
    made = compiled(
        send("A"),
        ast.When(
            branches=(
                ast.WhenBranch(
                    trigger=opened("A", 3), body=block(send("B"), ast.WaitFor(duration=days(1)))
                ),
                ast.WhenBranch(trigger=opened("C", 3), body=block(ast.Exit())),
            ),
            otherwise=block(send("D")),
        ),
        send("E"),
    )
    assert ways(made) == {
        0: (1,),
        1: (2,),
        2: (3, 5, 6),
        3: (4,),
        4: (7,),
        5: (),
        6: (7,),
        7: (None,),
    }
    assert [step.number for step in made.steps] == list(range(8))


def test_wait_until_an_event_is_a_when_with_one_way_on() -> None:
    made = compiled(ast.WaitForEvent(trigger=opened("A", 2)), send("B"), settings=(FROM,))
    assert ways(made)[1] == (2, 2)


def test_standing_rules_and_loops_lead_back_to_themselves() -> None:
    made = compiled(
        send("A"),
        ast.Whenever(trigger=opened("A"), body=block(ast.AddPoints(points=1)), at_most=3),
        ast.Repeat(times=2, body=block(send("B"), ast.WaitFor(duration=days(7)))),
        ast.Every(schedule=ast.EveryPeriod(period="week"), body=block(send("C"))),
    )
    assert ways(made) == {
        0: (1,),
        1: (2,),
        2: (5,),
        3: (4,),
        4: (3,),
        5: (6, 8),
        6: (7,),
        7: (5,),
        8: (9, None),
        9: (8,),
    }
    assert [step.parent for step in made.steps] == [0, 0, 0, 2, 3, 0, 5, 5, 0, 8]
    rule = made.steps[3]
    assert isinstance(rule, plan.Rule)
    assert (rule.branch, rule.at_most, rule.implicit) == (1, 3, False)


def test_a_first_whenever_starts_a_run_by_its_own_event() -> None:
    visited = ast.PageVisited(page=name("/pricing*"), times=3)
    within = ast.Within(duration=days(7))
    trigger = ast.Trigger(event=visited, within=within)
    made = compiled(ast.Whenever(trigger=trigger, body=block(ast.AddPoints(points=1))))
    assert made.sources == (plan.Source(event=visited, within=days(7)),)
    assert isinstance(made.steps[2], plan.Rule)
    assert made.steps[2].implicit


def test_parallel_parts_meet_at_a_join() -> None:
    made = compiled(
        ast.Parallel(parts=(block(send("A"), send("B")), block(send("C")))),
        send("D"),
        settings=(FROM,),
    )
    assert ways(made) == {0: (1,), 1: (2, 4), 2: (3,), 3: (5,), 4: (5,), 5: (6,), 6: (None,)}
    assert [step.parent for step in made.steps] == [0, 0, 1, 1, 1, 1, 0]
    fork = made.steps[1]
    assert isinstance(fork, plan.Fork)
    assert (fork.branches, fork.join) == ((1, 2), 5)


def test_the_rest_of_a_split_is_worked_out() -> None:
    made = compiled(
        ast.Split(
            arms=(
                ast.Arm(share=Decimal("33.5"), name=name("A"), body=block(send("A"))),
                ast.Arm(share=None, name=None, body=block(send("B"))),
            )
        )
    )
    split = made.steps[1]
    assert isinstance(split, plan.Split)
    assert [share.percent for share in split.shares] == [Decimal("33.5"), Decimal("66.5")]


def test_jumps_find_their_label_inside_blocks() -> None:
    made = compiled(
        ast.If(
            branches=(ast.IfBranch(condition=ast.HasTag(tag=name("t")), body=block(send("A"))),),
            otherwise=block(send("B", label="again"), ast.WaitFor(duration=days(1))),
        ),
        ast.Jump(to=name("again"), at_most=2),
        ast.Jump(to=name("again")),
        ast.Note(text="never"),
    )
    assert ways(made)[5] == (3, 6)
    assert ways(made)[6] == (3, None)
    assert made.steps[3].key == "@again"


def test_a_jump_to_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="no step is labelled x"):
        compiled(ast.Jump(to=name("x")))


def test_keys_name_the_place_the_kind_and_the_subject_but_no_amounts() -> None:
    made = compiled(
        send("A"),
        send("A"),
        ast.When(
            branches=(
                ast.WhenBranch(
                    trigger=opened("A", 3), body=block(ast.AddPoints(points=5), send("a/b"))
                ),
            )
        ),
    )
    assert [step.key for step in made.steps] == [
        "entry",
        "send email A",
        "send email A#2",
        "when email opened A",
        "when email opened A/1/add points",
        "when email opened A/1/send email a%2fb",
    ]


def test_a_plan_comes_back_from_json_and_forgets_where_it_stood() -> None:
    made = compiled(
        ast.If(
            branches=(
                ast.IfBranch(
                    condition=ast.Compare(
                        operand=ast.Points(),
                        operator=">",
                        value=ast.Number(value=Decimal("1.50"), span=Span(1, 2)),
                    ),
                    body=block(send("A")),
                ),
            )
        ),
        ast.Split(arms=(ast.Arm(share=None, name=None, body=block(ast.Exit())),)),
        settings=(FROM, ast.ReEntry(mode="after", after=days(30))),
    )
    written = plan.to_json(made)
    assert b"span" not in written
    assert plan.from_json(written) == made


def test_the_published_schema_is_that_of_the_plan() -> None:
    written = (Path(__file__).parents[3] / "docs" / "plan.schema.json").read_text("utf-8")
    assert json.loads(written) == plan.json_schema(), "run `python docs/write_plan_schema.py`"
    assert '"decimal"' not in written


def test_layout_does_not_change_the_hash() -> None:
    def at(start: int) -> ast.Campaign:
        step = ast.Note(text="x", span=Span(start, start + 8))
        return ast.Campaign(name=None, settings=(), steps=(step,), span=Span(0, start + 8))

    one, two = compile_campaign(at(0), 'note "x"'), compile_campaign(at(2), '\n\nnote "x"')
    assert one.hash == two.hash
    assert (one.steps[1].line, two.steps[1].line) == (1, 3)
    assert one.steps[1].text == two.steps[1].text == 'note "x"'
