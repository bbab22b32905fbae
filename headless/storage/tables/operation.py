"""The installation itself: which one this database belongs to, and where it may speak from.

Imports SQLAlchemy and `columns`.
"""

from sqlalchemy import Boolean, CheckConstraint, Column, Table, Text, text

from headless.storage.tables.columns import instant_column, metadata

installation = Table(  # one row; see `storage.installation`
    "installation",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("number", Text, nullable=False),  # random, made once
    Column("url", Text),  # the HEADLESS_URL it is bound to; null: nobody has started yet
    Column("place", Text),  # the server, database and table that held this row when it was bound
    instant_column("bound_at", nullable=True),
    instant_column("restored_at", nullable=True),  # set: out of a backup, and not released yet
    instant_column("backed_up_at", nullable=True),
    CheckConstraint("one", name="one"),
)
