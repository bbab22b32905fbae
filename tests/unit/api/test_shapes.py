"""Pages, cursors, instants, and the catalogue of problems."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from headless.api.problems import EXPLAINED, type_of
from headless.api.shapes import after, instant, page
from headless.problems import CATALOGUE, Problem


def test_a_cursor_leads_to_the_next_page_of_the_same_list() -> None:
    first = page([1, 2, 3], 2, lambda n: n, str, list="x", tag=None)
    assert first.data == ["1", "2"]
    assert first.next_cursor is not None
    assert after(first.next_cursor, list="x", tag=None) == 2
    assert page([3], 2, lambda n: n, str, list="x", tag=None).next_cursor is None
    for filters in ({"list": "x", "tag": "a"}, {"list": "y", "tag": None}, {"list": "x"}):
        with pytest.raises(Problem, match="another list"):
            after(first.next_cursor, **filters)


@pytest.mark.parametrize("bad", ["", "x", "é", "AAAA", "=" * 22, "A" * 22, "a b"])
def test_what_is_no_cursor(bad: str) -> None:
    with pytest.raises(Problem) as refused:
        after(bad, list="x")
    assert refused.value.code == "cursor_mismatch"


def test_instants() -> None:
    zone = timezone(timedelta(hours=1))
    assert instant(datetime(2026, 1, 1, 1, 0, 0, 999, zone)) == "2026-01-01T00:00:00.000Z"
    assert instant(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000Z"


def test_every_problem_is_explained() -> None:
    assert EXPLAINED.keys() == CATALOGUE.keys()
    assert type_of("stale_version") == "/problems/stale-version"
