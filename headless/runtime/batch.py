"""The contacts of a batch with every question of the run answered: the part `e` of a statement.

Pure. All questions are asked of the same snapshot, before any effect of the run; `paths` has cut
the run where that would not be what the text says. Imports the language, `audience`, `paths`,
`stands` and `effects`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import BIT, JSONB

from headless.audience.conditions import holds as is_true
from headless.audience.values import Scope, Sql
from headless.dsl import ast
from headless.dsl.plan import Act, If, Join, Rule, Split, Step, Wait, When
from headless.runtime import holds, stands
from headless.runtime.effects.batch import Action
from headless.runtime.effects.channels import channel_of, refusal, way_of
from headless.runtime.effects.parts import locks_contacts
from headless.runtime.flow import answered, branches, loops
from headless.runtime.holds import Caps, may_be_held
from headless.runtime.paths import ALWAYS, Paths, Run, begun, has_branches
from headless.runtime.stands import Version, number
from headless.storage import tables
from headless.workspace.names import BUILT_IN_FIELDS, everything


class Frame(msgspec.Struct, frozen=True):
    """A run in the making: its version, the claimed positions, and the contacts `e`.

    `scope` reads the columns of `e`, with the run's own instant as now. `careful` says that the
    journal may have rows of the run already.
    """

    version: Version
    run: Run
    stood: CTE
    rows: CTE
    scope: Scope
    actions: tuple[Action, ...]
    caps: Caps = ()
    careful: bool = False

    @property
    def holds(self) -> bool:
        """Whether the run starts from a send that may be held."""
        return may_be_held(self.version.plan, self.start, self.caps)

    @property
    def laps(self) -> Sql:
        """The rounds of loops and jumps with which a contact goes on from the start."""
        return self.rows.c["rounds" if "rounds" in self.rows.c else "laps"]

    @property
    def start(self) -> Step:
        """The rest that the run starts from."""
        return self.version.plan.steps[self.run.start]

    def step(self, n: int) -> Step:
        """A step of the plan."""
        return self.version.plan.steps[n]

    def by(self, paths: Paths) -> ColumnElement[bool]:
        """Whether a contact of the batch came along one of the paths."""
        if paths == ALWAYS:
            return true()
        ways = (and_(*(self._went(n, outcome) for n, outcome in sorted(p))) for p in paths)
        return or_(*ways)

    def _went(self, n: int, outcome: int) -> ColumnElement[bool]:
        at_start = n == self.run.start and isinstance(self.start, When)
        return (self.rows.c.outcome if at_start else self.rows.c[f"q{n}"]) == number(outcome)


def frame(version: Version, run: Run, caps: Caps = (), *, careful: bool = False) -> Frame:
    """The first half of a run's statement; `caps` are the workspace's."""
    steps = version.plan.steps
    actions = tuple((n, step.action) for n, _ in run.steps if isinstance(step := steps[n], Act))
    beside = (part for n, _ in run.steps for part in begun(steps[n]))
    ahead = (steps[to] for to in (*(to for to, _ in run.exits), *beside) if isinstance(to, int))
    # what a `when` at the start waited for is settled in `stood`
    start = () if isinstance(steps[run.start], When | Rule) else (steps[run.start],)
    concerned = (*start, *(steps[n] for n, _ in run.steps), *ahead)
    spoken = tuple(everything(concerned))
    stood = _stood(version, run, caps)
    rows = _rows(version, run, stood, spoken, actions)
    scope = _scope(version, rows, rows.c.at)
    if _needs_enrollment(spoken):
        scope = msgspec.structs.replace(
            scope, entry=rows.c.entry, event=rows.c.event, since=rows.c.entered_at
        )
    else:
        scope = msgspec.structs.replace(scope, event=rows.c.event)
    return Frame(
        version, run, stood, rows, scope, actions, caps, careful or has_branches(version.plan)
    )


def _stood(version: Version, run: Run, caps: Caps) -> CTE:
    step, due = version.plan.steps[run.start], stands.due()
    if isinstance(step, Act) and may_be_held(version.plan, step, caps):
        return holds.stood(version, step, due, caps).cte("stood").prefix_with("materialized")
    return _settled(version, step, due).cte("stood").prefix_with("materialized")


def _settled(version: Version, step: Step, due: CTE) -> Select[*tuple[Any, ...]]:
    """What has become of what the positions waited for."""
    match step:
        case When():
            return answered.when(version, step, due)
        case Rule():
            return answered.rule(version, step, due)
        case Join():
            return branches.arrived(version, step, due)
        case Wait() if answered.hangs_on_field(step):
            return answered.dated(version, step, due)
        case _:
            return stands.plainly(step, due)


def _scope(version: Version, contact: Any, at: Sql) -> Scope:
    zone = version.plan.zone
    return Scope(
        workspace_id=version.workspace_id,
        contact=contact,
        now=at,
        zone=literal(zone) if zone else func.coalesce(contact.c.time_zone, version.zone),
        names=version.names,
    )


def _uses(spoken: tuple[ast.Node, ...], scope: str) -> bool:
    return any(isinstance(node, ast.Field) and node.scope == scope for node in spoken)


def _needs_enrollment(spoken: tuple[ast.Node, ...]) -> bool:
    looks_back = any(isinstance(node, ast.Happened | ast.EntryAnchor) for node in spoken)
    return looks_back or _uses(spoken, "entry")


def _columns(spoken: tuple[ast.Node, ...]) -> set[str]:
    """The contact's columns that the rest of the statement looks at: a narrow batch is quick."""
    wanted = {"id", "points", "time_zone"}
    for node in spoken:
        match node:
            case ast.Field(scope="contact", name=name):
                own = "time_zone" if name == "timezone" else name
                wanted.add(own if name in BUILT_IN_FIELDS else "fields")
            case ast.Stage() | ast.SetStage():
                wanted.add("stage")
            case ast.Owner() | ast.ToOwner() | ast.SetOwner():
                wanted.add("owner")
            case ast.SendWebhook():
                wanted |= {"email", "external_id"}
    return wanted


