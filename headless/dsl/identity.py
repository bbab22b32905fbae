"""What makes a step the same step in the next version of its text.

A step is known by its label; without one by where it hangs (its parent and the branch), what kind
it is and what it speaks of. Lengths of time, amounts and values are parameters, not identity, so
`wait 3d` that becomes `wait 5d` is the same step, changed. `compile` writes the keys, `diff` reads
them. Imports `ast`, computes nothing but names.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from headless.dsl import ast

SEPARATOR: Final = "/"
_STEP_KINDS: Final[dict[type[ast.Node], str]] = {
    ast.SendMessage: "send",
    ast.SendSlack: "send slack",
    ast.SendWebhook: "send webhook",
    ast.WaitForEvent: "wait event",
    ast.WaitFor: "wait",
    ast.WaitUntil: "wait until",
}
_PARAMETERS: Final = (
    ast.Text,
    ast.Number,
    ast.Percent,
    ast.Money,
    ast.YesNo,
    ast.Date,
    ast.TimeOfDay,
    ast.Days,
    ast.Duration,
    ast.Within,
    ast.Argument,
    ast.ToOwner,
    ast.ToAddress,
)


def escaped(text: str) -> str:
    """A name that can stand in a key: the characters with a meaning there are written as %xx."""
    for char in "%/#@":
        text = text.replace(char, f"%{ord(char):02x}")
    return text


def kind(node: ast.Node) -> str:
    """What sort of node it is, in words: `add tag`, `email opened`, `when`."""
    return _STEP_KINDS.get(type(node)) or str(node.__struct_config__.tag).replace("_", " ")


def subject(node: ast.Node) -> str:
    """What a node speaks of, without its parameters: the names and the fields below it."""
    return " ".join(escaped(word) for word in _words(node))


def _words(node: ast.Node) -> Iterable[str]:
    if isinstance(node, _PARAMETERS):
        return
    match node:
        case ast.Name(text=text):
            yield text
            return
        case ast.Field(name=name, scope=scope):
            yield name if scope == "contact" else f"{scope}.{name}"
            return
        case ast.LinkClicked(link=link):
            yield kind(node)
            yield link
        case ast.Happening() | ast.Points() | ast.Stage() | ast.Owner() | ast.Device():
            yield kind(node)
        case ast.SendMessage(channel=channel) | ast.ReachableBy(channel=channel):
            yield channel
        case ast.AddTo(container=container) | ast.RemoveFrom(container=container):
            yield container
        case _:
            pass
    for child in ast.children(node):
        yield from _words(child)


def own_name(step: ast.Step) -> str:
    """A step's part of its key, not yet told from siblings of the same kind and subject."""
    if step.label is not None:
        return "@" + escaped(step.label.text)
    match step:
        case ast.When(branches=branches):
            about = ", ".join(subject(branch.trigger.event) for branch in branches)
        case ast.If(branches=choices):
            about = ", ".join(subject(choice.condition) for choice in choices)
        case ast.Whenever(trigger=trigger):
            about = subject(trigger.event)
        case ast.Split() | ast.Parallel() | ast.Repeat() | ast.Every():
            about = ""
        case _:
            about = subject(step)
    return f"{kind(step)} {about}".rstrip()


def sibling_names(steps: Iterable[ast.Step]) -> tuple[str, ...]:
    """Each step's part of its key; the second of the same kind and subject ends in `#2`."""
    seen: Counter[str] = Counter()
    names = []
    for step in steps:
        name = own_name(step)
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(names)


def below(parent: str, branch: str, own: str) -> str:
    """The key of a step that hangs in a branch of a parent; a label needs no parent."""
    if own.startswith("@") or not parent:
        return own
    return SEPARATOR.join((parent, escaped(branch), own))


def parent_of(key: str) -> tuple[str, str, str]:
    """A key taken apart: the parent's key, the branch, the step's own name ("" at the top)."""
    parts = key.rsplit(SEPARATOR, 2)
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else ("", "", key)
