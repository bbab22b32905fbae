"""Liquid templates: what customers write into subjects and bodies, checked once and rendered often.

Templates come from people we do not know and run in our process, so everything they can spend has a
bound: loops, output, local names, nesting, the size of what a filter makes, and CPU time. A
template sees the namespaces it is given and nothing else; it cannot load other templates. Values
are escaped in html and left alone in subjects and plain text. Imports python-liquid, does no I/O;
a compiled template is kept, so that rendering a million mails parses one.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from io import StringIO
from typing import Any, Final, TextIO

import msgspec
from liquid import BoundTemplate, Environment, RenderContext, Token, escape
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Path, StringLiteral
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.stringify import to_liquid_string

SOURCE_LIMIT: Final = 512 * 1024  # characters
OUTPUT_LIMIT: Final = 5 * 1024 * 1024  # bytes
VALUE_LIMIT: Final = 256 * 1024  # characters or items that one filter may make
LOOP_LIMIT: Final = 10_000  # iterations in one rendering, all loops together
CPU_LIMIT: Final = 1.0  # seconds of this thread's own CPU time, so a busy machine harms nobody
NESTING_LIMIT: Final = 20
_TICKS_A_LOOK: Final = 32
_KEPT: Final = 1024
_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+|\[[^\]]*\])*")


class Variable(msgspec.Struct, frozen=True):
    """A variable that a template reads: its dotted path and where it stands (character offsets)."""

    path: str
    start: int
    end: int

    @property
    def root(self) -> str:
        """The namespace: `contact` of `contact.first_name`."""
        return self.path.partition(".")[0].partition("[")[0]


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a template, and where: line and column count from 1."""

    message: str
    line: int = 1
    column: int = 1
    start: int = 0


class TemplateError(Exception):
    """A template cannot be read, or passed its bounds while it was rendered."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Context(RenderContext):
    """A rendering that counts what it spends."""

    __slots__ = ("began", "iterations", "ticks")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.began = time.thread_time()
        self.iterations = 0
        self.ticks = 0

    def spend(self) -> None:
        """Count one piece of work; every few, look at the time."""
        self.ticks += 1
        if not self.ticks % _TICKS_A_LOOK:
            self.look()

    def look(self) -> None:
        """Stop the rendering when its time is over."""
        if time.thread_time() - self.began > CPU_LIMIT:
            raise ResourceLimitError("the template takes too long", token=None)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Add a loop's length to the sum of all loops, which nested and consecutive ones share."""
        self.spend()
        self.iterations += length
        if self.iterations > LOOP_LIMIT:
            raise ResourceLimitError(f"more than {LOOP_LIMIT:,} rounds of loops", token=None)

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """Where a `capture` writes: no more than is left to write at all."""
        return _Buffer(buf.limit if isinstance(buf, _Buffer) else OUTPUT_LIMIT)

    @contextmanager
    def loop(self, namespace: Mapping[str, object], forloop: Any) -> Iterator[RenderContext]:
        """A loop that looks at the time in each of its rounds, whatever its body does."""
        forloop.it = self._watched(forloop.it)
        with super().loop(namespace, forloop) as context:
            yield context

    def _watched(self, items: Iterator[object]) -> Iterator[object]:
        for item in items:
            self.look()
            yield item

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """The filter of that name, within bounds."""
        inner = super().filter(name, token)

        def bounded(value: object, *args: Any, **kwargs: Any) -> object:
            self.spend()
            _refuse_large(name, (value, *args))
            if name in _MULTIPLIES:
                _refuse_product(name, value, args)
            result = inner(value, *args, **kwargs)
            _refuse_large(name, (result,))
            return result

        return bounded


