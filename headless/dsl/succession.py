"""Succession: the plan of a version that follows another, with the numbers of the steps kept.

Where people stand, what their journals tell and what has been sent to them hangs on a step's
number. So a step that two versions have in common has one number in both, a number of a step that
is gone is kept free (`Gone`) until the step comes back, and new steps get numbers that nobody ever
had. A run may then go on from the one version to the other and back, and the engine's guard against
doing a step twice holds across versions. Imports `diff`, `identity`, `plan`; computes only.
"""

from collections.abc import Iterable

import msgspec

from headless.dsl import identity
from headless.dsl.diff import Diff, own
from headless.dsl.plan import (
    Act,
    Fork,
    Gone,
    If,
    Join,
    Jump,
    Plan,
    Rule,
    Split,
    Step,
    Target,
    When,
    Whenever,
)


def successor(old: Plan, new: Plan, found: Diff) -> Plan:
    """The new plan with the old one's numbers; `found` is the difference of the two."""
    numbers = _numbers(old, new, found)
    branches = _branches(old, new, numbers)
    made: dict[int, Step] = {
        numbers[step.number]: _renumbered(step, numbers, branches) for step in new.steps
    }
    for number, step in made.items():
        before = old.steps[number] if number < len(old.steps) else None
        if isinstance(step, Split) and isinstance(before, Split):
            seed = before.seed or before.key
            made[number] = msgspec.structs.replace(step, seed="" if seed == step.key else seed)
    for step in old.steps:
        if step.number not in made:
            made[step.number] = _gone(step)
    return msgspec.structs.replace(
        new,
        steps=tuple(made[number] for number in range(len(made))),
        order=tuple(numbers[step.number] for step in new.steps),
    )


def _gone(step: Step) -> Gone:
    if isinstance(step, Gone):
        return step
    return Gone(number=step.number, text=step.text, key=step.key, branches=tuple(_has(step)))


def _numbers(old: Plan, new: Plan, found: Diff) -> dict[int, int]:
    """The number that each step of the new plan gets, by the one that it was compiled with."""
    numbers = {there: here for here, there in found.same.items()}
    for here, there in found.mapping.items():
        if here not in found.same and there not in numbers:
            numbers[there] = here  # moved OLD to NEW: NEW is what OLD has become
    taken = set(numbers.values())
    free = [step for step in old.steps if step.number not in taken]
    for step in new.steps:
        if step.number not in numbers:
            back = _came_back(step, free, new, numbers)
            if back is not None:
                numbers[step.number] = back.number
                free.remove(back)
    fresh = len(old.steps)
    for step in new.steps:
        if step.number not in numbers:
            numbers[step.number] = fresh
            fresh += 1
    return numbers


def _came_back(step: Step, free: list[Step], new: Plan, numbers: dict[int, int]) -> Step | None:
    """What an added step was in an earlier version, or elsewhere in this one.

    The same key of a step that was gone; else, for an action with a subject, the only one of its
    kind: `send email Welcome` in another place is the same mail, which nobody gets twice.
    """
    for other in free:
        if isinstance(other, Gone) and other.key == step.key:
            return other
    if not isinstance(step, Act) or not identity.subject(step.action):
        return None
    mine = [other for other in free if own(other) == own(step) and isinstance(other, Act | Gone)]
    rivals = [s for s in new.steps if s.number not in numbers and own(s) == own(step)]
    return mine[0] if len(mine) == 1 and len(rivals) == 1 else None


def _has(step: Step) -> Iterable[int]:
    """The branches that a step makes."""
    match step:
        case Rule(branch=branch):
            return (branch,)
        case Fork(branches=branches) | Gone(branches=branches):
            return branches
        case _:
            return ()


def _branches(old: Plan, new: Plan, numbers: dict[int, int]) -> dict[int, int]:
    """The branches of the new plan: those of the same step stay, others are new ones."""
    used = {branch for step in old.steps for branch in _has(step)}
    fresh = max(used, default=0) + 1
    kept: dict[int, int] = {0: 0}
    for step in new.steps:
        number = numbers[step.number]
        before = tuple(_has(old.steps[number])) if number < len(old.steps) else ()
        for index, branch in enumerate(_has(step)):
            if index < len(before):
                kept[branch] = before[index]
            else:
                kept[branch] = fresh
                fresh += 1
    return kept


def _renumbered(step: Step, numbers: dict[int, int], branches: dict[int, int]) -> Step:
    def to(target: Target) -> Target:
        return None if target is None else numbers[target]

    place = {"number": numbers[step.number], "parent": numbers[step.parent]}
    ways = {
        name: to(getattr(step, name))
        for name in ("next", "otherwise", "body")
        if hasattr(step, name)
    }
    more: dict[str, object] = {}
    match step:
        case When(arms=arms):
            more["arms"] = tuple(msgspec.structs.replace(arm, then=to(arm.then)) for arm in arms)
        case If(choices=choices):
            more["choices"] = tuple(
                msgspec.structs.replace(choice, then=to(choice.then)) for choice in choices
            )
        case Split(shares=shares):
            more["shares"] = tuple(
                msgspec.structs.replace(share, then=to(share.then)) for share in shares
            )
        case Whenever(rule=rule):
            more["rule"] = numbers[rule]
        case Rule(branch=branch):
            more["branch"] = branches[branch]
        case Fork(parts=parts, branches=own_branches, join=join):
            more["parts"] = tuple(to(part) for part in parts)
            more["branches"] = tuple(branches[branch] for branch in own_branches)
            more["join"] = numbers[join]
        case Jump(to=target):
            more["to"] = numbers[target]
        case Join(fork=fork):
            more["fork"] = numbers[fork]
        case _:
            pass  # it leads nowhere but where `ways` says
    return msgspec.structs.replace(step, **place, **ways, **more)
