"""Whether a contact may be seen opening and clicking, as SQL.

Its own word counts; without one the workspace says what not having been asked means, for a country
(the contact's field `country`) or for all. Pure. Imports the tables.
"""

from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, literal, select

from headless.storage.tables import contact, tracking, workspace


def is_tracked(person: Any = contact, house: Any = workspace) -> ColumnElement[bool]:
    """Whether a contact is tracked: `person` and `house` are rows of the enclosing statement."""
    own = (
        select(tracking.c.granted)
        .where(
            tracking.c.workspace_id == person.c.workspace_id, tracking.c.contact_id == person.c.id
        )
        .correlate(person)
        .scalar_subquery()
    )
    country = func.upper(person.c.fields["country"].as_string())
    by_country = house.c.tracking["countries"].op("->>")(cast(country, Text))
    unknown = func.coalesce(by_country, house.c.tracking["unknown"].as_string(), literal("granted"))
    return func.coalesce(own, unknown == "granted")
