"""What the templates of a component read: every variable, whether it is known, what to say of it.

Shared by everything that is written in Liquid. Pure: imports `templates` and `problems`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, TypeVar

import msgspec

from headless.content import templates
from headless.content.templates import Fault, TemplateError, Variable
from headless.problems import Problem

CONTACT: Final = frozenset(
    (
        *("id", "external_id", "email", "phone", "time_zone", "points", "stage", "owner"),
        "created_at",
    )
)
WORKSPACE: Final = frozenset(("name", "postal_address", "sender"))
LINKS: Final = frozenset(("unsubscribe", "confirm"))
OWNER: Final = frozenset(("name", "email"))
OPEN_ROOTS: Final = frozenset(("entry", "event", "company"))  # whose fields others name
T = TypeVar("T")


class Use(msgspec.Struct, frozen=True):
    """A variable that a component uses, and whether it is known here."""

    path: str
    known: bool


class Remark(msgspec.Struct, frozen=True):
    """A warning: a code, a sentence, and what to do about it."""

    code: str
    message: str
    help: str = ""
    pointer: str = ""


def reading(member: str, read: Callable[[], T]) -> T:
    """What `read` makes of a member; its TemplateError becomes Problem `invalid_text`."""
    try:
        return read()
    except TemplateError as error:
        raise _refusal([_described(member, error.fault)]) from error


def read_all(parts: Mapping[str, str]) -> tuple[Variable, ...]:
    """The variables of several members' templates; Problem `invalid_text` with every fault."""
    variables: list[Variable] = []
    errors = []
    for member, source in parts.items():
        try:
            variables += templates.analyze(source)
        except TemplateError as error:
            errors.append(_described(member, error.fault))
    if errors:
        raise _refusal(errors)
    return tuple(variables)


def _refusal(errors: list[dict[str, str | int]]) -> Problem:
    first = errors[0]
    return Problem(
        "invalid_text",
        f"`{str(first['pointer']).lstrip('/')}`, line {first['line']}: {first['detail']}",
        errors=errors,
    )


def _described(member: str, fault: Fault) -> dict[str, str | int]:
    return {
        "pointer": f"/{member}",
        "detail": fault.message,
        "line": fault.line,
        "column": fault.column,
        "offset": fault.start,
    }


def uses(variables: Iterable[Variable], fields: Collection[str]) -> tuple[Use, ...]:
    """Each variable once; `fields` are the names of the contacts' own fields."""
    found = []
    for path in dict.fromkeys(variable.path for variable in variables):
        root, _, rest = path.partition(".")
        name = rest.partition(".")[0].partition("[")[0]
        found.append(Use(path, known=_known(root.partition("[")[0], name, fields)))
    return tuple(found)


def _known(root: str, name: str, fields: Collection[str]) -> bool:
    if root == "contact":
        return name in CONTACT or name in fields
    if root == "workspace":
        return name in WORKSPACE
    if root == "owner":
        return name in OWNER
    if root == "links":
        return name in LINKS
    return root in OPEN_ROOTS


def remarks(found: Iterable[Use], kind: str = "email") -> Iterator[Remark]:
    """What is to be said of variables that nothing here provides."""
    for use in found:
        if use.known:
            continue
        root = use.path.partition(".")[0]
        if root in ("contact", "workspace", "links"):
            yield Remark(
                "W412",
                f"I do not know `{use.path}`: it will be empty",
                help='correct the name, or give it a value with `| default: "…"`',
            )
        else:
            yield Remark(
                "W413",
                f"`{use.path}` must come from the campaign",
                help=f"there, write `send {kind} … with ({root} = …)`",
            )


def invalid(member: str, detail: str) -> Problem:
    """Problem `invalid_value` for one member of what was handed in."""
    return Problem("invalid_value", detail, errors=[{"pointer": f"/{member}", "detail": detail}])