def _rows(
    version: Version,
    run: Run,
    stood: CTE,
    spoken: tuple[ast.Node, ...],
    actions: tuple[Action, ...],
) -> CTE:
    c, en, act = tables.contact, tables.enrollment, tables.activity
    joined: Any = stood.join(
        c, and_(c.c.workspace_id == stood.c.workspace_id, c.c.id == stood.c.contact_id)
    )
    entry: Sql = cast(null(), JSONB)
    entered: Sql = cast(null(), tables.Instant)
    event: Sql = cast(null(), JSONB)
    if _needs_enrollment(spoken):
        mine = and_(en.c.workspace_id == stood.c.workspace_id, en.c.id == stood.c.enrollment_id)
        joined, entry, entered = joined.join(en, mine), en.c.entry, en.c.entered_at
    if _uses(spoken, "event"):
        cause = and_(act.c.workspace_id == stood.c.workspace_id, act.c.id == stood.c.cause)
        joined, event = joined.outerjoin(act, cause), act.c.properties
    scope = msgspec.structs.replace(
        _scope(version, c, stood.c.at),
        entry=entry,
        event=event,
        since=entered if _needs_enrollment(spoken) else None,
    )
    statement = select(
        stood,
        *(c.c[name] for name in sorted(_columns(spoken))),
        entry.label("entry"),
        event.label("event"),
        entered.label("entered_at"),
        *_answers(version, run, scope),
        *_rounds(version, run, stood, scope),
    ).select_from(joined)
    if may_sleep_on(version.plan.steps[run.start]) or "held" in stood.c:
        statement = statement.where(stood.c.outcome >= 0)
    if locks_contacts(actions):
        statement = statement.order_by(c.c.id).with_for_update(of=c, key_share=True)
    return statement.cte("e").prefix_with("materialized")


def may_sleep_on(step: Step) -> bool:
    """Whether a position that is due at a rest may have been woken for nothing."""
    return isinstance(step, When | Rule | Join) or answered.hangs_on_field(step) is not None


def _answers(version: Version, run: Run, scope: Scope) -> Iterator[ColumnElement[Any]]:
    """A column `q<number>` with the outcome of each question, and one for each kind of refusal."""
    for n, _ in run.steps:
        match version.plan.steps[n]:
            case If(choices=choices):
                ways = [(is_true(c.condition, scope), number(i)) for i, c in enumerate(choices)]
                yield case(*ways, else_=number(len(ways))).label(f"q{n}")
            case Split() as split:
                yield _bucket(version, split, scope).label(f"q{n}")
            case _:
                pass
    for name, send in sorted(_sends(version, run).items()):
        yield refusal(send, scope).label(f"no_{name}")
        if send.channel == "message":
            yield channel_of(send, scope).label(f"by_{name}")


def _rounds(version: Version, run: Run, stood: CTE, scope: Scope) -> Iterator[ColumnElement[Any]]:
    """Whether a run that starts where paths turn back goes on, and with which rounds."""
    step = version.plan.steps[run.start]
    if isinstance(step, loops.TURNING):
        over = loops.is_over(step, stood.c, scope)
        yield case((over, number(1)), else_=number(0)).label(f"q{run.start}")
        yield loops.laps(version.plan, step, stood.c, over).label("rounds")


def _sends(version: Version, run: Run) -> dict[str, ast.SendMessage]:
    """The messages of the run, one for each way in which they can be refused."""
    steps = (version.plan.steps[n] for n, _ in run.steps)
    acts = (step.action for step in steps if isinstance(step, Act))
    return {way_of(action): action for action in acts if isinstance(action, ast.SendMessage)}


def _bucket(version: Version, split: Split, scope: Scope) -> Sql:
    """The arm of a contact: 32 bits of MD5 over campaign, step and contact, as a share of 100."""
    seed = literal(f"{version.campaign_id}:{split.seed or split.key}:", Text)
    digest = func.md5(seed.concat(cast(scope.contact.c.id, Text)))
    bits = cast(cast(literal("x", Text).concat(func.substr(digest, 1, 8)), BIT(32)), BigInteger)
    upper, ways = Decimal(0), []
    for index, share in enumerate(split.shares[:-1]):
        upper += share.percent
        ways.append((bits < literal(int(upper * 2**32 / 100), BigInteger), number(index)))
    return case(*ways, else_=number(len(ways))) if ways else number(0)
