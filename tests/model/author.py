"""Campaigns at random, in the language's own words.

Two things are kept apart on purpose, because the language gives them no order: what parallel parts
and standing rules write is read by none but themselves.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

from model.dice import Dice

from headless.dsl.examine import examine

EMAILS = ("Welcome", "Reminder", "Tips")
EVENTS = ("a", "b", "c")
WINDOWS = ("2h", "12h", "1d", "2d", "3d", "1d6h", "1w")
WAITS = ("30m", "1h", "1h", "6h", "1d", "1d", "2d", "1d12h", "1w", "1mo")


@cache
def runs(text: str) -> bool:
    """Whether the engine runs a text: it has no faults."""
    read = examine(text)
    return read.ok


PROBES = {
    "parallel": 'from segment Leads parallel do note "x" also note "y" end',
    "repeat": "from segment Leads repeat 2 times do wait 1h end",
    "every": 'from segment Leads every day at 09:00 2 times do note "x" end',
    "jump": "from segment Leads back: wait 1h jump to back at most 2 times",
    "goal": "from segment Leads goal when did a wait 1d",
    "stop": "from segment Leads stop when did a wait 1d",
    "and": 'from segment Leads when did a and did b within 1d then note "x"',
    "times": 'from segment Leads when did a 2 times within 1d then note "x"',
    "label": 'from segment Leads first: send email X when did a within 1d of first then note "x"',
    "quiet hours": "from segment Leads quiet hours 21:00 to 08:00 send email X",
    "quiet days": "from segment Leads quiet days sunday send email X",
    "limit": "from segment Leads limit 2 emails per week send email X",
    "between": "from segment Leads send email X between 09:00 and 17:00",
    "on": "from segment Leads send email X on weekdays",
    "unsubscribe": "from segment Leads unsubscribe from email",
    "subscribe": "from segment Leads subscribe to email",
    "changed": 'from segment Leads when changed country within 1d then note "x"',
}


@cache
def ready(what: str) -> bool:
    """Whether the engine has come so far."""
    return runs(PROBES[what])


@dataclass(frozen=True)
class Place:
    """Where a step is drawn: how deep, whose tags it may speak of, what may stand there."""

    depth: int = 0
    space: str = "m"  # the tags of this path begin with it
    alone: bool = True  # nothing runs beside it
    last: bool = True  # the block's last step


class Author:
    """Writes one campaign."""

    def __init__(self, dice: Dice, beginning: datetime) -> None:
        self.dice = dice
        self.windows = 0
        self.left = dice.one_of((4, 6, 2, 8, 12))
        self.soon = (beginning + timedelta(days=3)).date()
        self.spaces = iter("npqrstuvwxyz")
        self.labels = iter(f"l{n}" for n in range(20))
        self.labelled: list[str] = []
        self.alone = dice.maybe()

    def one_of(self, *options: str) -> str:
        return self.dice.one_of(options)

    def maybe(self, one_in: int = 2) -> bool:
        return self.dice.maybe(one_in)

    def closes(self) -> bool:
        """Whether one more window closes: one a campaign, for each makes statements longer."""
        if self.windows or not self.maybe(7):
            return False
        self.windows += 1
        return True

    # ------------------------------------------------------------ the header

    def campaign(self) -> str:
        header = [self.entrance()]
        if self.maybe(3):
            header.append(f"re-entry {self.one_of('always', 'after 2d', 'never')}")
        if self.maybe(5):
            header.append('time zone "Asia/Tokyo"')
        endings = (word for word in ("goal", "stop") if ready(word) and self.maybe(5))
        header += [f"{word} when {self.event(once=True)}" for word in endings]
        if ready("quiet hours") and self.closes():
            header.append(f"quiet hours {self.one_of('21:00 to 08:00', '12:00 to 14:00')}")
        if ready("quiet days") and self.closes():
            header.append(f"quiet days {self.one_of('saturday and sunday', 'tuesday')}")
        if ready("limit") and self.maybe(6):
            header.append(f"limit {self.one_of('1 email per day', '2 emails per week')}")
        body = self.block(Place(alone=self.alone))
        return "\n".join([*header, *body])

    def entrance(self) -> str:
        return self.one_of(
            *["from segment Leads"] * 9,
            "from segment Leads, segment VIP",
            "from new members of segment Leads",
            'from segment Leads where (country is "DE")',
            "start when did a",
            'from contacts where (country is "DE" or age > 45)',
        )

    # ------------------------------------------------------------ blocks

    def block(self, place: Place, *, least: int = 1, timed: bool = False) -> list[str]:
        most = (6, 4, 2) if place.depth == 0 else (1, 2, 3)
        count = max(least, self.dice.one_of(most))
        lines: list[str] = []
        known = len(self.labelled)
        for index in range(count):
            if self.left <= 0 and index >= least:
                break
            self.left -= 1
            lines += self.step(replace(place, last=index == count - 1 and not timed))
        if timed and not any(line.strip().startswith("wait") for line in lines):
            lines.append(f"wait {self.one_of('1h', '1d')}")
        del self.labelled[known:]  # a jump goes to a label of its own block or one around it
        return ["  " * bool(place.depth) + line for line in lines]

    def step(self, place: Place) -> list[str]:
        kinds = ["act", "act", "act", "send", "send", "wait", "wait", "if", "when", "when"]
        if place.depth < 2 and self.left > 2:
            kinds += ["when", "if", "split"]
            if ready("repeat"):
                kinds.append("repeat")
            if ready("every"):
                kinds.append("every")
            if not place.alone:
                kinds += ["whenever"]
                if ready("parallel"):
                    kinds += ["parallel"]
        if ready("jump") and self.labelled:
            kinds.append("jump")
        if place.last and place.depth and self.maybe(3):
            kinds.append("exit")
        kind = self.one_of(*kinds)
        lines: list[str] = getattr(self, f"step_{kind}")(place)
        if self.maybe(4) and kind in ("act", "send", "wait"):
            label = next(self.labels)
            self.labelled.append(label)
            lines[0] = f"{label}: {lines[0]}"
        return lines

    # ------------------------------------------------------------ steps without steps

    def step_act(self, place: Place) -> list[str]:
        tag = f"{place.space}{self.dice.number(1, 2)}"
        options = [f"add tag {tag}", f"remove tag {tag}", "add points 5", "remove points 2",
                   'note "here"']  # fmt: skip
        if place.alone:
            options += ['set country to "US"', "set age to 40", "set trial to today", "clear age",
                        f"set trial to {self.soon}", "add to segment Done",
                        "remove from segment Done"]  # fmt: skip
        return [self.one_of(*options)]

    def step_send(self, place: Place) -> list[str]:
        kind = self.one_of("", "", "", "transactional ")
        windows = ""
        if ready("between") and self.closes():
            windows += self.one_of(" between 09:00 and 17:00", " between 22:00 and 06:00")
        if ready("on") and self.closes():
            windows += self.one_of(" on weekdays", " on friday")
        return [f"send {kind}email {self.one_of(*EMAILS)}{windows}"]

    def step_wait(self, place: Place) -> list[str]:
        moments = ["until 10:00", "until 02:30", "until 08:30 on weekends", "until friday at 17:00",
                   "until monday", f"until {self.soon}", f"until {self.soon} 17:00",
                   f"until {self.event()} within {self.one_of(*WINDOWS)}"]  # fmt: skip
        if place.alone:
            moments += ["until trial", "until trial at 09:00", "until 1d before trial",
                        "until 2d after trial at 10:00"]  # fmt: skip
        return ["wait " + self.one_of(*WAITS, *moments)]

    def step_exit(self, place: Place) -> list[str]:
        return ["exit"]

    def step_jump(self, place: Place) -> list[str]:
        times = self.dice.number(1, 3)
        return [f"jump to {self.one_of(*self.labelled)} at most {times} times"]

    # ------------------------------------------------------------ questions

    def event(self, *, once: bool = False) -> str:
        name, mail = self.one_of(*EVENTS), self.one_of(*EMAILS)
        options = [f"did {name}", f"did {name}", f"opened email {mail}", f"clicked email {mail}",
                   f"did {name} where (n > 5)"]  # fmt: skip
        if not once:
            options += [f"opened any email or did {name}", f"opened email {mail} or did {name}"]
            if ready("times"):
                options.append(f"did {name} 2 times")
            if ready("and"):
                options.append(f"did a and opened email {mail}")
        return self.one_of(*options)

    def within(self, event: str) -> str:
        anchor = self.one_of("", "", "", " of entry")
        if ready("label") and self.labelled and self.maybe(6):
            anchor = f" of {self.one_of(*self.labelled)}"
        return f" within {self.one_of(*WINDOWS)}{anchor}"

    def step_when(self, place: Place) -> list[str]:
        inner = replace(place, depth=place.depth + 1)
        lines: list[str] = []
        for index in range(self.dice.one_of((1, 1, 1, 2, 3))):
            event, negated = self.event(), "not " if self.maybe(4) else ""
            start = "or when" if index else "when"
            lines.append(f"{start} {negated}{event}{self.within(event)} do")
            lines += self.block(inner)
        if self.maybe():
            lines += ["else", *self.block(inner)]
        return [*lines, "end"]

    def condition(self, place: Place, depth: int = 0) -> str:
        tag = f"{place.space}{self.dice.number(1, 2)}"
        mail = self.one_of(*EMAILS)
        options = [f"has tag {tag}", f"has tag {tag}", "reachable by email", "unsubscribed",
                   f"did {self.one_of(*EVENTS)} in last 2d", f"opened email {mail}",
                   f"clicked email {mail} ever", "today after 2026-01-07"]  # fmt: skip
        if place.alone:
            options += ["points >= 10", "points < 5", 'country is "DE"', 'country is not "DE"',
                        "country in (US, FR)", "age between 20 and 40", "age is empty",
                        "trial before 3d from now", "trial after 2026-01-20", "in segment Done",
                        'country starts with "d"']  # fmt: skip
        if depth < 1 and self.maybe(4):
            inner = [self.condition(place, depth + 1) for _ in range(2)]
            return self.one_of(f"({inner[0]} and {inner[1]})", f"({inner[0]} or {inner[1]})",
                               f"not ({inner[0]})")  # fmt: skip
        return self.one_of(*options)

    def step_if(self, place: Place) -> list[str]:
        inner = replace(place, depth=place.depth + 1)
        lines: list[str] = []
        for index in range(self.dice.one_of((1, 1, 1, 2))):
            lines.append(f"{'or if' if index else 'if'} {self.condition(place)} do")
            lines += self.block(inner)
        if self.maybe():
            lines += ["else", *self.block(inner)]
        return [*lines, "end"]

    def step_split(self, place: Place) -> list[str]:
        inner = replace(place, depth=place.depth + 1)
        return ["split do", '  50% "A":', *self.block(inner), '  rest "B":', *self.block(inner),
                "end"]  # fmt: skip

    # ------------------------------------------------------------ beside and again

    def beside(self, place: Place) -> Place:
        return replace(place, depth=place.depth + 1, space=next(self.spaces), last=False)

    def step_whenever(self, place: Place) -> list[str]:
        within = f" within {self.one_of(*WINDOWS)}" if self.maybe(3) else ""
        times = f" at most {self.dice.number(1, 3)} times" if self.maybe(3) else ""
        known, self.labelled = self.labelled, []
        lines = [f"whenever {self.event(once=True)}{within}{times} do",
                 *self.block(replace(self.beside(place), depth=2)), "end"]  # fmt: skip
        self.labelled = known
        return [*lines, f"wait {self.one_of(*WAITS)}"]

    def step_parallel(self, place: Place) -> list[str]:
        known, self.labelled = self.labelled, []
        lines = ["parallel do", *self.block(self.beside(place)), "also",
                 *self.block(self.beside(place)), "end"]  # fmt: skip
        self.labelled = known
        return lines

    def step_repeat(self, place: Place) -> list[str]:
        until = f" until ({self.condition(place)})" if self.maybe(3) else ""
        inner = replace(place, depth=place.depth + 1, last=False)
        times = self.dice.number(1, 3)
        return [f"repeat {times} times{until} do", *self.block(inner, timed=True), "end"]

    def step_every(self, place: Place) -> list[str]:
        schedule = self.one_of(
            "day at 09:00", "week on monday and thursday at 08:00", "2d at 10:00", "12h",
            "month on day 31 at 09:00", "weekdays at 02:30",
        )  # fmt: skip
        stop = self.one_of("3 times", "for 3d", f"until {self.soon}", "1 times")
        inner = replace(place, depth=place.depth + 1, last=False)
        return [f"every {schedule} {stop} do", *self.block(inner), "end"]
