"""From a checked tree to the plan: steps get their numbers and know where they lead.

`compile_campaign` takes a tree that `check` found no error in. It numbers the steps from 1 in the
order of the text, works out every way from step to step through the nested blocks, says what the
header leaves unsaid (the implicit start, the rest of a split), and takes all places off, so that
two layouts of one text give plans that differ in nothing but their line numbers. Imports `ast`,
`entrances`, `flow`, `format`, `identity`, `phrases`, `plan`, `wording`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

from headless.dsl import ast, plan
from headless.dsl.entrances import endings, implicit_start, re_entry, sources
from headless.dsl.flow import bodies
from headless.dsl.format import identity
from headless.dsl.identity import below, sibling_names
from headless.dsl.phrases import count
from headless.dsl.wording import written

AnyNode = TypeVar("AnyNode", bound=ast.Node)
_UNTOLD: Final = frozenset({"span", "quoted"})


def compile_campaign(campaign: ast.Campaign, source: str) -> plan.Plan:
    """The plan of a checked tree; `source` is the text that it was parsed from.

    Raises ValueError when a `jump` leads to a label that is not there, which `check` reports.
    """
    bare = stripped(campaign)
    steps = _Numbering(campaign, source).steps()
    settings: dict[type, Any] = {type(setting): setting for setting in bare.settings}
    zone = settings.get(ast.TimeZone)
    edition = settings.get(ast.Language)
    priority = settings.get(ast.Priority)
    owner = settings.get(ast.OwnedBy)
    return plan.Plan(
        name=bare.name.text if bare.name else None,
        hash=identity(campaign),
        language=edition.edition if edition else 1,
        sources=sources(bare),
        endings=tuple(endings(bare)),
        re_entry=settings.get(ast.ReEntry) or re_entry(bare),
        active=settings.get(ast.Active),
        zone=zone.zone if zone else None,
        quiet_hours=settings.get(ast.QuietHours),
        quiet_days=settings.get(ast.QuietDays),
        limits=tuple(s for s in bare.settings if isinstance(s, ast.Limit)),
        priority=priority.priority if priority else 0,
        owner=owner.owner.text if owner else None,
        moved=tuple(s for s in bare.settings if isinstance(s, ast.Moved)),
        leaving=tuple(s for s in bare.settings if isinstance(s, ast.WaitingAt)),
        steps=steps,
    )


def stripped(node: AnyNode) -> AnyNode:
    """The same tree without places and without how its texts were typed."""
    told = {
        name: _stripped_value(getattr(node, name))
        for name in node.__struct_fields__
        if name not in _UNTOLD
    }
    return type(node)(**told)


def _stripped_value(value: Any) -> Any:
    if isinstance(value, ast.Node):
        return stripped(value)
    if isinstance(value, tuple):
        return tuple(_stripped_value(item) for item in value)
    return value


def _size(step: ast.Step) -> int:
    """How many numbers a step takes: its own, its bodies', and its rule's or its join's."""
    own = 2 if isinstance(step, ast.Whenever | ast.Parallel) else 1
    return own + sum(_size(below_) for body in bodies(step) for below_ in body.steps)


