"""Snippets are taken in where they are named, and nowhere else."""

import pytest

from headless.content import snippets
from headless.content.templates import TemplateError

BODIES = {"footer": "(bye {{ contact.name }})", "cta": "[go]"}


def test_a_snippet_stands_where_its_name_stood() -> None:
    source = "a {% render 'Footer' %} b {%- render \"cta\" -%} c"
    assert snippets.expanded(source, BODIES) == "a (bye {{ contact.name }}) b [go] c"
    assert snippets.used(source, None, "{% render 'footer' %}") == ("footer", "cta")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% render 'foter' %}", "did you mean `footer`"),
        ("{% render footer %}", "is written `{% render 'its name' %}`"),
        ("{% render 'cta', url: 'x' %}", "without anything behind"),
        ("{% include 'cta' %}", "is written `{% render"),
        ("{% render 'cta' %}" * 101, "more than 100 snippets"),
    ],
)
def test_what_is_no_snippet_is_refused(source: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        snippets.expanded(source, BODIES)
    assert said in caught.value.fault.message
