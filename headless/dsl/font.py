"""How wide a text is in the one font that pictures are drawn with, which is shipped beside this.

Reads three tables of the font file (`cmap`, `hmtx`, `head`) once; nothing else is needed to lay a
picture out. Characters that the font lacks count as wide as its box for missing ones. Imports
nothing of ours.
"""

import struct
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

FAMILY: Final = "DejaVu Sans"
"""The family that the renderer knows the shipped face by; it is the condensed one."""
_FILE: Final = files("headless.dsl") / "fonts" / "DejaVuSansCondensed.ttf"
_MOST_CHARACTERS: Final = 200
"""More than these fit no line of a picture."""
_WINDOWS, _UNICODE_BMP, _SEGMENTS = 3, 1, 4


class _Metrics(msgspec.Struct, frozen=True):
    """The advance of each character by its code point, in parts of the size."""

    advances: dict[int, float]
    missing: float


def path() -> str:
    """Where the font file lies."""
    return str(_FILE)


def width(text: str, size: float) -> float:
    """The width of a text on one line, in the unit of `size`."""
    metrics = _metrics()
    return size * sum(metrics.advances.get(ord(char), metrics.missing) for char in text)


def wrapped(text: str, size: float, room: float, most: int) -> tuple[str, ...]:
    """A text cut into at most `most` lines that fit the room; what is left out shows as `…`."""
    lines: list[str] = []
    line = ""
    text = text[: _MOST_CHARACTERS * most]
    words = [part for word in text.split() for part in _parts(word, size, room)]
    for word in words:
        longer = f"{line} {word}" if line else word
        if not line or width(longer, size) <= room:
            line = longer
        else:
            lines.append(line)
            line = word
    lines.append(line)
    if len(lines) <= most:
        return tuple(lines)
    return (*lines[: most - 1], _shortened(" ".join(lines[most - 1 :]), size, room))


def _parts(word: str, size: float, room: float) -> list[str]:
    """A word in pieces that fit: addresses have no blanks to break at."""
    parts: list[str] = []
    while width(word, size) > room:
        cut = len(word)
        while cut > 1 and width(word[:cut], size) > room:
            cut -= 1
        parts.append(word[:cut])
        word = word[cut:]
    return [*parts, word]


def _shortened(text: str, size: float, room: float) -> str:
    while text and width(f"{text}…", size) > room:
        text = text[:-1]
    return f"{text.rstrip()}…"


@cache
def _metrics() -> _Metrics:
    data = _FILE.read_bytes()
    tables = _tables(data)
    (units,) = struct.unpack_from(">H", data, tables["head"] + 18)
    (last_wide,) = struct.unpack_from(">H", data, tables["hhea"] + 34)
    glyphs = _glyphs(data, tables["cmap"])

    def advance(glyph: int) -> float:
        at = tables["hmtx"] + 4 * min(glyph, last_wide - 1)
        (wide,) = struct.unpack_from(">H", data, at)
        return int(wide) / int(units)

    return _Metrics({code: advance(glyph) for code, glyph in glyphs.items()}, advance(0))


def _tables(data: bytes) -> dict[str, int]:
    (count,) = struct.unpack_from(">H", data, 4)
    records = (struct.unpack_from(">4sIII", data, 12 + 16 * i) for i in range(count))
    return {tag.decode("ascii"): offset for tag, _, offset, _ in records}


def _glyphs(data: bytes, cmap: int) -> dict[int, int]:
    """Code points and their glyphs, from the table of segments (`cmap` format 4)."""
    (count,) = struct.unpack_from(">H", data, cmap + 2)
    for i in range(count):
        platform, encoding, offset = struct.unpack_from(">HHI", data, cmap + 4 + 8 * i)
        table = cmap + offset
        (kind,) = struct.unpack_from(">H", data, table)
        if (platform, encoding, kind) == (_WINDOWS, _UNICODE_BMP, _SEGMENTS):
            return dict(_segments(data, table))
    raise ValueError("the font has no table of characters that is read here")


def _segments(data: bytes, table: int) -> list[tuple[int, int]]:
    segments = struct.unpack_from(">H", data, table + 6)[0] // 2
    ends = struct.unpack_from(f">{segments}H", data, table + 14)
    starts = struct.unpack_from(f">{segments}H", data, table + 16 + 2 * segments)
    deltas = struct.unpack_from(f">{segments}H", data, table + 16 + 4 * segments)
    at = table + 16 + 6 * segments
    offsets = struct.unpack_from(f">{segments}H", data, at)
    found: list[tuple[int, int]] = []
    for i, (start, end, delta, offset) in enumerate(
        zip(starts, ends, deltas, offsets, strict=True)
    ):
        for code in range(start, min(end, 0xFFFE) + 1):
            glyph = code
            if offset:
                (glyph,) = struct.unpack_from(">H", data, at + 2 * i + offset + 2 * (code - start))
            if glyph or not offset:
                found.append((code, (glyph + delta) & 0xFFFF))
    return found
