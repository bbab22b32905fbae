"""What random stories have found, each in its least form and by its name."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from model.agreement import differences
from model.stage import Stage
from model.story import Changes, Does, Holds, Joins, Person, Story

HOUR, DAY = 60, 1440
ADA = Person("ada", segments=("Leads",))


def story(text: str, *happenings: Any, ada: Person = ADA, **more: Any) -> Story:
    return Story(text, (ada,), happenings, **more)


FOUND = {
    "who is in two sources at the start enters once": story(
        "from segment Leads, segment VIP re-entry always add points 5",
        ada=Person("ada", segments=("Leads", "VIP")),
    ),
    "an event from before the arrival counts at the arrival": story(
        "from segment Leads send email Welcome wait 2d"
        " when opened email Welcome within 5d do wait 1d add points 1 end",
        Does(HOUR, ("ada",), "opened", "Welcome"),
    ),
    "a window that has closed before the arrival is decided at the arrival": story(
        "from segment Leads wait 1d when did a within 1d of entry then note \"yes\""
        " else add points 1 wait 1h add points 1",
    ),
    "each event of an or has its own stopwatch": story(
        "from segment Leads send email Welcome wait 5d"
        " when opened email Welcome or did a within 2h then add tag m1 else add tag m2",
        Does(5 * DAY + HOUR, ("ada",), "did", "a"),
    ),
    "an event outside its own window does not count in another's": story(
        "from segment Leads send email Welcome wait 5d"
        " when opened email Welcome or did a within 2h then add tag m1 else add tag m2",
        Does(5 * DAY + HOUR, ("ada",), "opened", "Welcome"),
    ),
    "a wait for a field sees what the step before it has set": story(
        "from segment Leads set trial to 2026-01-08 wait until 2d after trial at 10:00"
        " add points 1",
    ),
    "a changed field moves the wait": story(
        "from segment Leads wait until trial at 09:00 add points 1",
        Changes(DAY, "ada", "trial", date(2026, 1, 9)),
        ada=Person("ada", segments=("Leads",), fields=(("trial", date(2026, 1, 12)),)),
    ),
    "a field that is changed into the past ends the wait": story(
        "from segment Leads wait until trial at 09:00 add points 1",
        Changes(DAY, "ada", "trial", date(2026, 1, 1)),
        ada=Person("ada", segments=("Leads",), fields=(("trial", date(2026, 1, 12)),)),
    ),
    "on alone keeps the time of day after a limit": story(
        "from segment Leads limit 1 email per day"
        " send email Welcome send email Tips on weekdays",
        beginning=datetime(2026, 1, 30, 1, tzinfo=UTC),
        ada=Person("ada", zone="Asia/Kolkata", segments=("Leads",)),
    ),
    "a window that never opens skips the send": story(
        "from segment Leads quiet hours 21:00 to 08:00"
        " send email Welcome between 22:00 and 06:00",
    ),
    "what was reported late does not go out into quiet hours": story(
        "start when did a quiet hours 12:00 to 14:00 send email Reminder",
        Does(DAY + 3 * HOUR, ("ada",), "did", "a", late=5),
    ),
    "what ends a run may begin the next": story(
        "start when did a re-entry always goal when did a wait 30d add points 1",
        Does(HOUR, ("ada",), "did", "a"), Does(5 * DAY, ("ada",), "did", "a"),
    ),
    "what ends the only run begins none": story(
        "start when did a goal when did a wait 1w",
        Does(HOUR, ("ada",), "did", "a"), Does(4 * DAY, ("ada",), "did", "a"),
    ),
    "who fits during a pause is in, and can reach the goal": story(
        "from contacts where (age > 45) goal when did b send email Welcome",
        Holds(HOUR, DAY), Changes(2 * HOUR, "ada", "age", 50),
        Does(3 * HOUR, ("ada",), "did", "b"),
    ),
    "leaving and coming back": story(
        "from segment Leads re-entry always add points 1",
        Joins(HOUR, ("ada",), "Leads", leave=True), Joins(2 * HOUR, ("ada",), "Leads"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
async def test_what_was_found(stage: Stage, name: str) -> None:
    assert await differences(stage, FOUND[name]) == []
