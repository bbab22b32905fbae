"""What each statement means: a path walks the tree and yields a `Rest` wherever it stands still.

`Walks` is the half of the reference that reads a campaign; the other half (`reference`) is the
world around it: the clock, the contacts' deeds, who enters and whom to wake.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

from model import moments
from model.asking import Asking, Deed, answers
from model.moments import Window, local, shifted
from model.runs import Ended, Jumped, Path, Rest, Rule, Run, Walk
from model.windows import MOST_GRACE, Windows, grace

from headless.dsl import ast
from headless.dsl.entrances import single_events
from headless.dsl.flow import bodies

LATE = timedelta(minutes=10)  # what is later than this counts from when it really happens
MOST_HELD = timedelta(days=3)
PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7),
           "month": timedelta(days=30)}  # fmt: skip


def size(block: ast.Block) -> int:
    """How many numbers the steps of a block have; a rule and a join have their own."""
    return sum(
        1 + isinstance(step, ast.Whenever | ast.Parallel) + sum(map(size, bodies(step)))
        for step in block.steps
    )


class Walks:
    """One method a statement."""

    now: datetime
    campaign: ast.Campaign
    settings: dict[type, Any]
    numbers: dict[int, int]  # of the steps, as their plan has them
    implicit: ast.When | ast.Whenever | None
    runs: list[Run]
    deal: Callable[..., int]
    _endings: Callable[..., None]
    _hear: Callable[..., None]
    _note: Callable[..., None]
    _segment: Callable[..., None]
    _set: Callable[..., None]
    _points: Callable[..., None]

    # ------------------------------------------------------------ paths

    def _start_path(
        self, run: Run, at: datetime, cause: Deed | None, walk: Callable[[Path], Walk],
        *, keeps_open: bool = True,
    ) -> Path:  # fmt: skip
        path = Path(at, cause, keeps_open)
        path.walk = walk(path)
        run.paths.append(path)
        path.rest = Rest(lambda: True, lambda: None)
        try:
            path.rest = next(path.walk)
        except StopIteration:
            path.over, path.rest = True, None
        return path

    def _main(self, run: Run, path: Path) -> Walk:
        yield self._at_once(run.heard_at)
        if run.heard_at < self.now - LATE:
            path.at = self.now
        self._note(run, 0, path.at, "entered")
        for deed in sorted(run.contact.deeds, key=lambda deed: deed.at):
            self._endings(run, deed)  # the start may have been reported later than the end
        if run.state != "running":
            raise Ended
        yield from self._block(run, path, self.campaign.steps)

    def _at_once(self, due: datetime) -> Rest:
        return Rest(lambda: True if due <= self.now else None, lambda: due)

    def _block(self, run: Run, path: Path, steps: tuple[ast.Step, ...]) -> Walk:
        """Steps one after the other; a jump leads to a label of this block or of one around it."""
        labels = {step.label.text: i for i, step in enumerate(steps) if step.label}
        index = 0
        while index < len(steps):
            try:
                yield from self._step(run, path, steps[index])
                if steps[index].label:
                    run.finished[steps[index].label.text] = path.at
                index += 1
            except Jumped as jump:
                if jump.to not in labels:
                    raise
                index = labels[jump.to]

    def _step(self, run: Run, path: Path, step: ast.Step) -> Walk:  # noqa: C901 - a table
        n, contact = self.numbers[id(step)], run.contact
        match step:
            case ast.WaitFor(duration=duration):
                yield from self._wait(run, path, n, lambda at: shifted(at, duration, contact.zone))
            case ast.WaitUntil(moment=moment):
                yield from self._wait(run, path, n, lambda at: self._moment(run, moment, at))
            case ast.WaitForEvent(trigger=trigger):
                yield from self._when(run, path, n, [(trigger, None)], None)
            case ast.When(branches=branches, otherwise=otherwise):
                arms = [(branch.trigger, branch.body) for branch in branches]
                implicit = step is self.implicit
                yield from self._when(run, path, n, arms, otherwise, implicit=implicit)
            case ast.If():
                yield from self._if(run, path, n, step)
            case ast.Split(arms=arms):
                arm = self.deal(n, contact.name, arms)
                self._note(run, n, path.at, "done", arm)
                yield from self._block(run, path, arms[arm].body.steps)
            case ast.Whenever():
                self._note(run, n, path.at, "done")
                rule = Rule(step, n + 1, path.at)
                kept = step.trigger.within is not None or step is self.implicit
                self._start_path(
                    run, path.at, path.cause, lambda new: self._rule(run, new, rule),
                    keeps_open=kept,
                )  # fmt: skip
            case ast.Parallel(parts=parts):
                self._note(run, n, path.at, "done")
                yield from self._parallel(run, path, parts)
                self._note(run, n + 1 + sum(map(size, parts)), path.at, "done")
            case ast.Repeat(times=times, until=until, body=body):
                for _ in range(times):
                    if until is not None and self._asking(run, path).holds(until):
                        break
                    self._note(run, n, path.at, "yes")
                    yield from self._block(run, path, body.steps)
                self._note(run, n, path.at, "no")
            case ast.Every():
                yield from self._every(run, path, n, step)
                self._note(run, n, path.at, "no")
            case ast.Jump(to=to, at_most=at_most):
                run.jumps[n] += 1
                if at_most is None or run.jumps[n] <= at_most:
                    self._note(run, n, path.at, "done")
                    raise Jumped(to.text, n)
                self._note(run, n, path.at, "skipped")
            case ast.Exit():
                self._note(run, n, path.at, "exited")
                raise Ended
            case ast.SendMessage():
                yield from self._send(run, path, n, step)
            case _:
                self._act(run, path, n, step)

    # ------------------------------------------------------------ waiting

    def _not_late(self, promised: datetime, allowance: timedelta = timedelta(0)) -> datetime:
        return self.now if promised + allowance < self.now - LATE else promised

    def _wait(
        self, run: Run, path: Path, n: int, ends: Callable[[datetime], datetime | None]
    ) -> Walk:
        begun = path.at

        def end() -> datetime:
            found = ends(begun)
            return begun if found is None else max(begun, found)

        yield Rest(lambda: True if end() <= self.now else None, end)
        path.at = self._not_late(end())
        self._note(run, n, path.at, "done")

    def _moment(self, run: Run, moment: ast.Moment, at: datetime) -> datetime | None:
        field_ = getattr(moment, "field", None)
        value = run.contact.fields.get(field_.name) if field_ else None
        return moments.moment(moment, at, run.contact.zone, value)

    def _every(self, run: Run, path: Path, n: int, step: ast.Every) -> Walk:
        arrival, rounds = path.at, 0
        zone = run.contact.zone
        last: datetime | None = None
        if isinstance(step.stop, ast.ForDuration):
            last = shifted(arrival, step.stop.duration, zone)
        elif isinstance(step.stop, ast.UntilDate):
            last = moments.moment(ast.OnDate(date=step.stop.date), arrival, zone, None)
        for tick in moments.ticks(step.schedule, arrival, zone):
            if last is not None and tick >= last:
                return
            if tick < path.at:
                continue  # the body was still running
            due = tick
            yield Rest(lambda due=due: True if due <= self.now else None, lambda due=due: due)
            path.at = self._not_late(tick)
            self._note(run, n, path.at, "yes")
            yield from self._block(run, path, step.body.steps)
            rounds += 1
            if isinstance(step.stop, ast.ForTimes) and rounds >= step.stop.times:
                return

    # ------------------------------------------------------------ when

    def _when(
        self, run: Run, path: Path, n: int,
        arms: list[tuple[ast.Trigger, ast.Block | None]], otherwise: ast.Block | None,
        *, implicit: bool = False,
    ) -> Walk:  # fmt: skip
        arrival = path.at
        windows = [Windows(lambda: self.now, run, path, trigger, implicit) for trigger, _ in arms]

        def decided() -> tuple[int, datetime, Deed | None] | None:
            """The first that happens wins, ties in text order; all over: else."""
            told = [window.fate() for window in windows]
            won = [(at, index) for index, (at, _, _) in enumerate(told) if at is not None]
            if won:
                at, index = min(won)
                return index, at, told[index][2]
            if all(dead is not None for _, dead, _ in told):
                return len(arms), max(dead for _, dead, _ in told if dead is not None), None
            return None

        def due() -> datetime | None:
            finals = [w.final for w in windows if w.final is not None and w.final > self.now]
            return min(finals, default=None)

        index, at, deed = yield Rest(decided, due)
        by_deadline = deed is None and any(window.closes == at for window in windows)
        path.at = max(arrival, at)  # what happened before the path came counts when it comes
        if by_deadline:
            path.at = self._not_late(path.at, MOST_GRACE)
        path.cause = deed or path.cause
        yes = index < len(arms)
        arm = index if yes and len(arms) > 1 else 0
        self._note(run, n, path.at, "yes" if yes else "no", arm)
        body = arms[index][1] if yes else otherwise
        if body is not None:
            yield from self._block(run, path, body.steps)

    # ------------------------------------------------------------ whenever, parallel

    def _rule(self, run: Run, path: Path, rule: Rule) -> Walk:
        trigger, implicit = rule.step.trigger, rule.step is self.implicit
        zone, answered, rounds = run.contact.zone, rule.heard, 0
        within = trigger.within
        closes = None if within is None else shifted(path.at, within.duration, zone)
        final = None if within is None or closes is None else closes + grace(within.duration)
        barred = None if implicit else path.cause
        times = sum(one.times for one in single_events(trigger.event)[:1])

        def occurrence() -> Deed | str | None:
            found = sorted(
                (
                    deed
                    for deed in run.contact.deeds
                    if deed not in answered and deed is not barred and deed.run is not run
                    and rule.since <= deed.at and (closes is None or deed.at < closes)
                    and any(answers(o, deed, run.contact) for o in single_events(trigger.event))
                ),
                key=lambda deed: deed.at,
            )  # fmt: skip
            if len(found) >= times:
                answered.update(found[:times])
                return found[times - 1]
            return "closed" if final is not None and final <= self.now else None

        while True:
            came = yield Rest(occurrence, lambda: final)
            if came == "closed":
                return
            path.at, path.cause, rounds = came.at, came, rounds + 1
            self._note(run, rule.number, path.at, "done")
            path.busy = rule
            yield from self._block(run, path, rule.step.body.steps)
            path.busy = None
            if path.at > came.at:
                rule.since = path.at
            if rounds == rule.step.at_most or implicit:
                return

    def _parallel(self, run: Run, path: Path, parts: tuple[ast.Block, ...]) -> Walk:
        def walk(part: ast.Block) -> Callable[[Path], Walk]:
            def begin(new: Path) -> Walk:
                yield self._at_once(self.now)
                yield from self._block(run, new, part.steps)

            return begin

        new = [self._start_path(run, path.at, path.cause, walk(part)) for part in parts]
        yield Rest(lambda: True if all(p.over for p in new) else None, lambda: None)
        last = max(new, key=lambda p: p.at)
        path.at, path.cause = last.at, last.cause

    # ------------------------------------------------------------ if, and what steps do

    def _asking(self, run: Run, path: Path) -> Asking:
        return Asking(
            run.contact, path.at, since=run.entered,
            entry=run.cause.properties if run.cause else None,
            event=path.cause.properties if path.cause else None,
        )  # fmt: skip

    def _if(self, run: Run, path: Path, n: int, step: ast.If) -> Walk:
        asking = self._asking(run, path)
        for index, branch in enumerate(step.branches):
            if asking.holds(branch.condition):
                self._note(run, n, path.at, "yes", index if len(step.branches) > 1 else 0)
                yield from self._block(run, path, branch.body.steps)
                return
        self._note(run, n, path.at, "no")
        if step.otherwise is not None:
            yield from self._block(run, path, step.otherwise.steps)

    def _act(self, run: Run, path: Path, n: int, step: ast.Step) -> None:  # noqa: C901 - a table
        contact, at = run.contact, path.at
        self._note(run, n, at, "done")
        match step:
            case ast.AddPoints(points=points):
                self._points(contact, points, at, run)
            case ast.RemovePoints(points=points):
                self._points(contact, -points, at, run)
            case ast.AddTag(tag=name):
                if name.text not in contact.tags:
                    contact.tags.add(name.text)
                    self._hear(contact, "got", name.text, at, {}, run)
            case ast.RemoveTag(tag=name):
                contact.tags.discard(name.text)
            case ast.AddTo(container="segment", name=name):
                self._segment(contact, name.text, True, at, run)
            case ast.RemoveFrom(container="segment", name=name):
                self._segment(contact, name.text, False, at, run)
            case ast.SetField(field=field_, value=value):
                found = self._asking(run, path).literal(value)
                if isinstance(found, datetime):
                    found = local(found, contact.zone).date()
                self._set(contact, field_.name, found, at, run)
            case ast.ClearField(field=field_):
                self._set(contact, field_.name, None, at, run)
            case ast.Unsubscribe():
                contact.unsubscribed = True
            case ast.Subscribe():
                contact.unsubscribed = False
            case ast.Note():
                pass
            case _:
                raise NotImplementedError(step)
        if run.state != "running":  # what it brought about was a goal or a stop
            raise Ended

    # ------------------------------------------------------------ sends and what holds them

    def _send(self, run: Run, path: Path, n: int, step: ast.SendMessage) -> Walk:
        contact = run.contact
        held = False
        while True:
            refused = not contact.address or (contact.unsubscribed and not step.transactional)
            release = None if refused else self._release(run, path.at, step)
            if release is None or release - path.at > MOST_HELD:
                self._note(run, n, path.at, "skipped")
                return
            if release <= path.at:
                break
            if not held:
                self._note(run, n, path.at, "held")
            held, due = True, release
            yield Rest(lambda due=due: True if due <= self.now else None, lambda due=due: due)
            path.at = self._not_late(due)
        self._note(run, n, path.at, "sent")
        contact.messages.append((step.message.text, path.at, run))
        if not step.transactional:
            run.sent.append(path.at)

    def _release(self, run: Run, at: datetime, step: ast.SendMessage) -> datetime:
        """The first moment at which it may go out: windows are open, and no limit is reached.

        A path may be some minutes late (what brought it here was reported late), and would go out
        into a window that has closed meanwhile: then it is the next opening from now.
        """
        limits = [s for s in self.campaign.settings if isinstance(s, ast.Limit)]
        free = self._open(run, at, step)
        while not step.transactional:
            ends = [end for limit in limits if (end := self._limited(run, free, limit))]
            if not ends:
                break
            free = self._open(run, max(ends), step)
        from_now = self._open(run, self.now, step)
        return from_now if free <= self.now < from_now else free

    def _open(self, run: Run, at: datetime, step: ast.SendMessage) -> datetime:
        """The first moment at which no window is closed; `on` alone keeps the time of day."""
        zone, closed = run.contact.zone, []
        hours, days = self.settings.get(ast.QuietHours), self.settings.get(ast.QuietDays)
        if not step.transactional and hours is not None:
            closed.append(Window(hours.start, hours.end))
        if not step.transactional and days is not None:
            closed.append(Window(time(0), time(0), days.days.days))
        if step.hours is not None:
            closed.append(Window(step.hours.end, step.hours.start))
        if step.days is not None:
            if step.hours is None:
                at = moments.allowed(at, closed, zone)
                at = moments.next_time(at, local(at, zone).time(), step.days.days, zone)
            others = tuple(day for day in ast.WEEKDAYS if day not in step.days.days)
            closed.append(Window(time(0), time(0), others))
        return moments.allowed(at, closed, zone)

    def _limited(self, run: Run, at: datetime, limit: ast.Limit) -> datetime | None:
        """When the oldest of the last N messages is a period ago; None where N are not reached."""
        mine = [run_ for run_ in self.runs if run_.contact is run.contact]
        sent = sorted(sent for one in mine for sent in one.sent)
        counted = [sent_ for sent_ in sent if sent_ > at - PERIODS[limit.period]]
        if len(counted) < limit.count:
            return None
        return counted[-limit.count] + PERIODS[limit.period]
