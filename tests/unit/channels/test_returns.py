"""Return paths name a message, whatever servers do to their case, and nobody else can make one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headless.channels.returns import Returns

OURS = Returns((b"a key of thirty-two bytes, or so", b"an older key of thirty-two bytes"))
OLD = Returns((b"an older key of thirty-two bytes",))
THEIRS = Returns((b"somebody else's key of that size",))


@given(st.integers(1, 2**20 - 1), st.integers(1, 2**44 - 1))
def test_a_return_path_names_its_message(workspace: int, message: int) -> None:
    local = OURS.local_part(workspace, message)
    assert len(local) <= 64
    assert OURS.message_of(f"{local}@bounce.example.com") == (workspace, message)
    assert OURS.message_of(f"{local.upper()}@bounce.example.com") == (workspace, message)
    assert THEIRS.message_of(f"{local}@bounce.example.com") is None


def test_an_older_key_still_verifies() -> None:
    assert OURS.message_of(OLD.local_part(1, 7) + "@x") == (1, 7)


@pytest.mark.parametrize("address", ["", "@", "b-@x", "ann@example.com", "b-" + "!" * 28 + "@x"])
def test_other_addresses_name_nothing(address: str) -> None:
    assert OURS.message_of(address) is None
