"""What changes from one version of a campaign to the next, step by step.

A step of the old plan is the same step in the new one when it has the same label, or the same kind
and subject at the same place among its siblings (longest common subsequence). So a new layout is
no change, `wait 3d` to `wait 5d` is `~`, what is put in `+`, what is taken out `-`. `mapping` says
where whoever stands at an old step goes on. Imports `ast`, `entrances`, `identity`, `plan`,
`wording`.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from headless.dsl import ast, plan
from headless.dsl.entrances import source_words
from headless.dsl.identity import parent_of
from headless.dsl.wording import in_quotes, written

Sign = Literal["~", "+", "-"]
_ORDINAL: Final = re.compile(r"#\d+$")


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One difference: `was` and `now` are prints, `old` and `new` numbers in the two plans.

    A change of the header has no numbers. `waits` tells that people can stand at the old step.
    """

    sign: Sign
    was: str = ""
    now: str = ""
    old: int | None = None
    new: int | None = None
    waits: bool = False


class Diff(msgspec.Struct, frozen=True):
    """All differences in the order of the new text, and where each old step is found again.

    `same` holds the old numbers and the new ones of the same steps; `mapping` what `moved OLD to
    NEW` says as well; `leaving` are the old numbers for which the new text says `waiting at OLD
    exit`.
    """

    changes: tuple[Change, ...]
    mapping: dict[int, int]
    leaving: tuple[int, ...] = ()
    same: dict[int, int] = {}

    @property
    def stranded(self) -> tuple[int, ...]:
        """Old steps where people can wait, that are gone, and of which the new text says nothing.

        A version may only replace the old one when nobody waits there.
        """
        gone = (change for change in self.changes if change.sign == "-" and change.waits)
        return tuple(
            change.old
            for change in gone
            if change.old is not None
            and change.old not in self.mapping
            and change.old not in self.leaving
        )


def diff(old: plan.Plan, new: plan.Plan) -> Diff:
    """What is different in the new plan."""
    same = _matched(old, new)
    changes = [*_header(old, new), *_changed(old, new, same)]
    labels = {step.key: step.number for step in new.steps}
    before = {step.key: step.number for step in plan.in_order(old)}
    mapping = dict(same)
    for moved in new.moved:
        source, target = before.get(f"@{moved.old.text}"), labels.get(f"@{moved.new.text}")
        if source is not None and target is not None:
            mapping[source] = target
    leaving = (before.get(f"@{leave.step.text}") for leave in new.leaving)
    gone = tuple(number for number in leaving if number is not None)
    return Diff(tuple(changes), mapping, gone, same)


def told(found: Diff, new: plan.Plan) -> str:
    """The differences as lines that a person reads; an empty text when there are none."""
    return "\n".join(_line(change, new) for change in found.changes)


def _line(change: Change, new: plan.Plan) -> str:
    where = "" if change.new is None else f"  (line {new.steps[change.new].line})"
    if change.sign == "~":
        return f"~ {change.was} → {change.now}{where}"
    return f"{change.sign} {change.now or change.was}{where}"


# ---------------------------------------------------------------- steps


def _matched(old: plan.Plan, new: plan.Plan) -> dict[int, int]:
    """Old numbers and the new numbers of the same steps."""
    old_groups, new_groups = _groups(old), _groups(new)
    by_key = {step.key: step for step in new.steps}
    same: dict[int, int] = {0: 0}
    todo: list[tuple[str, str]] = [("", "")]
    for step in plan.in_order(old):
        if step.key.startswith("@") and "/" not in step.key and step.key in by_key:
            same[step.number] = by_key[step.key].number
            todo.append((step.key, step.key))
    while todo:
        old_parent, new_parent = todo.pop()
        for branch, steps in old_groups.get(old_parent, {}).items():
            others = new_groups.get(new_parent, {}).get(branch, [])
            for one, other in _common(steps, others):
                same[one.number] = other.number
                todo.append((one.key, other.key))
        if not todo:
            for one, other in _newly_labelled(old, new, same):
                same[one.number] = other.number
                todo.append((one.key, other.key))
    return same


def _newly_labelled(
    old: plan.Plan, new: plan.Plan, same: dict[int, int]
) -> list[tuple[plan.Step, plan.Step]]:
    """Steps that got or lost their label and are otherwise the same, print for print."""
    taken = set(same.values())
    free = [step for step in new.steps if step.number not in taken]
    pairs: list[tuple[plan.Step, plan.Step]] = []
    for step in plan.in_order(old):
        if step.number in same:
            continue
        for other in free:
            labels = step.key.startswith("@") + other.key.startswith("@")
            if labels == 1 and type(step) is type(other) and step.text == other.text:
                pairs.append((step, other))
                free.remove(other)
                break
    return pairs


