"""`headless adopt` and `anonymise`: what a copy of another installation's data is to become.

Data that belong to another HEADLESS_URL hand nothing over to anybody until one of the two is done.
Both work on the database itself.
"""

import sys

import click

from headless.campaigns.anonymising import anonymise
from headless.channels import restored
from headless.cli import environment
from headless.cli.output import Exit, Failure, answer
from headless.cli.own_database import database_url, work
from headless.clock import SystemClock
from headless.storage import installation
from headless.storage.database import Database
from headless.storage.installation import Stance


@click.command("adopt")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command_adopt(yes: bool) -> None:
    """Make this database the installation at HEADLESS_URL: it moved here, or the address changed.

    Do it only when the other one has stopped for good: both would write to the same people.
    """
    settings = environment.settings()
    now = SystemClock().now()

    async def take_over(database: Database) -> None:
        async with database.transaction() as tx:
            await installation.adopt(tx, settings.url, now=now)

    with database_url(settings) as url:
        stance = work(url, lambda database: restored.arrive(database, settings.url, now=now))
        if not stance.copy:
            answer(f"these data are the installation at {settings.url} already")
            return
        _agree(f"the installation at {stance.bound_url} sends nothing any more?", yes, "adopt")
        work(url, take_over)
    held = "; it is held since a restore: `headless release`" if stance.restored else ""
    answer(f"these data are the installation at {settings.url} now{held}")


@click.command("anonymise")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command_anonymise(yes: bool) -> None:
    """Make a copy safe to play with: nobody in it can be reached or recognised.

    Addresses, names and other fields of contacts, texts of messages, devices, secrets of channels
    and tokens go; every workspace becomes a sandbox; what waits to be sent is dropped. Campaigns,
    segments, emails and the numbers stay.
    """
    settings = environment.settings()
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
        _agree("everything that says who somebody is goes from this database?", yes, "anonymise")
        changed = work(url, make)
    answer(f"{changed} contacts are nobody now; make a token: headless tokens create --admin")


def _agree(question: str, yes: bool, name: str) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure("this needs your word", f"headless {name} --yes", Exit.USAGE)
    click.confirm(question, abort=True, err=True)
