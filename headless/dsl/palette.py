"""How each kind of step looks in a picture: its colours, its sign, and the words in its box.

A sign is a small drawing in a square of 16 by 16 around its middle. Imports `ast`, `phrases`,
`plan`.
"""

from typing import Final

import msgspec

from headless.dsl import ast, phrases, plan
from headless.dsl.wording import written


class Look(msgspec.Struct, frozen=True):
    """Colours of one kind of step: `ink` for its sign and caption, `fill` behind it."""

    ink: str
    fill: str
    sign: str


_ENVELOPE: Final = (
    '<rect x="-7" y="-5" width="14" height="10" rx="1.5"/><path d="M-7-4 0 1.5 7-4"/>'
)
_CLOCK: Final = '<circle r="7"/><path d="M0-4V0L3 2"/>'
_EAR: Final = '<circle r="2.5"/><path d="M-5-5A7 7 0 0 0-5 5M5-5A7 7 0 0 1 5 5"/>'
_FORK: Final = '<path d="M0 7V2M0 2L-6-5M0 2L6-5M-6-1V-5H-2M6-1V-5H2"/>'
_QUESTION: Final = (
    '<path d="M0-7 7 0 0 7-7 0Z"/><path d="M-1.8-1.6A1.8 1.8 0 1 1 0 .4V1.4M0 3.6V3.7"/>'
)
_PEN: Final = '<path d="M-6 6-5 2 3-6 6-3-2 5ZM1-4 4-1"/>'
_TAG: Final = '<path d="M-7-6H0L7 1 1 7-7-1Z"/><circle cx="-3.5" cy="-2.5" r="1"/>'
_STAR: Final = '<path d="M0-7 2-2 7-2 3 1.5 4.5 7 0 3.5-4.5 7-3 1.5-7-2-2-2Z"/>'
_GLOBE: Final = '<circle r="7"/><path d="M-7 0H7M0-7C-4-3-4 3 0 7M0-7C4-3 4 3 0 7"/>'
_BUBBLE: Final = '<path d="M-7-6H7V3H-1L-4 6V3H-7Z"/>'
_DOOR: Final = '<path d="M1-7H-6V7H1M-2 0H7M4-3 7 0 4 3"/>'
_LOOP: Final = '<path d="M6 0A6 6 0 1 1 3-5M3-8V-5H0"/>'
_PERSON: Final = '<circle cy="-3" r="3"/><path d="M-6 7C-6 1 6 1 6 7"/>'
_BARS: Final = '<path d="M-6-6H6M-4-6V6M4-6V6M-6 6H6"/>'

SENDS: Final = Look("#1d4ed8", "#eff6ff", _ENVELOPE)
TALKS: Final = Look("#1d4ed8", "#eff6ff", _BUBBLE)
CALLS: Final = Look("#0e7490", "#ecfeff", _GLOBE)
WAITS: Final = Look("#475569", "#f1f5f9", _CLOCK)
LISTENS: Final = Look("#b45309", "#fffbeb", _EAR)
ASKS: Final = Look("#7e22ce", "#faf5ff", _QUESTION)
DEALS: Final = Look("#be185d", "#fdf2f8", _FORK)
SCORES: Final = Look("#15803d", "#f0fdf4", _STAR)
TAGS: Final = Look("#15803d", "#f0fdf4", _TAG)
WRITES: Final = Look("#15803d", "#f0fdf4", _PEN)
PEOPLE: Final = Look("#15803d", "#f0fdf4", _PERSON)
NOTES: Final = Look("#475569", "#f8fafc", _PEN)
LEAVES: Final = Look("#b91c1c", "#fef2f2", _DOOR)
REPEATS: Final = Look("#475569", "#f8fafc", _LOOP)
SPREADS: Final = Look("#0e7490", "#ecfeff", _BARS)

