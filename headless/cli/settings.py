"""`headless settings`: what holds, and where it came from."""

import os

import click

from headless.cli.environment import unfit
from headless.cli.output import json_option, print_json, print_table
from headless.settings import SettingsError, find


@click.command("settings")
@json_option
def command_settings(as_json: bool) -> None:
    """Show each setting with its value and where it came from; secrets are masked."""
    try:
        found = find(os.environ)
    except SettingsError as error:
        raise unfit(error) from error
    if as_json:
        print_json(
            [
                {
                    "name": item.setting.name,
                    "value": None if item.text is None else item.shown,
                    "origin": item.origin,
                    "about": item.setting.sentence,
                }
                for item in found
            ]
        )
        return
    rows = [(item.setting.name, item.shown, item.origin) for item in found]
    print_table(("setting", "value", "from"), rows)
