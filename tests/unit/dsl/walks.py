"""Campaigns at random: words that fit, one after the other, by the table that reads them."""

import random

from headless.dsl.expect import meant
from headless.dsl.lalr import accepts, advance
from headless.dsl.tables import spelled, table

NAMES = ("A", "Welcome", "hot", "black-friday", "größe", "x1", "quiet", "time-out")
SAMPLES: dict[str, tuple[str, ...]] = {
    "NAME": NAMES,
    "STRING": ('"A b"', '"wait"', '"say \\"hi\\""', '"https://e.example/x"', '"\\\\d+\\\\"', '"5"'),
    "WHOLE": ("0", "7", "100"),
    "NUMBER": ("-3", "2.50", "0.0", "-0"),
    "DURATION": ("3d", "2 weeks", "1h30m", "90 minutes", "1mo", "0d", "1w2d"),
    "DATE": ("2026-01-31", "2026-01-31 09:00", "2026-01-31T9:00"),
    "TIME": ("9:00", "09:30", "23:59"),
    "PERCENT": ("50%", "12.5 %"),
    "MONEY": ("100 EUR", "9.99usd", "9.90 GBP"),
    "LABEL": ("intro:", "step-2 :"),
    "DOTTED": ("company.size", "event.total", "entry.a-b"),
    "WEEKDAY": ("monday", "Sunday"),
    "DAYS": ("weekdays", "Weekends"),
    "FROM_URL": ("from",),
    "UNSUBSCRIBED_FROM": ("unsubscribed from",),
    "ONE_OF": ("one of",),
    "TIMES": ("times", "time"),
    "WS": (" ",),
    "COMMENT": (" ",),
}


CLOSING = ("THEN", "DO", "EXIT", "END", "RPAR", "REST", "COLON", "NAME", "WHOLE", "ALSO", "IS")


def random_campaign(chance: random.Random) -> str | None:
    """Words that fit, one after the other, until they make a campaign; None if they do not end."""
    states = [table().starts["start"]]
    words: list[str] = []
    wanted = chance.randrange(5, 60)
    while len(words) < 200:
        fitting = accepts(states)
        if "$END" in fitting and len(words) >= wanted:
            return " ".join(words)
        closing = [t for t in CLOSING if t in fitting] if len(words) > wanted else []
        likely = closing[:2] or sorted(meant(fitting) - {"$END"})
        terminal = chance.choice(likely)
        words.append(chance.choice(SAMPLES.get(terminal) or (spelled()[terminal],)))
        after = advance(states, terminal)
        assert after is not None
        states = after
    return None
