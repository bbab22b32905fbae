"""`headless check`, `fmt`, `explain` and `draw`: the language on files.

Only `check` asks anybody: the workspace, when there is one at hand.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from headless.cli.checking import check_all
from headless.cli.output import Exit, Failure, answer, colours, print_json, say
from headless.dsl.diagnostics import has_errors
from headless.dsl.examine import Examined, examine
from headless.dsl.render import report, terminal

_SUFFIX: Final = ".campaign"
_FILES = click.argument("files", nargs=-1, required=True, metavar="FILE|FOLDER|- …")
_FILE = click.argument("file", metavar="FILE|-")


@click.command("check")
@_FILES
@click.option("--json", "as_json", is_flag=True, help="Answer with a JSON array of diagnostics.")
@click.option("--standalone", is_flag=True, help="Ask no workspace; take names on trust.")
@click.option(
    "--catalogue", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Ask no workspace but this file, which `GET /v1/catalogue` has answered.",
)  # fmt: skip
def command_check(
    files: Sequence[str], as_json: bool, standalone: bool, catalogue: Path | None
) -> int:
    """Say what is wrong with campaigns; `-` reads standard input.

    Names are held against the workspace that HEADLESS_URL and HEADLESS_TOKEN, or the token of
    `headless dev`, lead to; without one they are taken on trust. Ends with 0 when every text can
    be stored, with 1 when one cannot.
    """
    if standalone and catalogue is not None:
        raise Failure("both were given", "use `--standalone` or `--catalogue`", Exit.USAGE)
    texts = _all(files)
    told = check_all((text for _, text in texts), standalone=standalone, catalogue=catalogue)
    results = [(name, text, found) for (name, text), found in zip(texts, told, strict=True)]
    if as_json:
        several = len(results) > 1
        print_json(
            [
                {
                    **({"file": name} if several else {}),
                    **msgspec.to_builtins(report(text, diagnostic)),
                }
                for name, text, found in results
                for diagnostic in found
            ]
        )
    else:
        for name, text, found in results:
            answer(terminal(text, found, name=name, colours=colours(sys.stdout)) or f"{name}: ok")
    bad = any(has_errors(found) for _, _, found in results)
    return Exit.NOT_FINE if bad else Exit.FINE


@click.command("fmt")
@_FILES
@click.option("--check", "only_check", is_flag=True, help="Change nothing; 1 if a text would.")
def command_fmt(files: Sequence[str], only_check: bool) -> int:
    """Print a campaign in its one canonical form; several files are rewritten in place."""
    from headless.dsl.format import format_parsed
    from headless.dsl.parser import parse

    texts = _all(files)
    in_place = len(files) > 1 or Path(files[0]).is_dir()
    if in_place and "-" in files and not only_check:
        raise Failure(
            "`-` cannot be rewritten in place", "format standard input by itself", Exit.USAGE
        )
    changed = 0
    for name, text in texts:
        printed = format_parsed(parse(text))
        if printed is None:
            _read_well(name, text)
            continue
        changed += printed != text
        if only_check:
            if printed != text:
                say(f"{name} is not in the canonical form")
        elif not in_place:
            sys.stdout.write(printed)
        elif printed != text:
            _write(Path(name), printed.encode())
            say(f"{name} rewritten")
    return Exit.NOT_FINE if only_check and changed else Exit.FINE


@click.command("explain")
@_FILE
def command_explain(file: str) -> None:
    """Tell in plain English what a campaign does, with its start and every stopwatch."""
    from headless.dsl.explain import explain

    read = _read_well(*_one(file))
    if read.campaign is not None:
        answer(explain(read.campaign))


@click.command("draw")
@_FILE
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True,
    help="Where to; the ending says what: .svg, .png or .mmd.",
)  # fmt: skip
def command_draw(file: str, output: Path) -> None:
    """Draw a campaign as a picture."""
    from headless.dsl import draw

    plan = _read_well(*_one(file)).plan
    if plan is None:
        raise Failure(f"{file} has no plan", "mend the text")
    match output.suffix.lower():
        case ".svg":
            _write(output, draw.svg(plan).encode())
        case ".png":
            _write(output, draw.png(plan))
        case ".mmd":
            _write(output, draw.mermaid(plan).encode())
        case other:
            raise Failure(
                f"`{other or output}` is no kind of picture",
                "name it .svg, .png or .mmd",
                Exit.USAGE,
            )
    say(f"drawn in {output}")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Failure(
            f"{path} cannot be written: {error.strerror}", "name a place that can be", Exit.USAGE
        ) from error


def _read_well(name: str, text: str) -> Examined:
    """The text through all passes; its faults end the command."""
    read = examine(text)
    if not read.ok:
        say(terminal(text, read.diagnostics, name=name, colours=colours(sys.stderr)))
        raise Failure(f"{name} has faults", "mend the text and try again")
    return read


def _all(files: Sequence[str]) -> list[tuple[str, str]]:
    return [text for name in files for text in _read(name)]


def _one(name: str) -> tuple[str, str]:
    texts = _read(name)
    if len(texts) > 1:
        raise Failure(f"{name} has {len(texts)} campaigns", "name one of them", Exit.USAGE)
    return texts[0]


def _read(name: str) -> list[tuple[str, str]]:
    """The texts that a name stands for, each with the name to show."""
    if not name:
        raise Failure("a file's name is empty", "name a file, a folder or `-`", Exit.USAGE)
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
        return [(str(one), one.read_bytes().decode("utf-8")) for one in paths]
    except OSError as error:
        raise Failure(
            f"{name} cannot be read: {error.strerror}", "name a file that is there", Exit.USAGE
        ) from error
    except UnicodeDecodeError as error:
        raise Failure(
            f"{name} is not UTF-8 (byte {error.start})", "save it as UTF-8", Exit.USAGE
        ) from error
