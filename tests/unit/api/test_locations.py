"""Where links lead, as a header may say it."""

import pytest

from headless.api.links import as_header


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("https://example.com/a?b=%20c#d", "https://example.com/a?b=%20c#d"),
        ("https://example.com/日本?q=ü", "https://example.com/%E6%97%A5%E6%9C%AC?q=%C3%BC"),
        ("https://bücher.de:8080/ü b", "https://xn--bcher-kva.de:8080/%C3%BC%20b"),
        ("https://ü@b.de/", "https://%C3%BC@b.de/"),
        ("https://b.de/\r\nSet-Cookie: x", "https://b.de/%0D%0ASet-Cookie:%20x"),
        ("https://[ü/", "https://[%C3%BC/"),
    ],
)
def test_a_location_is_ascii_on_one_line(target: str, said: str) -> None:
    assert as_header(target) == said
