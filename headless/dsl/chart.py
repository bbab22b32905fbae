"""The layout of a campaign's picture: pieces that know their size, put below and beside each other.

A piece hangs on a spine at x = 0: people come in at its top and leave at its bottom, unless it is
closed. Bodies are drawn where they stand in the text, so the ways of a well-formed campaign never
cross; jumps are told by name. Imports `font`, `palette`, `phrases`, `plan`, `wording`.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import msgspec

from headless.dsl import font, plan
from headless.dsl.palette import REPEATS, SPREADS, Look, look, ways, wording

BOX: Final = 208.0
INK: Final = "#0f172a"
LINE: Final = "#94a3b8"
_TEXT, _SMALL = 13.0, 10.5
_ROW: Final = 17.0
_GAP: Final = 22.0
_BESIDE: Final = 26.0
_ROUND: Final = 8.0
_ROOM: Final = BOX - 52


class Piece(msgspec.Struct, frozen=True):
    """A part of the picture: how far it reaches to the left and right of its spine, and its SVG."""

    left: float
    right: float
    height: float
    svg: str
    open: bool = True


class Chart:
    """Lays out one plan; `counts` are shown on the steps with these numbers."""

    def __init__(self, made: plan.Plan, counts: Mapping[int, int] | None = None) -> None:
        self._plan = made
        self._counts = counts or {}
        self._inside: dict[int, list[plan.Step]] = {}
        for step in made.steps[1:]:
            self._inside.setdefault(step.parent, []).append(step)

    def piece(self, entrance: Sequence[str]) -> Piece:
        """The whole campaign, below a box that says who comes in."""
        start = _pill(entrance, "#0f172a", "#ffffff")
        return _below([start, *self._run(self._inside.get(0, [])), _end()])

    def _run(self, steps: Sequence[plan.Step]) -> list[Piece]:
        return [self._one(step) for step in steps]

    def _one(self, step: plan.Step) -> Piece:
        match step:
            case plan.When() | plan.If() | plan.Split() if self._inside.get(step.number):
                return self._question(step)
            case plan.Whenever(rule=rule):
                return self._rule(step, rule)
            case plan.Fork():
                return self._fork(step)
            case plan.Loop() | plan.Tick():
                body = _below(self._run(self._inside.get(step.number, [])))
                return _framed(step.text, body, REPEATS)
            case _:
                return self._box(step)

    def _box(self, step: plan.Step) -> Piece:
        caption, text = wording(step)
        closed = isinstance(step, plan.Leave) or (
            isinstance(step, plan.Act | plan.Jump) and _ends(step)
        )
        shown = self._counts.get(step.number)
        return _box(caption, text, look(step), _label(step), shown, is_open=not closed)

    # -- branches

    def _question(self, step: plan.When | plan.If | plan.Split) -> Piece:
        head = self._box(step)
        bodies = self._bodies(step)
        return _branched(head, [(label, _below(self._run(body))) for label, body in bodies])

    def _bodies(self, step: plan.When | plan.If | plan.Split) -> list[tuple[str, list[plan.Step]]]:
        """The branches with the words on their lines; an `else` that is not there is empty."""
        inside = {child.number for child in self._inside[step.number]}
        starts = [to for to in plan.targets(step) if to in inside]
        labels = ways(step)
        cuts = [*starts, max(inside) + 1]
        bodies: list[tuple[str, list[plan.Step]]] = []
        for label, target in zip(labels, plan.targets(step), strict=True):
            body: list[plan.Step] = []
            if target in inside:
                index = starts.index(target)
                span = range(cuts[index], cuts[index + 1])
                body = [child for child in self._inside[step.number] if child.number in span]
            bodies.append((label, body))
        return bodies

    def _fork(self, step: plan.Fork) -> Piece:
        children = [child for child in self._inside[step.number] if child.number != step.join]
        cuts = [part for part in step.parts if part is not None and part != step.join]
        bodies: list[tuple[str, Piece]] = []
        for start, end in zip(cuts, [*cuts[1:], step.join], strict=True):
            part = [child for child in children if start <= child.number < end]
            bodies.append(("", _below(self._run(part))))
        head = _pill(["at the same time"], SPREADS.fill, SPREADS.ink)
        foot = _pill(["when all are done"], SPREADS.fill, SPREADS.ink)
        return _below([_branched(head, bodies), foot])

    def _rule(self, step: plan.Whenever, rule: int) -> Piece:
        body = _below(self._run(self._inside.get(rule, [])))
        return _beside(_framed(step.text, body, look(step)))


def _ends(step: plan.Act | plan.Jump) -> bool:
    if isinstance(step, plan.Jump):
        return step.at_most is None
    return step.text == "delete contact" or step.text.startswith("move to campaign ")


def _label(step: plan.Step) -> str:
    last = step.key.rpartition("/")[2]
    return last[1:] if last.startswith("@") and "#" not in last else ""


# ---------------------------------------------------------------- pieces


def _at(x: float, y: float, svg: str) -> str:
    return f'<g transform="translate({x:.1f} {y:.1f})">{svg}</g>' if svg else ""


def _text(x: float, y: float, text: str, size: float, ink: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{ink}" '
        f'text-anchor="{anchor}">{escape(text, quote=False)}</text>'
    )


def _rect(x: float, y: float, w: float, h: float, r: float, style: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{r:g}" {style}/>'


def _path(d: str, extra: str = "") -> str:
    return f'<path d="{d}" fill="none" stroke="{LINE}" stroke-width="1.6" {extra}/>'


def _arrow(y: float, x: float = 0) -> str:
    return f'<path d="M{x - 4:.1f} {y - 6:.1f}H{x + 4:.1f}L{x:.1f} {y:.1f}Z" fill="{LINE}"/>'


def _box(
    caption: str, text: str, style: Look, label: str, shown: int | None, *, is_open: bool
) -> Piece:
    lines = font.wrapped(text, _TEXT, _ROOM, 3) if text else ()
    height = 14 + (14 if caption else 0) + _ROW * len(lines) + 4
    height = max(height, 38)
    half = BOX / 2
    parts = [_rect(-half, 0, BOX, height, 9, f'fill="{style.fill}" stroke="{style.ink}"')]
    parts.append(
        _at(
            -half + 22,
            height / 2,
            f'<g fill="none" stroke="{style.ink}" stroke-width="1.5" stroke-linejoin="round" '
            f'stroke-linecap="round">{style.sign}</g>',
        )
    )
    y = 20.0 if lines else height / 2 + 4
    if caption:
        parts.append(_text(-half + 42, y, caption, _SMALL, style.ink))
        y += _ROW - 1
    for line in lines:
        parts.append(_text(-half + 42, y, line, _TEXT, INK))
        y += _ROW
    if label:
        wide = font.width(label, _SMALL) + 14
        parts.append(_rect(-half + 10, -8, wide, 16, 8, 'fill="#ffffff" stroke="#475569"'))
        parts.append(_text(-half + 17, 4, label, _SMALL, "#475569"))
    if shown is not None:
        told = f"{shown:,}"
        wide = font.width(told, _SMALL) + 16
        parts.append(_rect(half - wide - 8, -9, wide, 18, 9, f'fill="{INK}"'))
        parts.append(_text(half - 8 - wide / 2, 4, told, _SMALL, "#ffffff", "middle"))
    return Piece(half, half, height, "".join(parts), is_open)


def _pill(lines: Sequence[str], fill: str, ink: str) -> Piece:
    shown = [part for line in lines for part in font.wrapped(line, _TEXT, 300, 3)]
    wide = max(font.width(line, _TEXT) for line in shown) + 36
    height = _ROW * len(shown) + 14
    parts = [_rect(-wide / 2, 0, wide, height, min(17, height / 2), f'fill="{fill}"')]
    for index, line in enumerate(shown):
        parts.append(_text(0, 20 + _ROW * index, line, _TEXT, ink, "middle"))
    return Piece(wide / 2, wide / 2, height, "".join(parts))


def _end() -> Piece:
    svg = f'<circle cy="7" r="6" fill="none" stroke="{INK}" stroke-width="1.6"/>'
    return Piece(7, 7, 14, f'{svg}<circle cy="7" r="3" fill="{INK}"/>', open=False)


def _below(pieces: Sequence[Piece]) -> Piece:
    """Pieces one below the other; what comes after a closed one is left out."""
    parts: list[str] = []
    y = left = right = 0.0
    is_open = True
    for index, piece in enumerate(pieces):
        if not is_open:
            break
        if index:
            parts.append(_path(f"M0 {y:.1f}V{y + _GAP - 5:.1f}") + _arrow(y + _GAP))
            y += _GAP
        parts.append(_at(0, y, piece.svg))
        y += piece.height
        left, right = max(left, piece.left), max(right, piece.right)
        is_open = piece.open
    return Piece(left, right, y, "".join(parts), is_open)


def _branched(head: Piece, bodies: Sequence[tuple[str, Piece]]) -> Piece:
    """A question with its branches side by side; the open ones meet again below."""
    columns: list[tuple[Piece, tuple[str, ...], float, float]] = []
    for label, body in bodies:
        lines = font.wrapped(label, _SMALL, BOX - 20, 3) if label else ()
        wide = max((font.width(line, _SMALL) for line in lines), default=0.0) + 16
        columns.append((body, lines, max(body.left, wide / 2), max(body.right, wide / 2)))
    total = sum(left + right for _, _, left, right in columns) + _BESIDE * (len(columns) - 1)
    tall = max(len(lines) for _, lines, _, _ in columns)
    bus = head.height + 14
    top = bus + 16 + tall * 13 + (10 if tall else 0)
    bottom = top + max(body.height for body, *_ in columns) + 18
    x = -total / 2
    parts = [head.svg, _path(f"M0 {head.height:.1f}V{bus:.1f}")]
    for body, lines, left, right in columns:
        x += left
        parts.append(_path(_bend(0, bus, x, top - (5 if body.svg else 0))))
        if body.svg:
            parts.append(_arrow(top, x))
        parts.append(_tagged(x, bus + 12, lines))
        parts.append(_at(x, top, body.svg))
        if body.open:
            parts.append(_path(_meet(x, top + body.height, 0, bottom)))
        x += right + _BESIDE
    is_open = any(body.open for body, *_ in columns)
    half = max(total / 2, head.left)
    return Piece(half, half, bottom if is_open else bottom - 18, "".join(parts), is_open)


def _bend(x: float, y: float, to_x: float, to_y: float) -> str:
    """Along, then down."""
    if abs(to_x - x) < 1:
        return f"M{x:.1f} {y:.1f}V{to_y:.1f}"
    turn = _ROUND if to_x > x else -_ROUND
    corner = f"Q{to_x:.1f} {y:.1f} {to_x:.1f} {y + _ROUND:.1f}"
    return f"M{x:.1f} {y:.1f}H{to_x - turn:.1f}{corner}V{to_y:.1f}"


def _meet(x: float, y: float, to_x: float, to_y: float) -> str:
    """Down, then along."""
    if abs(to_x - x) < 1:
        return f"M{x:.1f} {y:.1f}V{to_y:.1f}"
    turn = _ROUND if to_x > x else -_ROUND
    corner = f"Q{x:.1f} {to_y:.1f} {x + turn:.1f} {to_y:.1f}"
    return f"M{x:.1f} {y:.1f}V{to_y - _ROUND:.1f}{corner}H{to_x:.1f}"


def _tagged(x: float, y: float, lines: tuple[str, ...]) -> str:
    """The words on a line, on a ground of their own."""
    if not lines:
        return ""
    wide = max(font.width(line, _SMALL) for line in lines) + 12
    height = 13.0 * len(lines) + 6
    parts = [_rect(x - wide / 2, y, wide, height, 7, f'fill="#ffffff" stroke="{LINE}"')]
    for index, line in enumerate(lines):
        parts.append(_text(x, y + 12.5 + 13 * index, line, _SMALL, "#334155", "middle"))
    return "".join(parts)


def _framed(title: str, body: Piece, style: Look) -> Piece:
    """A body in a frame with its heading: what is repeated, or stands beside the path."""
    room = max(body.left + body.right, BOX)
    lines = font.wrapped(title, _SMALL, room - 24, 3)
    head = 14.0 + 14 * len(lines)
    left, right = max(body.left, BOX / 2) + 16, max(body.right, BOX / 2) + 16
    height = head + 14 + body.height + 18
    parts = [
        _rect(
            -left,
            0,
            left + right,
            height,
            12,
            f'fill="{style.fill}" fill-opacity="0.6" stroke="{style.ink}" stroke-dasharray="5 4"',
        ),
        _at(
            -left + 18,
            16,
            f'<g transform="scale(.8)" fill="none" stroke="{style.ink}" stroke-width="1.7" '
            f'stroke-linejoin="round" stroke-linecap="round">{style.sign}</g>',
        ),
    ]
    for index, line in enumerate(lines):
        parts.append(_text(-left + 32, 20 + 14 * index, line, _SMALL, style.ink))
    parts.append(_at(0, head + 12, body.svg))
    return Piece(left, right, height, "".join(parts))


def _beside(frame: Piece) -> Piece:
    """A standing rule: the path goes on at the left, the rule hangs to its right."""
    y = 26.0
    x = 34 + frame.left
    parts = [
        _path(f"M0 -6V{frame.height:.1f}"),
        _path(f"M0 {y}H34", 'stroke-dasharray="5 4"'),
        f'<circle cy="{y}" r="4" fill="{LINE}"/>',
        _at(x, 0, frame.svg),
    ]
    return Piece(20, x + frame.right, frame.height, "".join(parts))
