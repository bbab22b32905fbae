"""Pictures: PNGs taken to Slack, and the blocks that show them. Imports slack_sdk."""

from collections.abc import Sequence
from typing import Any, Final

from slack_sdk.web.async_client import AsyncWebClient

PICTURE: Final = "@picture"
"""The file id of an image block that stands for a message's own picture."""
_MOST_ALT: Final = 2000


async def upload(client: AsyncWebClient, png: bytes, *, title: str, alt: str) -> str:
    """Take a PNG to Slack without showing it anywhere; its file id. Raises SlackApiError."""
    answer = await client.files_upload_v2(
        content=png, filename="picture.png", title=title, alt_txt=alt[:_MOST_ALT]
    )
    return str(answer["files"][0]["id"])


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
