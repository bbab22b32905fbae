"""Sharing: the button under an answer that only its asker sees, and the answer that all see then.

A shared answer is asked for again with `shared`, so that the handler masks what is a contact's own;
addresses are masked here once more, wherever they stand. Computes only; imports `blocks`, `parse`,
`privacy` and `reply`.
"""

from typing import Any, Final

import msgspec

from headless.slack.kit import blocks
from headless.slack.kit.reply import Block, Reply
from headless.slack.people.asker import Asker
from headless.slack.people.privacy import masked
from headless.slack.verbs.parse import Command, said

SHARE: Final = "share"
"""The action id of the button; its value is the command."""


def offered(reply: Reply, asker: Asker, command: Command) -> Reply:
    """The reply with a Share button, where somebody else could read it."""
    if not reply.shareable or reply.view is not None:
        return reply
    if command.shared:
        by = blocks.context(f"shared by {asker.mention} · {blocks.escape(said(command))}")
        return msgspec.structs.replace(
            reply,
            text=masked(reply.text),
            alt=masked(reply.alt),
            blocks=blocks.fit([_masked(block) for block in [*reply.blocks, by]]),
            in_channel=True,
            shareable=False,
        )
    alone = asker.channel_id is None or asker.channel_id.startswith("D")
    value = said(command)
    if alone or len(value) > blocks.MOST_VALUE:
        return reply
    share = blocks.button("Share", SHARE, value)
    body = list(reply.blocks)
    if body and body[-1]["type"] == "actions":
        body[-1] = {**body[-1], "elements": [*body[-1]["elements"], share]}
    else:
        body.append(blocks.actions(share))
    return msgspec.structs.replace(reply, blocks=blocks.fit(body))


def _masked(block: Block) -> Block:
    """A block without addresses; a button that names one would be no use to others."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return masked(value)
        if isinstance(value, dict):
            return {key: clean(inner) for key, inner in value.items()}
        return [clean(inner) for inner in value] if isinstance(value, list) else value

    cleaned: Block = clean(block)
    return cleaned
