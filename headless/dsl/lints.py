"""Questions asked along the paths of a plan: what was sent before, what an event has brought.

Each check reads the whole of one campaign (`Read`) and yields diagnostics that point at its text.
Imports `amounts`, `ast`, `catalogue`, `delays`, `diagnostics`, `entrances`, `fields`, `flow`,
`near`, `phrases`, `plan`.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import msgspec

from headless.dsl import ast, phrases, plan
from headless.dsl.amounts import instant
from headless.dsl.catalogue import Catalogue
from headless.dsl.delays import Edge, Edges, message_sent
from headless.dsl.diagnostics import Diagnostic, Related, error, warning
from headless.dsl.entrances import message_of, single_events
from headless.dsl.fields import Known, known_fields
from headless.dsl.flow import bodies
from headless.dsl.names import found
from headless.dsl.near import did_you_mean
from headless.dsl.wording import written

Message = tuple[ast.Channel, str]
Fact = TypeVar("Fact")
_FIELDS_OF: Final = ("contact", "entry", "event", "company")
_GIVEN: Final = ("workspace", "links", "now", "owner")
"""What a template reads besides: it is there in every email."""
_ROOT: Final = re.compile(r"[.\[]")


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign with all that was worked out of it.

    `steps` are the tree's steps by their numbers in the plan, `reached` the numbers of the steps
    that a contact can come to.
    """

    campaign: ast.Campaign
    made: plan.Plan
    edges: Edges
    steps: dict[int, ast.Step]
    reached: set[int]
    catalogue: Catalogue


def flowing(
    read: Read,
    first: Fact,
    join: Callable[[Fact, Fact], Fact],
    step: Callable[[plan.Step, Edge, Fact], Fact],
) -> dict[int, Fact]:
    """What is true on arrival at each step, carried along every way until nothing changes."""
    known: dict[int, Fact] = {0: first}
    todo = [0]
    while todo:
        number = todo.pop()
        for way in read.edges[number]:
            if way.to is None:
                continue
            brought = step(read.made.steps[number], way, known[number])
            merged = join(known[way.to], brought) if way.to in known else brought
            if way.to not in known or merged != known[way.to]:
                known[way.to] = merged
                todo.append(way.to)
    return known


# ---------------------------------------------------------------- what was sent before


def check_awaited(read: Read) -> Iterator[Diagnostic]:
    """W402: waiting for a message that no path to this point sends."""
    started = frozenset(
        (source.channel, source.sent) for source in read.made.sources if source.sent is not None
    )
    sent = flowing(read, started, frozenset.union, _with_sent)
    for number, step in read.steps.items():
        before = sent.get(number)
        if before is None:
            continue
        for trigger in _triggers(step):
            for event in single_events(trigger.event):
                message = message_of(event)
                if message is not None and not _was_sent(message, before):
                    yield _not_sent(event, message, before)


def _with_sent(step: plan.Step, _way: Edge, before: frozenset[Message]) -> frozenset[Message]:
    sent = message_sent(step)
    return before if sent is None else before | {sent}


def _was_sent(message: Message, before: frozenset[Message]) -> bool:
    channel, name = message
    if message in before or ("message", name) in before:
        return True
    names = {known.casefold() for on, known in before if on in (channel, "message")}
    return name.casefold() in names


def _triggers(step: ast.Step) -> tuple[ast.Trigger, ...]:
    match step:
        case ast.When(branches=branches):
            return tuple(branch.trigger for branch in branches)
        case ast.Whenever(trigger=trigger) | ast.WaitForEvent(trigger=trigger):
            return (trigger,)
        case _:
            return ()


def _not_sent(event: ast.Single, message: Message, before: frozenset[Message]) -> Diagnostic:
    channel, name = message
    return warning(
        "W402",
        f"no path to this point sends the {channel} `{name}`",
        event.span,
        label="waits for something this campaign does not cause",
        help=did_you_mean(name, (known for on, known in before if on == channel))
        or "send it first, or leave it if something else sends it",
    )


# ---------------------------------------------------------------- dates


def check_dates(read: Read) -> Iterator[Diagnostic]:
    """W403: windows longer than the campaign; W406: dates that late arrivals find in the past."""
    active = next((s for s in read.campaign.settings if isinstance(s, ast.Active)), None)
    if active is not None and active.end is not None:
        lasts = instant(active.end, last=True) - instant(active.start)
        for node in ast.walk(read.campaign):
            if not isinstance(node, ast.Within):
                continue
            if node.duration.least_seconds > lasts.total_seconds():
                yield warning(
                    "W403",
                    "this window is longer than the whole campaign",
                    node.span,
                    help=f"the campaign is active for {phrases.count(lasts.days, 'day')}",
                )
    yield from _bursts(read, active)


def _bursts(read: Read, active: ast.Active | None) -> Iterator[Diagnostic]:
    guarded = {id(step) for step in _guarded(read.campaign.steps, False)}
    last: tuple[ast.Date, ast.Step] | None = None
    sent_since = False
    for step in _in_line(read.campaign.steps):
        match step:
            case ast.WaitUntil(moment=ast.OnDate(date=date)) if id(step) not in guarded:
                if last is not None and sent_since and _late_arrivals(date, active):
                    yield warning(
                        "W406",
                        f"who arrives after {phrases.date(date)} gets this and what was sent "
                        "before it at once",
                        step.span,
                        related=(Related(last[1].span, "nor would they wait here"),),
                        help=f"ask before the earlier one: `if now before {written(date)} do …`, "
                        "or end `active` before this date",
                    )
                last, sent_since = (date, step), False
            case ast.SendMessage(to=None):
                sent_since = True
            case ast.WaitFor(duration=length) if length.least_seconds >= 86400:
                last = None
            case _:
                pass


