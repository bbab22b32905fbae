"""A reply: what one command is answered with, before anybody knows where it goes.

Pure; imports nothing of ours.
"""

from typing import Any

import msgspec

Block = dict[str, Any]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. `text` is always there: for notifications, and for who cannot see blocks.

    It goes to the asker alone unless `in_channel`. `shareable` puts a Share button under it.
    `picture` is a PNG shown under the blocks, `alt` what it shows. `view` is a modal to open in
    place of a message.
    """

    text: str
    blocks: tuple[Block, ...] = ()
    shareable: bool = False
    picture: bytes | None = None
    alt: str = ""
    view: dict[str, Any] | None = None
    in_channel: bool = False
