"""Each table is named in one of the three lists of what becomes of it when a copy is anonymised."""

from headless.campaigns.anonymising import CHANGED, EMPTIED, KEPT
from headless.storage.tables import metadata


def test_each_table_is_in_one_list() -> None:
    named = sorted([*EMPTIED, *CHANGED, *KEPT])
    assert named == sorted(metadata.tables)


def test_each_column_that_is_changed_is_there() -> None:
    for table, columns in CHANGED.items():
        assert set(columns) <= set(metadata.tables[table].c.keys()), table
