"""`headless pull`, `diff`, `plan` and `apply`: a workspace that is kept as files."""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from headless.cli import folder as files
from headless.cli.client import Client, connected
from headless.cli.converging import Change, Plan, carry_out, compare, remote, sealed
from headless.cli.output import Exit, Failure, answer, json_option, print_json, say

_FOLDER = click.argument("folder", type=click.Path(path_type=Path), default=Path())


@click.command("pull")
@_FOLDER
@json_option
def command_pull(folder: Path, as_json: bool) -> None:
    """Write the workspace's campaigns, emails, segments and texts into a folder.

    Files that are there are written over; files of things that are not there any more stay.
    """
    with connected() as client:
        there = [each.piece for each in remote(client).values() if each.state != "stopped"]
    changed = files.write(folder, there)
    if as_json:
        print_json({"pieces": len(there), "written": changed})
    else:
        answer(f"{len(there)} pieces, {changed} files written")


@click.command("diff")
@_FOLDER
def command_diff(folder: Path) -> int:
    """Show line by line how a folder differs from the workspace; ends with 1 when it does."""
    pieces = files.read(folder)
    with connected() as client:
        there = remote(client)
    found = False
    for piece in pieces:
        known = there.get((piece.kind, piece.name.lower()))
        for part, text in piece.content.items():
            before = known.piece.content.get(part, "") if known else ""
            lines = list(_differing(before, text, f"{piece.path} ({part})"))
            found = found or bool(lines)
            for line in lines:
                answer(line)
    return Exit.NOT_FINE if found else Exit.FINE


def _differing(before: str, after: str, path: str) -> Iterator[str]:
    if before.strip() == after.strip():
        return iter(())
    return difflib.unified_diff(
        before.strip().splitlines(), after.strip().splitlines(), f"workspace {path}",
        f"folder {path}", lineterm="",
    )  # fmt: skip


@click.command("plan")
@_FOLDER
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Keep it for `apply`.")
@click.option("--markdown", is_flag=True, help="For a comment on a pull request.")
@click.option("--exit-code", is_flag=True, help="End with 3 when there is something to do.")
@json_option
def command_plan(
    folder: Path, out: Path | None, markdown: bool, exit_code: bool, as_json: bool
) -> int:
    """Say what `apply` would do so that the workspace is as the folder says."""
    with connected() as client:
        plan = _planned(client, folder)
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n")
    if markdown:
        answer(_markdown(plan))
    elif as_json and out is None:
        print_json(plan)
    else:
        answer(_told(plan, out))
    return Exit.CHANGES if exit_code and plan.pending else Exit.FINE


@click.command("apply")
@click.argument("what", metavar="FOLDER|PLAN.json", type=click.Path(path_type=Path, exists=True))
@click.option("--yes", is_flag=True, help="Do not ask; a kept plan is agreed to already.")
@json_option
def command_apply(what: Path, yes: bool, as_json: bool) -> None:
    """Make the workspace as the folder says, or do exactly a plan that was kept.

    A plan is refused with exit code 5 when things have moved since.
    """
    with connected() as client:
        if what.is_dir():
            plan = _planned(client, what)
            say(_told(plan, None))
            _agree(plan, yes)
        else:
            plan = _checked(client, _kept(what))
        done = carry_out(client, plan)
    if as_json:
        print_json({"hash": plan.hash, "done": done})
        return
    for line in done or ["nothing to do"]:
        answer(line)


def _planned(client: Client, folder: Path) -> Plan:
    return compare(client, files.read(folder), remote(client), files.kinds(folder))


def _kept(path: Path) -> Plan:
    try:
        plan = msgspec.json.decode(path.read_bytes(), type=Plan)
    except (OSError, msgspec.DecodeError) as error:
        raise Failure(
            f"{path} is no plan: {error}", "headless plan FOLDER --out plan.json", Exit.USAGE
        ) from error
    if sealed(plan.url, plan.changes).hash != plan.hash:
        raise Failure(f"{path} was changed by hand", "make it again", Exit.CONFLICT)
    return plan


def _checked(client: Client, plan: Plan) -> Plan:
    """The same plan made anew; raises Failure when it would be another one now."""
    pieces = [files.Piece(each.kind, each.name, each.path, each.content) for each in plan.pending]
    now = compare(client, pieces, remote(client), ())
    if now.hash != plan.hash:
        raise Failure(
            "things have moved since the plan was made",
            "look at it again: headless plan FOLDER --out plan.json",
            Exit.CONFLICT,
        )
    return now


def _agree(plan: Plan, yes: bool) -> None:
    if yes or not plan.pending:
        return
    if not sys.stdin.isatty():
        raise Failure("nobody can be asked here", "add `--yes`, or keep a plan", Exit.USAGE)
    click.confirm("do it?", abort=True, err=True)


def _told(plan: Plan, out: Path | None) -> str:
    wide = max([len(each.path) for each in plan.changes], default=0)
    lines = []
    for each in plan.changes:
        lines.append(f"{each.path:<{wide}}  {each.action:<9}  {_note(each)}".rstrip())
        lines += [f"    {line}" for line in each.says.splitlines()]
    counts = {
        action: sum(each.action == action for each in plan.changes)
        for action in ("changed", "new", "unchanged", "gone")
    }
    total = ", ".join(f"{number} {action}" for action, number in counts.items())
    lines.append(f"Plan: {total}.")
    if plan.pending and out is not None:
        lines.append(f"To do exactly this: headless apply {out}   ({plan.hash[:19]}…)")
    return "\n".join(lines)


def _note(change: Change) -> str:
    if change.action == "gone":
        return "not in the folder; it is left as it is"
    if change.action == "changed" and change.version:
        return f"version {change.version} → {change.version + 1}"
    return "a draft" if change.action == "new" and change.kind == "campaign" else ""


def _markdown(plan: Plan) -> str:
    if not plan.pending:
        return "**Nothing to do**: the workspace is as the folder says."
    rows = ["| file | | |", "| --- | --- | --- |"]
    rows += [
        f"| `{each.path}` | {each.action} | {_note(each)} |"
        for each in plan.changes
        if each.action != "unchanged"
    ]
    for each in plan.pending:
        if each.says:
            rows += ["", f"`{each.path}`", "", "```text", each.says, "```"]
    return "\n".join([*rows, "", f"`{plan.hash}`"])
