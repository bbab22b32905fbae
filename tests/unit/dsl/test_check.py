"""What the checker finds in a tree, with and without a workspace, and where it points."""

import pytest

from headless.dsl.catalogue import Catalogue, Email, Form
from headless.dsl.check import check, check_definition
from headless.dsl.diagnostics import Diagnostic, apply
from headless.dsl.parser import parse, parse_condition

CATALOGUE = Catalogue(
    fields={
        "city": "text",
        "country": "text",
        "zip": "text",
        "cart_total": "number",
        "vip": "boolean",
        "birthday": "date",
        "last_active": "datetime",
    },
    company_fields={"size": "number", "name": "text"},
    emails={"Welcome": Email(), "Spring sale": Email(), "spring SALE": Email()},
    forms={"NPS": Form({"score": "number", "why": "text"}), "Free": Form()},
    segments={"Leads", "Customers"},
    campaigns={"Win back"},
    pages={"Pricing"},
    assets={"Whitepaper"},
    stages={"Lead", "Customer"},
    owners={"anna", "ben"},
    tags={"webinar-engaged"},
    groups={"Loyalty"},
    events={"order placed": {"total": "number", "currency": "text"}},
)


def found(text: str, catalogue: Catalogue | None = CATALOGUE) -> list[Diagnostic]:
    parsed = parse(text)
    assert parsed.campaign is not None, parsed.diagnostics
    return list(check(parsed.campaign, catalogue))


def told(text: str, catalogue: Catalogue | None = CATALOGUE) -> list[tuple[str, str]]:
    return [(d.code, text[d.span.start : d.span.end]) for d in found(text, catalogue)]


GOOD = """\
from segment Leads where (country in (FR, "DE") and cart_total > 100 EUR and vip is yes)
stop when joined campaign "Win back"
send email Welcome
when clicked email Welcome within 2d then set birthday to 30d from now
if answer NPS.score >= 9 and last_active before 30d ago and today is friday then exit
if company.size between 5 and 50 or utm.source is google then set company.name to Acme
when did "order placed" where (total > 50 and currency is EUR) within 3d do
  set cart_total to event.total
else
  add tag new-one
end
when visited page Pricing or visited page "/pricing*" within 1h then set owner to anna
if answer Free.anything is x then set stage to Customer
"""