def _late_arrivals(date: ast.Date, active: ast.Active | None) -> bool:
    return active is None or active.end is None or instant(active.end, last=True) > instant(date)


def _in_line(steps: tuple[ast.Step, ...]) -> Iterator[ast.Step]:
    """The steps in the order of the text; the first body of each question stands for all."""
    for step in steps:
        yield step
        for body in bodies(step)[:1]:
            yield from _in_line(body.steps)


def _guarded(steps: tuple[ast.Step, ...], inside: bool) -> Iterator[ast.Step]:
    """The steps that stand behind a question about the present date."""
    for step in steps:
        if inside:
            yield step
        asks = isinstance(step, ast.If) and any(
            isinstance(node, ast.Now | ast.Today)
            for branch in step.branches
            for node in ast.walk(branch.condition)
        )
        for body in bodies(step):
            yield from _guarded(body.steps, inside or asks)


# ---------------------------------------------------------------- what an event has brought


def check_events(read: Read) -> Iterator[Diagnostic]:
    """E306: a property of an event is asked for where no event has brought the contact."""
    started = bool(read.made.sources) and all(
        (source.event is not None and source.sent is None) or source.form is not None
        for source in read.made.sources
    )
    brought = flowing(read, started, lambda one, other: one and other, _with_event)
    for number, step in read.steps.items():
        if brought.get(number, True):
            continue
        for field in _event_fields(step):
            yield error(
                "E306",
                f"no event has brought every contact here, so there is no `{written(field)}`",
                field.span,
                help="ask for it inside the branch of the `when` that waits for the event, "
                "or use `entry.` for what started the run",
            )


def _with_event(step: plan.Step, way: Edge, before: bool) -> bool:
    match step:
        case plan.When(arms=arms):
            answers = [arm for arm in arms if arm.then == way.to and not arm.trigger.negated]
            return before or (bool(answers) and step.otherwise != way.to)
        case plan.Rule():
            return True
        case _:
            return before


def _event_fields(step: ast.Step) -> Iterator[ast.Field]:
    """The properties of the last event that a step itself reads, not those in its branches."""
    if isinstance(step, ast.If):
        nodes: list[ast.Node] = [branch.condition for branch in step.branches]
    elif bodies(step) or isinstance(step, ast.WaitForEvent):
        nodes = []
    else:
        nodes = [step]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Did):
            continue
        if isinstance(node, ast.Field) and node.scope == "event":
            yield node
        nodes.extend(ast.children(node))


# ---------------------------------------------------------------- sendings


def check_sendings(read: Read) -> Iterator[Diagnostic]:
    """W407, W410 and W411: who cannot be sent to, and what an email lacks."""
    nobody: frozenset[str] = frozenset()
    off = flowing(read, nobody, frozenset.intersection, _with_refusal)
    for number, step in read.steps.items():
        if not isinstance(step, ast.SendMessage) or step.to is not None:
            continue
        if not step.transactional and number in read.reached and step.channel in off[number]:
            yield warning(
                "W407",
                f"`{step.message.text}` reaches nobody: they have been unsubscribed before it",
                step.span,
                help="send it before `unsubscribe`, or make it `transactional` if it may be",
            )
        if step.channel == "email":
            yield from _template(step, read)


def _with_refusal(step: plan.Step, _way: Edge, before: frozenset[str]) -> frozenset[str]:
    match step:
        case plan.Act(action=ast.Unsubscribe(channel=None)):
            return before | {"email"}
        case plan.Act(action=ast.Unsubscribe(channel="all")):
            return before | {"email", "sms", "push message", "message"}
        case plan.Act(action=ast.Unsubscribe(channel=channel)):
            return before | {str(channel)}
        case plan.Act(action=ast.Subscribe(channel="all")):
            return frozenset()
        case plan.Act(action=ast.Subscribe(channel=channel)):
            return before - {channel, "message"}
        case _:
            return before


def _template(step: ast.SendMessage, read: Read) -> Iterator[Diagnostic]:
    emails = None if read.catalogue.open else read.catalogue.emails
    name = found(step.message.text, emails) if emails else None
    if emails is None or name is None:
        return
    if not emails[name].unsubscribe_link and not step.transactional:
        yield warning(
            "W410",
            f"the email `{name}` has no unsubscribe link: one will be added at the end",
            step.message.span,
            help="put `{{ links.unsubscribe }}` where it should stand",
        )
    known = known_fields(read.campaign, read.catalogue)
    given = {argument.name.casefold() for argument in step.arguments}
    for path in emails[name].variables:
        helps = _gap(path, known, given)
        if helps:
            yield warning(
                "W411",
                f"nothing fills `{path}` in the email `{name}`",
                step.message.span,
                help=helps,
            )


def _gap(path: str, known: Known, given: set[str]) -> str:
    """What to do about a variable that nothing fills; empty if something does."""
    root, *below = _ROOT.split(path, maxsplit=2)
    if root in _GIVEN:
        return ""
    if root not in _FIELDS_OF:
        return "" if root.casefold() in given else f"add `with ({root} = …)` to this step"
    fields = known.scopes.get(root)
    field = below[0].strip("'\"]") if below else ""
    if fields is None or not field or found(field, fields) or (root, field) == ("contact", "id"):
        return ""
    return did_you_mean(field, fields) or "make such a field, or correct the template"
