"""The command line: `headless …`.

One file for each group of commands, loaded only when its command is called, so that `headless
check` starts quickly. The answer goes to stdout, everything else to stderr; exit codes are in
`output`.
"""

import sys
from typing import Any, Final

import click

from headless import __version__
from headless.cli.examples import example
from headless.cli.group import Group, misused
from headless.cli.output import Exit, Failure, report_failure

_COMMANDS: Final = {
    "dev": "headless.cli.dev",
    "up": "headless.cli.up",
    "serve": "headless.cli.services",
    "work": "headless.cli.services",
    "migrate": "headless.cli.services",
    "secrets": "headless.cli.secrets",
    "backup": "headless.cli.backups",
    "restore": "headless.cli.backups",
    "release": "headless.cli.backups",
    "adopt": "headless.cli.copies",
    "anonymise": "headless.cli.copies",
    "mail-sink": "headless.cli.services",
    "check": "headless.cli.language",
    "fmt": "headless.cli.language",
    "rule": "headless.cli.rule",
    "explain": "headless.cli.language",
    "draw": "headless.cli.language",
    "simulate": "headless.cli.simulate",
    "import": "headless.cli.contacts",
    "campaigns": "headless.cli.campaigns",
    "pull": "headless.cli.folders",
    "diff": "headless.cli.folders",
    "plan": "headless.cli.folders",
    "apply": "headless.cli.folders",
    "why": "headless.cli.why",
    "try": "headless.cli.calls.trying",
    "trigger": "headless.cli.calls.trigger",
    "inbox": "headless.cli.calls.inbox",
    "tail": "headless.cli.calls.tail",
    "listen": "headless.cli.calls.listen",
    "send": "headless.cli.calls.send",
    "export": "headless.cli.calls.export",
    "messages": "headless.cli.messages",
    "hold": "headless.cli.hold",
    "tokens": "headless.cli.tokens",
    "members": "headless.cli.calls.members",
    "domains": "headless.cli.calls.domains",
    "slack": "headless.cli.slack",
    "doctor": "headless.cli.doctor",
    "settings": "headless.cli.settings",
    "guide": "headless.cli.shell",
    "open": "headless.cli.shell",
    "completion": "headless.cli.shell",
}
"""Where each command is; a module's attribute is `command_<name>`."""


class Lazy(Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a newcomer needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        __import__(module)
        found: click.Command = getattr(sys.modules[module], f"command_{cmd_name.replace('-', '_')}")
        found.epilog = example(cmd_name)
        return found


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="headless %(version)s")
def headless() -> None:
    """Marketing campaigns as a small language, run set by set over PostgreSQL."""


def main(arguments: list[str] | None = None) -> Any:
    """Run one command; ends the process with the exit code that its answer asks for."""
    try:
        code = headless.main(args=arguments, prog_name="headless", standalone_mode=False)
    except Failure as failure:
        report_failure(failure)
        sys.exit(failure.code)
    except click.ClickException as error:
        report_failure(misused(error))
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the answer has seen enough
        sys.exit(0)
    except OSError as error:
        if error.filename is None:
            raise
        told = f"{error.filename} cannot be used: {error.strerror}"
        report_failure(Failure(told, "name a place that can be", Exit.USAGE))
        sys.exit(Exit.USAGE)
    sys.exit(code if isinstance(code, int) else 0)
