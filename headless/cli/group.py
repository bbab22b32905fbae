"""Groups of commands: each command shows an example, and a mistyped one is told the nearest."""

import difflib

import click
import rich_click

from headless.cli.examples import example
from headless.cli.output import Exit, Failure


class Group(rich_click.RichGroup):
    """A group whose unknown commands are told with the nearest known one."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, with its example below its help."""
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            found.epilog = example(f"{self.name} {cmd_name}")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; raises Failure when there is none."""
        word = args[0]
        if not word.startswith("-") and self.get_command(ctx, word) is None:
            near = difflib.get_close_matches(word, self.list_commands(ctx), n=1)
            fix = f"{ctx.command_path} {near[0] if near else '--help'}"
            raise Failure(f"there is no command `{ctx.command_path} {word}`", fix, Exit.USAGE)
        return super().resolve_command(ctx, args)


def misused(error: click.ClickException) -> Failure:
    """A call that does not fit, told as every other failure is."""
    said = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "headless"
    return Failure(said[:1].lower() + said[1:], f"{path} --help", Exit.USAGE)
