"""Draw the rules of the grammar into `docs/railroad/`, and show them on `docs/grammar.md`.

Run it after the grammar has changed: `python docs/write_railroads.py`. Rules are read from
`grammar/campaign.lark` itself. Each setting, step, event and condition in it gets a diagram of its
own; a rule that has none is drawn where it is used. Only the rules that keep `else` unambiguous are
drawn from `RESHAPED`, for their true shape explains nothing to a reader.
"""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import lark
import railroad

from headless.dsl.grammar import GRAMMAR_FILE
from headless.dsl.tables import spelled, table

HERE: Final = Path(__file__).parent
PICTURES: Final = HERE / "railroad"
PAGE: Final = HERE / "grammar.md"
WIDEST: Final = 860
"""A diagram that would be wider, in pixels, goes on in a second row."""

STYLE: Final = """
svg { background: #ffffff; }
path { stroke: #64748b; stroke-width: 1.5; fill: none; }
text { font: 14px "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #0f172a; }
text { text-anchor: middle; }
.terminal rect { fill: #eff6ff; stroke: #1d4ed8; stroke-width: 1.5; }
.terminal text { fill: #1d4ed8; font-weight: bold; }
.non-terminal rect { fill: #f8fafc; stroke: #94a3b8; stroke-width: 1.5; }
"""

RESHAPED: Final = {
    "start": "[CAMPAIGN ref] setting* steps",
    "steps": "step+",
    "step": "[LABEL] (simple | when | if | whenever | split | parallel | repeat | every) [_SEMI]",
    "inline": 'simple ("," simple)*',
    "when": "WHEN trigger THEN inline (OR_WHEN trigger THEN inline)* [ELSE inline]"
    " | WHEN trigger DO steps (OR_WHEN trigger DO steps)* [ELSE steps] END",
    "if": "IF cond THEN inline (OR_IF cond THEN inline)* [ELSE inline]"
    " | IF cond DO steps (OR_IF cond DO steps)* [ELSE steps] END",
    "whenever": "WHENEVER trigger [at_most] THEN inline | WHENEVER trigger [at_most] DO steps END",
    "body": "steps",
    "simple": "_simple",
}
"""How the rules of `RESHAPED_RULES` are drawn."""
RESHAPED_RULES: Final = (
    *("start", "title", "_run", "body", "body_c", "_step", "_closed", "labelled_closed"),
    *("_closed_body", "open_step", "open_body", "when_chain", "if_chain", "inline_else"),
    *("_block_step", "when_block", "if_block", "_when_tail", "_if_tail", "_else"),
    *("whenever_block", "inline"),
)
RESHAPED_FROM: Final = "0a5c9374ad84"
"""The hash of those rules when `RESHAPED` was last held against them."""

BOXES: Final = {
    "ref": ("name", 'what something is called: `Welcome`, `"Spring sale"`'),
    "name": ("word", "a name without quotes: `intro`, `mobile`"),
    "text": ("text", 'always in quotes: `"taken on by sales"`'),
    "whole": ("number", "a whole number: `3`"),
    "number": ("number", ""),
    "duration": ("length of time", "`3d`, `90m`, `2 weeks`, `1mo`"),
    "date": ("date", "`2026-12-24`, `2026-12-24 09:00`"),
    "clock": ("time of day", "`09:00`"),
    "percent": ("share", "`50%`"),
    "money": ("money", "`100 EUR`"),
    "NAME": ("word", ""),
    "STRING": ("text", ""),
    "WHOLE": ("number", ""),
    "NUMBER": ("number", ""),
    "PERCENT": ("share", ""),
    "WEEKDAY": ("day", "`monday` … `sunday`"),
    "DAYS": ("days", "`weekdays`, `weekends`"),
    "DOTTED": ("scope.field", "`company.size`, `entry.total`: two words with a dot and no blank"),
    "LABEL": ("label:", "the name of a step or an arm, with its colon: `intro:`"),
    "soft_field": ("word", ""),
}
"""Rules and terminals that are one box: its words, and what it stands for."""
LABELS: Final = {
    "start": "campaign",
    "simple": "simple step",
    "inline": "steps on one line",
    "cond": "condition",
    "neg": "single condition",
    "test": "comparison",
    "with_args": "with",
    "happened": "something that happened",
    "zone": "time zone",
    "reentry": "re-entry",
    "source": "from",
    "source_ref": "source",
    "did": "did",
    "every_when": "schedule",
    "every_stop": "end of a schedule",
    "set_field": "set",
    "clear_field": "clear",
    "replied": "replied to",
    "spent": "spent",
    "changed": "changed",
    "of_anchor": "anchor",
    "reachable": "reachable by",
    "requested": "requested slot",
}
"""What a rule is called in the diagrams, where its own name in words is not it."""


