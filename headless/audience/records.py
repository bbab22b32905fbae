"""NDJSON of contacts as it streams in: an object a line, as the API writes contacts.

The same face as `sheet`: `open`, `infer`, `settle`, then `piece` until it has read no row. A member
is a column of the contact, `tags`, `segments`, `fields` with those of the contact, or the name of a
field itself; null clears, what is not there stays. Meant to run in a thread; knows no database.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from headless.audience.field_values import FieldType, type_of
from headless.audience.fields import Fields
from headless.audience.sheet import Column, Fault, Mark, OnMissing, Piece, columns_of
from headless.audience.writes import COLUMNS, LONGEST_NAME, Write, check, plain
from headless.problems import Problem

_LONGEST_LINE: Final = 1024 * 1024
_LISTS: Final = ("tags", "segments")
_FIRST: Final = 1_000
"""The lines whose members tell which columns there are."""
_Line = tuple[int, dict[str, Any] | str, Mark]


class Records:
    """NDJSON in the course of being read."""

    def __init__(
        self,
        pull: Callable[[], bytes],
        *,
        on_missing: OnMissing = "fail",
        start: Mark | None = None,
    ) -> None:
        """`pull` answers the next bytes, none at the end; it may block.

        With `start` they are those behind that place, where another reading has ended.
        """
        self._pull = pull
        self._start = start or Mark(0, 0)
        self._on_missing = on_missing
        self._bytes = 0
        self._lines = self._read_lines()
        self._kept: deque[_Line] = deque()
        self._mapping: Mapping[str, str] = {}
        self._fields: Fields = {}

    def open(self, mapping: Mapping[str, str]) -> list[Column]:
        """Look at the first lines; `mapping` renames members. Raises Problem for no contacts."""
        self._mapping = mapping
        names: dict[str, None] = {}
        while len(self._kept) < _FIRST and (line := next(self._lines, None)) is not None:
            self._kept.append(line)
            if isinstance(line[1], dict):
                names |= dict.fromkeys(name for name, _ in _members(line[1]))
        if not self._kept:
            raise Problem("invalid_body", "the file is empty; each line is a contact as JSON")
        if not names:
            told = f"the first line is no contact as JSON: {self._kept[0][1]}"
            raise Problem("invalid_body", told)
        return columns_of(list(names), {k: v for k, v in mapping.items() if k in names})

    def infer(self, columns: Sequence[Column], most: int) -> dict[str, FieldType]:
        """The types of these columns by the values of the first lines; text where none says."""
        types: dict[str, FieldType] = {}
        for column in columns:
            values = (dict(_members(row)).get(column.heading) for _, row, _ in self._kept
                      if isinstance(row, dict))  # fmt: skip
            found = next((value for value in values if value is not None), None)
            types[column.target] = column.type or _type(found)
        return types

    def settle(self, columns: Sequence[Column], fields: Fields) -> None:
        """Know the workspace's fields; members of lines to come are told by them, too."""
        self._mapping = {c.heading: c.target for c in columns} | {
            name: wanted.partition(":")[0] for name, wanted in self._mapping.items()
        }
        self._fields = fields

    def piece(self, most: int) -> Piece:
        """The next contacts, at most `most` of them."""
        piece = Piece([], [], [], [], [])
        while piece.read < most:
            found = self._kept.popleft() if self._kept else next(self._lines, None)
            if found is None:
                break
            piece.read += 1
            line, row, piece.end = found
            faults = [Fault(line, row)] if isinstance(row, str) else self._take(row, line, piece)
            if faults:
                piece.rejected += 1
                piece.faults += faults
        piece.bytes = self._start.at + self._bytes
        return piece

    def _take(self, row: dict[str, Any], line: int, piece: Piece) -> list[Fault]:
        """Add a contact to a piece, or answer what is wrong with it."""
        columns: dict[str, Any] = {}
        fields: dict[str, Any] = {}
        lists: dict[str, list[str]] = {}
        faults: list[Fault] = []
        for name, value in _members(row):
            target = self._mapping.get(name, name)
            if target in _LISTS:
                lists[target] = _names(value, name, line, faults)
            elif target in COLUMNS:
                if value is not None and not isinstance(value, str):
                    faults.append(Fault(line, "this must be text, in quotes", name))
                columns[target] = value
            elif target and not (
                self._on_missing == "ignore" and target.lower() not in self._fields
            ):
                fields[target] = value
        if faults:
            return faults
        write = Write(**columns, fields=fields, add_tags=lists.get("tags", ()))
        try:
            piece.rows.append(check(write, self._fields))
        except Problem as problem:
            told = problem.extra.get("errors") or [{"pointer": "", "detail": problem.detail}]
            return [
                Fault(line, one["detail"], one["pointer"].rpartition("/")[2] or None)
                for one in told
            ]
        piece.lines.append(line)
        piece.segments.append(tuple(lists.get("segments", ())))
        return []

    def _read_lines(self) -> Iterator[_Line]:
        rest, number, taken = b"", self._start.line, self._start.at
        while chunk := self._pull():
            self._bytes += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                number, taken = number + 1, taken + len(line) + 1
                if line.strip():
                    yield number, _decoded(line), Mark(taken, number)
            if len(rest) > _LONGEST_LINE:
                raise Problem("too_large", f"line {number + 1} has more than 1 MB")
        if rest.strip():
            yield number + 1, _decoded(rest), Mark(taken + len(rest), number + 1)


def _decoded(line: bytes) -> dict[str, Any] | str:
    """A line's object, or what is wrong with the line."""
    try:
        found = msgspec.json.decode(line.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"this is not JSON: {error}"
    return found if isinstance(found, dict) else "each line is an object"


def _members(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A contact's members, those of its `fields` among them."""
    for name, value in row.items():
        if name == "fields" and isinstance(value, dict):
            yield from value.items()
        else:
            yield name, value


def _names(value: Any, name: str, line: int, faults: list[Fault]) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        faults.append(Fault(line, "this must be a list of names", name))
        return []
    try:
        return [plain(one, LONGEST_NAME) for one in value]
    except ValueError as error:
        faults.append(Fault(line, str(error), name))
        return []


def _type(value: Any) -> FieldType:
    try:
        return "text" if value is None else type_of(value)
    except ValueError:
        return "text"
