"""Labels, jumps and stopwatches: what can be said of a campaign's course from its text alone.

What needs the delays along its paths is `analysis`. Imports `ast`, `diagnostics`, `entrances`,
`near`.
"""

from collections.abc import Iterator
from typing import Final

from headless.dsl import ast
from headless.dsl.diagnostics import Diagnostic, Related, error, replacing, warning
from headless.dsl.entrances import implicit_start, message_of, single_events
from headless.dsl.near import did_you_mean, nearest

_WALLS: Final = (ast.Parallel, ast.Whenever)

Path = tuple[tuple[ast.Step, int], ...]
"""The bodies that a step stands in, from the outside: each a step and the number of its body."""


def check_flow(campaign: ast.Campaign) -> Iterator[Diagnostic]:
    """What is wrong with the labels, the jumps and the stopwatches of a campaign."""
    places = dict(_places(campaign.steps, ()))
    labels: dict[str, tuple[ast.Step, Path]] = {}
    for step, path in places.items():
        if step.value.label is None:
            continue
        label = step.value.label
        if label.text in labels:
            yield _twice(label, labels[label.text][0])
        else:
            labels[label.text] = (step.value, path)
    for step, path in places.items():
        if isinstance(step.value, ast.Jump):
            yield from _jump(step.value, path, labels)
    yield from _anchors(campaign, labels)
    yield from _stopwatches(campaign)


class _Same:
    """A step as a key by which one it is, since equal steps may stand in several places."""

    __slots__ = ("value",)

    def __init__(self, value: ast.Step) -> None:
        self.value = value


def _places(steps: tuple[ast.Step, ...], path: Path) -> Iterator[tuple[_Same, Path]]:
    for step in steps:
        yield _Same(step), path
        for number, body in enumerate(bodies(step)):
            yield from _places(body.steps, (*path, (step, number)))


def bodies(step: ast.Step) -> tuple[ast.Block, ...]:
    """The bodies of a step in the order of the text, that of an `else` at the end."""
    match step:
        case ast.When(branches=whens, otherwise=otherwise):
            held = tuple(branch.body for branch in whens)
            return (*held, otherwise) if otherwise else held
        case ast.If(branches=ifs, otherwise=otherwise):
            held = tuple(branch.body for branch in ifs)
            return (*held, otherwise) if otherwise else held
        case ast.Split(arms=arms):
            return tuple(arm.body for arm in arms)
        case ast.Parallel(parts=parts):
            return parts
        case ast.Whenever(body=body) | ast.Repeat(body=body) | ast.Every(body=body):
            return (body,)
        case _:
            return ()


# ---------------------------------------------------------------- labels and jumps


def _twice(label: ast.Name, first: ast.Step) -> Diagnostic:
    related = (Related(first.label.span, "the first one"),) if first.label else ()
    return error(
        "E204",
        f"the label `{label.text}` is used twice",
        label.span,
        related=related,
        help="give each labelled step a name of its own",
    )


def _no_label(name: ast.Name, labels: dict[str, tuple[ast.Step, Path]]) -> Diagnostic:
    near = nearest(name.text, labels)
    return error(
        "E205",
        f"no step is labelled `{name.text}`",
        name.span,
        help=did_you_mean(name.text, labels)
        or f"write `{name.text}:` before the step that is meant",
        fix=replacing(name.span, near[0]) if near else None,
    )


