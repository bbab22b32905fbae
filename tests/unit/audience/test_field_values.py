"""Values of fields, and addresses: what is kept, and what is refused with which words."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headless.audience.addresses import normalised
from headless.audience.field_values import FieldType, checked, reader, type_of, type_of_cells


@pytest.mark.parametrize(
    ("type_", "cell", "kept"),
    [
        ("number", "12", 12),
        ("number", "-1.50", -1.5),
        ("number", "1e3", 1000),
        ("number", "+.5", 0.5),
        ("number", "007", 7),
        ("boolean", "YES", True),
        ("boolean", "0", False),
        ("date", "2024-02-29", "2024-02-29"),
        ("datetime", "2026-11-23T10:30+01:00", "2026-11-23T09:30:00.000Z"),
        ("datetime", "2026-11-23 10:30:00z", "2026-11-23T10:30:00.000Z"),
        ("text", "007", "007"),
    ],
)
def test_cells(type_: FieldType, cell: str, kept: object) -> None:
    assert reader(type_)(cell) == kept
    assert checked(type_, kept) == kept, "what is kept is kept again"


@pytest.mark.parametrize(
    ("type_", "cell"),
    [
        ("number", "1,5"),
        ("number", "nan"),
        ("number", "1e999"),
        ("number", "1_000"),
        ("number", "٣x"),
        ("number", "9007199254740993"),
        ("boolean", "maybe"),
        ("date", "2023-02-29"),
        ("date", "20240101"),
        ("date", "2024-W01-1"),
        ("date", "0000-01-01"),
        ("datetime", "2026-11-23T10:30"),
        ("datetime", "2026-11-23T25:00Z"),
        ("datetime", "0001-01-01T00:00+10:00"),
        ("text", "a\0b"),
        ("text", "x" * 10_001),
    ],
)
def test_what_does_not_fit(type_: FieldType, cell: str) -> None:
    with pytest.raises(ValueError, match=r"^[^A-Z]"):
        reader(type_)(cell)


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers())
def test_numbers_are_finite_or_refused(value: float) -> None:
    try:
        kept = checked("number", value)
    except ValueError:
        return
    assert Decimal(str(kept)).is_finite()
    assert abs(float(kept)) <= 2**53


def test_types_are_inferred_narrowly() -> None:
    assert type_of_cells(["1", "2.5", "-3"]) == "number"
    assert type_of_cells(["01", "2"]) == "text"
    assert type_of_cells(["yes", "NO"]) == "boolean"
    assert type_of_cells(["2026-01-01"]) == "date"
    assert type_of_cells(["2026-01-01T00:00:00Z"]) == "datetime"
    assert type_of_cells(["2026-01-01", "x"]) == "text"
    assert type_of_cells([]) == "text"
    assert type_of(True) == "boolean"
    assert type_of(3) == "number"
    assert type_of("3") == "text"
    with pytest.raises(ValueError, match="a field holds"):
        type_of([1])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Ada@EXAMPLE.com", "Ada@example.com"),
        (" a.b+c_d-e@sub.example.co.uk ", "a.b+c_d-e@sub.example.co.uk"),
        ("josé@example.com", "josé@example.com"),
        ("a@xn--mnchen-3ya.de", "a@münchen.de"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("a@my.test", "a@my.test"),
    ],
)
def test_addresses_are_normalised(text: str, kept: str) -> None:
    assert normalised(text) == kept
    assert normalised(kept) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "a@",
        "a@b",
        "a b@example.com",
        "a@exa mple.com",
        "a..b@example.com",
        ".a@example.com",
        "a@example..com",
        "a@-example.com",
        "a@[127.0.0.1]",
        "x" * 65 + "@example.com",
        "a@" + "x" * 64 + ".com",
        "a@example.com\r\nBcc: b@example.com",
        "a@b@example.com",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        normalised(text)
