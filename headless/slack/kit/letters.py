"""Letters: an email as a picture of what a reader sees first: subject, sender, the first lines.

A likeness of its text, not of its design, which only a mail program can show. Pure; imports the
font of `dsl`, and `charts`.
"""

from collections.abc import Iterator
from html import escape
from typing import Final

from headless.dsl import font
from headless.slack.kit.charts import rendered

_WIDE: Final = 560.0
_MARGIN: Final = 28.0
_SIZE: Final = 14.0
_LEADING: Final = 21.0
_LINES: Final = 22
_INK: Final = "#1f2937"
_PALE: Final = "#6b7280"


def letter(subject: str, sender: str, text: str) -> bytes:
    """The picture as PNG; a long text ends in an ellipsis."""
    room = _WIDE - 2 * _MARGIN
    titles = list(_wrapped(" ".join(subject.split()), 20.0, room))[:2]
    lines = [line for paragraph in text.strip().split("\n")
             for line in _wrapped(paragraph, _SIZE, room)]  # fmt: skip
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], "…"]
    y = _MARGIN + 18
    parts = []
    for title in titles:
        parts.append(_line(y, title, 20.0, _INK))
        y += 26
    parts.append(_line(y, sender, 13.0, _PALE))
    y += 16
    parts.append(f'<path d="M{_MARGIN} {y}H{_WIDE - _MARGIN}" stroke="#e5e7eb"/>')
    y += 28
    for line in lines:
        parts.append(_line(y, line, _SIZE, _INK))
        y += _LEADING
    height = y + _MARGIN - _LEADING / 2
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDE:.0f}" height="{height:.0f}" '
        f'font-family="{font.FAMILY}" font-stretch="condensed">'
        '<rect width="100%" height="100%" fill="#ffffff"/>'
        f'<rect x="4" y="4" width="{_WIDE - 8:.0f}" height="{height - 8:.0f}" rx="10" '
        f'fill="none" stroke="#d1d5db"/>{"".join(parts)}</svg>'
    )
    return rendered(svg)


def _wrapped(paragraph: str, size: float, room: float) -> Iterator[str]:
    """A paragraph in lines that have room; a word that is too long loses its end."""
    line = ""
    for word in paragraph.split():
        while word and font.width(word, size) > room:
            word = word[: len(word) // 2] + "…" if len(word) > 2 else ""
        longer = f"{line} {word}".strip()
        if font.width(longer, size) > room:
            yield line
            line = word
        else:
            line = longer
    yield line


def _line(y: float, said: str, size: float, colour: str) -> str:
    shown = "".join(one for one in said if one.isprintable())
    return (
        f'<text x="{_MARGIN:g}" y="{y:.1f}" font-size="{size:g}" fill="{colour}">'
        f"{escape(shown, quote=False)}</text>"
    )
