"""What is known of a campaign before anything runs: never, for ever, how much and how long.

`analyse` walks the plan's graph with the shortest and longest time on each way and points at the
text. It takes a tree that `check` found no error in, and its plan. Imports `ast`, `catalogue`,
`compile`, `delays`, `diagnostics`, `entrances`, `flow`, `lints`, `phrases`, `plan`, `rates`,
`routes` and `stays`.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

import msgspec

from headless.dsl import ast, phrases, plan
from headless.dsl.catalogue import STANDALONE, Catalogue
from headless.dsl.compile import numbered
from headless.dsl.delays import DAY, edges_of, message_sent, reachable
from headless.dsl.diagnostics import Diagnostic, Span, error, in_order, warning
from headless.dsl.entrances import implicit_start
from headless.dsl.flow import bodies
from headless.dsl.lints import Read, check_awaited, check_dates, check_events, check_sendings
from headless.dsl.rates import Course, most_sent
from headless.dsl.routes import FOREVER
from headless.dsl.stays import longest_stay

WEEK: Final = 7 * DAY
_PERIODS: Final[dict[ast.Period, int]] = {
    "hour": 3600,
    "day": DAY,
    "week": WEEK,
    "month": 30 * DAY,
}


class Analysis(msgspec.Struct, frozen=True):
    """What one run of a campaign can do to one contact, and what is odd about its course.

    `most_emails_in_7_days` counts the emails to the contact in any span of 7 days, None when
    nothing bounds them; `longest_stay` is in seconds, None when nothing bounds it. Time for which
    quiet hours or limits hold a message back is not in them.
    """

    most_emails_in_7_days: int | None
    longest_stay: int | None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def stay(self) -> str:
        """The longest stay as the language writes a length of time, or `unbounded`."""
        if self.longest_stay is None:
            return "unbounded"
        return phrases.span_of_seconds(self.longest_stay)


def analyse(
    campaign: ast.Campaign, made: plan.Plan, catalogue: Catalogue | None = None
) -> Analysis:
    """What can be said of a checked campaign and its plan."""
    edges = edges_of(made)
    read = Read(
        campaign=campaign,
        made=made,
        edges=edges,
        steps=dict(numbered(campaign.steps)),
        reached=reachable(edges),
        catalogue=catalogue or STANDALONE,
    )
    spinning = list(_spinning(read))
    found = [*_unreachable(read), *_for_ever(read), *spinning]
    found += check_awaited(read)
    found += check_dates(read)
    found += check_events(read)
    found += check_sendings(read)
    if spinning:
        return Analysis(None, None, in_order(found))
    course = Course(made, edges)
    stay = longest_stay(course)
    found += _limits(read, course)
    found += _standing_rules(read, course)
    return Analysis(
        most_emails_in_7_days=most_sent(course, WEEK, lambda step: _is_sent(step, "email")),
        longest_stay=None if stay is None or stay == FOREVER else int(stay),
        diagnostics=in_order(found),
    )


def _is_sent(step: plan.Step, channel: ast.Channel) -> bool:
    """Whether a step may send on a channel; `message` may mean any of them."""
    sent = message_sent(step)
    return sent is not None and (channel == "message" or sent[0] in (channel, "message"))


def _is_marketing(step: plan.Step, channel: ast.Channel) -> bool:
    transactional = isinstance(step, plan.Act) and getattr(step.action, "transactional", False)
    return _is_sent(step, channel) and not transactional


# ---------------------------------------------------------------- never


def _unreachable(read: Read) -> Iterator[Diagnostic]:
    numbers = {id(step): number for number, step in read.steps.items()}
    start = implicit_start(read.campaign)

    def within(steps: tuple[ast.Step, ...], before: ast.Step | None) -> Iterator[Diagnostic]:
        lost = [step for step in steps if numbers[id(step)] not in read.reached]
        known = [step for step in steps if numbers[id(step)] in read.reached]
        if lost:
            parent = known[-1] if known else before
            yield _no_else(lost) if parent is start else _never(lost, parent)
        for step in known:
            for body in bodies(step):
                yield from within(body.steps, step)

    yield from within(read.campaign.steps, None)


def _never(lost: list[ast.Step], before: ast.Step | None) -> Diagnostic:
    helps = "a step before it always leaves the campaign or jumps away"
    if isinstance(before, ast.When):
        helps = "the `when` before it never lets anybody past: add `within …`"
    return error(
        "E301",
        "no contact can ever reach this",
        Span(lost[0].span.start, lost[-1].span.end),
        help=helps,
    )


def _no_else(lost: list[ast.Step]) -> Diagnostic:
    return warning(
        "W408",
        "this never happens: a run starts when the event does, so it is always there",
        Span(lost[0].span.start, lost[-1].span.end),
        help="leave the `else` out, or say who enters, such as `from segment …`, above the `when`",
    )


# ---------------------------------------------------------------- for ever


def _spinning(read: Read) -> Iterator[Diagnostic]:
    """Jumps by which a contact can come back to the same step before any time has passed."""
    instant = {
        number: [
            way.to for way in ways if way.to is not None and way.least == 0 and not way.new_event
        ]
        for number, ways in read.edges.items()
    }
    for number, step in read.steps.items():
        node = read.made.steps[number]
        if not isinstance(node, plan.Jump) or node.at_most is not None:
            continue
        if number in read.reached and _comes_back(node.to, number, instant, read.made):
            yield error(
                "E302",
                "this loop can spin without any time passing",
                step.span,
                label="jumps back here",
                help="put a `wait` in the loop, or bound it: `at most 3 times`",
            )


def _comes_back(start: int, goal: int, instant: dict[int, list[int]], made: plan.Plan) -> bool:
    seen: set[int] = set()
    todo = [start]
    while todo:
        number = todo.pop()
        if number == goal:
            return True
        if number in seen:
            continue
        seen.add(number)
        step = made.steps[number]
        if isinstance(step, plan.Jump) and step.at_most is not None:
            todo.extend([] if step.next is None else [step.next])
        else:
            todo.extend(instant[number])
    return False


def _for_ever(read: Read) -> Iterator[Diagnostic]:
    """Places where contacts may stand for ever though there are steps behind."""
    for number, step in read.steps.items():
        if number not in read.reached:
            continue
        match read.made.steps[number]:
            case plan.When(arms=arms, otherwise=int() as behind) if behind in read.reached:
                if any(arm.trigger.within is None for arm in arms) and not _is_start(read, number):
                    yield _waits_for_ever(read, step)
            case plan.Tick(stop=None, next=int()):
                yield warning(
                    "W404",
                    "this goes on for ever, so nobody comes to the steps after it",
                    _head(step),
                    help="say when it stops, such as `8 times`, `for 3mo` or `until 2026-12-24`",
                )
            case _:
                pass


def _is_start(read: Read, number: int) -> bool:
    """Whether the event of a `when` has happened already, since it started the run."""
    return not any(arm_way.most for arm_way in read.edges[number] if arm_way.to is not None)


def _waits_for_ever(read: Read, step: ast.Step) -> Diagnostic:
    return warning(
        "W404",
        "contacts who never do this wait here for ever",
        _head(step),
        label="the steps after it are not reached",
        help="add `within …`, or write `whenever` if it should not hold up the path",
    )


def _head(step: ast.Step) -> Span:
    """A step without the bodies of its branches, but whole if it stands on one line."""
    match step:
        case ast.When(branches=branches):
            return Span(step.span.start, branches[0].trigger.span.end)
        case ast.Every(schedule=schedule):
            return Span(step.span.start, schedule.span.end)
        case ast.Whenever(trigger=trigger):
            return Span(step.span.start, trigger.span.end)
        case _:
            return step.span


# ---------------------------------------------------------------- how much, how long


def _limits(read: Read, course: Course) -> Iterator[Diagnostic]:
    for limit in read.campaign.settings:
        if not isinstance(limit, ast.Limit):
            continue
        counts = partial(_is_marketing, channel=limit.channel)
        most = most_sent(course, _PERIODS[limit.period], counts)
        if most is not None and most <= limit.count:
            continue
        what = limit.channel
        many = what if what == "sms" else f"{what}s"
        told = f"any number of {many}" if most is None else phrases.count(most, what, many)
        yield warning(
            "W401",
            f"the steps can send {told} in one {limit.period}; "
            f"the limit of {limit.count} will hold some back",
            limit.span,
            help="spread them out, raise the limit, or accept the delay with `# ok W401`",
        )


def _standing_rules(read: Read, course: Course) -> Iterator[Diagnostic]:
    """Rules beside the path that end at once, since nothing keeps the run open."""
    rules = [step for step in read.made.steps if isinstance(step, plan.Rule)]
    if any(rule.trigger.within is not None for rule in rules):
        return
    if any(isinstance(step, plan.Fork) for step in read.made.steps):
        return
    for rule in rules:
        number = rule.number - 1
        beside = read.made.steps[number]
        if rule.implicit or number not in read.reached or not isinstance(beside, plan.Whenever):
            continue
        lasts = 0 if beside.next is None else longest_stay(course, beside.next)
        if lasts == 0:
            yield error(
                "E305",
                "nothing keeps the run open, so this rule ends at once",
                _head(read.steps[number]),
                help="add `within …` to it, or a `wait` after it",
            )
