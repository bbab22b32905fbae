"""From what somebody typed in Slack to a command, or to what is wrong with it.

Slack and phones mangle what is typed: curly quotes, a long dash for `--`, links around addresses,
entities, code fences, blanks that are none. A command line is cleaned of all of it; in a
campaign's text only the markup is undone, and quotes inside its strings stay as they were typed.
Computes only; imports `verbs`, and the language's cleaning and its near words.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

import msgspec

from headless.dsl.near import nearest
from headless.dsl.text import clean
from headless.slack.verbs import BY_NAME, OPENERS, WORDS, Argument, Verb


class Command(msgspec.Struct, frozen=True):
    """A verb with what it was given: `Command("pause", "Welcome", "", {"reason": "too dear"})`.

    `name` is of the campaign or email that it is about, `rest` free text or a campaign's source.
    `typed` is the whole command as it can be said again; `shared` that others read the answer too.
    """

    verb: str
    name: str | None = None
    rest: str = ""
    options: dict[str, str] = {}
    typed: str = ""
    shared: bool = False


class Suggestion(msgspec.Struct, frozen=True):
    """What may have been meant; a button only where it is `safe` to press one by mistake."""

    typed: str
    safe: bool


class Mistake(msgspec.Struct, frozen=True):
    """What could not be read, why, and what to say in its place; `verb` if that was clear."""

    said: str
    help: str
    verb: str | None = None
    suggestions: tuple[Suggestion, ...] = ()


_MENTION: Final = re.compile(r"\s*<@[UWB][A-Z0-9]+(?:\|[^>]*)?>[\s:,]*")
_FENCE: Final = re.compile(
    r"\s*```(?:\w*\n)?(?P<inner>.*?)```\s*\Z|\s*`(?P<line>[^`\n]*)`\s*\Z", re.DOTALL
)
_LINK: Final = re.compile(r"<((?:https?://|mailto:|tel:)[^|<>\s]*)(?:\|([^<>]*))?>")
_DOUBLE: Final = dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033"), '"')
_SINGLE: Final = dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2032"), "'")
_BLANK: Final = dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000\t"), " ")
_NOTHING: Final = dict.fromkeys(map(ord, "\ufeff\u200b\u2060\u00ad\u200e\u200f"), "")
_PLAIN: Final = {**_DOUBLE, **_SINGLE, **_BLANK, **_NOTHING}
_DASHES: Final = re.compile(r"(?<!\S)[\u2013\u2014\u2015](?=\w)")
_ENTITIES: Final = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_ENTITY: Final = re.compile("|".join(_ENTITIES))

_SHAPES: Final[dict[str, str]] = {
    "name": r'"[^"\n]+"|[^"\s](?:[^"\n]*?[^"\s])??',
    "contact": r'"[^"\n]+"|\S+',
    "person": r"<@[UW][A-Z0-9]+(?:\|[^>]*)?>|@\S+",
    "number": r"(?:version\s+|#|v)?\d+",
    "length": r"\d+\s?[a-z]+",
    "text": r"\S.*",
    "source": r"\S.*",
}


def _beginning(words: Iterable[str]) -> re.Pattern[str]:
    """What a line begins with: the longest of these words, which ends or goes on with another."""
    longest = sorted(words, key=len, reverse=True)
    shapes = "|".join(r"\s+".join(map(re.escape, word.split())) for word in longest)
    return re.compile(rf"(?:{shapes})(?=[ \n:]|\Z)", re.IGNORECASE | re.ASCII)


_VERB: Final = _beginning(WORDS)
_OPENER: Final = _beginning(OPENERS)
_PERSON: Final = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


def parse(typed: str) -> Command | Mistake:
    """Read what was typed after `/campaign` or after a mention; an empty text is `home`.

    The longest verb that fits wins, whatever its capitals. What begins with a word of the language
    is a rule: `Command("rule", None, source)`.
    """
    raw = _MENTION.sub("", typed, count=1) if _MENTION.match(typed) else typed
    line = tidy(raw)
    if not line:
        return Command("home", typed="home")
    if _opener(line) is not None:
        source = source_of(raw)
        return Command("rule", None, source, typed=source)
    verb, said = _verb(line)
    if verb is None:
        return _unknown(line)
    rest = line[len(said) :].lstrip()
    if verb.name in ("rule", "new", "count", "check", "plan"):
        return _with_source(verb, rest, _after(raw, said), line)
    return _read(verb, rest, line)


def tidy(typed: str) -> str:
    """A command line as it was meant: straight quotes, plain blanks, no markup."""
    fence = _FENCE.match(typed)
    if fence:
        typed = fence["inner"] if fence["inner"] is not None else fence["line"]
    typed = _LINK.sub(_address, typed)
    typed = _ENTITY.sub(lambda found: _ENTITIES[found.group()], typed)
    typed = _DASHES.sub("--", typed.translate(_PLAIN))
    return re.sub(r"[ \r]+", " ", typed).strip()


def source_of(typed: str) -> str:
    """A campaign's text as it was meant: links, entities and fences undone, strings kept."""
    cleaned = clean(typed, chat=True)
    return (cleaned.text if cleaned.text or not cleaned.diagnostics else typed).strip()


