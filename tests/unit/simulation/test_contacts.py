"""A file of contacts as it is read: columns, types, and every fault with its line."""

import pytest

from headless.simulation import contacts, rows
from headless.simulation.contacts import Roster
from headless.simulation.faults import FaultyFileError


def from_csv(text: str) -> Roster:
    return contacts.read(rows.csv_rows("contacts", text.encode()))


def from_ndjson(text: str) -> Roster:
    return contacts.read(rows.ndjson("contacts", text.encode()))


def test_the_columns_of_a_table() -> None:
    roster = from_csv(
        "id,email,timezone,segments,tags,points,stage,company\n"
        "7, Ada@Example.org ,Europe/Paris,Leads; VIP,hot,12,customer,Acme\n"
        "8,,,,,,,\n"
    )
    ada, nobody = roster.people
    assert (ada.id, ada.email, ada.time_zone) == ("7", "Ada@example.org", "Europe/Paris")
    assert (ada.segments, ada.tags, ada.points) == (("Leads", "VIP"), ("hot",), 12)
    assert (ada.texts, ada.company) == ({"stage": "customer"}, "Acme")
    assert (nobody.email, nobody.time_zone, nobody.segments) == (None, None, ())


def test_other_columns_are_fields_typed_by_their_values() -> None:
    roster = from_csv(
        "id;age;born;active;seen;zip;first name\n"
        "1;30;1990-02-01;yes;2026-01-05T09:00Z;01234;Ada\n"
        "2;;;no;;99999;\n"
    )
    assert roster.types == {
        "age": "number", "born": "date", "active": "boolean", "seen": "datetime",
        "zip": "text", "first_name": "text",
    }  # fmt: skip
    assert roster.people[0].fields == {
        "age": 30, "born": "1990-02-01", "active": True, "seen": "2026-01-05T09:00:00.000Z",
        "zip": "01234", "first_name": "Ada",
    }  # fmt: skip
    assert roster.people[1].fields == {"active": False, "zip": "99999"}


def test_json_says_itself_what_is_a_number() -> None:
    roster = from_ndjson(
        '{"id": 1, "age": 30, "zip": "12345", "tags": ["a", "b"], "ok": true}\n\n'
        '{"id": "2", "age": 31.5}\n'
    )
    assert roster.types == {"age": "number", "zip": "text", "ok": "boolean"}
    assert [person.id for person in roster.people] == ["1", "2"]
    assert roster.people[0].tags == ("a", "b")


def test_addresses_are_made_up_only_where_no_contact_has_a_column_for_them() -> None:
    made = from_csv("id\n1\nAda Lovelace\n")
    assert [p.email for p in made.people] == ["1@example.org", "contact-3@example.org"]
    assert [p.email for p in from_csv("id,email\n1,\n2,a@b.org\n").people] == [None, "a@b.org"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "the first line names the columns"),
        ("id,email\n1\n", 2, "this row has 1 cells, and the heading has 2"),
        ("id,id\n1,2\n", 1, "two columns are called `id`"),
        ("email\na@b.org\n", 2, "`id` is missing"),
        ("id\n1\n\n1\n", 4, "the id `1` stands on line 2 already"),
        ("id,email\n1,a@b.org\n2,A@b.org\n", 3, "the email `a@b.org` stands on line 2 already"),
        ("id,email\n1,nobody\n", 2, "`nobody`"),
        ("id,timezone\n1,Europe/Pariss\n", 2, "did you mean `Europe/Paris`"),
        ("id,points\n1,many\n", 2, "number"),
        ("id,points\n1,1.5\n", 2, "`points` must be a whole number"),
        ("id,1st\n1,2\n", 2, "`1st` cannot name a field"),
        ('id\n1\n"2\n', 3, "cannot be read as CSV"),
        ("id,n\n1,\xff\n", 2, ""),
    ],
)
def test_a_faulty_row_of_a_table_is_told_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(FaultyFileError) as raised:
        contacts.read(rows.csv_rows("contacts", text.encode("latin-1")))
    (fault,) = raised.value.faults
    assert fault.line == line
    assert says in fault.message


def test_every_faulty_line_is_told_at_once() -> None:
    with pytest.raises(FaultyFileError) as raised:
        from_ndjson('{"id": 1}\n{"id": \n[1]\n{"id": 2}')
    assert [fault.line for fault in raised.value.faults] == [2, 3]
