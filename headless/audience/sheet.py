"""A CSV of contacts as it streams in: columns mapped, cells read, faulty rows told apart.

Pulls bytes when it needs them and keeps only the rows of one piece, so that a file of any size
needs the same memory. Meant to run in a thread: it computes, and waits in `pull`. Knows nothing of
the database.
"""

import codecs
import csv
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, cast, get_args

import msgspec

from headless.audience.addresses import normalised
from headless.audience.field_values import FieldType, reader, type_of_cells
from headless.audience.fields import Fields, proper_name
from headless.audience.phones import normalised as phone
from headless.audience.writes import COLUMNS, LONGEST_ID, LONGEST_NAME, Row, channel, plain
from headless.dsl.near import did_you_mean, some_of
from headless.problems import Problem
from headless.workspace.zones import zone

OnMissing = Literal["create", "ignore", "fail"]
_ALIASES: Final = {
    "timezone": "time_zone",
    "e_mail": "email",
    "email_address": "email",
    "externalid": "external_id",
    "tag": "tags",
    "segment_names": "segments",
}
_BUILT_IN: Final = (*COLUMNS, "tags", "segments")
_DELIMITERS: Final = (",", ";", "\t", "|")
_LIST: Final = ";"
_SHOWN: Final = 60
_TYPES: Final[frozenset[str]] = frozenset(get_args(FieldType))
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Fault(msgspec.Struct, frozen=True):
    """What is wrong in a row: its line in the file, the column if it is about one, and why."""

    line: int
    reason: str
    column: str | None = None


class Column(msgspec.Struct, frozen=True):
    """One column: its place, its heading, and the built-in column or the field that it fills."""

    index: int
    heading: str
    target: str
    is_field: bool
    type: FieldType | None = None


class Mark(msgspec.Struct, frozen=True):
    """A place between two rows: the bytes and lines before it, and the heading as it was read."""

    at: int
    line: int
    head: str = ""


class Piece(msgspec.Struct):
    """Some rows: the good ones, with the lines that they stand on, and the faults of the others.

    `warnings` are faults of rows that came through all the same. `bytes` counts from the beginning,
    `end` is the place behind the last row.
    """

    rows: list[Row]
    lines: list[int]
    segments: list[tuple[str, ...]]
    faults: list[Fault]
    warnings: list[Fault]
    read: int = 0
    rejected: int = 0
    bytes: int = 0
    end: Mark = Mark(0, 0)


