"""Seals: secrets that customers give us, encrypted before they reach the database.

Each workspace has keys of its own, derived from the installation's key ring; the first key of the
ring seals, all of them open. What was sealed for one workspace cannot be opened for another.
Imports nothing of ours.
"""

import base64
from collections.abc import Sequence
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE: Final = "headless sealed secrets"


class SealError(Exception):
    """The bytes were not sealed by any key of the ring, or not for this workspace."""


class Seals:
    """Seals and opens what belongs to one installation's workspaces."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys`: the key ring, newest first; ValueError when it is empty."""
        if not keys:
            raise ValueError("secrets need at least one key to be sealed with")
        self._keys = tuple(keys)
        self._rings: dict[int, MultiFernet] = {}

    def seal(self, workspace_id: int, plain: bytes) -> bytes:
        """The plain bytes, encrypted and authenticated with the newest key."""
        return self._ring(workspace_id).encrypt(plain)

    def open(self, workspace_id: int, sealed: bytes) -> bytes:
        """What was sealed; raises SealError."""
        try:
            return self._ring(workspace_id).decrypt(sealed)
        except InvalidToken as error:
            raise SealError("no key of the ring opens this secret; was a key removed?") from error

    def renewed(self, workspace_id: int, sealed: bytes) -> bytes:
        """The same secret under the newest key; raises SealError."""
        return self.seal(workspace_id, self.open(workspace_id, sealed))

    def _ring(self, workspace_id: int) -> MultiFernet:
        if workspace_id not in self._rings:
            self._rings[workspace_id] = MultiFernet(
                [Fernet(_derived(key, workspace_id)) for key in self._keys]
            )
        return self._rings[workspace_id]


def _derived(key: bytes, workspace_id: int) -> bytes:
    purpose = f"{_PURPOSE} {workspace_id}".encode()
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key)
    return base64.urlsafe_b64encode(made)