class Group(NamedTuple):
    """A part of the page: its title, rules drawn in it, and a rule whose alternatives are too."""

    title: str
    rules: tuple[str, ...]
    each_of: str = ""


GROUPS: Final = (
    Group("The text", ("start", "steps", "step", "simple", "inline")),
    Group("Settings", ("source_ref",), "setting"),
    Group("Simple steps", ("with_args", "moment"), "_simple"),
    Group("Questions, branches and loops", ("when", "if", "whenever")),
    Group("Blocks", ("arm", "every_when", "every_stop"), "_block_step"),
    Group("What `when` waits for", ("trigger", "within", "events", "event"), "_happening"),
    Group("What `if` asks", ("cond", "neg"), "_atom"),
    Group("Values", ("operand", "value", "date_value", "field", "on_days")),
)


class Word(NamedTuple):
    """A keyword or sign, as it is typed."""

    text: str


class Box(NamedTuple):
    """Something that has a diagram or a line in the legend."""

    text: str


class Seq(NamedTuple):
    """One after the other."""

    items: tuple[Any, ...]


class Alt(NamedTuple):
    """One of several."""

    items: tuple[Any, ...]


class Maybe(NamedTuple):
    """It can be left out."""

    item: Any


class Many(NamedTuple):
    """Once or several times, with something between."""

    item: Any
    between: Any = None


NOTHING: Final = Seq(())


