"""Messages: the intents to send that a step writes, and who cannot be sent one.

Pure. An intent is a row of the outbox; handing it over is the channels' work. Imports the language,
`arguments` and `batch`.
"""

from typing import Any

from sqlalchemy import CTE, cast, func, literal, null, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from headless.audience.values import Sql
from headless.dsl import ast
from headless.runtime.effects.arguments import given
from headless.runtime.effects.batch import Batch
from headless.runtime.stands import NOW, number
from headless.storage import tables
from headless.storage.codes import Channel, Outcome


def message(batch: Batch, step: int, channel: Channel, ref: Sql, data: Sql | None) -> CTE:
    """The intents of a step; `data` is what the channel needs beside the contact and the ref."""
    written, version = batch.written, batch.version
    source: Any = written
    if data is not None:
        source = written.join(batch.rows, written.c.enrollment_id == batch.rows.c.enrollment_id)
    return (
        insert(tables.message)
        .from_select(
            ["workspace_id", "contact_id", "channel", "ref", "enrollment_id", "version_id",
             "step", "visit", "created_at", "due_at", "activity_id", "data"],
            select(
                number(version.workspace_id), written.c.contact_id, number(channel), ref,
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


def mail_data(batch: Batch, action: ast.SendMessage) -> Sql | None:
    """What an email knows beside its contact: `{"with": {...}, "transactional": true}`."""
    pairs: list[Any] = []
    if action.arguments:
        pairs += ["with", given(batch, action.arguments)]
    if action.transactional:
        pairs += ["transactional", func.to_jsonb(True)]
    return func.jsonb_build_object(*pairs, type_=JSONB) if pairs else None


def webhook_data(batch: Batch, action: ast.SendWebhook) -> Sql:
    """Where a webhook goes and its body: `{"url": ..., "body": {...}}`."""
    contact = batch.rows.c
    body = func.jsonb_build_object(
        "campaign", literal(batch.version.plan.name or ""),
        "contact",
        func.jsonb_build_object("external_id", contact.external_id, "email", contact.email),
        "data", given(batch, action.arguments),
    )  # fmt: skip
    return func.jsonb_build_object("url", literal(action.webhook.text), "body", body, type_=JSONB)