class Sheet:
    """A CSV in the course of being read; `open` first, then `piece` until it has read no row."""

    def __init__(
        self,
        pull: Callable[[], bytes],
        *,
        delimiter: str | None = None,
        start: Mark | None = None,
    ) -> None:
        """`pull` answers the next bytes, none at the end; it may block.

        With `start` they are those behind that place, where another reading has ended.
        """
        head = start.head.encode() if start else b""
        self._pull = _behind(head, pull) if start else pull
        self._start = start
        self._base = start.at - len(head) if start else 0
        self._said: list[str] | None = []
        self._head = ""
        self._taken = 0  # bytes of the lines that were read
        self._bom = b""
        self._delimiter = delimiter
        self._bytes = 0
        self._lines = self._read_lines()
        self._rows: Any = None
        self._width = 0
        # rows that were read to learn the types from, with their lines and where they end
        self._kept: deque[tuple[int, list[str] | csv.Error, Mark]] = deque()
        self._plan: list[tuple[int, str, str, Callable[[str], Any]]] = []
        self._before = 0

    def open(self, mapping: Mapping[str, str]) -> list[Column]:
        """Read the heading; `mapping` renames columns. Raises Problem for what cannot be read."""
        first = next(self._lines, None)
        if first is not None and first.lower().startswith("sep="):
            self._delimiter = first.strip()[4:5] or None
            self._before += 1
            first = next(self._lines, None)
        if first is None or not first.strip():
            raise Problem("invalid_body", "the file is empty; its first line names the columns")
        delimiter = self._delimiter or max(_DELIMITERS, key=first.count)
        if delimiter not in _DELIMITERS:
            raise Problem("invalid_value", "`delimiter` is one of `,` `;` `|` or a tab")
        self._rows = csv.reader(_chained(first, self._lines), delimiter=delimiter)
        try:
            heading = [cell.strip() for cell in next(self._rows)]
        except csv.Error as error:
            raise Problem("invalid_body", f"the first line cannot be read: {error}") from error
        if broken := _unreadable(heading):
            raise Problem("invalid_body", f"the first line cannot be read: {broken}")
        self._width = len(heading)
        self._head, self._said = "".join(self._said or ()), None
        if self._start is not None:
            self._before += self._start.line - self._rows.line_num - self._before
        columns = columns_of(heading, mapping)
        targets = [column.target for column in columns]
        if twice := next((name for name in targets if targets.count(name) > 1), None):
            raise Problem("invalid_body", f"two columns are for `{twice}`; rename one of them")
        if not {"email", "external_id"} & set(targets):
            raise Problem(
                "invalid_body",
                f"a column `email` or `external_id` is needed; the columns are "
                f"{some_of(heading, most=10)}. Is the first line the heading?",
            )
        return columns

    def infer(self, columns: Sequence[Column], most: int) -> dict[str, FieldType]:
        """The types of these columns by the next rows, which `piece` answers all the same."""
        while len(self._kept) < most and (found := self._next()) is not None:
            self._kept.append(found)
        rows = [
            row for _, row, _ in self._kept if isinstance(row, list) and len(row) == self._width
        ]
        types: dict[str, FieldType] = {}
        for column in columns:
            cells = (row[column.index].strip() for row in rows)
            types[column.target] = column.type or type_of_cells(cell for cell in cells if cell)
        return types

    def settle(self, columns: Sequence[Column], fields: Fields) -> None:
        """Decide how each column is read; those of fields that do not exist are passed over."""
        self._plan = []
        for column in columns:
            if not column.is_field:
                read: Callable[[str], Any] = _READERS[column.target]
                self._plan.append((column.index, column.heading, column.target, read))
            elif field := fields.get(column.target.lower()):
                self._plan.append(
                    (column.index, column.heading, f".{field.name}", reader(field.type))
                )

    def piece(self, most: int) -> Piece:
        """The next rows, at most `most` of them."""
        piece = Piece([], [], [], [], [])
        while piece.read < most:
            found = self._kept.popleft() if self._kept else self._next()
            if found is None:
                break
            line, row, piece.end = found
            piece.read += 1
            if isinstance(row, csv.Error):
                faults = [Fault(line, f"this cannot be read as CSV: {row}")]
            else:
                faults = self._take(row, line, piece)
            if faults:
                piece.rejected += 1
                piece.faults += faults
        piece.bytes = self._base + self._bytes
        return piece

    def _next(self) -> tuple[int, list[str] | csv.Error, Mark] | None:
        """The next row with the line that it begins on, and its end; None at the end of all."""
        while True:
            line = self._rows.line_num + 1 + self._before
            try:
                row: list[str] | None = next(self._rows, None)
            except csv.Error as error:
                return line, error, self._mark()
            if row is None:
                return None
            if row:  # an empty line is no row
                return line, row, self._mark()

    def _mark(self) -> Mark:
        bom = len(codecs.BOM_UTF8) if self._bom == codecs.BOM_UTF8 else 0
        lines = self._rows.line_num + self._before
        return Mark(self._base + bom + self._taken, lines, self._head)

    def _take(self, row: list[str], line: int, piece: Piece) -> list[Fault]:
        """Add a row to a piece, or answer what is wrong with it."""
        if len(row) != self._width:
            told = f"this row has {len(row)} cells, and the heading has {self._width}"
            return [Fault(line, told)]
        if broken := _unreadable(row):
            return [Fault(line, broken)]
        texts: dict[str, str | None] = {}
        fields: dict[str, Any] = {}
        tags: tuple[str, ...] = ()
        segments: tuple[str, ...] = ()
        faults: list[Fault] = []
        for index, heading, target, read in self._plan:
            cell = row[index].strip()
            if not cell:
                continue
            try:
                value = read(cell)
            except ValueError as error:
                shown = cell if len(cell) <= _SHOWN else cell[:_SHOWN] + "…"
                faults.append(Fault(line, f"`{shown}`: {error}", heading))
                continue
            if target[0] == ".":
                fields[target[1:]] = value
            elif target == "tags":
                tags = value
            elif target == "segments":
                segments = value
            elif value is None:  # a zone that does not exist: the contact comes in without it
                told = f"`{cell[:_SHOWN]}` is no time zone; the contact came in without it"
                piece.warnings.append(Fault(line, told, heading))
            else:
                texts[target] = value
        if not faults and not texts.get("email") and not texts.get("external_id"):
            faults.append(Fault(line, "there is neither an address nor an external id"))
        if not faults:
            piece.rows.append(Row(texts=texts, fields=fields, add_tags=set(tags)))
            piece.lines.append(line)
            piece.segments.append(segments)
        return faults

    def _read_lines(self) -> Iterator[str]:
        """Lines as they come; bytes that are no UTF-8 stay recognisable (surrogates)."""
        decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        rest = ""
        while chunk := self._pull():
            if not self._bytes and chunk.startswith(_WIDE):
                raise Problem("unsupported_media", "the file is UTF-16; save it as CSV UTF-8")
            self._bytes += len(chunk)
            self._bom = (self._bom + chunk)[:3] if len(self._bom) < 3 else self._bom
            *lines, rest = (rest + decoder.decode(chunk)).split("\n")
            for line in lines:
                yield self._noted(line + "\n")
        rest += decoder.decode(b"", final=True)
        if rest:
            yield self._noted(rest)

    def _noted(self, line: str) -> str:
        if self._said is not None:
            self._said.append(line)
        written = line if line.isascii() else line.encode("utf-8", "surrogateescape")
        self._taken += len(written)
        return line


