"""A scene: everything that a running simulation holds on to. Imports the engine and storage."""

from collections.abc import Mapping

import msgspec

from headless.audience.field_values import FieldType
from headless.dsl import ast
from headless.runtime.engine import Engine
from headless.storage.database import Database
from headless.workspace.names import Names


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """The database and its engine, the campaign, and what names stand for.

    `contacts` are numbers by the ids of the file, `own` is the campaign's name in its own text,
    `campaigns` are the others' numbers by their names in lower case, `types` those of all fields.
    """

    database: Database
    engine: Engine
    workspace_id: int
    campaign_id: int
    own: str | None
    names: Names
    contacts: Mapping[str, int]
    campaigns: Mapping[str, int]
    types: Mapping[str, FieldType]

    def campaign(self, name: ast.Name) -> int:
        """The number of a campaign that an activity names."""
        if self.own is not None and name.text.casefold() == self.own.casefold():
            return self.campaign_id
        return self.campaigns[name.text.casefold()]