def test_a_good_campaign_has_nothing_to_say() -> None:
    assert told(GOOD) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # names
        ("send email Welcom", [("E200", "Welcom")]),
        ("send email welcome", [("W201", "welcome")]),
        ('send email "SPRING sale"', [("E202", '"SPRING sale"')]),
        ("from segment Leeds\nsend email Welcome", [("E200", "Leeds")]),
        ("when submitted form NSP within 1d then exit", [("E200", "NSP")]),
        ("set stage to Custmer", [("E200", "Custmer")]),
        ("if stage is Custmer then exit", [("E200", "Custmer")]),
        ("set owner to one of (anna, bob)", [("E200", "bob")]),
        ("move to campaign Dunning", [("E200", "Dunning")]),
        ("campaign Mine\nif in campaign Mine then exit", []),
        ("add tag webinar-engagde", [("W202", "webinar-engagde")]),
        ("add tag anything", []),
        ('when did "ordr placed" within 1d then exit', [("W202", '"ordr placed"')]),
        ("add points 5 in group Loyalti", [("W202", "Loyalti")]),
        # fields
        ("if cty is Paris then exit", [("E201", "cty")]),
        ("if company.sice > 5 then exit", [("E201", "company.sice")]),
        ("if conpany.size > 5 then exit", [("E203", "conpany.size")]),
        ("if answer NPS.skore > 5 then exit", [("E201", "answer NPS.skore")]),
        ("set entry.total to 5", [("E225", "entry.total")]),
        (
            'start when did "order placed"\nif entry.totl > 5 then exit',
            [("W203", "entry.totl")],
        ),
        ('when did "order placed" where (totl > 5) within 1d then exit', [("W203", "totl")]),
        ("if country is city then exit", [("W204", "city")]),
        ("set country to city", [("W204", "city")]),
        # types
        ("if cart_total is big then exit", [("E220", "big")]),
        ("if zip is 75001 then exit", [("E220", "75001")]),
        ("if zip > 75001 then exit", [("E220", "zip > 75001")]),
        ("if city > Paris then exit", [("E223", "city > Paris")]),
        ("if points contains 5 then exit", [("E223", "points contains 5")]),
        ("if vip > 5 then exit", [("E223", "vip > 5")]),
        ("if city before 30d ago then exit", [("E222", "city before 30d ago")]),
        ("if anniversary of city is today then exit", [("E222", "city")]),
        ("wait until city at 09:00", [("E222", "city")]),
        (
            "if cart_total between 10 EUR and 20 USD then exit",
            [("E221", "20 USD")],
        ),
        (
            "if cart_total > 10 EUR and cart_total < 20 USD then exit",
            [("E221", "20 USD")],
        ),
        ("set birthday to soon", [("E224", "soon")]),
        ('if city matches "(" then exit', [("E216", 'city matches "("')]),
        ("if points between 9 and 5 then exit", [("E215", "points between 9 and 5")]),
        ('if entry.total > 5 then note "any type"', []),
    ],
)
def test_against_a_workspace(text: str, expected: list[tuple[str, str]]) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("send email Anything if whatever is 5 then exit", []),
        ("if points is many then exit", [("E220", "many")]),
        # amounts
        (
            "split do 50%: send email A 40%: send email B end",
            [("E211", "split do 50%: send email A 40%: send email B end")],
        ),
        ("split do 50%: exit rest: exit rest: exit end", [("E211", "rest: exit")]),
        ("split do 50%: exit 50%: exit rest: exit end", [("W211", "rest: exit")]),
        (
            "active 2026-05-02 to 2026-05-01\nexit",
            [("E210", "active 2026-05-02 to 2026-05-01")],
        ),
        ("active 2026-05-01 to 2026-05-01\nexit", []),
        ("quiet hours 21:00 to 21:00\nexit", [("E212", "quiet hours 21:00 to 21:00")]),
        ("limit 0 emails per week\nexit", [("E213", "limit 0 emails per week")]),
        ("add points 0", [("E213", "add points 0")]),
        ("repeat 0 times do add tag a end", [("E213", "repeat 0 times do add tag a end")]),
        ("every week 0 times do add tag a end", [("E213", "0 times")]),
        ('time zone "Paris"\nexit', [("E214", 'time zone "Paris"')]),
        (
            "every month on day 32 do send email A end",
            [("E210", "month on day 32")],
        ),
        ("when visited site on phone within 1d then exit", [("E217", "phone")]),
        # flow
        ('a: note "x"\na: note "y"', [("E204", "a")]),
        ('here: note "x"\nwait 1d\njump to heer', [("E205", "heer")]),
        (
            "wait 1d\nif points > 5 do x: send email A wait 1d end\njump to x at most 2 times",
            [("E206", "jump to x at most 2 times")],
        ),
        (
            'x: note "a"\nparallel do wait 1d jump to x also exit end',
            [("E207", "jump to x")],
        ),
        (
            "from segment L\nwhenever not opened email A within 3d then exit\nwait 9d",
            [("E208", "not opened email A within 3d")],
        ),
        (
            'when not did "x" within 3d then exit',
            [("E209", 'not did "x" within 3d')],
        ),
        ("when not opened email A within 3d then exit", []),
        (
            "from segment L\nwhen opened email A then exit else send email B",
            [("E303", "opened email A")],
        ),
        (
            "from segment L\nsend email A\nwhen not opened email A then exit",
            [("E303", "not opened email A")],
        ),
        ("from segment L\nwhen opened email A then exit", []),
        (
            "send email A\nif opened email A then exit",
            [("W405", "opened email A")],
        ),
        ("send email A\nwait 1d\nif opened email A then exit", []),
        # contradictions
        (
            "if points > 10 and points < 5 then add tag x",
            [("E304", "points > 10 and points < 5")],
        ),
        ("if points > 10 and points < 11 then add tag x", []),
        ("if points >= 10 and points <= 10 then add tag x", []),
        ("if points > 10 and points <= 10 then exit", [("E304", "points > 10 and points <= 10")]),
        (
            "if city is a and city is b then exit",
            [("E304", "city is a and city is b")],
        ),
        ("if city is a and city is A then exit", []),
        (
            "if city in (a, b) and city is c then exit",
            [("E304", "city in (a, b) and city is c")],
        ),
        (
            "if has tag a and not has tag a then exit",
            [("E304", "has tag a and not has tag a")],
        ),
        (
            "if city is empty and city is x then exit",
            [("E304", "city is empty and city is x")],
        ),
    ],
)
def test_without_a_workspace(text: str, expected: list[tuple[str, str]]) -> None:
    assert told(text, None) == expected


def test_an_unknown_name_brings_the_nearest_and_a_fix() -> None:
    (one,) = found("send email Welcom")
    assert one.message == "there is no email called `Welcom`"
    assert one.help == "did you mean `Welcome`?"
    assert one.fix is not None
    assert not one.fix.safe
    assert apply("send email Welcom", one.fix) == 'send email "Welcome"'


def test_without_a_near_name_the_known_ones_are_listed() -> None:
    (one,) = found("if in segment Everybody then exit")
    assert one.help == "the segments are `Customers`, `Leads`"


def test_safe_fixes_parse_and_leave_nothing_to_say() -> None:
    for text in ("send email welcome", "if zip is 75001 then exit", "set country to city"):
        (one,) = found(text)
        assert one.fix is not None
        assert one.fix.safe
        assert told(apply(text, one.fix)) == []


def test_a_segments_definition_is_checked_alone() -> None:
    text = "cty is Paris and in segment Leads"
    condition = parse_condition(text).condition
    assert condition is not None
    (one,) = check_definition(condition, CATALOGUE)
    assert (one.code, one.help) == ("E201", "did you mean `city`?")
