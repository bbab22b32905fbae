"""Link tokens: what they carry, who may make them, and what becomes of them with the years."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headless.channels.links import Kind, Link, Links
from headless.storage.partitions import month_of

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OLD, NEW = b"an older key, long enough", b"a newer key, long enough"
KINDS: tuple[Kind, ...] = ("open", "click", "unsubscribe")
links = Links((NEW, OLD), "https://c.example.com/")


def token(kind: Kind = "click", by: Links = links, message_id: int = 77) -> str:
    return by.token(kind, workspace_id=3, message_id=message_id, made=NOW, ordinal=5)


@given(
    st.sampled_from(KINDS),
    st.integers(0, 2**20 - 1),
    st.integers(0, 2**44 - 1),
    st.integers(0, 2**16 - 1),
)
def test_a_token_says_what_was_put_in(kind: Kind, workspace: int, message: int, at: int) -> None:
    made = links.token(kind, workspace_id=workspace, message_id=message, made=NOW, ordinal=at)
    assert len(made) == 34
    assert links.verify(kind, made) == Link(kind, workspace, message, at, 82)


def test_addresses_stand_below_the_public_base() -> None:
    made = links.url("open", workspace_id=1, message_id=2, made=NOW)
    assert made.startswith("https://c.example.com/o/")
    assert made.endswith(".gif")
    assert links.url("unsubscribe", workspace_id=1, message_id=2, made=NOW).startswith(
        "https://c.example.com/u/"
    )


def test_kinds_do_not_stand_for_each_other() -> None:
    for kind in KINDS:
        accepted = [other for other in KINDS if links.verify(other, token(kind))]
        assert accepted == [kind]


def test_every_changed_character_is_noticed() -> None:
    good = token()
    for place in range(len(good)):
        for other in "Aa0_-Zz9 é":
            bad = good[:place] + other + good[place + 1 :]
            if bad != good:
                assert links.verify("click", bad) is None, (place, other)


@pytest.mark.parametrize(
    "text", ["", "x", "=" * 34, "A" * 33, "A" * 35, "é" * 34, "../" * 11 + "a"]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    assert links.verify("click", text) is None


def test_older_keys_verify_and_do_not_sign() -> None:
    before = token("unsubscribe", by=Links((OLD,), ""))
    assert links.verify("unsubscribe", before) is not None
    assert Links((OLD,), "").verify("unsubscribe", token("unsubscribe")) is None


def test_a_strangers_key_is_none_of_ours() -> None:
    strange = Links((b"somebody else's long key",), "")
    assert links.verify("click", token(by=strange)) is None


def test_opens_count_for_two_years_and_unsubscribing_for_ever() -> None:
    later = datetime(2028, 12, 1, tzinfo=UTC)
    opened = links.verify("open", token("open"))
    leaving = links.verify("unsubscribe", token("unsubscribe"))
    assert opened is not None
    assert opened.recorded(datetime(2028, 11, 30, tzinfo=UTC))
    assert not opened.recorded(later)
    assert leaving is not None
    assert leaving.recorded(later)


def test_short_keys_and_large_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Links((b"short",), "")
    with pytest.raises(ValueError, match="2\\*\\*44"):
        token(message_id=2**44)


def test_messages_of_the_years_to_come_still_have_links() -> None:
    """Each month's messages begin 2**36 further on."""
    for year in (2027, 2036, 2046):
        number = month_of(datetime(year, 12, 31, tzinfo=UTC)) << 36 | 12_345
        link = links.verify("click", token(message_id=number))
        assert link is not None
        assert (link.workspace_id, link.message_id) == (3, number)
