"""The settings as a command needs them: read once, their faults told in the command line's way."""

import os

from headless.cli.output import Exit, Failure
from headless.settings import Settings, SettingsError, load


def settings() -> Settings:
    """What the environment says; ends the command when it does not fit."""
    try:
        return load(os.environ)
    except SettingsError as error:
        raise unfit(error) from error


def unfit(error: SettingsError) -> Failure:
    """The failure that tells of settings that do not fit."""
    return Failure(
        "\n       ".join(error.faults),
        "change the environment; `headless settings` shows what holds, docs/settings.md what may",
        Exit.USAGE,
    )


def servers(found: Settings) -> tuple[str, str]:
    """The database's and Redis' addresses; ends the command when one is missing."""
    missing = [
        name
        for name, value in (("DATABASE_URL", found.database_url), ("REDIS_URL", found.redis_url))
        if value is None
    ]
    if missing or found.database_url is None or found.redis_url is None:
        raise Failure(
            f"{' and '.join(f'`{name}`' for name in missing)} must name a server",
            "set it, or run `headless dev`, which brings its own",
            Exit.USAGE,
        )
    return found.database_url, found.redis_url
