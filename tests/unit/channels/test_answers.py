"""Each row of the table of SMTP answers, one test each."""

import pytest

from headless.channels.answers import Stage, Verdict, classify, lost

ROWS: list[tuple[int, str, Stage, Verdict]] = [
    (250, "2.0.0 ok", "dot", Verdict.SENT),
    (421, "4.7.0 try again later", "mail", Verdict.RETRY),
    (450, "4.2.1 mailbox busy", "recipient", Verdict.RETRY),
    (451, "local error", "dot", Verdict.RETRY),
    (452, "4.3.1 no space", "dot", Verdict.RETRY),
    (550, "5.1.1 no such user", "recipient", Verdict.SUPPRESS),
    (550, "5.1.2 no such host", "recipient", Verdict.SUPPRESS),
    (553, "5.1.3 bad address", "recipient", Verdict.SUPPRESS),
    (551, "5.1.6 moved", "recipient", Verdict.SUPPRESS),
    (550, "5.1.10 null MX", "recipient", Verdict.SUPPRESS),
    (550, "5.2.1 disabled", "dot", Verdict.SUPPRESS),
    (550, "Requested action not taken: no such user here", "recipient", Verdict.SUPPRESS),
    (550, "User unknown", "recipient", Verdict.SUPPRESS),
    (553, "<x@y>: mailbox does not exist", "recipient", Verdict.SUPPRESS),
    (552, "5.2.2 mailbox full", "recipient", Verdict.FAILED),
    (552, "5.3.4 too big", "dot", Verdict.FAILED),
    (552, "message too large", "dot", Verdict.FAILED),
    (550, "5.4.1 no route", "recipient", Verdict.FAILED),
    (500, "5.5.2 syntax", "mail", Verdict.FAILED),
    (554, "5.6.0 bad content", "dot", Verdict.FAILED),
    (550, "5.7.1 message refused, user unknown to our policy", "dot", Verdict.PARK),
    (550, "5.7.25 no PTR", "dot", Verdict.PARK),
    (550, "5.7.26 unauthenticated", "dot", Verdict.PARK),
    (550, "5.7.515 access denied", "dot", Verdict.PARK),
    (550, "blocked by our list", "recipient", Verdict.PARK),
    (554, "transaction failed", "dot", Verdict.PARK),
    (550, "5.1.8 bad sender's system address", "mail", Verdict.PARK),
    (550, "5.1.1 no such sender", "mail", Verdict.PARK),
    (554, "go away", "connect", Verdict.BROKEN),
    (530, "5.7.0 log in first", "mail", Verdict.BROKEN),
    (534, "5.7.9 stronger mechanism needed", "connect", Verdict.BROKEN),
    (535, "5.7.8 bad password", "connect", Verdict.BROKEN),
    (538, "5.7.11 encryption needed", "connect", Verdict.BROKEN),
]


@pytest.mark.parametrize(("code", "text", "stage", "verdict"), ROWS)
def test_an_answer_has_one_meaning(code: int, text: str, stage: Stage, verdict: Verdict) -> None:
    answer = classify(code, text, stage)
    assert answer.verdict is verdict
    if verdict is not Verdict.SENT:
        assert answer.detail == f"{code} {text}"


def test_a_temporary_policy_answer_slows_down() -> None:
    assert classify(421, "4.7.28 too much mail", "mail").slow
    assert not classify(451, "4.3.0 busy", "mail").slow


def test_a_lost_connection_is_uncertain_only_after_the_final_dot() -> None:
    stages: tuple[Stage, ...] = ("connect", "mail", "recipient", "data", "dot")
    verdicts = [lost(stage, "gone").verdict for stage in stages]
    assert verdicts == [
        Verdict.BROKEN,
        Verdict.RETRY,
        Verdict.RETRY,
        Verdict.RETRY,
        Verdict.UNCERTAIN,
    ]


def test_words_in_many_lines_become_one() -> None:
    assert (
        classify(550, "5.7.1 refused\nsee our page", "dot").detail
        == "550 5.7.1 refused see our page"
    )
