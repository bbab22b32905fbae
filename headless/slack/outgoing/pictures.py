"""Pictures: campaigns drawn for Slack, PNGs taken there, and the blocks that show them.

Imports the language's drawing, and `files`.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from slack_sdk.web.async_client import AsyncWebClient

from headless.dsl import draw
from headless.dsl.plan import Plan
from headless.slack.outgoing.files import uploaded

PICTURE: Final = "@picture"
"""The file id of an image block that stands for a message's own picture."""
_MOST_ALT: Final = 2000
_HIGHEST: Final = 8_000
"""Pixels; Slack shows nothing of what is much higher."""


def drawn(plan: Plan, counts: Mapping[int, int] | None = None) -> bytes:
    """The picture of a campaign as PNG, smaller where it would be too large for Slack."""
    zoom = 2.0 if len(plan.steps) < 60 else 1.0
    picture = draw.png(plan, counts, zoom=zoom)
    (height,) = struct.unpack(">I", picture[20:24])
    if height <= _HIGHEST:
        return picture
    return draw.png(plan, counts, zoom=zoom * _HIGHEST / height)


async def upload(client: AsyncWebClient, png: bytes, *, title: str, alt: str) -> str:
    """Take a PNG to Slack without showing it anywhere; its file id. Raises as `files.uploaded`."""
    return await uploaded(client, png, filename="picture.png", title=title, alt_txt=alt[:_MOST_ALT])


def with_picture(blocks: Sequence[dict[str, Any]], file_id: str, alt: str) -> list[dict[str, Any]]:
    """The blocks with the picture where one of them names `PICTURE`, else before the buttons."""
    image = {"type": "image", "slack_file": {"id": file_id}, "alt_text": alt[:_MOST_ALT]}
    shown = [image if _stands_for(block) else block for block in blocks]
    if image not in shown:
        buttons = [place for place, block in enumerate(shown) if block["type"] == "actions"]
        shown.insert(buttons[0] if buttons else len(shown), image)
    return shown


def _stands_for(block: dict[str, Any]) -> bool:
    return block["type"] == "image" and block.get("slack_file") == {"id": PICTURE}
