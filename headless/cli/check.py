"""`headless check`: is a campaign's text sound? Local and pure, it asks nobody."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from headless.cli.output import Exit, Failure, answer, colours, print_json
from headless.dsl.diagnostics import has_errors
from headless.dsl.examine import examine
from headless.dsl.render import report, terminal

_SUFFIX = ".campaign"


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE|FOLDER|- …")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
def command_check(files: Sequence[str], as_json: bool) -> int:
    """Say what is wrong with campaigns; `-` reads standard input.

    Ends with 0 when every text can be run, with 1 when one cannot.
    """
    texts = [text for name in files for text in _read(name)]
    results = [(name, text, examine(text).diagnostics) for name, text in texts]
    if as_json:
        print_json(
            [
                {
                    "file": name,
                    "ok": not has_errors(found),
                    "diagnostics": [report(text, diagnostic) for diagnostic in found],
                }
                for name, text, found in results
            ]
        )
    else:
        for name, text, found in results:
            answer(terminal(text, found, name=name, colours=colours(sys.stdout)) or f"{name}: ok")
    bad = any(has_errors(found) for _, _, found in results)
    return Exit.NOT_FINE if bad else Exit.FINE


def _read(name: str) -> list[tuple[str, str]]:
    """The texts that a name stands for, each with the name to show."""
    try:
        if name == "-":
            return [("-", sys.stdin.buffer.read().decode("utf-8"))]
        path = Path(name)
        paths = sorted(path.rglob(f"*{_SUFFIX}")) if path.is_dir() else [path]
        if not paths:
            raise Failure(
                f"there is no file that ends in `{_SUFFIX}` in {name}",
                "name a file, a folder with such files, or `-`",
                Exit.USAGE,
            )
        return [(str(one), one.read_text(encoding="utf-8")) for one in paths]
    except OSError as error:
        raise Failure(
            f"{name} cannot be read: {error.strerror}", "name a file that is there", Exit.USAGE
        ) from error
    except UnicodeDecodeError as error:
        raise Failure(
            f"{name} is not UTF-8 (byte {error.start})", "save it as UTF-8", Exit.USAGE
        ) from error
