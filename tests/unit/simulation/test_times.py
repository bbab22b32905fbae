"""Times as people write them in files and options."""

from datetime import UTC, datetime

import pytest

from headless.simulation.times import end, moment

START = datetime(2026, 1, 31, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("+2d3h", "2026-02-02T12:00+00:00"),
        ("+1mo", "2026-02-28T09:00+00:00"),
        ("+2 weeks", "2026-02-14T09:00+00:00"),
        ("+0", "2026-01-31T09:00+00:00"),
        ("-90m", "2026-01-31T07:30+00:00"),
        ("2026-01-05T09:00Z", "2026-01-05T09:00+00:00"),
        ("2026-01-05 09:00", "2026-01-05T09:00+00:00"),
        ("2026-01-05T09:00+02:00", "2026-01-05T07:00+00:00"),
        ("2026-01-05", "2026-01-05T00:00+00:00"),
    ],
)
def test_a_moment(text: str, at: str) -> None:
    assert moment(text, START) == datetime.fromisoformat(at)


@pytest.mark.parametrize(
    "text", ["", "+", "soon", "+3", "+3d add points 1", "2026-02-30", "+99999w"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"no time|no length of time|beyond"):
        moment(text, START)


def test_an_end_is_a_length_or_a_time_after_the_start() -> None:
    assert end("30d", START) == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert end("2026-02-01", START) == datetime(2026, 2, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="before the start"):
        end("2026-01-01", START)
    with pytest.raises(ValueError, match="neither a length of time"):
        end("later", START)
