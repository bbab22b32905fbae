"""What is known of a campaign before it runs: never, for ever, how many emails, how long."""

import pytest

from headless.dsl.analysis import Analysis, analyse
from headless.dsl.catalogue import Catalogue, Email
from headless.dsl.check import check
from headless.dsl.compile import compile_campaign
from headless.dsl.diagnostics import has_errors
from headless.dsl.parser import parse
from headless.dsl.silence import without_accepted


def analysed(text: str, catalogue: Catalogue | None = None) -> Analysis:
    parsed = parse(text)
    assert parsed.campaign is not None, parsed.diagnostics
    assert not has_errors(check(parsed.campaign, catalogue))
    return analyse(parsed.campaign, compile_campaign(parsed.campaign, text), catalogue)


def told(text: str, catalogue: Catalogue | None = None) -> list[tuple[str, str]]:
    found = analysed(text, catalogue).diagnostics
    return [(d.code, text[d.span.start : d.span.end]) for d in found]


@pytest.mark.parametrize(
    ("text", "most", "stay"),
    [
        ("from segment Leads send email A exit send email B", 1, "0"),
        ("intro: send email A if points < 5 then jump to intro", None, "unbounded"),
        (
            """\
from segment Leads
limit 2 emails per week
send email A
wait 1d
send email B
when opened email B within 3d then send email C else send email D
wait 2d
send email E
""",
            4,
            "6d",
        ),
        ("send email A when opened email A then add points 1 wait 3d send email B", 2, "unbounded"),
        ("every week on monday at 09:00 do send email Digest end", 1, "unbounded"),
        ("every monday and thursday at 09:00 do send email D end", 3, "unbounded"),
        ("every 2 weeks do send email D end", 1, "unbounded"),
        ("every day at 09:00 4 times do send email D end", 4, "4d"),
        ("every week for 3w do send email D wait 1d send email E end", 2, "22d"),
        ("every 2 weeks for 1mo do send email D exit end", 1, "14d"),
        ("every month for 90m do send email D exit end", 1, "1h30m"),
        ("every day do send email D exit end", 1, "1d"),
        ("from segment L repeat 5 times do send email N wait 1d end", 5, "5d"),
        ("from segment L repeat 50 times do send email N wait 1d end", 7, "50d"),
        ("from segment L repeat 5 times do send email N end", 5, "0"),
        # the day that the sending starts, not the arrival
        (
            "from segment L send email A wait 2d "
            "when opened email A within 3d then exit else send email B wait 5d send email C",
            2,
            "8d",
        ),
        # 7 days after the first is not within any 7 days
        ("send email A wait 7d send email B", 1, "7d"),
        ("send email A wait 6d23h send email B", 2, "6d23h"),
        # parts side by side add up; branches do not
        ("parallel do send email A also send email B send email C end send email D", 4, "0"),
        ("if points > 5 then send email A else send email B", 1, "0"),
        (
            "parallel do send email A wait 30d also send email B wait 1d send email B2 end "
            "send email C",
            3,
            "30d",
        ),
        # loops with a bound
        (
            "i: send email A when not opened email A within 2d then jump to i at most 2 times",
            3,
            "6d",
        ),
        # standing rules
        ('whenever did "x" within 30d at most 3 times do send email A end wait 30d', 3, "30d"),
        ('from segment L whenever did "x" within 30d do send email A end', None, "30d"),
        # other people's mail and other channels
        ('send email A to owner send sms B send message C send slack "x"', 1, "0"),
        ("wait 1mo", 0, "31d"),
        ("wait until 09:00", 0, "1d"),
        ("wait until trial_ends", 0, "unbounded"),
        ("active 2026-01-01 wait until 2026-01-11", 0, "10d"),
        ("when opened email X within 3d then add points 10", 0, "3d"),
        ('when did "x" 3 times within 7d then add points 10', 0, "0"),
    ],
)
def test_the_most_emails_and_the_longest_stay(text: str, most: int | None, stay: str) -> None:
    found = analysed(text)
    assert (found.most_emails_in_7_days, found.stay) == (most, stay)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # never
        ("from segment L send email A exit send email B", [("E301", "send email B")]),
        (
            "from segment L move to campaign C add tag a add tag b",
            [("E301", "add tag a add tag b")],
        ),
        (
            'from segment L when did "x" then exit\nsend email B',
            [("E301", "send email B")],
        ),
        (
            'if points > 5 do exit note "a" else exit end note "b"',
            [("E301", 'note "a"'), ("E301", 'note "b"')],
        ),
        ('when did "x" within 1d then note "a" else exit', [("W408", "exit")]),
        ('when opened email A within 1d then note "a" else exit', []),
        ('note "a" exit note "a"', [("E301", 'note "a"')]),
        # for ever
        (
            "intro: send email A if points < 5 then jump to intro",
            [("E302", "jump to intro")],
        ),
        ("intro: send email A if points < 5 then jump to intro at most 3 times", []),
        ("intro: send email A wait 1m if points < 5 then jump to intro", []),
        # an old event answers a new question at once, a new activity does not
        (
            "from segment L a: send email A b: when clicked email A within 3d then jump to b",
            [("E302", "jump to b")],
        ),
        ('from segment L b: when did "x" within 3d then jump to b', []),
        # limits
        (
            "limit 2 emails per week send email A wait 1d send email B wait 1d send email C",
            [("W401", "limit 2 emails per week")],
        ),
        ("limit 2 emails per week send email A wait 3d send email B wait 4d send email C", []),
        (
            "limit 1 email per day send email A send transactional email B",
            [],
        ),
        ("limit 1 message per day send sms A send email B", [("W401", "limit 1 message per day")]),
        # waiting for what is not sent
        (
            "from segment L send email Welcome when opened email Welcom within 3d then exit",
            [("W402", "opened email Welcom")],
        ),
        ("when opened email X within 3d then send email Y", []),
        ("from segment L send email A when opened email a within 3d then exit", []),
        (
            "from segment L when clicked email A within 3d then exit else send email A",
            [("W402", "clicked email A")],
        ),
        (
            'send sms Hi when replied to sms Hi with "yes*" within 1d then exit',
            [],
        ),
        # windows
        (
            'from segment L active 2026-01-01 to 2026-01-31 when did "x" within 60d then exit',
            [("W403", "within 60d")],
        ),
        (
            "send email A when opened email A then add points 1\nwait 3d",
            [("W404", "when opened email A")],
        ),
        ("send email A when opened email A then add points 1", []),
        ('when did "x" then add points 1 send email B', []),
        (
            "every week on monday do send email D end send email E",
            [("W404", "every week on monday")],
        ),
        ("every week on monday 3 times do send email D end send email E", []),
        # dates in the past
        (
            "from segment L wait until 2026-10-01 10:00 send email A "
            "wait until 2026-10-02 10:00 send email B",
            [("W406", "wait until 2026-10-02 10:00")],
        ),
        (
            "from segment L active 2026-09-01 to 2026-09-30 wait until 2026-10-01 10:00 "
            "send email A wait until 2026-10-02 10:00 send email B",
            [],
        ),
        (
            "from segment L if now before 2026-10-01 do wait until 2026-10-01 send email A end "
            "wait until 2026-10-02 10:00 send email B",
            [],
        ),
        # rules that nothing keeps alive
        (
            'from segment L send email A whenever did "x" then add points 1',
            [("E305", 'whenever did "x"')],
        ),
        ('from segment L send email A whenever did "x" then add points 1; wait 9d', []),
        ('from segment L send email A whenever did "x" within 9d then add points 1', []),
        ('whenever did "x" then add points 1', []),
        # properties of events
        (
            'from segment L when did "x" within 1d then set a to event.total else set a to event.b',
            [("E306", "event.b")],
        ),
        ('start when did "x" set a to event.total', []),
        ("from segment L if event.total > 5 then exit", [("E306", "event.total")]),
        ('from segment L when did "x" where (event.total > 5) within 1d then exit', []),
        # nobody to send to
        (
            "send email A wait 1d unsubscribe from email send email B",
            [("W407", "send email B")],
        ),
        (
            "if points > 5 then unsubscribe from email; send email B",
            [],
        ),
        ("unsubscribe from all subscribe to email send email B", []),
        ("unsubscribe send transactional email B", []),
    ],
)
def test_findings(text: str, expected: list[tuple[str, str]]) -> None:
    assert told(text) == expected


