"""`headless adopt` and `anonymise`: what a copy of another installation's data is to become.

Data that belong to another HEADLESS_URL hand nothing over to anybody until one of the two is done.
Both work on the database itself.
"""

import os

import click

from headless.campaigns.anonymising import anonymise
from headless.channels import restored
from headless.cli import environment
from headless.cli.output import Exit, Failure, agree, answer, json_option, print_json
from headless.cli.own_database import database_url, work
from headless.clock import SystemClock
from headless.settings import Settings
from headless.storage import installation
from headless.storage.database import Database
from headless.storage.installation import Stance


@click.command("adopt")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def command_adopt(yes: bool, as_json: bool) -> None:
    """Make this database the installation at HEADLESS_URL: it moved here, or the address changed.

    Do it only when the other one has stopped for good: both would write to the same people.
    """
    settings = _settings_of_a_known_place()
    now = SystemClock().now()

    async def take_over(database: Database) -> None:
        async with database.transaction() as tx:
            await installation.adopt(tx, settings.url, now=now)

    with database_url(settings) as url:
        stance = work(url, lambda database: restored.arrive(database, settings.url, now=now))
        if not stance.copy:
            told = f"these data are the installation at {settings.url} already"
            _tell({"url": settings.url, "adopted": False}, told, as_json=as_json)
            return
        question = f"the installation at {stance.bound_url} sends nothing any more?"
        agree(question, yes=yes, command="headless adopt")
        work(url, take_over)
    held = "; it is held since a restore: `headless release`" if stance.restored else ""
    told = f"these data are the installation at {settings.url} now{held}"
    _tell({"url": settings.url, "adopted": True}, told, as_json=as_json)


@click.command("anonymise")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def command_anonymise(yes: bool, as_json: bool) -> None:
    """Make a copy safe to play with: nobody in it can be reached or recognised.

    Addresses, names and other fields of contacts, texts of messages, devices, secrets of channels
    and tokens go; every workspace becomes a sandbox; what waits to be sent is dropped. Campaigns,
    segments, emails and the numbers stay.
    """
    settings = _settings_of_a_known_place()
    now = SystemClock().now()

    async def look(database: Database) -> Stance:
        return await restored.arrive(database, settings.url, now=now)

    async def make(database: Database) -> int:
        async with database.transaction() as tx:
            changed = await anonymise(tx, now=now)
            await installation.adopt(tx, settings.url, now=now)
            await restored.release(tx, now=now)
        return changed

    with database_url(settings) as url:
        stance = work(url, look)
        if not stance.copy:
            raise Failure(
                f"these data are the installation at {settings.url} itself, not a copy",
                "set HEADLESS_URL to where the copy is to be",
                Exit.CONFLICT,
            )
        question = "everything that says who somebody is goes from this database?"
        agree(question, yes=yes, command="headless anonymise")
        changed = work(url, make)
    told = f"{changed} contacts are nobody now; make a token: headless tokens create --admin"
    _tell({"contacts": changed}, told, as_json=as_json)


def _settings_of_a_known_place() -> Settings:
    """The settings; a default address would make a copy of the installation itself."""
    settings = environment.settings()
    if not (os.environ.get("HEADLESS_URL") or os.environ.get("HEADLESS_URL_FILE")):
        raise Failure(
            "`HEADLESS_URL` is not set, so this may be the installation itself",
            "set it to the address that `headless up` or `headless serve` has here",
            Exit.USAGE,
        )
    return settings


def _tell(document: dict[str, object], told: str, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        answer(told)
