"""Tokens: their shape, their checksum, what scopes allow."""

import re

import pytest

from headless.workspace.tokens import allows, generate, is_whole


def test_a_token_is_one_word_that_scanners_find() -> None:
    for kind in ("live", "test"):
        text = generate(kind)  # type: ignore[arg-type]  # the loop's literals are widened
        assert re.fullmatch(rf"hk_{kind}_[0-9A-Za-z]{{36}}", text)
        assert is_whole(text)
    assert len({generate("test") for _ in range(100)}) == 100


def test_a_torn_or_mistyped_token_is_known_by_itself() -> None:
    text = generate("test")
    for at in range(len(text)):
        changed = text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :]
        assert not is_whole(changed), at
    for bad in ("", text[:-1], text + "a", " " + text, text.replace("hk_", "hp_"), "é" * 44):
        assert not is_whole(bad)


@pytest.mark.parametrize(
    ("held", "wanted", "may"),
    [
        (["admin"], ["contacts:write"], True),
        (["contacts:read"], ["contacts:write"], False),
        (["contacts:read"], ["contacts:write", "contacts:read"], True),
        ([], [], True),
        ([], ["contacts:read"], False),
    ],
)
def test_scopes(held: list[str], wanted: list[str], may: bool) -> None:
    assert allows(held, wanted) is may