def folded(name: str) -> str:
    """A name to compare by: no capitals, straight quotes, single blanks."""
    return " ".join(name.translate(_PLAIN).casefold().split())


def _address(found: re.Match[str]) -> str:
    link, label = found.group(1), found.group(2)
    address = re.sub(r"^(mailto:|tel:)", "", link)
    bare = re.sub(r"^https?://", "", address).rstrip("/")
    return label if label and label.rstrip("/") == bare else address


def said(command: Command, name: str | None = None) -> str:
    """A command as it can be typed again, if need be with another name: `pause "Spring sale"`."""
    if command.verb == "rule":
        return command.rest
    parts = [command.verb]
    for argument in BY_NAME[command.verb].arguments:
        if argument.key == "name":
            value = name or command.name
        elif argument.key == "rest":
            value = command.rest or None
        else:
            value = command.options.get(argument.key)
        if value is None:
            continue
        if argument.shape == "name":
            value = _in_quotes(value)
        elif argument.shape == "person" and not value.startswith("@"):
            value = f"<@{value}>"
        parts += [*argument.before.split(), value]
    return " ".join(parts).replace(" : ", ": ")


def spoken(name: str, public_id: str) -> str:
    """How a button names a thing: in quotes, or by its id where its name would not survive them."""
    return f'"{name}"' if '"' not in name and tidy(name) == name else public_id


def _in_quotes(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name) else f'"{name}"'


# ---------------------------------------------------------------- the verb


def _opener(line: str) -> str | None:
    """The word of the language that a text begins with, unless a longer verb is meant."""
    verb, word = _VERB.match(line), _OPENER.match(line)
    if word is None or (verb is not None and _plain_length(verb) >= _plain_length(word)):
        return None
    return word.group()


def _verb(line: str) -> tuple[Verb | None, str]:
    found = _VERB.match(line)
    if found is None:
        return None, ""
    return WORDS[" ".join(found.group().lower().split())], found.group()


def _plain_length(found: re.Match[str]) -> int:
    return len(" ".join(found.group().split()))


def _after(raw: str, said: str) -> str:
    """What was typed after the verb, as it was typed."""
    words = r"\s+".join(re.escape(part) for part in said.split())
    return re.sub(rf"\A[\s`]*{words}", "", raw, count=1, flags=re.IGNORECASE)


def _unknown(line: str) -> Mistake:
    first, _, rest = line.partition(" ")
    near = nearest(first, [*(w for w in WORDS if " " not in w), *OPENERS], most=3)
    suggestions: dict[str, Suggestion] = {}
    for word in near:
        verb = WORDS.get(word)
        meant = word if verb is None else verb.name
        safe = verb is not None and not verb.danger
        suggestions.setdefault(meant, Suggestion(f"{meant} {rest}".strip(), safe))
    help_ = "`/campaign help` shows what can be said"
    return Mistake(f"I do not know `{_cut(first)}`", help_, None, tuple(suggestions.values()))


# ---------------------------------------------------------------- its arguments


def _read(verb: Verb, rest: str, line: str) -> Command | Mistake:
    rest = rest.strip()
    found = re.fullmatch(_pattern(verb.arguments), rest, re.IGNORECASE | re.DOTALL)
    if found is None:
        return _misread(verb, rest)
    options: dict[str, str] = {}
    name: str | None = None
    free = ""
    for place, argument in enumerate(verb.arguments):
        value = found[f"a{place}"]
        if value is None:
            continue
        value = _value(argument, value)
        if argument.key == "name":
            name = value
        elif argument.key == "rest":
            free = value
        else:
            options[argument.key] = value
    return Command(verb.name, name, free, options, line)