def _behind(head: bytes, pull: Callable[[], bytes]) -> Callable[[], bytes]:
    """The same `pull`, which answers the heading first."""
    waiting = [head] if head else []
    return lambda: waiting.pop() if waiting else pull()


def _chained(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def columns_of(heading: Sequence[str], mapping: Mapping[str, str]) -> list[Column]:
    """What each name of a heading is for; raises Problem for a mapping that does not fit."""
    for name in mapping:
        if name not in heading:
            hint = did_you_mean(name, heading) or f"the columns are {some_of(heading, most=10)}"
            raise Problem("invalid_value", f"`map` names a column `{name}`; {hint}")
    columns = []
    for index, title in enumerate(heading):
        wanted = mapping.get(title, title)
        if not wanted:
            continue  # a column without a name, or one that is mapped to nothing
        name, _, type_ = wanted.partition(":")
        if type_ and type_ not in _TYPES:
            raise Problem(
                "invalid_value", f"`{wanted}`: a field's type is one of {', '.join(sorted(_TYPES))}"
            )
        target = re.sub(r"[\s\-.]+", "_", name.strip())
        plain_name = _ALIASES.get(target.lower(), target.lower())
        if plain_name in _BUILT_IN:
            columns.append(Column(index, title, plain_name, is_field=False))
        else:
            kind = cast(FieldType, type_) if type_ else None
            columns.append(Column(index, title, target, is_field=True, type=kind))
    return columns


def missing(columns: Sequence[Column], fields: Fields, on_missing: OnMissing) -> list[Column]:
    """The columns that are no fields yet and are to be made; raises Problem as `on_missing` says.

    A column whose heading names a type other than its field's is refused.
    """
    new = [c for c in columns if c.is_field and c.target.lower() not in fields]
    for column in columns:
        known = fields.get(column.target.lower())
        if known and column.type and known.type != column.type:
            told = f"`{known.name}` is of type {known.type}, and the heading says {column.type}"
            raise Problem("invalid_value", told)
    if on_missing == "ignore" or not new:
        return []
    if on_missing == "create":
        for column in new:
            proper_name(column.target)
        return new
    errors = [
        {"pointer": f"/{c.index}", "column": c.heading, "detail": _unknown(c, fields)} for c in new
    ]
    more = f" (and {len(new) - 1} more)" if len(new) > 1 else ""
    raise Problem("unknown_field", errors[0]["detail"] + more, errors=errors)


def _unknown(column: Column, fields: Fields) -> str:
    known = [*_BUILT_IN, *(field.name for field in fields.values())]
    hint = did_you_mean(column.target, known) or "add `on_missing_field=create` or `=ignore`"
    return f"there is no field `{column.heading}`; {hint}"


def _unreadable(row: Sequence[str]) -> str | None:
    """Why a row cannot be kept in UTF-8, if so."""
    joined = "".join(row)
    if "\0" in joined:
        return "this row has the character U+0000"
    if not joined.isascii():
        try:
            joined.encode()
        except UnicodeEncodeError:
            return "this row is not UTF-8"
    return None


def _zone(text: str) -> str | None:
    try:
        return zone(text)
    except Problem:
        return None


def _names(text: str) -> tuple[str, ...]:
    return tuple(plain(name, LONGEST_NAME) for name in text.split(_LIST) if name.strip())


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "external_id": lambda text: plain(text, LONGEST_ID),
    "email": normalised,
    "phone": phone,
    "preferred_channel": channel,
    "time_zone": _zone,
    "stage": lambda text: plain(text, LONGEST_NAME),
    "owner": lambda text: plain(text, LONGEST_NAME),
    "tags": _names,
    "segments": _names,
}
