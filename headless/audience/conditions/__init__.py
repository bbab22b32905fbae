"""Conditions and events as SQL: what `if`, `where`, `when` and a segment ask of a contact.

Pure: builds SQLAlchemy expressions and runs nothing. A comparison with something missing is false,
never null. `facts` asks what is, `events` what has happened, `heard` says which activities an event
is made of, `patterns` compares with `*`, `watched` says what makes an answer change.
"""

from headless.audience.conditions.events import answers, holds
from headless.audience.conditions.heard import Heard, heard
from headless.audience.conditions.watched import asks_of_time, remembered, watched

__all__ = [
    "Heard",
    "answers",
    "asks_of_time",
    "heard",
    "holds",
    "remembered",
    "watched",
]
