"""Html as a mail needs it: links found, marked and filled, plain text made."""

from hypothesis import given
from hypothesis import strategies as st

from headless.content import markup

PAGE = """<html><head><title>T</title></head><body>
<h1>Hi {{ contact.first_name | default: "you > me" }}</h1>
<p>Good   that
you are here. <a class=x href="https://example.com/?a=1&amp;b=2">Look</a> &amp;
<a href='mailto:ann@example.com'>write</a></p>
<!-- <a href="https://hidden.example">no</a> -->
<ul>{% for i in entry.items %}<li><a href="{{ i.url }}?u={{ contact.id }}">{{ i.name }}</a></li>
{% endfor %}</ul><ol><li>one</li><li>two</li></ol>
<a href={{ links.unsubscribe }}>bye</a> <a href="https://same.example">https://same.example</a>
</body></html>"""


def test_links_are_those_a_person_can_follow() -> None:
    found = markup.links(PAGE)
    assert [link.target for link in found] == [
        "https://example.com/?a=1&b=2",
        "{{ i.url }}?u={{ contact.id }}",
        "https://same.example",
    ]
    assert [link.dynamic for link in found] == [False, True, False]


def test_marks_are_filled_where_the_targets_stood() -> None:
    targets = [link.target for link in markup.links(PAGE)]
    marked = markup.marked(PAGE, markup.links(PAGE), targets.index)
    assert "example.com/?a" not in marked
    filled = markup.fill(marked, lambda ordinal, own: f"<{ordinal}:{own}>")
    assert 'class=x href="<0:None>"' in filled
    assert 'href="<1:{{ i.url }}?u={{ contact.id }}>"' in filled
    assert markup.RESERVED.search(filled) is None


def test_the_plain_text_keeps_liquid_and_structure() -> None:
    assert markup.to_text(PAGE) == (
        'Hi {{ contact.first_name | default: "you > me" }}\n\n'
        "Good that you are here. Look <https://example.com/?a=1&b=2> & write"
        " <mailto:ann@example.com>\n\n"
        "{% for i in entry.items %}\n- {{ i.name }} <{{ i.url }}?u={{ contact.id }}>\n"
        "{% endfor %}\n\n1. one\n2. two\n\n"
        "bye <{{ links.unsubscribe }}> https://same.example"
    )


def test_addresses_in_plain_text_are_links() -> None:
    text = "See https://a.example/x. Or (https://b.example/{{ contact.id }}/z), {{ x }}!"
    found = markup.text_links(text)
    assert [text[link.start : link.end] for link in found] == [
        "https://a.example/x",
        "https://b.example/{{ contact.id }}/z",
    ]


def test_a_footer_goes_inside_the_body() -> None:
    assert markup.append("<body>a</BODY></html>", "+") == "<body>a+</BODY></html>"
    assert markup.append("a", "+") == "a+"


def test_text_becomes_html_with_its_links_alive() -> None:
    html = markup.from_text("1 < 2 at https://a.example/?a=1&b=2 {{ contact.id }}")
    assert "1 &lt; 2" in html
    assert [link.target for link in markup.links(html)] == ["https://a.example/?a=1&b=2"]


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    for link in markup.links(text):
        assert 0 <= link.start <= link.end <= len(text)
    for link in markup.text_links(text):
        assert text[link.start : link.end] == link.target
    markup.to_text(text)