def _jump(
    jump: ast.Jump, path: Path, labels: dict[str, tuple[ast.Step, Path]]
) -> Iterator[Diagnostic]:
    if jump.to.text not in labels:
        yield _no_label(jump.to, labels)
        return
    target, there = labels[jump.to.text]
    shared = 0
    for (one, body), (other, other_body) in zip(path, there, strict=False):
        if one is not other or body != other_body:
            break
        shared += 1
    if len(there) > shared:
        holder = there[shared][0]
        yield error(
            "E206",
            f"`{jump.to.text}` is inside a block that this jump is not in",
            jump.span,
            related=(Related(holder.span, "the block"), Related(target.span, "the step")),
            help="jump to a step outside of the block, or move the jump into it",
        )
        return
    left = next((step for step, _ in path[shared:] if isinstance(step, _WALLS)), None)
    if left is not None:
        word = "parallel" if isinstance(left, ast.Parallel) else "whenever"
        yield error(
            "E207",
            f"a jump cannot leave `{word}`",
            jump.span,
            related=(Related(left.span, "this would be left half done"),),
            help="jump to a step in the same part, or use `exit` to end the run",
        )


def _anchors(
    campaign: ast.Campaign, labels: dict[str, tuple[ast.Step, Path]]
) -> Iterator[Diagnostic]:
    for node in ast.walk(campaign):
        if isinstance(node, ast.StepAnchor) and node.label.text not in labels:
            yield _no_label(node.label, labels)


# ---------------------------------------------------------------- stopwatches


def _stopwatches(campaign: ast.Campaign) -> Iterator[Diagnostic]:
    start = implicit_start(campaign)
    for node in ast.walk(campaign):
        match node:
            case ast.When(branches=branches, otherwise=otherwise):
                for branch in branches:
                    yield from _deadline(branch.trigger, answered=otherwise is not None)
                if node is start:
                    for branch in branches:
                        yield from _start_without(branch.trigger)
            case ast.WaitForEvent(trigger=trigger):
                yield from _deadline(trigger, answered=False)
            case ast.Whenever(trigger=trigger) if trigger.negated:
                yield error(
                    "E208",
                    "`whenever` waits for what happens; it cannot wait for what does not",
                    trigger.span,
                    help="use `when not … within …` on the path",
                )
            case _:
                pass


def _deadline(trigger: ast.Trigger, *, answered: bool) -> Iterator[Diagnostic]:
    if trigger.within is not None or not (trigger.negated or answered):
        return
    yield error(
        "E303",
        "nobody can know that something has not happened without a deadline",
        trigger.span,
        help="add `within …`, such as `within 3d`",
    )


def _start_without(trigger: ast.Trigger) -> Iterator[Diagnostic]:
    if not trigger.negated:
        return
    if all(message_of(event) for event in single_events(trigger.event)):
        return
    yield error(
        "E209",
        "a campaign cannot start because something does not happen",
        trigger.span,
        help="say who enters, such as `from segment …` or `start when …`, before the first step",
    )


def check_looks_back(campaign: ast.Campaign) -> Iterator[Diagnostic]:
    """Questions about a message that was sent no time before: nobody can have answered yet."""
    for block in _runs(campaign):
        fresh: set[str] = set()
        for step in block:
            if isinstance(step, ast.If) and fresh:
                for branch in step.branches:
                    yield from _too_early(branch.condition, fresh)
            match step:
                case ast.SendMessage(message=message):
                    fresh.add(message.text)
                case ast.WaitFor() | ast.WaitUntil() | ast.WaitForEvent() | ast.When():
                    fresh.clear()
                case ast.Parallel() | ast.Every() | ast.Repeat():
                    fresh.clear()
                case _:
                    pass


def _too_early(condition: ast.Condition, fresh: set[str]) -> Iterator[Diagnostic]:
    for node in ast.walk(condition):
        if not isinstance(node, ast.Happened):
            continue
        message = message_of(node.event)
        if message is not None and message[1] in fresh:
            yield warning(
                "W405",
                f"`{message[1]}` has only just been sent; nobody can have answered it yet",
                node.span,
                help="`if` asks at once; to wait for an answer use `when … within …`",
            )


def _runs(campaign: ast.Campaign) -> Iterator[tuple[ast.Step, ...]]:
    yield campaign.steps
    for node in ast.walk(campaign):
        if isinstance(node, ast.Block):
            yield node.steps
