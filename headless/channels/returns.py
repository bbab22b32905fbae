"""Return paths: the envelope sender that names a message, so that a bounce finds it (VERP).

`b-` and 28 characters of lower-case base 32, for case may be lost on the way: workspace (20
bits), message (44), and 9 bytes of an HMAC-SHA256. The first key of the ring signs, all verify.
Pure: imports nothing of ours.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from typing import Final

_PREFIX: Final = "b-"
_MAC: Final = 9
_NUMBER: Final = struct.Struct(">Q")
_LENGTH: Final = 28  # 17 bytes by base 32, without the padding
_PURPOSE: Final = b"headless return path"
_MESSAGE_BITS: Final = 44  # as in `links`


class Returns:
    """Makes and reads the return paths of one installation."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        """`keys`: the key ring, newest first."""
        self._keys = tuple(hmac.digest(key, _PURPOSE, hashlib.sha256) for key in keys)

    def local_part(self, workspace_id: int, message_id: int) -> str:
        """What stands before the `@`, 30 characters."""
        number = _NUMBER.pack(workspace_id << _MESSAGE_BITS | message_id)
        raw = number + self._mac(self._keys[0], number)
        return _PREFIX + base64.b32encode(raw).decode("ascii").rstrip("=").lower()

    def message_of(self, address: str) -> tuple[int, int] | None:
        """Workspace and message that an address was made for; None for what we did not make."""
        local = address.rpartition("@")[0].lower()
        if not local.startswith(_PREFIX) or len(local) != len(_PREFIX) + _LENGTH:
            return None
        try:
            raw = base64.b32decode(local.removeprefix(_PREFIX).upper() + "====")
        except binascii.Error:
            return None
        number, given = raw[: _NUMBER.size], raw[_NUMBER.size :]
        if not any(hmac.compare_digest(self._mac(key, number), given) for key in self._keys):
            return None
        return divmod(int(_NUMBER.unpack(number)[0]), 1 << _MESSAGE_BITS)

    @staticmethod
    def _mac(key: bytes, number: bytes) -> bytes:
        return hmac.digest(key, number, hashlib.sha256)[:_MAC]
