"""The canonical print: one text for one tree, with its comments, and the identity made of it.

`format_text` is total over texts that parse, idempotent, and keeps every comment; the printed text
parses to the same tree. A question stands on one line where it fits and asks for no more than two
simple steps, else in `do ... end`. `identity` hashes the print without comments, so a version is
known by what it does, not by how it was typed. Computes only.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from headless.dsl import ast
from headless.dsl.parser import Parsed
from headless.dsl.wording import AS_TYPED, CANONICAL, Style, in_quotes, number, written

WIDTH: Final = 88
INDENT: Final = "  "
LONGEST_BRANCH: Final = 2
"""The most steps that a branch on one line may have."""


def canonical(campaign: ast.Campaign) -> str:
    """The campaign's one print, without comments."""
    return _laid_out(_Printer(CANONICAL, "", ()).campaign(campaign))


def identity(campaign: ast.Campaign) -> str:
    """What a version is known by: `sha256:` and the hash of its canonical print."""
    return f"sha256:{hashlib.sha256(canonical(campaign).encode()).hexdigest()}"


def format_parsed(parsed: Parsed) -> str | None:
    """The canonical print with its comments and paragraphs; None if the text has errors."""
    if parsed.campaign is None:
        return None
    printer = _Printer(AS_TYPED, parsed.text, parsed.comments)
    return _laid_out(_with_comments(printer.campaign(parsed.campaign), parsed.comments))


class _Line(msgspec.Struct):
    """A line to be printed; `at` is where its first word stood, or -1 for none of its own."""

    depth: int
    text: str
    at: int
    gap: bool = False
    comment: str = ""


def _laid_out(lines: Iterable[_Line]) -> str:
    out: list[str] = []
    for line in lines:
        if line.gap and out and out[-1]:
            out.append("")
        behind = f"  {line.comment}" if line.comment else ""
        out.append(f"{INDENT * line.depth}{line.text}{behind}".rstrip())
    return "\n".join(out) + "\n"


def _with_comments(lines: list[_Line], comments: Sequence[ast.Comment]) -> list[_Line]:
    """Comments on lines of their own go above what followed them, others behind their line."""
    placed = sorted((line.at, i) for i, line in enumerate(lines) if line.at >= 0)
    starts = [at for at, _ in placed]
    above: dict[int, list[str]] = {}
    for comment in comments:
        if comment.own_line:
            index = bisect_right(starts, comment.span.start)
            target = placed[index][1] if index < len(placed) else len(lines)
        else:
            target = placed[max(0, bisect_left(starts, comment.span.start) - 1)][1]
            line = lines[target]
            if not line.comment:
                line.comment = comment.text
                continue
        above.setdefault(target, []).append(comment.text)
    out: list[_Line] = []
    for i, line in enumerate(lines):
        for number_, said in enumerate(above.get(i, ())):
            depth = line.depth + line.text.startswith(("end", "else", "also", "or "))
            out.append(_Line(depth, said, -1, line.gap and number_ == 0))
        gap = line.gap and i not in above
        out.append(_Line(line.depth, line.text, line.at, gap, line.comment))
    out += (_Line(0, said, -1) for said in above.get(len(lines), ()))
    return out


