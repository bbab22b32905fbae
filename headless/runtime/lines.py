"""Lines of the journal as SQL: what each step of a run came to, and the values that decided it.

Pure. Imports the language, `batch` and `effects`.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    SmallInteger,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from headless.audience.values import Sql, operand_of
from headless.dsl import ast
from headless.dsl.plan import Act, Arm, Entry, If, Jump, Leave, Loop, Split, Step, Tick, Wait, When
from headless.runtime import holds, times
from headless.runtime.batch import Frame
from headless.runtime.effects.channels import way_of
from headless.runtime.effects.contact import points as points_of
from headless.runtime.effects.results import result, unless
from headless.runtime.flow import loops, transfers
from headless.runtime.paths import ALWAYS, Paths
from headless.runtime.stands import number
from headless.runtime.unseen import hangs_on_it, takes_then, untracked
from headless.storage import tables
from headless.storage.codes import Outcome
from headless.workspace.names import everything

_COLUMNS: Final = [
    "workspace_id", "enrollment_id", "step", "visit", "at", "contact_id", "version_id",
    "outcome", "activity_id", "detail",
]  # fmt: skip
_NOTHING: Final = cast(null(), JSONB)


def fed(frame: Frame) -> CTE | None:
    """The new rows of steps with an effect: what they return feeds the effects."""
    journal = tables.journal.c
    lines = [_line(frame, step, paths) for step, paths in _steps(frame) if _has_effect(step)]
    feeds = (
        journal.enrollment_id, journal.visit, journal.at, journal.contact_id, journal.activity_id,
        journal.detail,
    )  # fmt: skip
    return _inserted(lines, "je", *feeds, keyed=frame.careful)


def plain(frame: Frame) -> CTE | None:
    """The new rows of all other steps: rests that are over, questions, notes, exits."""
    lines = [_line(frame, step, paths) for step, paths in _steps(frame) if not _has_effect(step)]
    return _inserted(lines, "jd", keyed=frame.careful)


def held(frame: Frame) -> CTE | None:
    """The new rows of those whom a send has put to sleep; None where it never does."""
    if not frame.holds:
        return None
    lines = [holds.lines(frame.version, frame.start, frame.stood)]
    return _inserted(lines, "jh", keyed=True)


def _steps(frame: Frame) -> list[tuple[Step, Paths]]:
    steps = [(frame.step(n), paths) for n, paths in frame.run.steps]
    cut = any(n == frame.run.start for n, _ in frame.run.steps)
    return steps if cut else [(frame.start, ALWAYS), *steps]


def _has_effect(step: Step) -> bool:
    return isinstance(step, Act) and not isinstance(step.action, ast.Note)


def _inserted(lines: list[Any], name: str, *feeds: Any, keyed: bool) -> CTE | None:
    """The rows that are new; without `keyed` all must be, or the statement fails."""
    if not lines:
        return None
    journal = tables.journal
    new = insert(journal).from_select(_COLUMNS, union_all(*lines) if len(lines) > 1 else lines[0])
    if keyed:  # asks the key for every row, and says twice in the log that the row stays
        new = new.on_conflict_do_nothing()
    return new.returning(journal.c.step, journal.c.outcome, *feeds).cte(name)


def _line(frame: Frame, step: Step, paths: Paths) -> Any:
    """The row of one step for each contact that comes by it."""
    e = frame.rows.c
    outcome, detail = _told(frame, step)
    line = select(
        e.workspace_id,
        e.enrollment_id,
        number(step.number).label("step"),
        e.visit,
        e.at,
        e.contact_id,
        literal(frame.version.id, BigInteger).label("version_id"),
        cast(outcome, SmallInteger).label("outcome"),
        e.cause,
        cast(detail, JSONB).label("detail"),
    )
    return line if paths == ALWAYS else line.where(frame.by(paths))


def _told(frame: Frame, step: Step) -> tuple[Sql, Sql]:
    """The outcome of a step, and its detail."""
    match step:
        case Entry():
            return number(Outcome.ENTERED), _NOTHING
        case When(arms=arms):
            yes = frame.rows.c.outcome < number(len(arms))
            return _yes_or_no(yes), _answer(frame, arms, yes)
        case If():
            return _if(frame, step)
        case Split():
            return _split(frame, step)
        case Wait(until=until):
            missing = times.is_missing(until, frame.scope)
            return number(Outcome.DONE), _reason(missing, "the field is empty")
        case Leave():
            return number(Outcome.EXITED), _NOTHING
        case Loop() | Tick() | Jump():
            return _turned(frame, step)
        case Act(action=action):
            return _acted(frame, step, action)
        case _:
            return number(Outcome.DONE), _NOTHING


def _acted(frame: Frame, step: Step, action: ast.Simple) -> tuple[Sql, Sql]:
    match action:
        case _ if (to := transfers.into(frame.version, action)) is not None:
            return transfers.came_to(frame.version, to)
        case ast.SendMessage() as send:
            return unless(_refusal(frame, step, send), Outcome.SENT)
        case _ if (change := points_of(action)) is not None:
            before = frame.rows.c.points + _points_before(frame, step.number)
            after = before + number(change)
            return number(Outcome.DONE), func.jsonb_build_object("from", before, "to", after)
        case _:
            return result(action, frame.scope)


def _turned(frame: Frame, step: Loop | Tick | Jump) -> tuple[Sql, Sql]:
    """Yes with the number of the round that begins, or no; a jump is done, or spent."""
    over = frame.rows.c[f"q{step.number}"] == number(1)
    if isinstance(step, Jump):
        spent = func.jsonb_build_object("reason", f"{step.at_most} times already")
        ways = number(Outcome.SKIPPED), number(Outcome.DONE)
        return case((over, ways[0]), else_=ways[1]), case((over, spent))
    begun = loops.done(step, frame.laps)
    return _yes_or_no(not_(over)), case((not_(over), func.jsonb_build_object("round", begun)))


def _refusal(frame: Frame, step: Step, send: ast.SendMessage) -> Sql:
    """Why nothing is sent: no address, a suppression, or held for too long."""
    why = frame.rows.c[f"no_{way_of(send)}"]
    if not frame.holds or step.number != frame.run.start:
        return why
    return func.coalesce(why, frame.rows.c.held.concat(" for more than 3 days"))


def _yes_or_no(yes: Any) -> Sql:
    return case((yes, number(Outcome.YES)), else_=number(Outcome.NO))


def _answer(frame: Frame, arms: Sequence[Arm], yes: Any) -> Sql:
    """Which of several arms has won, and that a mail could not be seen opening."""
    ways = []
    outcome, version = frame.rows.c.outcome, frame.version
    which = ["arm", outcome] if len(arms) > 1 else []
    reason = ["reason", literal("untracked")]
    unseen = untracked(version, frame.rows.c, arms)
    if unseen is not None:
        ways.append((and_(not_(yes), unseen), func.jsonb_build_object(*reason)))
        won = [outcome == number(i) for i, arm in enumerate(arms) if hangs_on_it(arm)]
        if won:  # nothing was seen, and yet it is one of these: the workspace says so
            so = and_(takes_then(version), or_(*won), unseen)
            ways.append((so, func.jsonb_build_object(*which, *reason)))
    if which:
        ways.append((yes, func.jsonb_build_object(*which)))
    return case(*ways) if ways else _NOTHING


def _reason(condition: Any, reason: str) -> Sql:
    if condition is None:
        return _NOTHING
    return case((condition, func.jsonb_build_object("reason", literal(reason))))


def _if(frame: Frame, step: If) -> tuple[Sql, Sql]:
    """The values of the fields that the conditions ask about, and which of them held."""
    answer = frame.rows.c[f"q{step.number}"]
    values: list[Any] = []
    for name, operand in _asked(step).items():
        values += [literal(name), operand_of(operand, frame.scope, "text").sql]
    if len(step.choices) > 1:
        values += [literal("arm"), answer]
    detail = func.jsonb_build_object(*values) if values else _NOTHING
    return _yes_or_no(answer < number(len(step.choices))), detail


def _asked(step: If) -> dict[str, ast.Operand]:
    asked: dict[str, ast.Operand] = {}
    for node in everything(tuple(choice.condition for choice in step.choices)):
        match node:
            case ast.Field(scope="contact", name=name):
                asked[name] = node
            case ast.Field(scope="entry" | "event" as scope, name=name):
                asked[f"{scope}.{name}"] = node
            case ast.Points(group=None):
                asked["points"] = node
            case ast.Stage() | ast.Owner():
                asked[type(node).__name__.lower()] = node
            case ast.Did():
                return {}  # the names inside are the event's own
    return asked


def _split(frame: Frame, step: Split) -> tuple[Sql, Sql]:
    arm = frame.rows.c[f"q{step.number}"]
    names = [(arm == number(i), literal(share.name)) for i, share in enumerate(step.shares)]
    detail = func.jsonb_build_object("arm", arm, "name", case(*names))
    return number(Outcome.DONE), detail


def _points_before(frame: Frame, until: int) -> Sql:
    """What the earlier steps of the run have added to a contact's points."""
    total: Sql = number(0)
    for n, paths in frame.run.steps:
        if n == until:
            break
        step = frame.step(n)
        change = points_of(step.action) if isinstance(step, Act) else None
        if change is not None:
            total = total + case((frame.by(paths), number(change)), else_=number(0))
    return total