def _groups(made: plan.Plan) -> dict[str, dict[str, list[plan.Step]]]:
    """The steps without a label by their parent and the branch of it that they stand in."""
    groups: dict[str, dict[str, list[plan.Step]]] = {}
    for step in plan.in_order(made)[1:]:
        parent, branch, own = parent_of(step.key)
        if not own.startswith("@"):
            groups.setdefault(parent, {}).setdefault(branch, []).append(step)
    return groups


def _common(
    one: Sequence[plan.Step], other: Sequence[plan.Step]
) -> list[tuple[plan.Step, plan.Step]]:
    """The longest common subsequence of two runs of siblings, by kind and subject."""
    a, b = [own(step) for step in one], [own(step) for step in other]
    lengths = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            longer = max(lengths[i + 1][j], lengths[i][j + 1])
            lengths[i][j] = lengths[i + 1][j + 1] + 1 if a[i] == b[j] else longer
    pairs: list[tuple[plan.Step, plan.Step]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            pairs.append((one[i], other[j]))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def own(step: plan.Step) -> str:
    """A step's kind and subject, as its key tells them; its label, where it has one."""
    return _ORDINAL.sub("", parent_of(step.key)[2])


def _changed(old: plan.Plan, new: plan.Plan, same: dict[int, int]) -> list[Change]:
    """Changes in the order of the new text; what is gone stands where it stood."""
    found: list[tuple[tuple[int, int], Change]] = []
    back = {there: here for here, there in same.items()}
    last = 0
    for step in plan.in_order(old)[1:]:
        if step.number in same:
            last = same[step.number]
        elif not _second(step):
            change = Change("-", was=step.text, old=step.number, waits=_can_wait(step))
            found.append(((last, 1), change))
    for step in new.steps[1:]:
        if _second(step):
            continue
        if step.number not in back:
            found.append(((step.number, 0), Change("+", now=step.text, new=step.number)))
            continue
        was = old.steps[back[step.number]]
        if _print(was) != _print(step):
            change = Change("~", _print(was), _print(step), was.number, step.number, _can_wait(was))
            found.append(((step.number, 0), change))
    return [change for _, change in sorted(found, key=lambda pair: pair[0])]


def _second(step: plan.Step) -> bool:
    """Rules and joins are told of with the step that makes them."""
    return isinstance(step, plan.Rule | plan.Join)


def _print(step: plan.Step) -> str:
    if isinstance(step, plan.Split):
        arms = ", ".join(f"{share.percent.normalize():f}%" for share in step.shares)
        return f"{step.text} {arms}"
    return step.text


def _can_wait(step: plan.Step) -> bool:
    return not isinstance(step, plan.If | plan.Split | plan.Leave | plan.Jump | plan.Fork)


# ---------------------------------------------------------------- the header


def _header(old: plan.Plan, new: plan.Plan) -> list[Change]:
    was, now = _settings(old), _settings(new)
    changes: list[Change] = []
    for name in dict.fromkeys([*was, *now]):
        before, after = was.get(name), now.get(name)
        if before == after:
            continue
        if before is None:
            changes.append(Change("+", now=after or ""))
        elif after is None:
            changes.append(Change("-", was=before))
        else:
            changes.append(Change("~", before, after))
    return changes


def _settings(made: plan.Plan) -> dict[str, str]:
    """The header's statements by what they speak of."""
    told: dict[str, str] = {}
    if made.name is not None:
        told["campaign"] = f"campaign {in_quotes(made.name)}"
    for source in made.sources:
        text = source_words(source)
        told[text] = text
    for ending in made.endings:
        word = "goal when" if ending.goal else "stop when"
        told[f"{word} {ending.label}" if ending.goal else written(ending.event)] = (
            f"{word} {written(ending.event)}"
        )
    single: tuple[ast.Node | None, ...] = (
        made.re_entry,
        made.active,
        made.quiet_hours,
        made.quiet_days,
    )
    for setting in (*single, *made.limits):
        if setting is not None:
            key = type(setting).__name__
            if isinstance(setting, ast.Limit):
                key += setting.channel + setting.period
            told[key] = written(setting)
    if made.zone is not None:
        told["zone"] = f"time zone {in_quotes(made.zone)}"
    if made.priority:
        told["priority"] = f"priority {made.priority}"
    return told
