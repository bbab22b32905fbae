"""What the logs show of people, tokens and links: as good as nothing."""

import pytest

from headless.cli.logs import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("550 <ada.lovelace+x@mail.example.com> unknown", "550 <a…@mail.example.com> unknown"),
        ("a@b.example", "a…@b.example"),
        ("token hk_live_9fQ2" + "x" * 32, "token hk_live_9f…"),
        ("GET /u/AbCdEf123456-_78?x=1", "GET /u/AbCdEf…?x=1"),
        ("Authorization: Bearer abcdefghijkl", "Authorization: Bearer …"),
        ("postgresql://me:secret@db:5432/x", "postgresql://me:…@db:5432/x"),
        ("to +491701234567 failed", "to +… failed"),
        ("refused\nDETAIL:  Failing row contains (Ada)", "refused\nDETAIL: …"),
        ("batch advance:17 of /v1/contacts", "batch advance:17 of /v1/contacts"),
        ("version 1@2 took 3.5 s", "version 1@2 took 3.5 s"),
    ],
)
def test_what_is_personal_is_cut_short(text: str, shown: str) -> None:
    assert masked(text) == shown
