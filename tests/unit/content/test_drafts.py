"""What an author hands in: refused with a reason, or stored with remarks."""

import msgspec
import pytest

from headless.content import drafts
from headless.content.drafts import Draft
from headless.problems import Problem

GOOD = Draft(
    name="Welcome",
    subject='Hello {{ contact.first_name | default: "there" }}',
    html='<p>Good. <a href="https://example.com">Look</a></p>',
)


def check(**changes: str | None) -> drafts.Checked:
    draft = msgspec.structs.replace(GOOD, **changes)
    return drafts.check(draft, fields={"first_name"}, postal_address=True)


def test_a_good_draft_comes_with_what_is_derived() -> None:
    checked = check()
    assert checked.links == ("https://example.com",)
    assert checked.variables == (drafts.Use("contact.first_name", known=True),)
    assert [remark.code for remark in checked.warnings] == ["W410"]
    assert checked.warnings[0].message == "no unsubscribe link: one will be added at the end"


def test_remarks_say_what_is_missing_or_unknown() -> None:
    html = "{{ links.unsubscribe }}{{ contact.fist_name }}{{ coupon }}{{ entry.total }}"
    checked = drafts.check(
        msgspec.structs.replace(GOOD, html=html), fields={"first_name"}, postal_address=False
    )
    assert [remark.code for remark in checked.warnings] == ["W411", "W412", "W413"]
    assert "`contact.fist_name`" in checked.warnings[1].message


def test_large_html_is_remarked_and_larger_refused() -> None:
    assert "W414" in {remark.code for remark in check(html="x" * 110_000).warnings}
    with pytest.raises(Problem) as caught:
        check(html="x" * 600_000)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("member", ["name", "subject", "sender", "reply_to"])
@pytest.mark.parametrize("breaks", ["\r\n", "\n", "\r", "\x00"])
def test_line_breaks_in_headers_are_refused(member: str, breaks: str) -> None:
    with pytest.raises(Problem) as caught:
        check(**{member: f"Ann <ann@example.com>{breaks}Bcc: eve@example.com"})
    assert caught.value.code == "invalid_value"
    assert caught.value.extra["errors"][0]["pointer"] == f"/{member}"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("sender", "no address"),
        ("reply_to", "Ann <ann@>"),
        ("subject", ""),
        ("name", "x" * 200),
        ("html", " "),
        ("html", "a\ufdd0b"),
    ],
)
def test_what_cannot_be_sent_is_refused(member: str, value: str) -> None:
    with pytest.raises(Problem) as caught:
        check(**{member: value})
    assert caught.value.code == "invalid_value"


def test_faults_in_templates_name_part_line_and_column() -> None:
    with pytest.raises(Problem) as caught:
        check(html="<p>\n  {{ contact.first_name", subject="{% if %}")
    assert caught.value.code == "invalid_text"
    errors = caught.value.extra["errors"]
    assert [(error["pointer"], error["line"], error["column"]) for error in errors] == [
        ("/subject", 1, 4),
        ("/html", 2, 3),
    ]