class Grammar:
    """The rules as trees of Lark's own grammar of grammars."""

    def __init__(self, text: str) -> None:
        reader = lark.Lark.open(
            str(Path(lark.__file__).parent / "grammars" / "lark.lark"),
            parser="lalr",
            maybe_placeholders=False,
        )
        self.sources = dict(_rules(text))
        shapes = {name: said.partition(":")[2] for name, said in self.sources.items()}
        shapes |= RESHAPED
        read = reader.parse("".join(f"{name}: {shape}\n" for name, shape in shapes.items()))
        self.trees = {str(rule.children[0]): rule.children[-1] for rule in read.children}
        self.drawn = {rule: None for _, rules in self.groups() for rule in rules}

    def groups(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The page's parts and the rules that are drawn in each."""
        seen: set[str] = set()
        for group in GROUPS:
            each = self._alternatives(group.each_of) if group.each_of else ()
            rules = tuple(r for r in (*group.rules, *each) if r not in seen)
            seen.update(rules)
            yield group.title, rules

    def _alternatives(self, rule: str) -> tuple[str, ...]:
        tree = self.trees[rule]
        names = tree.find_data("name")
        found = (str(name.children[0]) for name in names)
        hidden = {*RESHAPED_RULES, "cond"}
        return tuple(sorted({r for r in found if r in self.trees and r not in hidden}))

    def shape(self, rule: str) -> Any:
        """What a rule is made of."""
        shape = self._read(self.trees[rule])
        return _without_semicolon(shape) if rule not in RESHAPED else shape

    def _read(self, tree: Any) -> Any:
        if tree is None:
            return NOTHING
        match str(tree.data), tree.children:
            case ("expansions", parts):
                return _alternatives([self._read(part) for part in parts])
            case ("alias", [expansion, _]):
                return self._read(expansion)
            case ("expansion", parts):
                return _sequence([self._read(part) for part in parts])
            case ("maybe", [part]):
                return Maybe(self._read(part))
            case ("expr", [part, sign]):
                return _repeated(self._read(part), str(sign))
            case ("literal", [word]):
                return Word(str(word).strip('"'))
            case ("name", [name]):
                return self._named(str(name))
            case (kind, parts):
                raise ValueError(f"the grammar has a {kind} that cannot be drawn: {parts}")

    def _named(self, name: str) -> Any:
        if name in BOXES:
            return Box(BOXES[name][0])
        if name in self.drawn:
            return Box(label(name))
        if name in self.trees:
            return self.shape(name)
        if name not in spelled():
            raise ValueError(f"`{name}` has no words: give it some in BOXES")
        return Word(spelled()[name])


def _rules(text: str) -> Iterator[tuple[str, str]]:
    """Each rule's name and its text on one line; terminals and comments are left out."""
    said: list[str] = []
    for line in (*text.splitlines(), "END"):
        line = re.sub(r"(^|\s)//.*", "", line)
        if line[:1].isspace() and said:
            said.append(line.strip())
        elif line:
            if said:
                whole = " ".join(said)
                yield whole.partition(":")[0].lstrip("?!"), whole
            said = [line] if re.match(r"[?!]?_?[a-z]", line) else []


def _without_semicolon(shape: Any) -> Any:
    """A setting without the `;` that may end it: the page says so once for all."""
    match shape:
        case Seq((*first, Maybe(Word(";")))):
            return _sequence(first)
        case Seq((*first, last)):
            return _sequence([*first, _without_semicolon(last)])
        case Alt(items):
            return _alternatives([_without_semicolon(part) for part in items])
        case _:
            return shape


def _repeated(part: Any, sign: str) -> Any:
    if sign == "?":
        return Maybe(part)
    return Many(part) if sign == "+" else Maybe(Many(part))


def _sequence(parts: Iterable[Any]) -> Any:
    """Parts in a row; `a (sep a)*` becomes a list of `a` with `sep` between."""
    row: list[Any] = []
    for part in parts:
        match part:
            case Seq(items):
                row.extend(items)
            case Maybe(Many(Seq(again), None)) if alike := _alike(row, again):
                listed = _sequence(row[-alike:])
                row[-alike:] = [Many(listed, _sequence(again[:-alike]))]
            case _:
                row.append(part)
    return row[0] if len(row) == 1 else Seq(tuple(row))


def _alike(row: list[Any], again: tuple[Any, ...]) -> int:
    """How many parts at the end of both are the same; something is left to stand between."""
    count = 0
    while count < min(len(row), len(again) - 1) and row[-1 - count] == again[-1 - count]:
        count += 1
    return count


def _items(shape: Any) -> tuple[Any, ...]:
    return shape.items if isinstance(shape, Seq) else (shape,)


def _alternatives(parts: Iterable[Any]) -> Any:
    """One of several; neighbours that begin alike are drawn with one beginning."""
    flat: list[Any] = []
    for part in parts:
        flat.extend(part.items if isinstance(part, Alt) else (part,))
    flat = list(dict.fromkeys(flat))
    together: list[list[Any]] = []
    for part in flat:
        if together and _items(together[-1][0])[:1] == _items(part)[:1] != ():
            together[-1].append(part)
        else:
            together.append([part])
    drawn = [_with_one_beginning(group) for group in together]
    return drawn[0] if len(drawn) == 1 else Alt(tuple(drawn))


def _with_one_beginning(group: list[Any]) -> Any:
    if len(group) == 1:
        return group[0]
    rests = [_sequence(_items(part)[1:]) for part in group]
    told = [rest for rest in rests if rest != NOTHING]
    rest = _alternatives(told) if told else NOTHING
    return _sequence([_items(group[0])[0], Maybe(rest) if len(told) < len(rests) else rest])


def label(rule: str) -> str:
    """What a rule is called in the diagrams."""
    return LABELS.get(rule, rule.strip("_").replace("_", " "))


def anchor(rule: str) -> str:
    """The name of a rule's picture, and of its place in the page."""
    return label(rule).replace(" ", "-")


def _drawn(shape: Any) -> Any:
    match shape:
        case Word(text):
            return railroad.Terminal(text)
        case Box(text):
            return railroad.NonTerminal(text)
        case Maybe(item):
            return railroad.Optional(_drawn(item))
        case Many(item, between):
            return railroad.OneOrMore(_drawn(item), _drawn(between) if between else None)
        case Alt(items):
            return railroad.Choice(0, *(_drawn(item) for item in items))
        case Seq(items):
            return _rows([_drawn(item) for item in items])
        case _:
            raise TypeError(shape)


def _rows(items: list[Any]) -> Any:
    rows: list[list[Any]] = [[]]
    width = 0
    for item in items:
        if rows[-1] and width + item.width > WIDEST:
            rows.append([])
            width = 0
        rows[-1].append(item)
        width += item.width + 20
    if len(rows) == 1:
        return railroad.Sequence(*items)
    return railroad.Stack(*(railroad.Sequence(*row) for row in rows))


def picture(shape: Any) -> str:
    """A rule's diagram as an SVG."""
    out = io.StringIO()
    railroad.Diagram(_drawn(shape)).writeStandalone(out.write, STYLE)
    return out.getvalue() + "\n"


def reshaped_from(grammar: Grammar) -> str:
    """The hash of the rules that are drawn otherwise than they are written."""
    told = "\n".join(grammar.sources[rule] for rule in RESHAPED_RULES)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def pages() -> dict[Path, str]:
    """Every file that this script writes."""
    grammar = Grammar(GRAMMAR_FILE.read_text("utf-8"))
    told = reshaped_from(grammar)
    if told != RESHAPED_FROM:
        raise SystemExit(
            f"one of {', '.join(RESHAPED_RULES)} has changed: hold RESHAPED against them,"
            f' then set RESHAPED_FROM = "{told}"'
        )
    files: dict[Path, str] = {}
    lines = [_HEAD]
    for title, rules in grammar.groups():
        lines.append(f"## {title}\n")
        for rule in rules:
            files[PICTURES / f"{anchor(rule)}.svg"] = picture(grammar.shape(rule))
            lines.append(f"### {label(rule)}\n")
            lines.append(f"![{label(rule)}](railroad/{anchor(rule)}.svg)\n")
    lines.append(_legend())
    files[PAGE] = "\n".join(lines)
    return files


_HEAD: Final = """\
# The grammar, drawn

What can stand where, as railway lines: follow a line from left to right, and every way through is
a text of the language. Blue is typed as it stands, in capitals or not; grey stands for something
else, which has its own drawing here or a line in [the legend](#legend). Line breaks and indentation
are free. A setting or a step may end with `;`, which matters only where an `else` would otherwise
belong to it.

What each of them means is in [the language](language.md). The drawings are made from
`grammar/campaign.lark` by `python docs/write_railroads.py`.
"""


def _legend() -> str:
    told = [f"| {box} | {meaning} |" for box, meaning in BOXES.values() if meaning]
    soft = [f"`{spelled()[word]}`" for word in table().soft_names]
    return "\n".join(
        [
            "## Legend\n",
            "| box | stands for |",
            "| --- | --- |",
            *told,
            "",
            f"A bare name may also be one of the words that are not reserved: {', '.join(soft)}.\n",
        ]
    )


def main() -> None:
    """Write the pictures and the page; take away the pictures of rules that are gone."""
    files = pages()
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.svg"):
        if old not in files:
            old.unlink()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