class _Buffer(StringIO):
    """An output that ends where the limit is; counting characters costs nothing."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def write(self, text: str) -> int:
        self.limit -= len(text)
        if self.limit < 0:
            raise ResourceLimitError("output stream limit reached", token=None)
        return super().write(text)


class _Template(BoundTemplate):
    context_class = _Context


class _Value(msgspec.Struct, frozen=True):
    """`{{ contact.name }}`, with a default or without: nearly all there is in mails.

    It is looked up here, in a tenth of the time; what is more than that goes python-liquid's way.
    """

    path: tuple[str, ...]
    default: str | None
    node: BoundTemplate

    def text(self, namespaces: Mapping[str, object], *, html: bool) -> str | None:
        """What it says; None when the path leads through something that is no plain mapping."""
        value: object = namespaces
        for segment in self.path:
            if type(value) is not dict:
                return None
            value = value.get(segment)
        if self.default is not None and (value is None or value is False or value in _EMPTY):
            return self.default
        if type(value) is str:  # of letters and digits alone there is nothing to escape
            return escape(value) if html and not value.isalnum() else value
        return to_liquid_string(value, autoescape=html)


class _Rest(msgspec.Struct, frozen=True):
    """A piece that python-liquid renders."""

    node: BoundTemplate


_Piece = str | _Value | _Rest


def _pieces(bound: BoundTemplate) -> list[_Piece]:
    """A template cut at its outermost level; whole where it gives values names of its own."""
    if bound.analyze().locals:
        return [_Rest(bound)]
    pieces: list[_Piece] = []
    for node in bound.nodes:
        alone = _Template(bound.env, [node])
        if isinstance(node, ContentNode):
            pieces.append(node.text)
            continue
        path, default = _simple(node.expression) if isinstance(node, OutputNode) else ((), None)
        pieces.append(_Value(path, default, alone) if path else _Rest(alone))
    return pieces


def _simple(expression: Any) -> tuple[tuple[str, ...], str | None]:
    """The path and the default of such an expression; an empty path for any other."""
    left, filters = getattr(expression, "left", None), getattr(expression, "filters", None) or []
    if not isinstance(left, Path) or not all(isinstance(part, str) for part in left.path):
        return (), None
    path = tuple(str(part) for part in left.path)
    if _SPECIAL.intersection(path) or len(path) < 2:
        return (), None
    if not filters:
        return path, None
    arguments = filters[0].args
    if len(filters) == 1 and filters[0].name == "default" and len(arguments) == 1:
        literal = getattr(arguments[0], "value", None)
        if isinstance(literal, StringLiteral) and not getattr(arguments[0], "name", None):
            return path, literal.value
    return (), None


class _Environment(Environment):
    template_class = _Template
    block_nesting_limit = NESTING_LIMIT
    context_depth_limit = NESTING_LIMIT * 3
    local_namespace_limit = 4 * VALUE_LIMIT


_EMPTY: Final[tuple[object, ...]] = ("", [], {})
_SPECIAL: Final = frozenset(("size", "first", "last"))
_MULTIPLIES: Final = frozenset({"replace", "join", "times"})


def _refuse_large(name: str, values: tuple[object, ...]) -> None:
    for value in values:
        if isinstance(value, Sized) and len(value) > VALUE_LIMIT:
            raise ResourceLimitError(f"`{name}` handles too much at once", token=None)
        if isinstance(value, int) and value.bit_length() > 1024:
            raise ResourceLimitError(f"`{name}` makes too large a number", token=None)


def _refuse_product(name: str, value: object, args: tuple[object, ...]) -> None:
    """Some filters can make far more than they are given: refuse before they do."""
    factor = max((len(arg) for arg in args if isinstance(arg, str)), default=1)
    amount = len(value) + 1 if isinstance(value, Sized) else 1
    if amount * max(factor, 1) > 64 * VALUE_LIMIT:
        raise ResourceLimitError(f"`{name}` would make too much", token=None)


def _dated(environment: Environment) -> Callable[..., object]:
    """The filter `date`, with `now` and `today` from the rendering and not from the host."""
    plain = environment.filters["date"]

    def date(value: object, fmt: object = "", *, context: RenderContext) -> object:
        if value in ("now", "today"):
            value = context.globals.get("now", "")
        if isinstance(fmt, str) and (len(fmt) > 100 or re.search(r"%[-_0^#]*\d", fmt)):
            raise ResourceLimitError("`date` takes a format of at most 100 characters", token=None)
        try:
            return plain(value, fmt, environment=environment)
        except (OverflowError, OSError, ValueError):
            return str(value)

    date.with_context = True  # type: ignore[attr-defined]  # how python-liquid is told
    return date


def _environment(*, html: bool) -> Environment:
    environment = _Environment(autoescape=html)
    for tag in ("include", "render"):
        del environment.tags[tag]
    environment.add_filter("date", _dated(environment))
    return environment


_HTML: Final = _environment(html=True)
_TEXT: Final = _environment(html=False)


class Template:
    """A compiled template, ready to be rendered for any number of contacts."""

    __slots__ = ("_bound", "_html", "_pieces", "source")

    def __init__(self, source: str, *, html: bool) -> None:
        """Read the source; raises TemplateError."""
        self.source = source
        self._html = html
        self._bound = _parse(source, html=html)
        self._pieces = _pieces(self._bound)

    def render(self, namespaces: dict[str, object]) -> str:
        """The text for these values; raises TemplateError when it passes its bounds.

        `namespaces` has the roots (`contact`, `entry`, `workspace` ...) and `now`, the instant that
        `{{ "now" | date: "%Y" }}` stands for. What is not in them renders as nothing.
        """
        try:
            return self._rendered(namespaces)
        except LiquidError as error:
            raise TemplateError(_fault(error, self.source)) from error
        except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
            raise TemplateError(Fault(f"the template cannot be rendered: {error}")) from error

    def _rendered(self, namespaces: dict[str, object]) -> str:
        done: list[str] = []
        left = OUTPUT_LIMIT
        context: RenderContext | None = None
        for piece in self._pieces:
            if isinstance(piece, str):
                done.append(piece)
                continue
            text = piece.text(namespaces, html=self._html) if isinstance(piece, _Value) else None
            if text is None:
                if context is None:  # one for all pieces, which share its bounds
                    context = _Context(self._bound, globals=namespaces)
                buffer = _Buffer(left)
                piece.node.render_with_context(context, buffer)
                text = buffer.getvalue()
            done.append(text)
            left -= len(text)
            if left < 0:
                raise ResourceLimitError("output stream limit reached", token=None)
        return "".join(done)


def compile_template(source: str, *, html: bool) -> Template:
    """The compiled template, from those kept when it is there; raises TemplateError."""
    return _compiled(source, html)


@lru_cache(maxsize=_KEPT)
def _compiled(source: str, html: bool) -> Template:
    return Template(source, html=html)


def analyze(source: str) -> tuple[Variable, ...]:
    """The variables that a template expects to be given, in their order; raises TemplateError.

    What the template defines itself (`assign`, `for`, `capture`) is not among them.
    """
    analysis = _parse(source, html=False).analyze()
    for name, spans in analysis.filters.items():
        if name not in _TEXT.filters:
            raise TemplateError(
                fault_at(f"I do not know the filter `{name}`", spans[0].index, source)
            )
    found = [
        Variable(str(variable), start, start + _length(source, start, str(variable)))
        for variables in analysis.globals.values()
        for variable in variables
        for start in (variable.span.index,)
    ]
    return tuple(sorted(found, key=lambda variable: variable.start))


def _length(source: str, start: int, path: str) -> int:
    written = _PATH.match(source, start)
    return len(written.group()) if written else len(path)


def _parse(source: str, *, html: bool) -> BoundTemplate:
    if len(source) > SOURCE_LIMIT:
        raise TemplateError(Fault(f"a template may have {SOURCE_LIMIT // 1024} KB at most"))
    try:
        return (_HTML if html else _TEXT).from_string(source)
    except LiquidError as error:
        raise TemplateError(_fault(error, source)) from error
    except RecursionError as error:
        raise TemplateError(Fault("the template is nested too deeply")) from error


def _fault(error: LiquidError, source: str) -> Fault:
    offset = max(error.token.start_index, 0) if error.token is not None else 0
    words = str(error.args[0]) if error.args else "this cannot be read"
    return fault_at(words.partition("\n")[0].rstrip("."), offset, source)


def fault_at(message: str, offset: int, source: str) -> Fault:
    """A fault at a character of a template."""
    before = source[:offset]
    return Fault(
        message,
        line=before.count("\n") + 1,
        column=offset - (before.rfind("\n") + 1) + 1,
        start=offset,
    )


def instant(value: datetime | None) -> str | None:
    """How a template sees an instant: RFC 3339, which `date` reads."""
    return value.isoformat() if value is not None else None
