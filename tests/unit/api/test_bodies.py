"""Bodies are read strictly and every fault is told with a pointer."""

from typing import Annotated, Any

import msgspec
import pytest

from headless.api.bodies import decode
from headless.problems import Problem


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=2)]
    size: int = 0


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    first: Inner
    others: list[Inner] = []
    note: str | None = None
    count: int | None = None
    picks: list[str | Inner] = []
    anything: dict[str, Any] = {}


def refused(raw: str) -> Problem:
    with pytest.raises(Problem) as caught:
        decode(raw.encode(), Outer)
    return caught.value


def told(raw: str) -> dict[str, str]:
    return {error["pointer"]: error["detail"] for error in refused(raw).extra["errors"]}


def test_good() -> None:
    assert decode(b'{"first": {"name": "ab"}, "picks": ["x", {"name": "yz"}]}', Outer).picks == [
        "x",
        Inner("yz"),
    ]


def test_every_fault_has_its_pointer() -> None:
    assert told(
        '{"frist": 1, "others": [{"name": "ab"}, {"name": 3, "sise": 1}, 7], "note": 1,'
        ' "count": "1", "a/b~c": 0}'
    ) == {
        "/frist": "there is no member `frist` here; did you mean `first`?",
        "/others/1/name": "this must be text, and it is a whole number",
        "/others/1/sise": "there is no member `sise` here; did you mean `size`?",
        "/others/2": "this must be an object, and it is a whole number",
        "/note": "this must be text or null, and it is a whole number",
        "/count": "this must be a whole number or null, and it is text",
        "/a~1b~0c": "there is no member `a/b~c` here; known are `anything`, `count`, `first`, "
        "`note`, `others`, `picks`",
        "/first": "`first` is needed",
    }


def test_the_code_says_when_only_names_are_wrong() -> None:
    assert refused('{"first": {"name": "ab"}, "nota": "x"}').code == "unknown_field"
    assert refused('{"first": {"name": "ab"}, "nota": "x", "note": 1}').code == "invalid_body"


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{",
        "nope",
        '{"first": {"name": "ab"}} x',
        '"\\ud800"',
        "[" * 100_000,
        "\xff",
        "null",
        "[]",
    ],
)
def test_what_is_no_object(raw: str) -> None:
    assert refused(raw).code == "invalid_body"


def test_short_names_are_told() -> None:
    assert "2" in told('{"first": {"name": "a"}}')["/first/name"]


def test_many_faults_are_cut() -> None:
    many = ",".join('{"name": 1}' for _ in range(500))
    problem = refused(f'{{"first": {{"name": "ab"}}, "others": [{many}]}}')
    assert len(problem.extra["errors"]) == 50