@cache
def _pattern(arguments: tuple[Argument, ...]) -> str:
    """A regular expression that reads the arguments, in their order."""
    whole = ""
    for place, argument in enumerate(arguments):
        if argument.shape == "word":
            words = "|".join(re.escape(choice) for choice in argument.choices)
            shape = rf"(?:{words})(?:[\s,]+(?:{words}))*" if argument.many else words
        else:
            shape = _SHAPES[argument.shape]
        before = ""
        if argument.before:
            words = r"\s+".join(re.escape(word) for word in argument.before.split())
            before = rf"(?:--)?{words}[\s:=]+"
        blank = r"(?:^|\s+)" if place else ""
        part = rf"{blank}{before}(?P<a{place}>{shape})"
        whole += f"(?:{part})?" if argument.optional else part
    return whole


def _value(argument: Argument, value: str) -> str:
    value = value.strip()
    if argument.shape == "person":
        person = _PERSON.fullmatch(value)
        return person.group(1) if person else value
    if argument.shape == "number":
        return re.sub(r"\D", "", value)
    if argument.shape == "length":
        return value.replace(" ", "").lower()
    if argument.shape == "word":
        return " ".join(re.split(r"[\s,]+", value.lower()))
    if len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


def _misread(verb: Verb, rest: str) -> Mistake:
    """Which argument is missing, or what was not understood."""
    help_ = f"`/campaign {verb.usage}`, as in `/campaign {verb.example}`"
    for most in range(1, len(verb.arguments) + 1):
        some = verb.arguments[:most]
        missed = some[-1]
        if missed.optional:
            continue
        if not re.match(_pattern(some) + r"(?=\s|$)", rest, re.IGNORECASE | re.DOTALL):
            said = f"`{verb.name}` needs {missed.means}"
            if missed.before:
                said += f" after `{missed.before}`"
            return Mistake(said, help_, verb.name, _nearest_choice(verb, missed, rest))
    if not verb.arguments:
        return Mistake(
            f"`{verb.name}` stands alone; I do not know what `{_cut(rest)}` means with it",
            help_,
            verb.name,
        )
    optional = [one for one in verb.arguments if one.optional]
    suggestions = _nearest_choice(verb, optional[-1], rest) if optional else ()
    return Mistake(
        f"I do not understand `{_cut(rest)}` after `{verb.name}`", help_, verb.name, suggestions
    )


def _nearest_choice(verb: Verb, argument: Argument, rest: str) -> tuple[Suggestion, ...]:
    last = rest.split()[-1] if rest.split() else ""
    near = nearest(last, argument.choices, most=2)
    kept = rest[: len(rest) - len(last)]
    return tuple(Suggestion(f"{verb.name} {kept}{word}", not verb.danger) for word in near)


def _with_source(verb: Verb, rest: str, raw: str, line: str) -> Command | Mistake:
    """The verbs that take a text of the language, which is not cleaned as a command line is."""
    if verb.name in ("rule", "count"):
        source = source_of(raw).removeprefix(":").strip()
        if not source:
            return _misread(verb, "")
        return Command(verb.name, None, source, {}, f"{verb.name} {source}")
    if verb.name != "plan" and _opener(rest) is not None:
        source = source_of(raw)
        return Command(verb.name, None, source, {}, f"{verb.name} {source}")
    colon = _colon(raw)
    if colon is None:
        return _read(verb, rest, line)
    name = tidy(raw[:colon]).strip('"').strip() or None
    source = source_of(raw[colon + 1 :])
    if not source:
        return Mistake(
            f"`{verb.name}` needs the text after the colon",
            f"`/campaign {verb.usage}`, as in `/campaign {verb.example}`",
            verb.name,
        )
    called = f'{verb.name} "{name}": ' if name else f"{verb.name}: "
    return Command(verb.name, name, source, {}, called + source)


def _colon(raw: str) -> int | None:
    """Where the colon stands that ends a name: outside quotes and links."""
    quoted = linked = False
    for place, character in enumerate(raw):
        if character in '"\u201c\u201d\u201e\u00ab\u00bb':
            quoted = not quoted
        elif character in "<>" and not quoted:
            linked = character == "<"
        elif character == "\n":
            return None
        elif character == ":" and not quoted and not linked:
            return place
    return None


def _cut(text: str, most: int = 40) -> str:
    line = text.replace("\n", " ").replace("`", "'")
    return line if len(line) <= most else f"{line[: most - 1]}…"
