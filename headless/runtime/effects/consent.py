"""Consent: a contact is taken off a channel, or put on it again.

Taking off writes a suppression with its reason and where it came from; putting on takes away only
what an unsubscription has written, never a bounce or a complaint. Each is a line of the ledger, and
webhooks are told of both. Pure. Imports the language, `batch` and the workspace's webhooks.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import CTE, Text, delete, literal, select, union
from sqlalchemy.dialects.postgresql import insert

from headless.dsl import ast
from headless.runtime.effects.batch import Batch, told
from headless.runtime.stands import NOW, number
from headless.storage import tables
from headless.storage.codes import ActivityKind, Channel, word
from headless.workspace.webhooks import telling

UNSUBSCRIBED: Final = "unsubscribed"
ALL: Final = 0
"""What an activity of unsubscribing from every channel is about."""
_CHANNELS: Final[dict[ast.Consent, tuple[Channel, ...]]] = {
    "email": (Channel.EMAIL,),
    "sms": (Channel.SMS,),
    "push message": (Channel.PUSH,),
    "all": (Channel.EMAIL, Channel.SMS, Channel.PUSH),
}


def taken_off(batch: Batch, step: int, action: ast.Unsubscribe) -> Iterator[CTE]:
    """Suppress the contacts of a step on a channel or on all of them; without a channel on email.

    Who was not suppressed yet is told of: channel by channel, and for all once more.
    """
    table, written = tables.suppression, batch.written
    source = f"campaign {batch.version.plan.name or batch.version.campaign_id}"
    if action.because is not None:
        source = f"{source}: {action.because}"
    channels = _CHANNELS[action.channel or "email"]
    newly = []
    for channel in channels:
        name = f"{step}_{channel.name.lower()}"
        new = (
            insert(table)
            .from_select(
                ["workspace_id", "contact_id", "channel", "reason", "source", "at"],
                select(
                    number(batch.version.workspace_id),
                    written.c.contact_id,
                    number(channel),
                    literal(UNSUBSCRIBED),
                    literal(source),
                    written.c.at,
                ).where(batch.of(step)),
            )
            .on_conflict_do_nothing()
            .returning(table.c.contact_id)
            .cte(f"off{name}")
        )
        newly.append(new)
        yield new
        yield from _noted(batch, step, channel, new, "withdrawn", source)
        yield from told(batch, step, ActivityKind.UNSUBSCRIBED, channel, new, name=name)
    if len(channels) > 1:
        anybody = union(*(select(new.c.contact_id) for new in newly)).cte(f"off{step}")
        yield from told(
            batch, step, ActivityKind.UNSUBSCRIBED, ALL, anybody, name=f"{step}_all", outside=False
        )


def put_on(batch: Batch, step: int, action: ast.Subscribe) -> Iterator[CTE]:
    """Take the contacts' own unsubscriptions from a channel away."""
    table, written = tables.suppression, batch.written
    source = f"campaign {batch.version.plan.name or batch.version.campaign_id}"
    for channel in _CHANNELS[action.channel]:
        back = (
            delete(table)
            .where(
                table.c.workspace_id == batch.version.workspace_id,
                table.c.contact_id == written.c.contact_id,
                table.c.channel == number(channel),
                table.c.reason == UNSUBSCRIBED,
                batch.of(step),
            )
            .returning(table.c.contact_id)
            .cte(f"on{step}_{channel.name.lower()}")
        )
        yield back
        yield from _noted(batch, step, channel, back, "granted", source)
        told_of = {"contact_id": back.c.contact_id, "channel": literal(word(channel), Text)}
        rows = select(literal("contact.subscribed", Text), NOW, telling.data(**told_of))
        yield _webhooks(batch, rows, f"on{step}_{channel.name.lower()}")


def _webhooks(batch: Batch, rows: Any, name: str) -> CTE:
    return telling.part(batch.version.workspace_id, rows, now=NOW, name=name)


def _noted(
    batch: Batch, step: int, channel: Channel, who: CTE, action: str, source: str
) -> Iterator[CTE]:
    """The ledger's lines for those of a step whose consent has changed."""
    written, table = batch.written, tables.consent
    line = (
        insert(table)
        .from_select(
            ["workspace_id", "contact_id", "about", "action", "source", "at"],
            select(
                number(batch.version.workspace_id),
                written.c.contact_id,
                literal(channel.name.lower()),
                literal(action),
                literal(source),
                written.c.at,
            )
            .join(who, who.c.contact_id == written.c.contact_id)
            .where(batch.of(step)),
        )
        .returning(table.c.contact_id)
        .cte(f"line{step}_{channel.name.lower()}")
    )
    yield line
    told_of = {
        "contact_id": line.c.contact_id,
        "about": literal(channel.name.lower(), Text),
        "action": literal(action, Text),
    }
    rows = select(literal("contact.consent_changed", Text), NOW, telling.data(**told_of))
    yield _webhooks(batch, rows, f"line{step}_{channel.name.lower()}")
