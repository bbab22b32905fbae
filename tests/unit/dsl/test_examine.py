"""One call reads a text through all passes."""

from headless.dsl.catalogue import Catalogue, Email
from headless.dsl.examine import examine


def test_a_good_text_has_a_plan_and_an_analysis() -> None:
    seen = examine("when opened email X within 3d then add points 10")
    assert seen.ok
    assert seen.diagnostics == ()
    assert seen.plan is not None
    assert seen.plan.hash.startswith("sha256:")
    assert [step.text for step in seen.plan.steps] == [
        "entry",
        "when opened email X within 3d",
        "add points 10",
    ]
    assert seen.analysis is not None
    assert (seen.analysis.most_emails_in_7_days, seen.analysis.stay) == (0, "3d")


def test_faults_of_every_pass_keep_the_plan_back() -> None:
    for text, code in (
        ("when opned email X within 3d then exit", "E120"),
        ("send email Y", "E200"),
        ("split do 50%: exit 40%: exit end", "E211"),
        ("a: send email X\njump to a", "E302"),
    ):
        seen = examine(text, Catalogue(emails={"X": Email()}))
        assert [d.code for d in seen.diagnostics] == [code]
        assert seen.plan is None
        assert not seen.ok


def test_an_accepted_lint_is_not_told() -> None:
    text = "from segment L\nsend email A\nwhen opened email B within 1d then exit  # ok W402\n"
    assert examine(text).diagnostics == ()
    assert [d.code for d in examine(text.replace("W402", "W401")).diagnostics] == ["W402"]