class _Numbering:
    """One walk over the tree that writes the plan's steps in the order of their numbers."""

    def __init__(self, campaign: ast.Campaign, source: str) -> None:
        self._campaign = campaign
        self._lines = [match.end() for match in re.finditer("\n", source)]
        self._implicit = implicit_start(campaign)
        self._labels = {
            step.label.text: number for number, step in numbered(campaign.steps) if step.label
        }
        self._parents = dict(_parents(campaign.steps, 1, 0))
        self._branches = 0
        self._written: dict[int, plan.Step] = {}

    def steps(self) -> tuple[plan.Step, ...]:
        first = self._block(self._campaign.steps, 1, None, "", "")
        self._written[0] = plan.Entry(number=0, text="entry", key="entry", next=first)
        return tuple(self._written[number] for number in range(len(self._written)))

    def _block(
        self, steps: tuple[ast.Step, ...], number: int, follow: plan.Target, parent: str, arm: str
    ) -> plan.Target:
        """Writes steps that stand one after the other; says where a contact comes in."""
        here: plan.Target = number if steps else follow
        for index, (step, name) in enumerate(zip(steps, sibling_names(steps), strict=True)):
            after = number + _size(step)
            follows = after if index + 1 < len(steps) else follow
            self._step(step, number, follows, below(parent, arm, name))
            number = after
        return here

    def _body(
        self, body: ast.Block | None, number: int, follow: plan.Target, key: str, arm: str
    ) -> tuple[plan.Target, int]:
        """Writes a body; says where a contact comes in, and the number after it."""
        if body is None:
            return follow, number
        first = self._block(body.steps, number, follow, key, arm)
        return first, number + sum(_size(step) for step in body.steps)

    def _step(self, step: ast.Step, number: int, follow: plan.Target, key: str) -> None:
        place = {
            "number": number,
            "parent": self._parents.get(number, 0),
            "line": bisect_right(self._lines, step.span.start) + 1,
            "text": headline(step),
            "key": key,
        }
        match step:
            case ast.When():
                self._when(step, place, follow)
            case ast.If():
                self._if(step, place, follow)
            case ast.Split():
                self._split(step, place, follow)
            case ast.Whenever():
                self._whenever(step, place, follow)
            case ast.Parallel():
                self._parallel(step, place, follow)
            case ast.Repeat() | ast.Every():
                self._loop(step, place, follow)
            case _:
                self._written[number] = self._simple(step, place, follow)

    def _simple(self, step: ast.Simple, place: dict[str, Any], follow: plan.Target) -> plan.Step:
        match step:
            case ast.WaitFor(duration=duration):
                return plan.Wait(**place, until=stripped(duration), next=follow)
            case ast.WaitUntil(moment=moment):
                return plan.Wait(**place, until=stripped(moment), next=follow)
            case ast.WaitForEvent(trigger=trigger):
                arm = plan.Arm(stripped(trigger), follow)
                return plan.When(**place, arms=(arm,), otherwise=follow)
            case ast.Exit():
                return plan.Leave(**place)
            case ast.Jump(to=to, at_most=at_most):
                return plan.Jump(
                    **place,
                    to=self._number_of(to),
                    at_most=at_most,
                    next=None if at_most is None else follow,
                )
            case ast.DeleteContact() | ast.MoveTo():
                return plan.Act(**place, action=stripped(step), next=None)
            case _:
                return plan.Act(**place, action=stripped(step), next=follow)

    def _number_of(self, label: ast.Name) -> int:
        if label.text not in self._labels:
            raise ValueError(f"no step is labelled {label.text}")
        return self._labels[label.text]

    def _when(self, step: ast.When, place: dict[str, Any], follow: plan.Target) -> None:
        number, key = place["number"] + 1, place["key"]
        arms = []
        for index, branch in enumerate(step.branches, 1):
            then, number = self._body(branch.body, number, follow, key, str(index))
            arms.append(plan.Arm(stripped(branch.trigger), then))
        otherwise, _ = self._body(step.otherwise, number, follow, key, "else")
        self._written[place["number"]] = plan.When(
            **place, arms=tuple(arms), otherwise=otherwise, implicit=step is self._implicit
        )

    def _if(self, step: ast.If, place: dict[str, Any], follow: plan.Target) -> None:
        number, key = place["number"] + 1, place["key"]
        choices = []
        for index, branch in enumerate(step.branches, 1):
            then, number = self._body(branch.body, number, follow, key, str(index))
            choices.append(plan.Choice(stripped(branch.condition), then))
        otherwise, _ = self._body(step.otherwise, number, follow, key, "else")
        self._written[place["number"]] = plan.If(
            **place, choices=tuple(choices), otherwise=otherwise
        )

    def _split(self, step: ast.Split, place: dict[str, Any], follow: plan.Target) -> None:
        number, key = place["number"] + 1, place["key"]
        dealt = sum((arm.share for arm in step.arms if arm.share is not None), Decimal(0))
        shares = []
        for index, arm in enumerate(step.arms, 1):
            name = arm.name.text if arm.name else ""
            then, number = self._body(arm.body, number, follow, key, name or str(index))
            percent = Decimal(100) - dealt if arm.share is None else arm.share
            shares.append(plan.Share(percent, name, then))
        self._written[place["number"]] = plan.Split(**place, shares=tuple(shares))

    def _whenever(self, step: ast.Whenever, place: dict[str, Any], follow: plan.Target) -> None:
        rule, key = place["number"] + 1, place["key"]
        self._branches += 1
        branch = self._branches
        body, _ = self._body(step.body, rule + 1, rule, key, "then")
        self._written[place["number"]] = plan.Whenever(**place, rule=rule, next=follow)
        self._written[rule] = plan.Rule(
            **(place | {"number": rule, "parent": rule - 1, "key": f"{key}#rule"}),
            trigger=stripped(step.trigger),
            branch=branch,
            at_most=step.at_most,
            body=body,
            implicit=step is self._implicit,
        )

    def _parallel(self, step: ast.Parallel, place: dict[str, Any], follow: plan.Target) -> None:
        fork, key = place["number"], place["key"]
        join = fork + _size(step) - 1
        branches = tuple(self._branches + index for index in range(1, len(step.parts) + 1))
        self._branches += len(step.parts)
        number, parts = fork + 1, []
        for index, part in enumerate(step.parts, 1):
            first, number = self._body(part, number, join, key, str(index))
            parts.append(first)
        self._written[fork] = plan.Fork(**place, parts=tuple(parts), branches=branches, join=join)
        self._written[join] = plan.Join(
            **(place | {"number": join, "parent": fork, "key": f"{key}#join"}),
            fork=fork,
            next=follow,
        )

    def _loop(
        self, step: ast.Repeat | ast.Every, place: dict[str, Any], follow: plan.Target
    ) -> None:
        number: int = place["number"]
        body, _ = self._body(step.body, number + 1, number, place["key"], "do")
        if isinstance(step, ast.Repeat):
            until = None if step.until is None else stripped(cast(ast.Node, step.until))
            self._written[number] = plan.Loop(
                **place,
                times=step.times,
                until=cast(ast.Condition | None, until),
                body=body,
                next=follow,
            )
        else:
            self._written[number] = plan.Tick(
                **place,
                schedule=stripped(step.schedule),
                stop=None if step.stop is None else stripped(step.stop),
                body=body,
                next=follow,
            )


