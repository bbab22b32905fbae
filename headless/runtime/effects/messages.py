"""Messages: the intents to send that a step writes, and who cannot be sent one.

Pure. An intent is a row of the outbox; handing it over is the channels' work. Imports the language,
`arguments` and `batch`.
"""

from typing import Any

from sqlalchemy import CTE, ColumnClause, Text, case, cast, func, literal, null, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from headless.audience.values import Sql
from headless.dsl import ast
from headless.dsl.names import is_pattern
from headless.runtime.effects.arguments import given
from headless.runtime.effects.batch import Batch
from headless.runtime.effects.channels import CODES, component, owner_of, way_of
from headless.runtime.stands import NOW, number
from headless.storage import tables
from headless.storage.codes import Channel, Outcome

Sending = ast.SendMessage | ast.SendSlack | ast.SendWebhook | ast.PushTo


def message(batch: Batch, step: int, channel: Sql, ref: Sql, data: Sql | None) -> CTE:
    """The intents of a step; `data` is what the channel needs beside the contact and the ref."""
    written, version = batch.written, batch.version
    source: Any = written
    if data is not None or not isinstance(ref, ColumnClause):
        source = written.join(batch.rows, written.c.enrollment_id == batch.rows.c.enrollment_id)
    return (
        insert(tables.message)
        .from_select(
            ["workspace_id", "contact_id", "channel", "ref", "enrollment_id", "version_id",
             "step", "visit", "created_at", "due_at", "activity_id", "data"],
            select(
                number(version.workspace_id), written.c.contact_id, channel, ref,
                written.c.enrollment_id, number(version.id), written.c.step, written.c.visit,
                written.c.at, NOW, written.c.activity_id,
                cast(null(), JSONB) if data is None else data,
            )
            .select_from(source)
            .where(batch.of(step), written.c.outcome == number(Outcome.SENT)),
        )
        .returning(tables.message.c.id, tables.message.c.channel, tables.message.c.ref)
        .cte(f"message{step}")
    )  # fmt: skip


def sending(batch: Batch, step: int, action: Sending) -> CTE:
    """The intents of a step that sends something, on whatever channel."""
    names = batch.version.names
    match action:
        case ast.SendMessage():
            channel, ref = _way(batch, action)
            return message(batch, step, channel, ref, _message_data(batch, action))
        case ast.SendSlack():
            data = _slack_data(batch, action)
            return message(batch, step, number(Channel.SLACK), number(0), data)
        case ast.SendWebhook(webhook=name) if is_pattern(name.text):
            data = _webhook_data(batch, action, url=name.text)
            return message(batch, step, number(Channel.WEBHOOK), number(0), data)
        case ast.SendWebhook(webhook=name):
            ref = number(names.id("webhook", name.text))
            data = _webhook_data(batch, action)
            return message(batch, step, number(Channel.WEBHOOK), ref, data)
        case ast.PushTo(integration=name):
            ref = number(names.id("integration", name.text))
            data = func.jsonb_build_object("with", given(batch, action.arguments), type_=JSONB)
            return message(batch, step, number(Channel.INTEGRATION), ref, data)


def _way(batch: Batch, action: ast.SendMessage) -> tuple[Sql, Sql]:
    """The channel of a message and what is sent on it; of a `message` the contact's own."""
    if action.channel != "message":
        ref = batch.version.names.id(action.channel, action.message.text)
        return number(CODES[action.channel]), number(ref)
    if action.to is not None:
        return number(Channel.EMAIL), component(batch.scope, action, "email")
    taken = batch.rows.c[f"by_{way_of(action)}"]
    parts = [(taken == number(CODES[c]), component(batch.scope, action, c)) for c in CODES]
    return taken, case(*parts)


def _message_data(batch: Batch, action: ast.SendMessage) -> Sql | None:
    """What a message knows beside its contact: `{"with": {...}, "transactional": true}`.

    `to` is the address of an owner or of somebody else, where it does not go to the contact.
    """
    pairs: list[Any] = []
    if action.arguments:
        pairs += ["with", given(batch, action.arguments)]
    if action.transactional:
        pairs += ["transactional", func.to_jsonb(True)]
    match action.to:
        case ast.ToAddress(address=address):
            pairs += ["to", literal(address)]
        case ast.ToOwner():
            pairs += ["to", owner_of(batch.scope, "email")]
        case None:
            pass
    return func.jsonb_build_object(*pairs, type_=JSONB) if pairs else None


def _slack_data(batch: Batch, action: ast.SendSlack) -> Sql:
    """What is said in Slack and where: `{"text": ..., "to": "#sales"}`; null: the usual place."""
    match action.to:
        case ast.ToAddress(address=address):
            to: Sql = literal(address)
        case ast.ToOwner():
            to = owner_of(batch.scope, "slack_id")
        case None:
            to = cast(null(), Text)
    return func.jsonb_build_object("text", literal(action.text), "to", to, type_=JSONB)


def _webhook_data(batch: Batch, action: ast.SendWebhook, *, url: str | None = None) -> Sql:
    """A webhook's body, and where it goes when it has no name: `{"url": ..., "body": {...}}`."""
    contact = batch.rows.c
    body = func.jsonb_build_object(
        "campaign", literal(batch.version.plan.name or ""),
        "contact",
        func.jsonb_build_object("external_id", contact.external_id, "email", contact.email),
        "data", given(batch, action.arguments),
    )  # fmt: skip
    place = [] if url is None else ["url", literal(url)]
    return func.jsonb_build_object(*place, "body", body, type_=JSONB)
