"""The rows of a file of contacts or activities: CSV or one JSON object a line, each with its line.

Pure. Raises FaultyFileError with every line that cannot be read.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from headless.simulation.faults import Fault, FaultyFileError

_DELIMITERS: Final = (",", ";", "\t", "|")


class Row(msgspec.Struct, frozen=True):
    """One contact or activity as it was given: `line` counts from 1, cells are JSON values.

    In a table all of them are text: a number there is one that looks like it.
    """

    line: int
    cells: Mapping[str, Any]
    from_table: bool = False


def decoded(what: str, data: bytes) -> str:
    """The text of a file; FaultyFileError names the line that is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FaultyFileError(what, [Fault(line, "this is not UTF-8; save it as UTF-8")]) from error


def taken(rows: Iterable[Row | Mapping[str, Any]]) -> list[Row]:
    """Rows as they are, and those that a program hands over as plain values."""
    return [row if isinstance(row, Row) else Row(line, row) for line, row in enumerate(rows, 1)]


def ndjson(what: str, data: bytes) -> list[Row]:
    """One JSON object a line; empty lines are passed over."""
    rows: list[Row] = []
    faults: list[Fault] = []
    for line, text in enumerate(decoded(what, data).split("\n"), 1):
        if not text.strip():
            continue
        try:
            rows.append(Row(line, msgspec.json.decode(text, type=dict[str, Any])))
        except msgspec.DecodeError as error:
            said = str(error).removeprefix("JSON is malformed: ")
            faults.append(Fault(line, f"this is no JSON object: {said}"))
    if faults:
        raise FaultyFileError(what, faults)
    return rows


def csv_rows(what: str, data: bytes) -> list[Row]:
    """A table whose first line names the columns; `,` `;` `|` or tabs between them."""
    text = decoded(what, data)
    first = text.split("\n", 1)[0]
    if not first.strip():
        raise FaultyFileError(what, [Fault(1, "the first line names the columns, and it is empty")])
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    heading: Sequence[str] | None = None
    rows: list[Row] = []
    faults: list[Fault] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            faults.append(Fault(line, f"this cannot be read as CSV: {error}"))
            continue
        if cells is None:
            break
        if heading is None:
            heading = [cell.strip() for cell in cells]
            faults += (
                Fault(line, f"two columns are called `{name}`; rename one of them")
                for name in sorted({name for name in heading if name and heading.count(name) > 1})
            )
        elif cells and len(cells) != len(heading):
            told = f"this row has {len(cells)} cells, and the heading has {len(heading)}"
            faults.append(Fault(line, told))
        elif cells:
            pairs = zip(heading, cells, strict=True)
            rows.append(Row(line, {name: cell.strip() for name, cell in pairs if name}, True))
    if faults:
        raise FaultyFileError(what, faults)
    return rows