def numbered(steps: tuple[ast.Step, ...], number: int = 1) -> Iterator[tuple[int, ast.Step]]:
    """The steps of a tree with the numbers that they have in its plan."""
    for step in steps:
        yield number, step
        inside = number + (2 if isinstance(step, ast.Whenever) else 1)
        for body in bodies(step):
            yield from numbered(body.steps, inside)
            inside += sum(_size(each) for each in body.steps)
        number += _size(step)


def _parents(steps: tuple[ast.Step, ...], number: int, parent: int) -> Iterator[tuple[int, int]]:
    """Each step's number and that of the step in whose body it stands."""
    for step in steps:
        yield number, parent
        holder = number + 1 if isinstance(step, ast.Whenever) else number
        inside = holder + 1
        for body in bodies(step):
            yield from _parents(body.steps, inside, holder)
            inside += sum(_size(each) for each in body.steps)
        number += _size(step)


def headline(step: ast.Step) -> str:
    """A step's print on one line, without the bodies of its branches and without its label."""
    match step:
        case ast.When(branches=whens):
            return " or ".join(f"when {written(branch.trigger)}" for branch in whens)
        case ast.If(branches=ifs):
            return " or ".join(f"if {written(branch.condition)}" for branch in ifs)
        case ast.Split():
            return "split"
        case ast.Parallel():
            return "parallel"
        case ast.Whenever(trigger=trigger, at_most=at_most):
            bound = "" if at_most is None else f" at most {count(at_most, 'time')}"
            return f"whenever {written(trigger)}{bound}"
        case ast.Repeat(times=times, until=until):
            stop = "" if until is None else f" until ({written(until)})"
            return f"repeat {count(times, 'time')}{stop}"
        case ast.Every(schedule=schedule, stop=stop_rule):
            stop = "" if stop_rule is None else f" {written(stop_rule)}"
            return f"every {written(schedule)}{stop}"
        case _:
            return written(step)
