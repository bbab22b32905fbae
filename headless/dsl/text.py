"""What people type, made ready for the lexer: quotes, blanks, dashes and signs of other programs.

Word processors curl quotes and widen dashes, web pages hold blanks that are none, and Slack wraps
links and escapes `<`. `clean` undoes that and keeps, for every character, where it came from, so
that every message points at what was typed. Inside quotes only what cannot be seen is changed: a
name keeps its dash. Computes only; imports nothing of ours but `diagnostics`.
"""

import re
import unicodedata
from typing import Final

import msgspec

from headless.dsl.diagnostics import Diagnostic, Span, error, replacing

MAX_BYTES: Final = 256 * 1024
"""Longer texts are refused."""

_DOUBLE = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033"
_SINGLE = "\u2018\u2019\u201a\u201b\u2032"
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_PLAIN = {
    **dict.fromkeys(_SINGLE, "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    "\u2026": "...",
    "\u2265": ">=",
    "\u2264": "<=",
    "\u2260": "!=",
}
_UNSEEN = {
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000\x0b\x0c\x85\u2028", " "),
    **dict.fromkeys("\ufeff\u200b\u2060\u00ad", ""),
    "\u2029": "\n",
}
_SUSPECT = re.compile(f"[{_DOUBLE}{_BIDI}{''.join(_PLAIN)}{''.join(_UNSEEN)}]|[\u0300-\u036f]|\r")
_UNFIT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
_LONE_RETURN = re.compile("\r(?!\n)")
_MARKUP = re.compile(
    r"&(?P<entity>amp|lt|gt);"
    r"|<(?P<link>(?:https?://|mailto:|tel:)[^|<>\s]*)(?:\|(?P<label>[^<>]*))?>"
    r"|<(?P<sign>[#@])(?P<id>[A-Z0-9]+)(?:\|(?P<name>[^<>]*))?>"
)
_FENCE = re.compile(
    r"\s*```(?:\w*\n)?(?P<inner>.*?)```\s*\Z|\s*`(?P<line>[^`\n]*)`\s*\Z", re.DOTALL
)
_BIDI_CONTROLS: Final = frozenset(
    chr(c) for c in (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
)
_ENTITY = {"amp": "&", "lt": "<", "gt": ">"}


class Cleaned(msgspec.Struct, frozen=True):
    """A text for the lexer; `offsets[i]` is where its character i was typed (None: the same)."""

    text: str
    offsets: tuple[int, ...] | None
    diagnostics: tuple[Diagnostic, ...] = ()


def in_lines(text: str) -> str:
    """The text with `\\n` for carriage returns that stand alone; every offset stays."""
    return _LONE_RETURN.sub("\n", text) if "\r" in text else text


def clean(text: str, *, chat: bool = False) -> Cleaned:
    """The text as the language reads it; `chat` also undoes Slack's markup."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return Cleaned("", None, (_too_long(),))
    unfit = _UNFIT.search(text)
    if unfit:
        return Cleaned("", None, (_unfit(unfit.group(), unfit.start()),))
    marked = chat and ("&" in text or "<" in text or "`" in text)
    if not marked and text.isascii() and "\r" not in text:
        return Cleaned(text, None)
    if not marked and not _SUSPECT.search(text):
        return Cleaned(text, None)
    typed = [(c, i) for i, c in enumerate(text)]
    if chat:
        typed = _without_markup(text)
    typed = _without_markers(_composed(typed))
    bidi = tuple(_bidi(c, i) for c, i in typed if c in _BIDI_CONTROLS)
    offsets = (*(i for _, i in typed), len(text))
    return Cleaned("".join(c for c, _ in typed), offsets, bidi[:1])


def _too_long() -> Diagnostic:
    return error(
        "E005",
        f"this text is too long: a campaign may have {MAX_BYTES // 1024} KB",
        Span(0, 0),
        help="split it into several campaigns, and join them with `move to campaign`",
    )


def _unfit(character: str, at: int) -> Diagnostic:
    return error(
        "E008",
        f"the character U+{ord(character):04X} cannot be part of a text",
        Span(at, at + 1),
        help="delete it: it cannot be seen, and it cannot be stored",
        fix=replacing(Span(at, at + 1), "", safe=True),
    )


def _bidi(character: str, at: int) -> Diagnostic:
    return error(
        "E004",
        f"an invisible character (U+{ord(character):04X}) turns the direction of the text here",
        Span(at, at + 1),
        help="delete it: with it the text can read differently from what it does",
    )


def _without_markup(text: str) -> list[tuple[str, int]]:
    start, end = 0, len(text)
    fence = _FENCE.match(text)
    if fence:
        start, end = fence.span("inner" if fence["inner"] is not None else "line")
    out: list[tuple[str, int]] = []
    at = start
    for found in _MARKUP.finditer(text, start, end):
        out += ((text[i], i) for i in range(at, found.start()))
        at = found.end()
        if found["entity"]:
            plain = _ENTITY[found["entity"]]
        elif found["link"]:
            plain = _typed_link(found["link"], found["label"])
        else:
            plain = found["sign"] + (found["name"] or found["id"])
        out += ((c, found.start()) for c in plain)
    out += ((text[i], i) for i in range(at, end))
    return out


def _typed_link(link: str, label: str | None) -> str:
    address = re.sub(r"^(mailto:|tel:)", "", link)
    if label and re.sub(r"^https?://", "", address).rstrip("/") == label.rstrip("/"):
        return label
    return address


def _composed(typed: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Letters and the marks that follow them as one character (NFC)."""
    out: list[tuple[str, int]] = []
    for character, at in typed:
        if out and "\u0300" <= character <= "\u036f":
            joined = unicodedata.normalize("NFC", out[-1][0] + character)
            if len(joined) == 1:
                out[-1] = (joined, out[-1][1])
                continue
        out.append((character, at))
    return out


def _without_markers(typed: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Straight quotes, blanks, dashes and signs; verbatim in comments, nearly so in quotes."""
    out: list[tuple[str, int]] = []
    i = 0
    while i < len(typed):
        character, at = typed[i]
        if character == "#":
            end = _line_end(typed, i)
            out += typed[i:end]
            i = end
        elif character == '"' or character in _DOUBLE:
            end = _closing(typed, i)
            out += _quoted(typed, i, end)
            i = end + 1
        elif character == "\r":
            follows = typed[i + 1][0] if i + 1 < len(typed) else ""
            out += [] if follows == "\n" else [("\n", at)]
            i += 1
        else:
            plain = _PLAIN.get(character, _UNSEEN.get(character, character))
            out += ((c, at) for c in plain)
            i += 1
    return out


def _line_end(typed: list[tuple[str, int]], start: int) -> int:
    end = start
    while end < len(typed) and typed[end][0] not in "\n\r":
        end += 1
    return end


def _closing(typed: list[tuple[str, int]], start: int) -> int:
    """Where a quotation ends: the index of its closing mark, or of the line's end."""
    end = _line_end(typed, start)
    opened_straight = typed[start][0] == '"'
    wanted, second = ('"', _DOUBLE) if opened_straight else (_DOUBLE, '"')
    for marks in (wanted, second):
        i = start + 1
        while i < end:
            if typed[i][0] == "\\":
                i += 1
            elif typed[i][0] in marks:
                return i
            i += 1
    return end


def _quoted(typed: list[tuple[str, int]], start: int, end: int) -> list[tuple[str, int]]:
    closed = end < len(typed) and (typed[end][0] == '"' or typed[end][0] in _DOUBLE)
    inner = [(c, at) for seen, at in typed[start + 1 : end] for c in _UNSEEN.get(seen, seen)]
    if typed[start][0] == "\u00ab":
        while inner and inner[0][0] == " ":
            del inner[0]
        while inner and inner[-1][0] == " ":
            del inner[-1]
    out = [('"', typed[start][1])]
    escaped = False
    for c, at in inner:
        if c == '"' and not escaped:
            out.append(("\\", at))
        escaped = c == "\\" and not escaped
        out.append((c, at))
    if closed:
        out.append(('"', typed[end][1]))
    elif end < len(typed):
        out.append(typed[end])
    return out
