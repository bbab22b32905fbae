"""How far a call can be believed, by the key that it came with.

A secret token speaks for its workspace, as far as its scopes go. A public key stands in a web page
for everybody to read: who holds it may say what its own visitor does, and nothing of anybody known
unless a hash proves that the workspace's server said so. Pure.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from headless.campaigns.sdk.calls import Call
from headless.problems import Problem
from headless.workspace.write_keys import WriteKey, proves

_PUBLIC_KINDS: Final = frozenset({"track", "page", "screen", "identify"})
_WRITING: Final = frozenset({"identify", "group", "alias"})


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key a request came with: a token's (`may_write`: contacts, too), or a public one."""

    workspace_id: int
    may_write: bool = False
    public: WriteKey | None = None
    ring: Sequence[str] = ()

    @property
    def source(self) -> str:
        """What keeps the ids of public senders apart from the servers'."""
        return "sdk" if self.public is None else f"sdk-{self.public.id}"


def believed(sender: Sender, call: Call) -> Call | Problem:
    """The call as far as its sender may say it, or why it may not."""
    if sender.public is None:
        if call.kind in _WRITING and not sender.may_write:
            return Problem(
                "insufficient_scope", f"`{call.kind}` needs a token with `contacts:write`, too"
            )
        return call
    if call.kind not in _PUBLIC_KINDS:
        return Problem(
            "insufficient_scope", f"`{call.kind}` needs a secret key; send it from your server"
        )
    if call.user_id is None or _proved(sender, call):
        return call
    if call.anonymous_id is None:
        return Problem(
            "insufficient_scope",
            "a public key speaks for an `anonymousId`; for a `userId` send its `userHash`, or use "
            "a secret key on your server",
        )
    return msgspec.structs.replace(call, user_id=None)


def _proved(sender: Sender, call: Call) -> bool:
    if sender.public is None or call.user_id is None or call.user_hash is None:
        return False
    return proves(sender.ring, sender.public.id, call.user_id, call.user_hash)
