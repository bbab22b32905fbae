"""Reading on after a fault: every fault of a text in one run, one report for each.

A walk over the parse table. Where a word does not fit, the repairs that could have been meant
(put a word in, leave it out, take another, swap two, drop what cannot be saved) are ranked by how
far the text reads on with each; the best one is made, and it also tells what the fault was, for
`faults` to say it in words. Computes only, and always ends: each repair moves on in the text.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from headless.dsl.diagnostics import Diagnostic
from headless.dsl.expect import SETTINGS, STEPS, meant
from headless.dsl.fault import Fault, Repair
from headless.dsl.faults import describe
from headless.dsl.lalr import END, Token, accepts, advance, readable
from headless.dsl.tables import table

MOST_REPORTS: Final = 20
"""After so many faults the rest is not read."""
NEAR: Final = 10
"""So many words must read on for a repair to be believed."""
FAR: Final = 60
"""So many words decide between repairs that are equally good nearby."""
SYNC: Final = STEPS | SETTINGS | {"LABEL", "END", "ELSE", "OR_WHEN", "OR_IF", "ALSO", "REST", END}
PLACEHOLDERS: Final = {
    "NAME": "missing",
    "STRING": '"missing"',
    "DURATION": "1d",
    "WHOLE": "1",
    "NUMBER": "1",
    "TIME": "00:00",
    "DATE": "2000-01-01",
    "PERCENT": "1%",
    "MONEY": "1 EUR",
    "LABEL": "missing:",
    "DOTTED": "company.missing",
    "WEEKDAY": "monday",
    "DAYS": "weekdays",
}
_ASKED: Final = (("OPENED", "EMAIL", "NAME"), ("NAME", "IS", "NAME"))


class Recovered(NamedTuple):
    """The faults, and the tokens as repaired: they can be read (None if that was given up)."""

    diagnostics: list[Diagnostic]
    tokens: list[Token] | None


class _Choice(NamedTuple):
    score: float
    repair: Repair
    reached: int


def recover(tokens: Sequence[Token], text: str, start: str) -> Recovered:
    """Every fault in a text whose tokens do not fit together."""
    return _Walk(tokens, text, start).run()


class _Walk:
    """The tokens kept so far, and the stack before each of them."""

    def __init__(self, tokens: Sequence[Token], text: str, start: str) -> None:
        self.tokens = tokens
        self.kinds = [token.type for token in tokens]
        self.text = text
        self.left_in_line = _left_in_lines(tokens, text)
        self.stacks: list[list[int]] = [[table().starts[start]]]
        self.kept: list[Token] = []
        self.reports: list[Diagnostic] = []
        self.owed = 0
        self.quiet_until = -1

    def run(self) -> Recovered:
        index = 0
        while index < len(self.tokens):
            if self._keep(self.tokens[index]):
                index += 1
                continue
            if len(self.reports) >= MOST_REPORTS:
                return Recovered(self.reports, None)
            following = self._mend(index)
            if following is None:
                return Recovered(self.reports, None)
            index = following
        return Recovered(self.reports, self.kept)

    def _keep(self, token: Token) -> bool:
        after = advance(self.stacks[-1], token.type)
        if after is None:
            return False
        self.stacks.append(after)
        self.kept.append(token)
        return True

    def _mend(self, index: int) -> int | None:
        """Report what is wrong at a token and repair it; where to read on."""
        token = self.tokens[index]
        if token.type == END and self.owed and self._close():
            return index
        fault = self._fault(index)
        choice = self._best(fault, list(self._repairs(fault)))
        report, hints = describe(fault, choice.repair if choice else None)
        hinted = self._best(fault, hints)
        if hinted is not None and hinted.reached:
            choice = hinted
        if index > self.quiet_until or not self.reports:
            self.reports.append(report)
        if choice is not None and choice.score >= 2:
            self.quiet_until = index + choice.repair.skip
            return self._make(choice.repair, index)
        return self._give_way(index)

    def _fault(self, index: int) -> Fault:
        return Fault(
            index,
            self.tokens,
            self.text,
            tuple(self.kept),
            tuple(self.stacks),
            accepts(self.stacks[-1]),
        )

    def _close(self) -> bool:
        """Put in the `end`s that an earlier report has already asked for."""
        while self.owed and self._keep(self._placed("END", len(self.tokens) - 1)):
            self.owed -= 1
        return advance(self.stacks[-1], END) is not None

    # -- the repairs

    def _repairs(self, fault: Fault) -> Iterator[Repair]:
        kind = fault.token.type
        for terminal in sorted(meant(fault.fitting)):
            if terminal == END:
                continue
            begins = terminal in STEPS or terminal in SETTINGS
            yield Repair((terminal,), 0, cost=2.3 if begins else 1.5)
            if kind != END:
                yield Repair((terminal,), 1, cost=2.5)
        if kind == END:
            yield from (Repair(("END",) * count, 0, cost=1.0) for count in range(1, 6))
            return
        yield Repair((), 1, cost=2)
        yield Repair((), 2, cost=3.5)
        if fault.next.type != END:
            yield Repair((fault.next.type, kind), 2, cost=2.2)
        yield from self._backwards(fault)
        yield from self._phrases(fault)

    def _backwards(self, fault: Fault) -> Iterator[Repair]:
        """What helps if the word before was the wrong one."""
        if not fault.kept:
            return
        previous = fault.previous.type
        yield Repair((), 0, back=1, cost=2.6)
        yield Repair((fault.token.type, previous), 1, back=1, cost=2.8)
        for terminal in sorted(meant(accepts(fault.stacks[-2]))):
            if terminal != previous and terminal != END:
                yield Repair((terminal,), 0, back=1, cost=3.2)
                yield Repair((terminal, previous), 0, back=1, cost=2.7)

    def _phrases(self, fault: Fault) -> Iterator[Repair]:
        """A whole question put in for what cannot be read, up to what follows it."""
        for skip in range(9):
            kind = self.kinds[min(fault.at + skip, len(self.kinds) - 1)]
            if kind in ("THEN", "DO", "WITHIN", "AND", "OR"):
                for asked in _ASKED:
                    yield Repair(asked, skip, cost=4 + 0.3 * skip)
                    yield Repair(asked, skip, back=1, cost=5 + 0.3 * skip)
            if kind in STEPS or kind in SETTINGS or kind == END:
                return

    def _best(self, fault: Fault, repairs: Sequence[Repair]) -> _Choice | None:
        choices: list[_Choice] = []
        for repair in repairs:
            reached = self._reached(fault, repair, NEAR)
            if reached:
                whole = reached >= min(NEAR, self._rest_of_line(fault.at + repair.skip))
                progress = min(NEAR, reached + repair.skip)
                score = progress - repair.cost + (4 if whole else 0)
                choices.append(_Choice(score, repair, reached))
        if not choices:
            return None
        top = max(choice.score for choice in choices)
        near = [choice for choice in choices if choice.score >= top - 2.5][:24]
        if len(near) == 1:
            return near[0]
        return max(near, key=lambda choice: self._progress(fault, choice.repair))

    def _rest_of_line(self, index: int) -> int:
        return self.left_in_line[index] if index < len(self.left_in_line) else 1

    def _begins_line(self, index: int) -> bool:
        return index > 0 and self.left_in_line[index - 1] == 1

    def _progress(self, fault: Fault, repair: Repair) -> float:
        far = self._reached(fault, repair, FAR) + repair.skip
        return min(far, FAR) - 2 * repair.cost

    def _reached(self, fault: Fault, repair: Repair, limit: int) -> int:
        """How many of the next tokens can be read with a repair; 0 if it does not fit itself."""
        base = len(self.stacks) - 1 - repair.back
        if base < 0:
            return 0
        following = fault.at + repair.skip
        read = [*repair.insert, *self.kinds[following : following + limit]]
        return max(0, readable(self.stacks[base], read) - len(repair.insert))

    def _make(self, repair: Repair, index: int) -> int:
        if repair.back:
            del self.kept[-repair.back :], self.stacks[-repair.back :]
        for terminal in repair.insert:
            self._keep(self._placed(terminal, index))
        self.owed += repair.owed
        return index + repair.skip

    def _placed(self, terminal: str, index: int) -> Token:
        at = self.tokens[index].start
        return Token(terminal, PLACEHOLDERS.get(terminal, terminal.lower()), at, at)

    def _give_way(self, index: int) -> int | None:
        """Drop the statement that cannot be saved, and read on at the next."""
        first = index if self.kinds[index] in SYNC else index + 1
        for following in range(first, len(self.kinds)):
            kind = self.kinds[following]
            wanted = kind if kind in SYNC else "EXIT" if self._begins_line(following) else ""
            back = self._unwound(wanted) if wanted else None
            if back is not None:
                if back:
                    del self.kept[-back:], self.stacks[-back:]
                self.quiet_until = following if kind in SYNC else following - 1
                return following
        return None

    def _unwound(self, wanted: str) -> int | None:
        """How many tokens must go for this one to fit; no whole block is dropped for it."""
        for back in range(len(self.stacks)):
            if back and self.kept[-back].type in ("DO", "END") and wanted != END:
                return None
            if advance(self.stacks[len(self.stacks) - 1 - back], wanted) is not None:
                return back
        return None


def _left_in_lines(tokens: Sequence[Token], text: str) -> list[int]:
    """For each token how many stand from it to the end of its line, itself included."""
    left = [1] * len(tokens)
    for index in range(len(tokens) - 2, -1, -1):
        if text.find("\n", tokens[index].end, tokens[index + 1].start) < 0:
            left[index] = left[index + 1] + 1
    return left