_ACTIONS: Final[dict[type[ast.Node], Look]] = {
    ast.SendMessage: SENDS,
    ast.SendSlack: TALKS,
    ast.SendWebhook: CALLS,
    ast.PushTo: CALLS,
    ast.AddPoints: SCORES,
    ast.RemovePoints: SCORES,
    ast.AddTag: TAGS,
    ast.RemoveTag: TAGS,
    ast.AddTo: PEOPLE,
    ast.RemoveFrom: PEOPLE,
    ast.SetOwner: PEOPLE,
    ast.MoveTo: LEAVES,
    ast.DeleteContact: LEAVES,
    ast.Unsubscribe: LEAVES,
    ast.Note: NOTES,
}
_CAPTIONS: Final = (
    "send transactional email",
    "send email",
    "send transactional sms",
    "send sms",
    "send transactional push message",
    "send push message",
    "send transactional message",
    "send message",
    "send slack",
    "send webhook",
    "add points",
    "remove points",
    "add tag",
    "remove tag",
    "add to segment",
    "add to campaign",
    "add to company",
    "remove from segment",
    "remove from campaign",
    "remove from company",
    "move to campaign",
    "set owner to",
    "set stage to",
    "set",
    "clear",
    "push to",
    "unsubscribe",
    "subscribe to",
    "show content",
    "note",
    "wait until",
    "wait",
    "delete contact",
    "exit",
)


def look(step: plan.Step) -> Look:
    """The look of a step."""
    match step:
        case plan.Act(action=action):
            return _ACTIONS.get(type(action), WRITES)
        case plan.Wait():
            return WAITS
        case plan.When() | plan.Whenever() | plan.Rule():
            return LISTENS
        case plan.If():
            return ASKS
        case plan.Split():
            return DEALS
        case plan.Jump() | plan.Loop() | plan.Tick():
            return REPEATS
        case plan.Fork() | plan.Join():
            return SPREADS
        case _:
            return LEAVES


def wording(step: plan.Step) -> tuple[str, str]:
    """The caption of a step's box, and the text below it."""
    match step:
        case plan.Wait(until=ast.Duration() as length):
            return "wait", phrases.duration(length)
        case plan.When(arms=(arm,)):
            within = arm.trigger.within
            caption = "waits until" if step.text.startswith("wait until") else "waits for"
            told = written(_without_window(arm.trigger))
            return caption, told if within is None else f"{told}, {written(within)}"
        case plan.When():
            return "waits for the first of", ""
        case plan.If(choices=(choice,)):
            return "if", written(choice.condition)
        case plan.If():
            return "the first that holds", ""
        case plan.Split():
            return "at random", ""
        case plan.Jump(at_most=at_most):
            bound = "" if at_most is None else f", at most {phrases.count(at_most, 'time')}"
            return "go to", step.text.removeprefix("jump to ").partition(" at most ")[0] + bound
        case _:
            return _captioned(step.text)


def ways(step: plan.When | plan.If | plan.Split) -> list[str]:
    """The words on the lines out of a question, one for each of its targets."""
    match step:
        case plan.Split(shares=shares):
            return [f"{phrases.plain(s.percent)}% {s.name}".strip() for s in shares]
        case plan.If(choices=choices):
            if len(choices) == 1:
                return ["yes", "no"]
            return [*(written(choice.condition) for choice in choices), "none of them"]
        case plan.When(arms=arms):
            if len(arms) > 1:
                return [*(written(arm.trigger) for arm in arms), "none in time"]
            within = arms[0].trigger.within
            never = "never" if within is None else f"not within {phrases.duration(within.duration)}"
            return [never, "it happened"] if arms[0].trigger.negated else ["yes", never]


def _without_window(trigger: ast.Trigger) -> ast.Trigger:
    return ast.Trigger(event=trigger.event, negated=trigger.negated)


def _captioned(text: str) -> tuple[str, str]:
    for caption in _CAPTIONS:
        if text == caption or text.startswith(f"{caption} "):
            rest = text[len(caption) :].strip()
            whole = rest.startswith('"') and rest.endswith('"') and rest.count('"') == 2
            return caption, rest[1:-1] if whole else rest
    return "", text
