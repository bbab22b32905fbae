"""What Slack would not take: every payload against its documented limits and slack_sdk's models,
and, where it has been made, against the schema of npm's @slack/types (`slack_schema`)."""

import json
import re
from collections.abc import Iterator
from typing import Any

import slack_schema
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

MOST_TOGETHER = 13_200
"""Characters of all blocks of a message: beyond them Slack fails, though no page says so."""


def faults_of_message(payload: dict[str, Any]) -> list[str]:
    """Of `chat.postMessage` and its like."""
    found = []
    if not payload.get("text"):
        found.append("there is no top-level `text` for notifications")
    if len(payload.get("text") or "") > 40_000:
        found.append("`text` is longer than 40,000 characters")
    blocks = payload.get("blocks") or []
    return found + faults_of_blocks(blocks, most=50)


def faults_of_blocks(blocks: Any, *, most: int) -> list[str]:
    """Of the blocks of a message (50) or of a view (100)."""
    if not isinstance(blocks, list):
        return ["`blocks` is no list"]
    found = []
    if len(blocks) > most:
        found.append(f"{len(blocks)} blocks, and {most} are allowed")
    weight = len(json.dumps(blocks, ensure_ascii=False))
    if most == 50 and weight > MOST_TOGETHER:
        found.append(f"the blocks have {weight} characters together")
    ids = [one["block_id"] for one in blocks if isinstance(one, dict) and "block_id" in one]
    if len(set(ids)) < len(ids):
        found.append("two blocks have the same `block_id`")
    actions = [
        element.get("action_id")
        for block in blocks
        if isinstance(block, dict) and block.get("type") == "actions"
        for element in block.get("elements", [])
    ]
    if None in actions:
        found.append("an element has no `action_id`")
    if len(set(actions)) < len(actions):
        found.append(f"two elements have the same `action_id`: {sorted(map(str, actions))}")
    for block in blocks:
        found += _of_block(block)
    return found + list(_of_texts(blocks))


def faults_of_view(view: Any) -> list[str]:
    """Of a modal or a Home tab."""
    if not isinstance(view, dict):
        return ["`view` is no object"]
    found = faults_of_blocks(view.get("blocks"), most=100)
    for member in ("title", "submit", "close"):
        if member in view and len(view[member].get("text", "")) > 24:
            found.append(f"`{member}` is longer than 24 characters")
    if view.get("type") == "modal" and "title" not in view:
        found.append("a modal needs a `title`")
    if len(view.get("private_metadata", "")) > 3_000:
        found.append("`private_metadata` is longer than 3,000 characters")
    inputs = any(block.get("type") == "input" for block in view.get("blocks") or [])
    if inputs and view.get("type") == "modal" and "submit" not in view:
        found.append("a modal with inputs needs `submit`")
    try:
        View(**view).to_dict()
    except (SlackObjectFormationError, TypeError) as error:
        found.append(f"slack_sdk: {error}")
    return found + slack_schema.faults("AnyView", view)


def _of_block(block: Any) -> list[str]:
    if not isinstance(block, dict):
        return ["a block is no object"]
    try:
        parsed = Block.parse(block)
        if parsed is None:
            return [f"slack_sdk does not know a block of type {block.get('type')}"]
        parsed.to_dict()
    except (SlackObjectFormationError, TypeError) as error:
        return [f"slack_sdk: {error} in {block}"]
    return slack_schema.faults("AnyBlock", block)


def _of_texts(value: Any) -> Iterator[str]:
    """Limits that hold wherever the thing stands."""
    if isinstance(value, list):
        for one in value:
            yield from _of_texts(one)
        return
    if not isinstance(value, dict):
        return
    yield from _of_text(value)
    yield from _of_element(value)
    for one in value.values():
        yield from _of_texts(one)


def _of_text(value: dict[str, Any]) -> Iterator[str]:
    kind, text = value.get("type"), value.get("text")
    if kind not in ("mrkdwn", "plain_text") or not isinstance(text, str):
        return
    if not text:
        yield "a text is empty"
    if len(text) > 3_000:
        yield "a text is longer than 3,000 characters"
    if kind == "mrkdwn" and re.search("<!(channel|here|everyone)", text):
        yield "a text calls everybody"


def _of_element(value: dict[str, Any]) -> Iterator[str]:
    kind = value.get("type")
    if kind == "header" and len(value["text"]["text"]) > 150:
        yield "a header is longer than 150 characters"
    if kind == "button" and len(value["text"]["text"]) > 75:
        yield "a button's text is longer than 75 characters"
    if kind == "button" and len(value.get("value", "")) > 2_000:
        yield "a button's value is longer than 2,000 characters"
    if kind == "section" and len(value.get("fields", [])) > 10:
        yield "a section has more than 10 fields"
    options = value.get("options", [])
    if len(options) > 100:
        yield "a select has more than 100 options"
    if any(not isinstance(one.get("value"), str) for one in options):
        yield "the value of an option is no string"
