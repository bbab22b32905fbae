"""MJML becomes html with its Liquid in it, or says what is wrong and where."""

import pytest

from headless.content import drafts, mjml
from headless.content.drafts import Draft
from headless.content.templates import TemplateError
from headless.problems import Problem


def page(inside: str) -> str:
    return (
        f"<mjml><mj-body><mj-section><mj-column>{inside}</mj-column></mj-section></mj-body></mjml>"
    )


def test_liquid_survives_and_nothing_is_fetched_from_others() -> None:
    html = mjml.compiled(
        page(
            '<mj-text>Hi {{ contact.name | default: "you" }}{% if contact.points > 5 %}!{% endif %}'
            '</mj-text><mj-raw>{% for i in entry.items %}</mj-raw><mj-button href="https://a.example'
            '/{{ i.id }}">Go</mj-button><mj-raw>{% endfor %}</mj-raw>'
        )
    )
    for part in (
        '{{ contact.name | default: "you" }}',
        "{% for i in entry.items %}",
        "/{{ i.id }}",
    ):
        assert part in html
    assert "googleapis" not in html


@pytest.mark.parametrize(
    ("source", "said", "line"),
    [
        (page("\n<mj-buton>x</mj-buton>"), "did you mean `mj-button`", 2),
        (page("<mj-image src='x' rel2='{{ a }}'/>"),
         "put it into `<mj-raw>", 1),
        ("<p>no</p>", "this is not MJML", 1),
        ("<mjml>", "unexpected end", 1),
        ('<mjml><mj-body><mj-include path="/etc/passwd" /></mj-body></mjml>',
         "files cannot be included", 1),
        (page("<mj-text foo=1>x</mj-text>"), "an attribute has no quotes", 1),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(source: str, said: str, line: int) -> None:
    with pytest.raises(TemplateError) as caught:
        mjml.compiled(source)
    assert said in caught.value.fault.message
    assert caught.value.fault.line == line


@pytest.mark.parametrize("element", ["mj-wrapper", "b", "div"])
def test_deep_nesting_ends_in_an_answer_and_not_in_a_crash(element: str) -> None:
    depth = mjml.ELEMENTS_LIMIT - 10
    inside = f"<{element}>" * depth + f"</{element}>" * depth
    assert mjml.compiled(f"<mjml><mj-body>{inside}</mj-body></mjml>")
    with pytest.raises(TemplateError, match="elements at most"):
        mjml.compiled(f"<mjml><mj-body>{'<b>' * 6_000}</mj-body></mjml>")


def test_a_draft_is_stored_as_it_will_be_sent() -> None:
    source = page("<mj-text>{% render 'Footer' %}<a href='https://a.example'>a</a></mj-text>")
    checked = drafts.check(
        Draft(name="M", subject="S", mjml=source),
        fields=(),
        postal_address=True,
        bodies={"footer": "Bye {{ contact.first_name }} {{ links.unsubscribe }}"},
    )
    assert "Bye {{ contact.first_name }}" in checked.draft.html
    assert checked.draft.mjml == source
    assert (checked.snippets, checked.links) == (("footer",), ("https://a.example",))
    assert [use.path for use in checked.variables] == ["contact.first_name", "links.unsubscribe"]
    assert [remark.code for remark in checked.warnings] == ["W412"]


def test_html_and_mjml_are_not_mixed() -> None:
    made = mjml.compiled(page("<mj-text>a</mj-text>"))
    same = Draft(name="M", subject="S", mjml=page("<mj-text>a</mj-text>"), html=made)
    assert drafts.check(same, fields=(), postal_address=True).draft.html == made
    with pytest.raises(Problem, match="not both"):
        drafts.check(
            Draft(name="M", subject="S", mjml=same.mjml, html="<p>other</p>"),
            fields=(),
            postal_address=True,
        )