class _Printer:
    """Sets the lines of one campaign."""

    def __init__(self, style: Style, text: str, comments: Sequence[ast.Comment]) -> None:
        self._style = style
        self._text = text
        self._comments = [comment.span.start for comment in comments]

    def campaign(self, node: ast.Campaign) -> list[_Line]:
        lines: list[_Line] = []
        if node.name is not None:
            at = node.span.start if self._text else 0
            lines.append(_Line(0, f"campaign {written(node.name)}", at))
        lines += (_Line(0, written(s, self._style), s.span.start) for s in node.settings)
        steps = self._steps(node.steps, 0, closed=False)
        steps[0].gap = bool(lines)
        return lines + steps

    def _steps(self, steps: Sequence[ast.Step], depth: int, *, closed: bool) -> list[_Line]:
        lines: list[_Line] = []
        for index, step in enumerate(steps):
            last = index == len(steps) - 1
            own = self._step(step, depth, closed=closed and last)
            own[0].gap = index > 0 and self._paragraph(step.span.start)
            lines += own
        return lines

    def _paragraph(self, at: int) -> bool:
        """Whether a blank line stood before this, or before the comments above it."""
        before = self._text[:at].split("\n")[:-1] if self._text[:at].strip() else []
        for line in reversed(before):
            if not line.strip():
                return True
            if not line.lstrip().startswith("#"):
                return False
        return False

    def _step(self, step: ast.Step, depth: int, *, closed: bool) -> list[_Line]:
        label = "" if step.label is None else f"{step.label.text}: "
        at = step.span.start
        inline = self._inline(step, depth, label, closed=closed)
        if inline is not None:
            return [_Line(depth, inline, at)]
        match step:
            case ast.When() | ast.If():
                lines = self._question(step, depth)
            case ast.Whenever():
                lines = self._block(self._whenever_head(step), step.body, step, depth)
            case ast.Split():
                lines = self._split(step, depth)
            case ast.Parallel():
                lines = self._parallel(step, depth)
            case ast.Repeat():
                lines = self._block(self._repeat_head(step), step.body, step, depth)
            case ast.Every():
                lines = self._block(self._every_head(step), step.body, step, depth)
            case _:
                lines = [_Line(depth, written(step, self._style), at)]
        lines[0].text = label + lines[0].text
        return lines

    # -- on one line

    def _inline(self, step: ast.Step, depth: int, label: str, *, closed: bool) -> str | None:
        if not isinstance(step, ast.When | ast.If | ast.Whenever) or self._commented(step):
            return None
        if isinstance(step, ast.Whenever):
            head, bodies = self._whenever_head(step), [step.body]
        elif len(step.branches) == 1:
            branch: ast.WhenBranch | ast.IfBranch = step.branches[0]
            head, bodies = self._head(branch), [branch.body]
            bodies += [step.otherwise] if step.otherwise else []
        else:
            return None
        if (closed and len(bodies) == 1) or not all(self._short(body) for body in bodies):
            return None
        line = f"{label}{head} then {' else '.join(self._listed(body) for body in bodies)}"
        return line if depth * len(INDENT) + len(line) <= WIDTH else None

    def _commented(self, step: ast.Step) -> bool:
        first = bisect_left(self._comments, step.span.start)
        return first < len(self._comments) and self._comments[first] < step.span.end

    def _short(self, body: ast.Block) -> bool:
        return len(body.steps) <= LONGEST_BRANCH and all(
            step.label is None and isinstance(step, ast.Simple) for step in body.steps
        )

    def _listed(self, body: ast.Block) -> str:
        return ", ".join(written(step, self._style) for step in body.steps)

    def _head(self, branch: ast.WhenBranch | ast.IfBranch) -> str:
        if isinstance(branch, ast.IfBranch):
            return f"if {written(branch.condition, self._style)}"
        return f"when {written(branch.trigger, self._style)}"

    # -- in a block

    def _question(self, step: ast.When | ast.If, depth: int) -> list[_Line]:
        lines: list[_Line] = []
        branches: tuple[ast.WhenBranch | ast.IfBranch, ...] = step.branches
        for index, branch in enumerate(branches):
            head = ("or " if index else "") + self._head(branch) + " do"
            at = branch.span.start if index else step.span.start
            answered = index + 1 < len(step.branches) or step.otherwise is not None
            lines.append(_Line(depth, head, at))
            lines += self._steps(branch.body.steps, depth + 1, closed=answered)
        if step.otherwise is not None:
            lines.append(_Line(depth, "else", step.otherwise.span.start))
            lines += self._steps(step.otherwise.steps, depth + 1, closed=False)
        return [*lines, self._end(step, depth)]

    def _block(self, head: str, body: ast.Block, step: ast.Step, depth: int) -> list[_Line]:
        first = _Line(depth, f"{head} do", step.span.start)
        inner = self._steps(body.steps, depth + 1, closed=False)
        return [first, *inner, self._end(step, depth)]

    def _end(self, step: ast.Step, depth: int) -> _Line:
        """The `end` of a block; its place in the text is known only if it stood there."""
        typed = self._text[: step.span.end].rstrip("; \t\n")
        at = len(typed) - 3 if typed[-3:].lower() == "end" else -1
        return _Line(depth, "end", at)

    def _split(self, step: ast.Split, depth: int) -> list[_Line]:
        lines = [_Line(depth, "split do", step.span.start)]
        for arm in step.arms:
            share = "rest" if arm.share is None else f"{number(arm.share)}%"
            named = "" if arm.name is None else f" {in_quotes(arm.name.text)}"
            lines.append(_Line(depth + 1, f"{share}{named}:", arm.span.start))
            lines += self._steps(arm.body.steps, depth + 2, closed=False)
        return [*lines, self._end(step, depth)]

    def _parallel(self, step: ast.Parallel, depth: int) -> list[_Line]:
        lines = [_Line(depth, "parallel do", step.span.start)]
        for index, part in enumerate(step.parts):
            if index:
                lines.append(_Line(depth, "also", part.span.start))
            lines += self._steps(part.steps, depth + 1, closed=False)
        return [*lines, self._end(step, depth)]

    def _whenever_head(self, step: ast.Whenever) -> str:
        most = "" if step.at_most is None else f" at most {step.at_most} times"
        most = most[:-1] if step.at_most == 1 else most
        return f"whenever {written(step.trigger, self._style)}{most}"

    def _repeat_head(self, step: ast.Repeat) -> str:
        until = "" if step.until is None else f" until ({written(step.until, self._style)})"
        return f"repeat {step.times} {'time' if step.times == 1 else 'times'}{until}"

    def _every_head(self, step: ast.Every) -> str:
        stop = "" if step.stop is None else f" {written(step.stop, self._style)}"
        return f"every {written(step.schedule, self._style)}{stop}"
