"""`/v1/topics`: what emails are about, and which of them a contact gets.

A topic is named in a path by its id or, percent-encoded, by its name.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies
from headless.api.auditing import shows_nobody
from headless.api.auth import Call, Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import Instant, Page, instant, maybe_instant, number
from headless.audience import consents, contacts, topics
from headless.audience.consents import Entry, Evidence
from headless.audience.topics import Choice, Topic
from headless.problems import Problem
from headless.storage.database import Transaction

_READS: Final = {**needs("suppressions:read"), **shows_nobody()}
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=consents.MOST_WORDS)]


class TopicWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic: for everybody who has not left it, or with `opt_in` for those who asked for it.

    The name and the description stand on the page where people choose.
    """

    name: str
    description: str | None = None
    opt_in: bool = False


class TopicChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is absent stays."""

    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    opt_in: bool | UnsetType = UNSET


class TopicShape(msgspec.Struct, frozen=True):
    """A topic."""

    id: str
    name: str
    description: str | None
    opt_in: bool
    created_at: Instant
    updated_at: Instant


class ChoiceShape(msgspec.Struct, frozen=True):
    """Whether a contact gets a topic; without a choice of its own `chosen_at` and `source` are
    null, and it is as the topic is for everybody."""

    topic_id: str
    topic: str
    subscribed: bool
    chosen_at: Instant | None
    source: str | None


class ChoiceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Topics (ids or names) to subscribe the contact to, and to unsubscribe it from.

    `text` are the words that the contact agreed to, `proof` says how that is proved; the ledger
    keeps both.
    """

    add: Annotated[list[str], msgspec.Meta(max_length=topics.MOST)] = []
    remove: Annotated[list[str], msgspec.Meta(max_length=topics.MOST)] = []
    text: Words | None = None
    proof: Words | None = None


def _shape(topic: Topic) -> TopicShape:
    return TopicShape(
        id=ids.encode("top", topic.id),
        name=topic.name,
        description=topic.description,
        opt_in=topic.opt_in,
        created_at=instant(topic.created_at),
        updated_at=instant(topic.updated_at),
    )


def _answer(topic: Topic, status: int = 200) -> Response[TopicShape]:
    headers = {"ETag": f'"{topic.revision}"', "Location": f"/v1/topics/{_shape(topic).id}"}
    return Response(_shape(topic), status_code=status, headers=headers)


def _choice(choice: Choice) -> ChoiceShape:
    return ChoiceShape(
        topic_id=ids.encode("top", choice.topic.id),
        topic=choice.topic.name,
        subscribed=choice.subscribed,
        chosen_at=maybe_instant(choice.chosen_at),
        source=choice.source,
    )


async def _number(tx: Transaction, workspace_id: int, name: str) -> int:
    found = ids.decode("top", name) or await topics.named(tx, workspace_id, name)
    if found is None:
        raise Problem("not_found", f"there is no topic `{name[:60]}` here")
    return found


@post(
    "/topics",
    opt={**needs("suppressions:write"), **reads(TopicWrite)},
    tags=["Consent"],
    status_code=201,
)
async def create_topic(request: Request[Any, Any, Any], call: Caller) -> Response[TopicShape]:
    """Make a topic; emails say with `topic` that they are about it."""
    body = await bodies.read(request, TopicWrite)
    async with call.transaction() as tx:
        made = await topics.create(
            tx,
            call.workspace_id,
            name=body.name,
            description=body.description,
            opt_in=body.opt_in,
            now=call.now,
        )
    return _answer(made, 201)


@get("/topics", opt=_READS, tags=["Consent"])
async def list_topics(call: Caller) -> Page[TopicShape]:
    """All topics by name; there are at most a hundred, so it is one page."""
    async with call.transaction() as tx:
        return Page([_shape(each) for each in await topics.listing(tx, call.workspace_id)], None)


@get("/topics/{name:str}", opt=_READS, tags=["Consent"])
async def get_topic(call: Caller, name: FromPath[str]) -> Response[TopicShape]:
    """One topic."""
    async with call.transaction() as tx:
        topic_id = await _number(tx, call.workspace_id, name)
        return _answer(await topics.find(tx, call.workspace_id, topic_id))


@patch(
    "/topics/{name:str}",
    opt={**needs("suppressions:write"), **reads(TopicChange)},
    tags=["Consent"],
)
async def change_topic(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Response[TopicShape]:
    """Change what is given; `If-Match` refuses to overwrite what somebody else saved."""
    body = await bodies.read(request, TopicChange)
    async with call.transaction() as tx:
        changed = await topics.change(
            tx,
            call.workspace_id,
            await _number(tx, call.workspace_id, name),
            name=body.name,
            description=body.description,
            opt_in=body.opt_in,
            expected_revision=bodies.expected_revision(request),
            now=call.now,
        )
    return _answer(changed)


@delete("/topics/{name:str}", opt=needs("suppressions:write"), tags=["Consent"], status_code=204)
async def delete_topic(call: Caller, name: FromPath[str]) -> None:
    """Delete a topic and what was chosen of it; not while an email is about it."""
    async with call.transaction() as tx:
        await topics.remove(tx, call.workspace_id, await _number(tx, call.workspace_id, name))


@get("/contacts/{contact_id:str}/topics", opt=needs("contacts:read"), tags=["Consent"])
async def list_contact_topics(call: Caller, contact_id: FromPath[str]) -> Page[ChoiceShape]:
    """Every topic and whether the contact gets it."""
    found = number("con", contact_id)
    async with call.transaction() as tx:
        await contacts.find(tx, call.workspace_id, found)
        return await _choices(tx, call, found)


@patch(
    "/contacts/{contact_id:str}/topics",
    opt={**needs("suppressions:write"), **reads(ChoiceChange)},
    tags=["Consent"],
)
async def change_contact_topics(
    request: Request[Any, Any, Any], call: Caller, contact_id: FromPath[str]
) -> Page[ChoiceShape]:
    """Subscribe a contact to topics, or unsubscribe it; each new answer is a line of the ledger."""
    body = await bodies.read(request, ChoiceChange)
    found = number("con", contact_id)
    async with call.transaction() as tx:
        wanted: dict[int, bool] = {}
        for names, subscribed in ((body.add, True), (body.remove, False)):
            for name in names:
                topic_id = await _number(tx, call.workspace_id, name)
                if wanted.setdefault(topic_id, subscribed) != subscribed:
                    raise Problem("invalid_value", f"`{name}` is to be added and to be removed")
        entry = Entry(
            contact_id=found,
            about="topic",
            action="granted",
            source="api",
            text=body.text,
            proof=body.proof,
            evidence=Evidence(token=ids.encode("tok", call.token.id)),
            at=call.now,
        )
        await topics.choose(tx, call.workspace_id, wanted, entry)
        return await _choices(tx, call, found)


async def _choices(tx: Transaction, call: Call, contact_id: int) -> Page[ChoiceShape]:
    found = await topics.choices(tx, call.workspace_id, contact_id)
    return Page([_choice(each) for each in found], None)


HANDLERS: Final[list[HTTPRouteHandler]] = [
    create_topic, list_topics, get_topic, change_topic, delete_topic, list_contact_topics,
    change_contact_topics,
]  # fmt: skip
