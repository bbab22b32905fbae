"""`headless secrets`: the secrets that are kept sealed, when the keys change."""

import click
import msgspec

from headless.cli import environment
from headless.cli.group import Group
from headless.cli.output import Exit, Failure, answer, json_option, print_json
from headless.cli.own_database import database_url, work
from headless.settings import Settings, kept_secret
from headless.storage.database import Database
from headless.workspace import sealed
from headless.workspace.sealed import Sealed


@click.group("secrets", cls=Group)
def command_secrets() -> None:
    """Look after the secrets of channels, webhooks and integrations."""


@command_secrets.command("rewrap")
@json_option
def rewrap_secrets(as_json: bool) -> int:
    """Seal every secret anew with the first key of HEADLESS_SECRET_KEYS.

    Put the new key in front of the old one, restart, then call this. Links in mails go on hanging
    on the old keys: never take one out of the ring for good.
    """
    settings = environment.settings()
    keys = keys_of(settings)

    async def run(database: Database) -> Sealed:
        async with database.transaction() as tx:
            return await sealed.rewrap(tx, keys)

    with database_url(settings) as url:
        done = work(url, run)
    if as_json:
        print_json(msgspec.structs.asdict(done))
    else:
        answer(f"{done.older} sealed anew, {done.newest} under the newest key already")
    if done.lost:
        raise Failure(
            f"{done.lost} secrets cannot be opened by any key of the ring",
            "put the key back that they were sealed with, or enter them again",
        )
    return Exit.FINE


def keys_of(settings: Settings) -> tuple[bytes, ...]:
    """The key ring, or the development installation's own key; raises Failure."""
    texts = settings.secret_keys
    if not texts and (settings.data_dir / "secret").exists():
        texts = (kept_secret(settings.data_dir),)
    if not texts:
        raise Failure("HEADLESS_SECRET_KEYS is not set", "set it to the installation's keys")
    return tuple(key.encode() for key in texts)
