"""`/v1/simulate` and `/v1/campaigns/{name}/try`: a campaign on a clock that jumps.

Months take a second or two, nobody is entered, nothing is sent or counted. One runs at a time; what
is larger than an answer can wait for belongs to `headless simulate` on a computer.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless import ids
from headless.api import bodies
from headless.api.auth import Call, Caller, need_also, needs
from headless.api.openapi import reads
from headless.api.shapes import Instant, instant
from headless.audience import contacts
from headless.audience.contacts import Contact
from headless.campaigns import publish
from headless.campaigns.ingest import Who
from headless.problems import Problem
from headless.simulation import made_up
from headless.simulation.outcome import Line, Simulated
from headless.simulation.prepare import Prepared, prepare
from headless.simulation.rehearsal import rehearse, way
from headless.simulation.rows import taken
from headless.simulation.trial import prepare_for

_SECONDS: Final = 20.0
_MOST_CONTACTS: Final = 100
_MOST_ACTIVITIES: Final = 1_000
_MADE_UP: Final = made_up.IDS[0]
_COLUMNS: Final = (
    "email", "phone", "preferred_channel", "time_zone", "points", "stage", "owner",
)  # fmt: skip
_Until = Annotated[str, msgspec.Meta(max_length=100)]
_Rows = Annotated[list[dict[str, Any]], msgspec.Meta(max_length=_MOST_ACTIVITIES)]


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to try a campaign on, as the contact is now; without one somebody is made up.

    `until` is a length of time or a time. `activities` are what the contact does on its way, as
    `headless simulate` reads them, without `contact`: `{"at": "+2d", "did": "opened email Hello"}`.
    """

    contact: Who | None = None
    until: _Until = "90d"
    activities: _Rows = []


class StepTaken(msgspec.Struct, frozen=True):
    """One step of the way, or `waiting` at the end; `line` counts the text's lines from 1."""

    at: Instant
    line: int
    step: str
    outcome: str
    reason: str | None


class TrialShape(msgspec.Struct, frozen=True):
    """The way of one contact through a campaign; `contact_id` is null for one that is made up."""

    campaign_id: str
    campaign: str
    version: int
    contact_id: str | None
    journal: list[StepTaken]


class Simulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text, who there is and what happens, as `headless simulate` reads them from files.

    Without contacts five are made up, with a way into the campaign; without `until` it ends when
    nothing more can happen, after a year at the latest.
    """

    source: str
    contacts: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=_MOST_CONTACTS)] | None = None
    activities: _Rows = []
    until: _Until | None = None


class SimulatedStep(StepTaken, frozen=True):
    """One step of a contact: `run` counts its runs from 1."""

    contact: str
    run: int


class SimulatedPerson(msgspec.Struct, frozen=True):
    """A contact at the end; `messages` are their channels and names in the order of time."""

    points: int
    tags: tuple[str, ...]
    segments: tuple[str, ...]
    fields: dict[str, Any]
    messages: list[dict[str, str]]


class SimulationShape(msgspec.Struct, frozen=True):
    """What a simulation came to: the journal in the order of time, each contact, the numbers."""

    journal: list[SimulatedStep]
    contacts: dict[str, SimulatedPerson]
    stats: dict[str, Any]


@post(
    "/campaigns/{name:str}/try",
    opt={**needs("campaigns:read"), **reads(Trial)},
    tags=["Campaigns"],
    status_code=200,
)
async def try_campaign(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> TrialShape:
    """Tell the way that a contact would take, who does nothing but what `activities` say.

    Whatever the campaign begins with is made up for it. Nobody is entered, nothing is sent and
    nothing counted; 409 when the contact does not come in. A contact of yours takes the scope
    `contacts:read`, too.
    """
    body = await bodies.read(request, Trial, default=Trial())
    _refuse_nul("activities", body.activities)
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        known = None if body.contact is None else await _known(call, tx, body.contact)
    cells = None if known is None else _cells(known)
    simulated = await rehearse(
        call.house.database,
        lambda: _prepared(found.source, cells, body.activities),
        body.until,
        gate=call.house.rehearsals,
        seconds=_SECONDS,
    )
    who = cells["id"] if cells is not None else _MADE_UP if body.activities else None
    lines = way(simulated, who)
    if not lines:
        raise Problem("wrong_state", f"this contact does not come into `{found.name}`")
    return TrialShape(
        found.public_id,
        found.name,
        found.version,
        None if known is None else ids.encode("con", known.id),
        [StepTaken(**_step(line)) for line in lines],
    )


@post(
    "/simulate",
    opt={**needs("campaigns:read"), **reads(Simulation)},
    tags=["Language"],
    status_code=200,
)
async def simulate_text(request: Request[Any, Any, Any], call: Caller) -> SimulationShape:
    """What a text comes to, with up to 100 contacts and 1,000 activities that you bring along.

    Nothing of the workspace is read or changed. `headless simulate` takes as many as you like.
    """
    body = await bodies.read(request, Simulation)
    _refuse_nul("activities", body.activities)
    _refuse_nul("contacts", body.contacts or [])
    people = None if body.contacts is None else taken(body.contacts)
    simulated = await rehearse(
        call.house.database,
        lambda: prepare(body.source, people, taken(body.activities)),
        body.until,
        gate=call.house.rehearsals,
        seconds=_SECONDS,
    )
    return _shape(simulated)


def _refuse_nul(what: str, rows: list[dict[str, Any]]) -> None:
    """Raise Problem `invalid_body` for a row with a character that no database keeps."""
    for number, row in enumerate(rows):
        if _has_nul(row):
            at = f"/{what}/{number}"
            told = "it holds U+0000; leave it out"
            raise Problem("invalid_body", told, errors=[{"pointer": at, "detail": told}])


def _has_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(_has_nul, value))
        case dict():
            return any(_has_nul(name) or _has_nul(one) for name, one in value.items())
    return False


async def _known(call: Call, tx: Any, who: Who) -> Contact:
    need_also(call, "contacts:read")
    if who.id is not None:
        return await contacts.find(tx, call.workspace_id, ids.decode("con", who.id) or -1)
    return await contacts.lookup(
        tx, call.workspace_id, external_id=who.external_id, email=who.email
    )


def _cells(known: Contact) -> dict[str, Any]:
    """A contact as a simulation reads it."""
    cells = {"id": ids.encode("con", known.id), **known.fields}
    cells |= {name: getattr(known, name) for name in _COLUMNS}
    cells |= {"tags": [*known.tags], "segments": [*known.segments]}
    return {name: value for name, value in cells.items() if value is not None}


def _prepared(
    text: str, cells: dict[str, Any] | None, activities: list[dict[str, Any]]
) -> Prepared:
    who = _MADE_UP if cells is None else cells["id"]
    return prepare_for(text, cells, taken({**one, "contact": who} for one in activities))


def _step(line: Line) -> dict[str, Any]:
    return {
        "at": instant(line.at),
        "line": line.line,
        "step": line.step,
        "outcome": line.outcome,
        "reason": line.reason,
    }


def _shape(simulated: Simulated) -> SimulationShape:
    return SimulationShape(
        [
            SimulatedStep(**_step(line), contact=line.contact, run=line.run)
            for line in simulated.journal
        ],
        {
            name: SimulatedPerson(
                one.points,
                one.tags,
                one.segments,
                one.fields,
                [
                    {"channel": sent.channel, "name": sent.name, "at": instant(sent.at)}
                    for sent in one.messages
                ],
            )
            for name, one in simulated.contacts.items()
        },
        simulated.stats,
    )


HANDLERS: Final[list[HTTPRouteHandler]] = [try_campaign, simulate_text]