def test_the_findings_say_what_to_do() -> None:
    (one,) = analysed(
        "from segment L send email Welcome when opened email Welcom within 3d then exit"
    ).diagnostics
    assert one.message == "no path to this point sends the email `Welcom`"
    assert one.help == "did you mean `Welcome`?"
    (two,) = analysed(
        "limit 2 emails per week send email A send email B send email C send email D"
    ).diagnostics
    assert two.message == (
        "the steps can send 4 emails in one week; the limit of 2 will hold some back"
    )


def test_templates_are_held_against_what_fills_them() -> None:
    catalogue = Catalogue(
        fields={"first_name": "text"},
        emails={
            "Deal": Email(("contact.first_name", "contact.nick", "discount", "entry.total")),
            "Bare": Email((), unsubscribe_link=False),
        },
    )
    text = "send email Deal send email Deal with (discount = 10) send email Bare"
    found = analysed(text, catalogue).diagnostics
    assert [(d.code, d.message) for d in found] == [
        ("W411", "nothing fills `contact.nick` in the email `Deal`"),
        ("W411", "nothing fills `discount` in the email `Deal`"),
        ("W411", "nothing fills `contact.nick` in the email `Deal`"),
        ("W410", "the email `Bare` has no unsubscribe link: one will be added at the end"),
    ]


