"""What could stand at a place, in a reader's words: expectations for messages, words to complete.

The table knows exactly which terminals fit; here they are grouped and spelled, and a word that does
not fit is compared with those that would. Computes only.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import msgspec

from headless.dsl.lalr import END, Token, accepts, advance, tokenize
from headless.dsl.near import distance
from headless.dsl.tables import spelled, table
from headless.dsl.text import clean

SIMPLE: Final = frozenset(
    (
        *("SEND", "ADD", "REMOVE", "SET", "CLEAR", "PUSH", "MOVE", "UNSUBSCRIBE", "SUBSCRIBE"),
        *("DELETE", "WAIT", "JUMP", "EXIT", "NOTE", "SHOW_CONTENT"),
    )
)
BLOCKS: Final = frozenset(("WHEN", "IF", "WHENEVER", "SPLIT", "PARALLEL", "REPEAT", "EVERY"))
STEPS: Final = SIMPLE | BLOCKS
SETTINGS: Final = frozenset(
    (
        *("LANGUAGE", "FROM", "START", "ACTIVE", "TIME_ZONE", "QUIET_HOURS", "QUIET_DAYS"),
        *("LIMIT", "RE_ENTRY", "GOAL", "STOP", "PRIORITY", "OWNED_BY", "MOVED", "WAITING_AT"),
    )
)
EVENTS: Final = frozenset(
    (
        *("OPENED", "CLICKED", "BOUNCED", "REPLIED", "VISITED", "SPENT", "SUBMITTED"),
        *("DOWNLOADED", "REQUESTED", "JOINED", "LEFT", "GOT", "ENTERED", "REACHED", "CHANGED"),
        *("UNSUBSCRIBED", "UNSUBSCRIBED_FROM", "DID"),
    )
)
COMPARISONS: Final = frozenset(
    (
        *("IS", "IS_NOT", "EQ", "NE", "GE", "GT", "LE", "LT", "CONTAINS", "STARTS_WITH"),
        *("ENDS_WITH", "MATCHES", "IN", "BETWEEN", "BEFORE", "AFTER"),
    )
)
VALUES: Final = frozenset(
    ("NUMBER", "WHOLE", "PERCENT", "MONEY", "DATE", "TIME", "TRUE", "FALSE", "NOW", "TODAY")
)
_MEASURES: Final = {
    "NAME": "a name",
    "STRING": 'a "quoted" text',
    "DURATION": "a length of time such as 3d",
    "WHOLE": "a whole number",
    "NUMBER": "a number",
    "DATE": "a date such as 2026-12-24",
    "TIME": "a time such as 09:00",
    "PERCENT": "a share such as 50%",
    "MONEY": "an amount such as 100 EUR",
    "WEEKDAY": "a day of the week",
    "DAYS": "`weekdays` or `weekends`",
    "DOTTED": "a field such as company.size",
    "LABEL": "a label",
    END: "the end of the text",
}
_GROUPS: Final = (
    (STEPS | {"LABEL"}, "a step (`send`, `add`, `wait`, `when`, `if`, …)"),
    (SIMPLE, "a step (`send`, `add`, `wait`, …)"),
    (EVENTS, "something a contact does (`opened email …`, `visited page …`, …)"),
    (SETTINGS, "a setting (`from`, `goal`, `limit`, …)"),
    (COMPARISONS, "a comparison (`is`, `>`, `contains`, …)"),
    (VALUES | {"NAME", "STRING", "DURATION", "DOTTED"}, "a value"),
    (VALUES, "a value"),
    (frozenset({"NAME", "STRING"}), "a name"),
    (frozenset({"HOUR", "DAY", "WEEK", "MONTH"}), "a period (`day`, `week`, …)"),
    (frozenset({"EMAIL", "SMS", "PUSH_MESSAGE"}), "a channel (`email`, `sms`, …)"),
)
MOST_EXPECTED: Final = 6

NEAR_WORDS: Final[dict[str, str]] = {
    **dict.fromkeys(("mail", "e-mail", "mails", "newsletter", "emails"), "email"),
    **dict.fromkeys(("text", "txt", "texts"), "sms"),
    **dict.fromkeys(("push-message", "notification"), "push message"),
    **dict.fromkeys(("open", "opens", "reads", "read"), "opened"),
    **dict.fromkeys(("click", "clicks"), "clicked"),
    **dict.fromkeys(("visit", "visits", "views", "viewed"), "visited"),
    **dict.fromkeys(("submit", "submits", "fills", "filled"), "submitted"),
    **dict.fromkeys(("download", "downloads"), "downloaded"),
    **dict.fromkeys(("reply", "replies", "answers", "answered"), "replied to"),
    **dict.fromkeys(("join", "joins"), "joined"),
    **dict.fromkeys(("leaves",), "left"),
    **dict.fromkeys(("does", "performed", "event"), "did"),
    **dict.fromkeys(("list", "lists", "audience", "segments", "group"), "segment"),
    **dict.fromkeys(("score", "scores", "point"), "points"),
    **dict.fromkeys(("delay", "pause", "sleep", "hold"), "wait"),
    **dict.fromkeys(("goto", "go"), "jump to"),
    **dict.fromkeys(("otherwise", "elsewise", "or-else"), "else"),
    **dict.fromkeys(("elif", "elseif", "elsif"), "or if"),
    **dict.fromkeys(("quit", "leave", "finish", "stop"), "exit"),
    **dict.fromkeys(("give", "award", "plus", "grant"), "add"),
    **dict.fromkeys(("subtract", "deduct", "minus", "take"), "remove"),
    **dict.fromkeys(("url", "webpage"), "page"),
    **dict.fromkeys(("tags", "label", "labels", "tagged"), "tag"),
    **dict.fromkeys(("upon", "once", "after"), "when"),
    **dict.fromkeys(("unless",), "if not"),
    **dict.fromkeys(("equals", "equal", "are", "being"), "is"),
    **dict.fromkeys(("isnt", "isn't"), "is not"),
    **dict.fromkeys(("includes", "include", "contain", "has"), "contains"),
    **dict.fromkeys(("beginning", "begins"), "starts with"),
    **dict.fromkeys(("true", "on"), "yes"),
    **dict.fromkeys(("false", "off"), "no"),
    **dict.fromkeys(("change", "update", "assign"), "set"),
    **dict.fromkeys(("notify", "post", "deliver", "mailto"), "send"),
    **dict.fromkeys(("loop",), "repeat"),
    **dict.fromkeys(("each",), "every"),
    **dict.fromkeys(("ab", "test"), "split"),
    **dict.fromkeys(("others", "remaining", "remainder"), "rest"),
    **dict.fromkeys(("begin", "{", "start"), "do"),
    **dict.fromkeys(("done", "fi", "}", "endif", "close"), "end"),
    **dict.fromkeys(("than",), "then"),
    **dict.fromkeys(("in", "for", "during"), "within"),
    **dict.fromkeys(("reenter", "reentry"), "re-entry"),
    **dict.fromkeys(("timezone", "zone"), "time zone"),
    **dict.fromkeys(("cap", "max"), "limit"),
    **dict.fromkeys(("&", "&&", "plus"), "and"),
    **dict.fromkeys(("|", "||"), "or"),
    **dict.fromkeys(("!",), "not"),
}
"""Words that people write for one of the language's, where that one fits and they do not."""


