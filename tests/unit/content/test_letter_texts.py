"""Letters: what a stored email version becomes for one contact."""

from headless.content.drafts import targets_of
from headless.content.letters import Composed, Letter, Source

VALUES = {
    "contact": {"first_name": "Ada & <Bob>", "id": "con_1"},
    "entry": {"items": [{"url": "https://s.example/1?a=1&b=2"}, {"url": "javascript:alert(1)"}]},
    "workspace": {"postal_address": "1 Long Street\nTown"},
    "links": {"unsubscribe": "https://h.example/u/TOKEN", "open": "https://h.example/o/TOKEN.gif"},
}


def letter(
    html: str, text: str | None = None, *, marketing: bool = True, tracked: bool = True
) -> Letter:
    source = Source("Hi {{ contact.first_name }}", html, text, "a", None, targets_of(html, text))
    return Letter(source, marketing=marketing, postal_address=True, tracked=tracked)


def compose(letter: Letter, known: tuple[str, ...] | None = None) -> Composed:
    return letter.compose(VALUES, lambda ordinal: f"https://h.example/c/{ordinal}", known=known)


def test_links_are_tracked_in_both_parts() -> None:
    made = compose(letter('<p>See <a href="https://a.example/">this</a></p>'))
    assert made.subject == "Hi Ada & <Bob>"
    assert '<a href="https://h.example/c/0">this</a>' in made.html
    assert "See this <https://h.example/c/0>" in made.text
    assert made.links is None


def test_marketing_carries_unsubscribe_and_address() -> None:
    made = compose(letter("<p>x</p>"))
    assert 'href="https://h.example/u/TOKEN">Unsubscribe</a>' in made.html
    assert 'pre-line">1 Long Street\nTown</span>' in made.html
    assert made.text.endswith("-- \n1 Long Street\nTown\nUnsubscribe: https://h.example/u/TOKEN")


def test_what_the_author_wrote_is_not_added_again() -> None:
    own = '<a href="{{ links.unsubscribe }}">out</a> {{ workspace.postal_address }}'
    made = compose(letter(own))
    assert made.html.count("/u/TOKEN") == 1
    assert made.text.count("/u/TOKEN") == 1
    assert made.html.count("1 Long Street") == 1


def test_transactional_mail_adds_nothing_but_the_picture() -> None:
    made = compose(letter("<body><p>x</p></body>", marketing=False))
    assert made.html.startswith('<body><p>x</p><img src="https://h.example/o/TOKEN.gif"')
    assert made.html.endswith("</body>")
    assert made.text == "x"


def test_an_untracked_mail_has_plain_links_and_no_picture() -> None:
    plain = '<p><a href="https://a.example/">x</a></p>'
    made = compose(letter(plain, marketing=False, tracked=False))
    assert made.html == plain
    assert made.text == "x <https://a.example/>"


def test_targets_of_a_message_become_its_own_links() -> None:
    items = '{% for i in entry.items %}<a href="{{ i.url }}">x</a>{% endfor %}'
    made = compose(letter('<a href="https://a.example/">a</a>' + items))
    assert made.links == ("https://a.example/", "https://s.example/1?a=1&b=2")
    assert 'href="https://h.example/c/1"' in made.html
    assert "javascript" not in made.html + made.text


def test_a_loop_gives_each_target_its_ordinal_and_a_retry_keeps_them() -> None:
    items = '{% for i in entry.items %}<a href="{{ i.url }}">x</a>{% endfor %}'
    values = {**VALUES, "entry": {"items": [{"url": f"https://s.example/{n}"} for n in range(3)]}}
    sign = "https://h.example/c/{}".format
    first = letter(items).compose(values, sign)
    assert first.links == ("https://s.example/0", "https://s.example/1", "https://s.example/2")
    values["entry"] = {"items": [{"url": "https://s.example/9"}, {"url": "https://s.example/1"}]}
    again = letter(items).compose(values, sign, known=first.links)
    assert again.links == (*first.links, "https://s.example/9")
    assert again.html.index("/c/3") < again.html.index("/c/1")


def test_plain_text_emails_have_an_html_part() -> None:
    made = compose(letter("", "Hi {{ contact.first_name }}, see https://a.example/?x=1&y=2 now"))
    assert "Hi Ada &amp; &lt;Bob&gt;, see" in made.html
    assert 'href="https://h.example/c/0"' in made.html
    assert "Hi Ada & <Bob>, see https://h.example/c/0 now" in made.text


def test_a_contact_cannot_put_a_line_break_into_the_subject() -> None:
    values = {**VALUES, "contact": {"first_name": "Ada\r\nBcc: eve@example.com"}}
    made = letter("<p>x</p>").compose(values, str)
    assert made.subject == "Hi Ada Bcc: eve@example.com"
