"""The language, one contact at a time: what each statement means, without any SQL.

A run is a set of paths; a path is a generator that walks the tree of the campaign (`walks`) and
yields a `Rest` wherever it has to stand still. `Reference` moves a clock from one moment at which
somebody is due to the next, and wakes whoever is ready. Written from the language's own definition,
to be read beside it; it knows nothing of plans, statements or batches.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from model.asking import Asking, Contact, Deed, answers, utc
from model.moments import shifted
from model.runs import Ended, Path, Run
from model.story import Changes, Does, Holds, Joins, Line, Outcome, Person, Story
from model.walks import Walks
from model.windows import first

from headless.dsl import ast
from headless.dsl.compile import numbered
from headless.dsl.entrances import implicit_start, single_events, started_by


class Reference(Walks):
    """A story told by the meaning of its text."""

    def __init__(self, campaign: ast.Campaign, story: Story, deal: Callable[..., int]) -> None:
        self.campaign, self.story, self.deal = campaign, story, deal
        self.now = story.beginning
        self.numbers = {id(step): n for n, step in numbered(campaign.steps)}
        self.settings: dict[type, Any] = {type(s): s for s in campaign.settings}
        self.implicit = implicit_start(campaign)
        self.contacts = {p.name: self._contact(p) for p in story.people}
        self.runs: list[Run] = []
        self.paused_at: datetime | None = None
        self.asleep = False
        self.inside: set[str] = set()  # who satisfied `from contacts where` the last time
        self.keys: set[tuple[str, str]] = set()

    def _contact(self, person: Person) -> Contact:
        zone = self.settings.get(ast.TimeZone)
        own = zone.zone if zone else None
        return Contact(
            person.name, own or person.zone or self.story.zone, person.address,
            person.unsubscribed, person.points, set(person.tags), set(person.segments),
            dict(person.fields),
        )  # fmt: skip

    # ------------------------------------------------------------ the story

    def tell(self) -> dict[str, Outcome]:
        """Everything that happens, in order; what has become of each contact."""
        self._begin()
        self._settle()
        for at, what, happening in self.story.acts():
            self._until(at)
            match what, happening:
                case "pause", _:
                    self.paused_at = self.now
                case "resume", Holds(shifted=shift):
                    self._resume(shift)
                case "sleep", _:
                    self.asleep = True
                case "wake", _:
                    self.asleep = False
                case "happens", Does():
                    self._does(happening)
                case "happens", Joins():
                    self._joins(happening)
                case "happens", Changes(who=who, field=name, value=value):
                    self._set(self.contacts[who], name, value, self.now, None)
            self._settle()
        return {name: self._outcome(contact) for name, contact in self.contacts.items()}

    def _until(self, end: datetime) -> None:
        while (due := self._next_due(end)) is not None:
            self.now = due
            self._settle()
        self.now = end

    def _next_due(self, end: datetime) -> datetime | None:
        if not self._awake():
            return None
        rests = [p.rest for run in self.runs for p in run.paths if p.rest is not None]
        dues = [d for rest in rests if (d := rest.due()) is not None and self.now < d <= end]
        return min(dues, default=None)

    def _awake(self) -> bool:
        return self.paused_at is None and not self.asleep

    def _settle(self) -> None:
        """Wake whoever is ready, until nobody is; who comes in during a pause stands still."""
        moved = not self.asleep
        while moved:
            moved = False
            for run in list(self.runs) if self._awake() else ():
                for path in list(run.paths):
                    moved |= self._wake(run, path)
            moved = self._refresh() or moved

    def _wake(self, run: Run, path: Path) -> bool:
        if path.over or path.rest is None or run.state != "running":
            return False
        came = path.rest.ready()
        if came is None:
            return False
        self._walk_on(run, path, came)
        return True

    def _walk_on(self, run: Run, path: Path, came: Any) -> None:
        assert path.walk is not None
        try:
            path.rest = path.walk.send(came)
        except StopIteration:
            path.over, path.rest = True, None
            self._maybe_finished(run)
        except Ended:
            self._end(run, "exited")

    def _maybe_finished(self, run: Run) -> None:
        """`whenever` ends with the path, save where `within` keeps the run open."""
        run.paths = [path for path in run.paths if not path.over]
        if not any(path.keeps_open for path in run.paths):
            self._end(run, "finished")

    def _end(self, run: Run, state: str) -> None:
        if run.state == "running":
            run.state, run.paths, run.rules = state, [], []

    def _resume(self, shift: bool) -> None:
        """What is overdue runs now; or every wait moves by the length of the pause."""
        assert self.paused_at is not None
        self.shifted_by = self.now - self.paused_at if shift else timedelta(0)
        self.paused_at = None

    # ------------------------------------------------------------ what happens to contacts

    def _does(self, told: Does) -> None:
        for name in told.who:
            if told.key is not None:
                if (told.key, name) in self.keys:
                    continue
                self.keys.add((told.key, name))
            at = self.now - timedelta(minutes=told.late)
            self._hear(self.contacts[name], told.kind, told.about, at, dict(told.properties))

    def _joins(self, told: Joins) -> None:
        for name in told.who:
            self._segment(self.contacts[name], told.segment, not told.leave, self.now, None)

    def _segment(
        self, contact: Contact, name: str, inside: bool, at: datetime, run: Run | None
    ) -> None:
        if (name in contact.segments) == inside:
            return
        (contact.segments.add if inside else contact.segments.discard)(name)
        self._hear(contact, "joined" if inside else "left", name, at, {}, run)

    def _set(self, contact: Contact, name: str, value: Any, at: datetime, run: Run | None) -> None:
        if contact.fields.get(name) == value:
            return
        contact.fields[name] = value
        if value is None:
            del contact.fields[name]
        self._hear(contact, "changed", name, at, {}, run)

    def _points(self, contact: Contact, change: int, at: datetime, run: Run) -> None:
        before, contact.points = contact.points, contact.points + change
        told = {"from": before, "to": contact.points}
        self._hear(contact, "points", "", at, told, run)

    def _hear(
        self,
        contact: Contact,
        kind: str,
        about: str,
        at: datetime,
        properties: dict[str, Any],
        run: Run | None = None,
    ) -> None:
        """A deed is known from now on: it may end runs, be dropped by a busy rule, start a run."""
        deed = Deed(at, kind, about, properties, run)
        contact.deeds.append(deed)
        for one in [r for r in self.runs if r.contact is contact and r.state == "running"]:
            self._endings(one, deed)
            self._dropped(one, deed)
        if any(self._starts(event, deed, contact) for event in self._start_events()):
            self._enter(contact, at, deed)
        if kind == "joined":
            for source in self._sources():
                name = getattr(source, "segment", None)
                if name is not None and name.text == about:
                    self._enter(contact, at, deed, getattr(source, "where", None))

    def _endings(self, run: Run, deed: Deed) -> None:
        """`goal` and `stop` end the run at once."""
        for setting in self.campaign.settings:
            if not isinstance(setting, ast.Goal | ast.StopWhen) or run.state != "running":
                continue
            if deed is not run.cause and deed.at >= run.entered:
                since = [d for d in run.contact.deeds if d.at >= run.entered and d is not run.cause]
                if deed is first(setting.event, since, run.contact):
                    state = "goal" if isinstance(setting, ast.Goal) else "stopped"
                    self._note(run, 0, deed.at, state)
                    self._end(run, state)

    def _dropped(self, run: Run, deed: Deed) -> None:
        """An occurrence while the body runs is dropped, and the journal says so."""
        for path in run.paths:
            rule = path.busy
            if rule is None or deed.run is run or deed.at < rule.since:
                continue
            event = rule.step.trigger.event
            if any(answers(one, deed, run.contact) for one in single_events(event)):
                rule.heard.add(deed)
                self._note(run, rule.number, deed.at, "dropped")

    # ------------------------------------------------------------ entry

    def _sources(self) -> tuple[ast.Source, ...]:
        found = self.settings.get(ast.From)
        return found.sources if found else ()

    def _start_events(self) -> Iterator[ast.Single]:
        found = self.settings.get(ast.StartWhen)
        if found:
            yield from single_events(found.event)
        match self.implicit:
            case ast.When(branches=branches):
                for branch in branches:
                    if started_by(branch.trigger):
                        yield from single_events(branch.trigger.event)
            case ast.Whenever(trigger=trigger):
                yield from single_events(trigger.event)

    def _starts(self, event: ast.Single, deed: Deed, contact: Contact) -> bool:
        return answers(event, deed, contact)

    def _begin(self) -> None:
        """The members of a source when the campaign starts enter, once, in the same moment."""
        for contact in self.contacts.values():
            for source in self._sources():
                inside = (
                    isinstance(source, ast.FromSegment) and source.segment.text in contact.segments
                )
                if inside and self._enter(contact, self.now, None, source.where):
                    break
        self._refresh()

    def _refresh(self) -> bool:
        """`from contacts where (C)`: whoever satisfies it, and did not the last time."""
        entered = False
        for source in self._sources():
            if not isinstance(source, ast.FromContacts):
                continue
            for contact in self.contacts.values():
                fits = Asking(contact, self.now).holds(source.where)
                if fits and contact.name not in self.inside:
                    self._enter(contact, self.now, None)
                    entered = True
                (self.inside.add if fits else self.inside.discard)(contact.name)
        return entered

    def _enter(self, contact: Contact, at: datetime, cause: Deed | None, where: Any = None) -> None:
        earlier = [run for run in self.runs if run.contact is contact]
        entry = cause.properties if cause else {}
        if where is not None and not Asking(contact, self.now, entry=entry).holds(where):
            return False
        if earlier and earlier[-1].state == "running":
            self._note(earlier[-1], 0, at, "ignored")
            return False
        if earlier and not self._may_return(earlier[-1]):
            return False
        run = Run(contact, len(earlier) + 1, at, self.now, cause)
        self.runs.append(run)
        self._start_path(run, at, cause, lambda path: self._main(run, path))
        return True

    def _may_return(self, last: Run) -> bool:
        rule = self.settings.get(ast.ReEntry)
        mode = rule.mode if rule else ("always" if self.implicit else "never")
        if mode == "after" and rule.after is not None:
            return shifted(last.entered, rule.after, last.contact.zone) <= self.now
        return bool(mode == "always")

    # ------------------------------------------------------------ the journal

    def _note(self, run: Run, step: int, at: datetime, outcome: str, arm: int = 0) -> None:
        run.journal.append(Line(run.number, utc(at), step, outcome, arm))

    def _outcome(self, contact: Contact) -> Outcome:
        mine = [run for run in self.runs if run.contact is contact]
        return Outcome(
            journal=sorted(line for run in mine for line in run.journal),
            runs=[run.state for run in mine],
            points=contact.points,
            tags=sorted(contact.tags),
            segments=sorted(contact.segments),
            fields=dict(sorted(contact.fields.items())),
            messages=sorted((name, utc(at)) for name, at, _ in contact.messages),
            unsubscribed=contact.unsubscribed,
        )
