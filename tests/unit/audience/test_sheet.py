"""Reading a CSV as it streams: mapping, types, faults with their lines."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from headless.audience.fields import Field
from headless.audience.sheet import Piece, Sheet, missing
from headless.problems import Problem

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS = {
    "spend": Field(1, "spend", "number", NOW),
    "first_name": Field(2, "First_Name", "text", NOW),
}


def pulled(data: bytes, size: int) -> Callable[[], bytes]:
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    return lambda: chunks.pop(0) if chunks else b""


def read(text: str | bytes, *, size: int = 7, **options: Any) -> Piece:
    data = text.encode() if isinstance(text, str) else text
    sheet = Sheet(pulled(data, size), delimiter=options.get("delimiter"))
    columns = sheet.open(options.get("mapping", {}))
    fields = dict(FIELDS)
    new = missing(columns, fields, options.get("on_missing", "fail"))
    if new:
        for name, type_ in sheet.infer(new, 100).items():
            fields[name.lower()] = Field(9, name, type_, NOW)
    sheet.settle(columns, fields)
    return sheet.piece(1000)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_rows_lines_and_chunks(size: int) -> None:
    piece = read(
        "\ufeffE-Mail,External ID,first name,Spend,Tags\r\n"
        "ada@Example.com,1,Ada,12.50,a; b\r\n"
        "\r\n"
        '"böb@example.com",2,"two\r\nlines",,\r\n'
        ',3,"say ""hi""",1e2,',
        size=size,
    )
    assert piece.faults == []
    assert [row.texts for row in piece.rows] == [
        {"email": "ada@example.com", "external_id": "1"},
        {"email": "böb@example.com", "external_id": "2"},
        {"external_id": "3"},
    ]
    assert [row.fields for row in piece.rows] == [
        {"First_Name": "Ada", "spend": 12.5},
        {"First_Name": "two\r\nlines"},
        {"First_Name": 'say "hi"', "spend": 100},
    ]
    assert piece.rows[0].add_tags == {"a", "b"}
    assert piece.lines == [2, 4, 6]
    assert piece.read == 3


def test_faults_have_line_column_and_reason() -> None:
    piece = read(
        b"email,spend,time_zone\n"
        b"a@example.com,1,Europe/Paris\n"
        b"nobody,1,\n"
        b"b@example.com,1.200,EUROPE/BERLIN\n"
        b"c@example.com,dear,Mars/Base\n"
        b"d@example.com,1\n"
        b"e@example.com,1,,,\n"
        b",5,\n"
        b"f\xff@example.com,5,\n"
        b"g\0@example.com,5,\n"
        b"h@example.com,5,Mars/Base\n"
    )
    assert [row.email for row in piece.rows] == [
        "a@example.com",
        "b@example.com",
        "h@example.com",
    ]
    assert piece.rows[1].texts["time_zone"] == "Europe/Berlin"
    assert {(fault.line, fault.column) for fault in piece.faults} == {
        (3, "email"),
        (5, "spend"),
        (6, None),
        (7, None),
        (8, None),
        (9, None),
        (10, None),
    }
    assert (piece.read, piece.rejected) == (10, 7)
    reasons = {fault.line: fault.reason for fault in piece.faults}
    assert reasons[5] == "`dear`: this must be a number such as `12.5`"
    assert reasons[6] == "this row has 2 cells, and the heading has 3"
    assert reasons[9] == "this row is not UTF-8"
    assert [warning.line for warning in piece.warnings] == [5, 11]


def test_a_quote_that_never_closes_costs_one_row_and_no_memory() -> None:
    good = "".join(f"{n}@example.com,1\n" for n in range(50_000))
    sheet = Sheet(pulled(f'email,spend\n"open,1\n{good}'.encode(), 65536))
    columns = sheet.open({})
    sheet.settle(columns, FIELDS)
    pieces = []
    while (piece := sheet.piece(10_000)).read:
        pieces.append(piece)
    faults = [fault for piece in pieces for fault in piece.faults]
    assert len(faults) == 1
    assert faults[0].line == 2
    assert "field limit" in faults[0].reason
    assert sum(len(piece.rows) for piece in pieces) > 40_000


def test_types_are_learned_from_the_first_rows() -> None:
    piece = read(
        "email,visits,zip,joined,at,ok,note,mixed,fax:text\n"
        "a@example.com,3,01234,2026-01-01,2026-01-01T00:00:00Z,yes,7 up,1,49\n"
        "b@example.com,-2.5,75001,2026-01-02,2026-01-01T00:00:00+02:00,no,x,y,50\n",
        on_missing="create",
    )
    assert piece.rows[0].fields == {
        "visits": 3,
        "zip": "01234",
        "joined": "2026-01-01",
        "at": "2026-01-01T00:00:00.000Z",
        "ok": True,
        "note": "7 up",
        "mixed": "1",
        "fax": "49",
    }
    assert piece.rows[1].fields["at"] == "2025-12-31T22:00:00.000Z"
    assert piece.rows[1].fields["visits"] == -2.5


def test_what_does_not_fit_the_learned_type_is_a_fault() -> None:
    head = "email,visits\n" + "".join(f"{n}@example.com,{n}\n" for n in range(100))
    piece = read(head + "x@example.com,many\n", on_missing="create")
    assert [(fault.line, fault.column) for fault in piece.faults] == [(102, "visits")]


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("", "invalid_body", "empty"),
        ("name,spend\n", "invalid_body", "a column `email` or `external_id` is needed"),
        ("email,Email\n", "invalid_body", "two columns are for `email`"),
        ("email,spent\n", "unknown_field", "did you mean `spend`?"),
        ("email,spend:text\n", "invalid_value", "of type number"),
        ("email,x:money\n", "invalid_value", "a field's type is one of"),
        ("email,points\n", "unknown_field", "no field `points`"),
        (b"\xff\xfee\0", "unsupported_media", "UTF-16"),
        (b"email,\xff\n", "invalid_body", "not UTF-8"),
    ],
)
def test_headings_that_cannot_be_used(text: str | bytes, code: str, told: str) -> None:
    with pytest.raises(Problem) as refused:
        read(text)
    assert refused.value.code == code
    assert told in refused.value.detail


def test_points_cannot_be_made_a_field() -> None:
    with pytest.raises(Problem, match="of itself"):
        read("email,points\n", on_missing="create")


def test_other_delimiters_and_mapping() -> None:
    piece = read(
        "sep=;\nMail;Geld;X\na@example.com;1;2\n",
        mapping={"Mail": "email", "Geld": "spend", "X": ""},
    )
    assert piece.rows[0].texts == {"email": "a@example.com"}
    assert piece.rows[0].fields == {"spend": 1}
    assert piece.lines == [3]
    assert read("email\tspend\na@example.com\t1\n").rows[0].fields == {"spend": 1}
    with pytest.raises(Problem, match="did you mean `Mail`"):
        read("Mail\n", mapping={"Mial": "email"})
