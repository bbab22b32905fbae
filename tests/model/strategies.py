"""Stories at random: a campaign, its people, and what happens to them."""

import re
from datetime import UTC, date, datetime

from hypothesis import strategies as st
from model.author import Author
from model.dice import Dice
from model.story import Changes, Does, Happening, Holds, Joins, Person, Sleeps, Story

HOUR, DAY = 60, 1440
BEGINNINGS = (
    datetime(2026, 1, 5, 9, tzinfo=UTC),
    datetime(2026, 3, 27, 9, tzinfo=UTC),  # clocks change on the 29th in Europe
    datetime(2026, 10, 23, 9, tzinfo=UTC),  # and on the 25th, later in New York
    datetime(2026, 1, 30, 1, tzinfo=UTC),  # a short month follows
)
ZONES = (None, "Europe/Paris", "America/New_York", "Europe/Paris", "Asia/Kolkata")


def person(dice: Dice, number: int, soon: date) -> Person:
    """Somebody."""
    fields = {
        "country": dice.one_of(("DE", "US", "fr", None)),
        "age": dice.one_of((None, 20, 35)),
        "trial": dice.one_of((None, soon, date(2026, 3, 29))),
    }
    return Person(
        f"p{number}",
        zone=dice.one_of(ZONES),
        segments=dice.one_of((("Leads",), ("Leads",), ("Leads",), ("Leads", "VIP"), ())),
        fields=tuple((name, value) for name, value in fields.items() if value is not None),
        tags=dice.one_of(((), (), ("m1",))),
        points=dice.one_of((0, 0, 7)),
        address=not dice.maybe(8),
        unsubscribed=dice.maybe(8),
    )


def happening(
    dice: Dice, names: tuple[str, ...], days: int, spoken: tuple[tuple[str, str], ...]
) -> Happening:
    """Something that happens: on the hour mostly, so that edges of windows are met exactly."""
    hour = dice.one_of((2, 12, 24, 48, 72)) if dice.maybe(3) else dice.number(0, days * 24)
    at = hour * HOUR
    who = tuple(name for name in names if not dice.maybe()) or names[:1]
    kind, about = dice.one_of((*spoken * 2, ("did", "a"), ("opened", "Tips"), ("clicked", "Tips")))
    if dice.maybe(5):
        kind = dice.one_of(("joins", "leaves", "changes"))
    match kind:
        case "joins" | "leaves":
            segment = dice.one_of(("Leads", "Leads", "VIP"))
            return Joins(at, who, segment, leave=kind == "leaves")
        case "changes":
            field, value = dice.one_of(
                (("country", "DE"), ("country", "US"), ("age", 50), ("trial", date(2026, 1, 8)))
            )
            return Changes(at, who[0], field, value)
        case _:
            late = dice.one_of((0, 0, 0, 0, 5, 10, HOUR, DAY))
            key = dice.one_of((None, None, None, "k1", "k2"))
            number = (("n", dice.one_of((8, 3))),) if kind == "did" else ()
            return Does(at + dice.one_of((0, 0, 5)), who, kind, about, late, key, number)


def spoken_of(text: str) -> tuple[tuple[str, str], ...]:
    """The deeds that a text waits for."""
    found = re.findall(r"(did|opened|clicked) (?:email )?(?!any)(\w+)", text)
    return tuple((kind, name) for kind, name in found)


def story(dice: Dice, *, most: int = 8) -> Story:
    """A campaign, its people and what happens."""
    beginning = dice.one_of(BEGINNINGS)
    author = Author(dice, beginning)
    text = author.campaign()
    days = dice.one_of((10, 4, 14))
    names = tuple(f"p{n}" for n in range(dice.one_of((3, 2, 4, 1))))
    who = tuple(person(dice, number, author.soon) for number in range(len(names)))
    spoken = spoken_of(text)
    found = [happening(dice, names, days, spoken) for _ in range(dice.number(0, most))]
    if dice.maybe(4):
        found.append(Holds(dice.number(1, 72) * HOUR, dice.number(1, 48) * HOUR))
    elif dice.maybe(4):
        found.append(Sleeps(dice.number(1, 72) * HOUR, dice.number(1, 48) * HOUR))
    return Story(
        text, who, tuple(found), days * DAY,
        zone=dice.one_of(("UTC", "Europe/Paris")), seed=dice.number(0, 1000), beginning=beginning,
    )  # fmt: skip


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Stories by hypothesis: fewer kinds of them, but what fails shrinks."""
    return story(Dice.drawn(draw))