@pytest.mark.parametrize(
    ("variable", "missing"),
    [
        ("contact.first_name", False),
        ("contact.tags[0]", False),
        ("contact['first_name']", False),
        ("contact.id", False),
        ("contact.nick", True),
        ("links.unsubscribe", False),
        ("workspace.name", False),
        ("now", False),
        ("entry.plan", False),
        ("entry.items[0].name", False),
        ("entry.colour", True),
        ("offer.price", False),
        ("items[0].name", True),
        ("company.name", False),
    ],
)
def test_a_variable_is_looked_for_where_the_mail_would(variable: str, missing: bool) -> None:
    catalogue = Catalogue(
        fields={"first_name": "text", "tags": "text"},
        events={"signup": {"plan": "text", "items": "text"}},
        emails={"Deal": Email((variable,))},
    )
    text = 'start when did "signup" send email Deal with (offer = 10)'
    assert [d.code for d in analysed(text, catalogue).diagnostics] == ["W411"] * missing


def test_a_lint_can_be_accepted_on_its_line() -> None:
    text = "limit 1 email per week{}\nsend email A\nsend email B\n"
    for comment, left in (("", 1), ("  # ok W401", 0), ("  # ok W402", 1), ("  # ok", 0)):
        written = text.format(comment)
        parsed = parse(written)
        found = analysed(written).diagnostics
        assert len(without_accepted(found, parsed.comments, written)) == left


def test_errors_and_what_cannot_run_are_never_silenced() -> None:
    text = 'exit note "x"  # ok E301\n'
    parsed = parse(text)
    assert len(without_accepted(analysed(text).diagnostics, parsed.comments, text)) == 1


def test_a_long_campaign_is_no_deep_recursion() -> None:
    text = "from segment L\n" + "send email A\nwait 1d\n" * 1000
    found = analysed(text)
    assert (found.most_emails_in_7_days, found.stay) == (7, "1000d")
