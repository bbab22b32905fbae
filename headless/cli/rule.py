"""`headless rule`: what a diagnostic of the language means, and how to put it right."""

import click

from headless.cli.output import Exit, Failure, answer, json_option, print_json, print_table


@click.command("rule")
@click.argument("code", required=False)
@json_option
def command_rule(code: str | None, as_json: bool) -> None:
    """Tell what a diagnostic such as E203 means: its cause, an example, the example put right.

    Without a code: all of them, a line each.
    """
    from headless.dsl import codes

    if code is None:
        if as_json:
            print_json([{"code": one.code, "title": one.title} for one in codes.CODES])
        else:
            print_table(("code", "meaning"), ((one.code, one.title) for one in codes.CODES))
        return
    known = next((one for one in codes.CODES if one.code == code.upper()), None)
    if known is None:
        raise Failure(f"there is no diagnostic `{code[:20]}`", "headless rule", Exit.USAGE)
    if as_json:
        print_json({"code": known.code, "title": known.title, "page": codes.page(known)})
    else:
        answer(codes.page(known).rstrip())