def spell(terminal: str) -> str:
    """One terminal as a reader knows it: `` `then` ``, `a name`."""
    return _MEASURES.get(terminal) or f"`{spelled().get(terminal, terminal.lower())}`"


def meant(terminals: Iterable[str]) -> frozenset[str]:
    """Without the words that fit only because a name may be spelled so, and without `;`."""
    fitting = frozenset(terminals)
    if "NAME" in fitting:
        in_condition = "NOT" in fitting
        fitting -= frozenset(table().soft_fields if in_condition else table().soft_names)
    bare = fitting - {"_SEMI", "_DOT"}
    return bare or fitting


def expected(terminals: Iterable[str]) -> str:
    """What fits, as part of a sentence; at most six things."""
    left = set(meant(terminals))
    said: list[str] = []
    for group, words in _GROUPS:
        if len(left & group) >= max(2, 0.6 * len(group)):
            said.append(words)
            left -= group
    if left - {END}:
        left -= {END}
    single = sorted((spell(terminal) for terminal in left), key=lambda w: (w[0] != "`", w))
    said = list(dict.fromkeys(said + single))
    if len(said) > MOST_EXPECTED:
        return ", ".join([*said[: MOST_EXPECTED - 1], "…"])
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}"


@cache
def terminal_of(words: str) -> str | None:
    """The terminal that is written so, `or if` for instance."""
    found = {written: terminal for terminal, written in spelled().items()}
    return table().words.get(words) or found.get(words)


def nearest_word(word: str, terminals: frozenset[str], *, loose: bool = True) -> str | None:
    """The word of the language that was probably meant, among those that fit."""
    written = {spelled()[t]: t for t in meant(terminals) if spelled().get(t, "?")[0].isalpha()}
    near = NEAR_WORDS.get(word.lower())
    if near is not None and (near in written or near.split()[0] in written):
        return near
    allowed = max(1, len(word) // 3) if loose and len(word) > 2 else 1
    best: tuple[int, str] | None = None
    for candidate in written:
        if abs(len(candidate) - len(word)) > allowed or min(len(candidate), len(word)) < 2:
            continue
        apart = distance(word, candidate, allowed)
        if apart <= allowed and (best is None or (apart, candidate) < best):
            best = (apart, candidate)
    return best[1] if best else None


class Completion(msgspec.Struct, frozen=True):
    """What can stand at a place: `words` to put over start..end, `wants` the kind of name."""

    start: int
    end: int
    words: tuple[str, ...]
    wants: str | None = None


_NOUNS: Final = {
    **{noun: noun.lower() for noun in ("EMAIL", "SMS", "SEGMENT", "CAMPAIGN", "FORM", "PAGE")},
    **{noun: noun.lower() for noun in ("ASSET", "TAG", "STAGE", "SLOT", "WEBHOOK", "COMPANY")},
    "PUSH_MESSAGE": "push message",
    "MESSAGE": "message",
    "IN_SLOT": "slot",
    "IN_GROUP": "group",
    "SHOW_CONTENT": "content",
    "DID": "activity",
    "OWNED_BY": "colleague",
    "NEW_MEMBERS_OF": "segment",
}


def complete(text: str, offset: int) -> Completion:
    """What can be typed at an offset: every word that fits there, and nothing else."""
    tokens, _ = tokenize(clean(text[:offset]), text[:offset])
    before = tokens[:-1]
    partial = ""
    if before and before[-1].end == offset and before[-1].text[-1:].isalnum():
        partial = before.pop().text
    states = reading(before)
    fitting = meant(accepts(states)) if states else frozenset()
    words = sorted(
        spelled()[t] for t in fitting if t in spelled() and spelled()[t].startswith(partial.lower())
    )
    wants = _NOUNS.get(before[-1].type) if before and fitting & {"NAME", "STRING"} else None
    return Completion(offset - len(partial), offset, tuple(words), wants)


def reading(tokens: Sequence[Token]) -> list[int] | None:
    """The states after these tokens, or None where they do not fit together."""
    states: list[int] | None = [table().starts["start"]]
    for token in tokens:
        if states is None:
            return None
        states = advance(states, token.type)
    return states
