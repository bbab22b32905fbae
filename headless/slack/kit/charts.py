"""Charts: bars and lines as PNG, in the same font and colours as the pictures of campaigns.

Pure: numbers in, picture out. Imports the font of `dsl`.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

import resvg_py

from headless.dsl import font

_INK: Final = "#1f2937"
_PALE: Final = "#e5e7eb"
_BAR: Final = "#1d4ed8"
_SECOND: Final = "#0e7490"
_SIZE: Final = 13.0
_ROW: Final = 26.0
_WIDE: Final = 720.0
_LABEL: Final = 300.0
_MARGIN: Final = 20.0


def bars(title: str, rows: Sequence[tuple[str, int]]) -> bytes:
    """One horizontal bar for each row, with its number; the longest is as wide as there is room."""
    most = max((many for _, many in rows), default=0) or 1
    label = min(max((font.width(_fit(name), _SIZE) for name, _ in rows), default=0) + 12, _LABEL)
    room = _WIDE - label - 2 * _MARGIN - 70
    parts = [_text(_MARGIN, _MARGIN + 14, title, 16.0)]
    top = _MARGIN + 30
    for place, (name, many) in enumerate(rows):
        y = top + place * _ROW
        length = max(room * many / most, 1.0 if many else 0.0)
        parts.append(_text(_MARGIN, y + 16, _fit(name), _SIZE))
        parts.append(
            f'<rect x="{_MARGIN + label:.1f}" y="{y + 4:.1f}" width="{length:.1f}" height="16" '
            f'rx="3" fill="{_BAR}"/>'
        )
        parts.append(_text(_MARGIN + label + length + 8, y + 16, f"{many:,}", _SIZE))
    return _png(parts, top + len(rows) * _ROW + _MARGIN)


def columns(title: str, rows: Sequence[tuple[str, int, int]], names: tuple[str, str]) -> bytes:
    """Pairs of upright bars, such as sent and opened on each day."""
    most = max((max(one, two) for _, one, two in rows), default=0) or 1
    height = 180.0
    step = (_WIDE - 2 * _MARGIN) / max(len(rows), 1)
    thick = min(step / 2 - 4, 36)
    parts = [_text(_MARGIN, _MARGIN + 14, title, 16.0)]
    x = _WIDE - _MARGIN
    for name, colour in ((names[1], _SECOND), (names[0], _BAR)):
        x -= font.width(name, _SIZE) + 24
        parts.append(
            f'<rect x="{x:.1f}" y="{_MARGIN + 4}" width="10" height="10" fill="{colour}"/>'
        )
        parts.append(_text(x + 14, _MARGIN + 14, name, _SIZE))
    base = _MARGIN + 60 + height
    parts.append(
        f'<path d="M{_MARGIN} {base}H{_WIDE - _MARGIN}" stroke="{_PALE}" stroke-width="1"/>'
    )
    for place, (name, one, two) in enumerate(rows):
        middle = _MARGIN + step * (place + 0.5)
        for many, left, colour in ((one, middle - thick - 1, _BAR), (two, middle + 1, _SECOND)):
            high = height * many / most
            parts.append(
                f'<rect x="{left:.1f}" y="{base - high:.1f}" width="{thick:.1f}" '
                f'height="{high:.1f}" rx="2" fill="{colour}"/>'
            )
            if many:
                told = f"{many:,}"
                at = left + (thick - font.width(told, 11.0)) / 2
                parts.append(_text(at, base - high - 5, told, 11.0))
        parts.append(_text(middle - font.width(name, _SIZE) / 2, base + 18, name, _SIZE))
    return _png(parts, base + 24 + _MARGIN)


def _fit(name: str) -> str:
    """A label that has room: what is too long loses its end."""
    if font.width(name, _SIZE) <= _LABEL - 12:
        return name
    while name and font.width(f"{name}…", _SIZE) > _LABEL - 12:
        name = name[:-1]
    return f"{name}…"


def _text(x: float, y: float, said: str, size: float) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{_INK}">'
        f"{escape(said, quote=False)}</text>"
    )


def _png(parts: Sequence[str], height: float) -> bytes:
    whole = "".join(parts)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDE:.0f}" height="{height:.0f}" '
        f'font-family="{font.FAMILY}" font-stretch="condensed">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{whole}</svg>'
    )
    return rendered(svg)


def rendered(svg: str) -> bytes:
    """A drawing as PNG, in our font, with two pixels for each unit."""
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            zoom=2,
            skip_system_fonts=True,
            font_files=[font.path()],
            font_family=font.FAMILY,
        )
    )
