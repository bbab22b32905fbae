"""The whole API held against its own description: no 5xx, nothing answered that is not described.

Requests are made by schemathesis from the description, half of them wrong on purpose, and go into
the real application over a real database with a real token. A workspace is furnished first with
what the examples say, and paths name what is there as often as what is not. The short run asks each
operation that reads, always the same; the long one (`make check-deep`) all of them, hundreds each.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from api_server import NOW, Server, running, settings_for
from every_route import furnish, places
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from headless.api import openapi
from headless.clock import ManualClock

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ORDER = ("get", "post", "put", "patch", "delete")
PATIENCE = 20  # seconds
EXAMPLES = int(os.environ.get("HEADLESS_FUZZ_EXAMPLES", "100"))
PARTS = 8
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


class Tried:
    """A furnished workspace, and what is wrong with the answers that it gave."""

    def __init__(self, server: Server, loop: asyncio.Runner) -> None:
        self.server = server
        self.loop = loop
        self.described = openapi.describe(server.app)
        self.schema = schemathesis.openapi.from_dict(self.described)
        self.client = server.client(server.token)
        self.known: dict[str, list[str]] = {}
        self.faults: dict[str, str] = {}
        self.count = 0

    def send(self, request: Any) -> httpx.Response:
        ready = requests.Request(**request).prepare()
        body = ready.body.encode() if isinstance(ready.body, str) else ready.body
        headers = {k: v for k, v in ready.headers.items() if k.lower() != "content-length"}
        asked = self.client.build_request(
            ready.method or "", ready.url or "", headers=headers, content=body
        )
        return self.loop.run(asyncio.wait_for(self.client.send(asked), PATIENCE))

    def furnish(self) -> None:
        """Make one of each thing that an example makes."""
        made = furnish(self.server.app, self.client, self.described)
        self.known = self.loop.run(made).known

    def operations(self, methods: tuple[str, ...]) -> Iterator[tuple[str, str, Any]]:
        """Those that delete come last."""
        for method in methods:
            for path, operations in self.described["paths"].items():
                if method in operations and path != "/readyz":  # no worker lives here: it is a 503
                    media = operations[method]["responses"].get("200", {}).get("content", {})
                    if "text/event-stream" not in media:  # it never ends
                        yield method, path, self.schema[path][method.upper()]

    def try_one(self, case: Any, path: str, pick: int) -> None:
        self.count += 1
        if pick and case.path_parameters:
            for name, place in places(path).items():
                if there := self.known.get(place):
                    case.path_parameters[name] = there[pick % 2 - 1]
        if isinstance(case.query, dict) and "wait" in case.query:
            case.query["wait"] = 0
        request = case.as_transport_kwargs(base_url="http://testserver")
        request = {k: request[k] for k in ("method", "url", "headers", "params", "json", "data",
                                           "cookies") if request.get(k) is not None}  # fmt: skip
        try:
            answer = self.send(request)
        except (requests.RequestException, httpx.InvalidURL, UnicodeError):
            return  # nothing that could be sent
        except TimeoutError:
            self.faults[f"{request['method']} {path}: no answer"] = str(request)
            return
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for fault in group.exceptions:
                name = f"{request['method']} {path}: {getattr(fault, 'title', fault)}"
                self.faults.setdefault(name, f"{fault}\n{request}\n{answer.text[:600]}")


def tried(
    database_url: str,
    redis_url: str,
    data_dir: Path,
    examples: int,
    methods: tuple[str, ...] = ORDER,
    part: tuple[int, int] = (0, 1),
) -> Tried:
    """The operations, or each so-manieth of them, with so many requests of each mode."""
    first, step = part
    with asyncio.Runner() as loop:
        house = running(settings_for(database_url, redis_url, data_dir), ManualClock(NOW))
        server = loop.run(house.__aenter__())
        server.workspace_id = loop.run(server.workspace())
        _, server.token = loop.run(server.new_token("admin"))
        trial = Tried(server, loop)
        trial.furnish()
        for _, path, operation in list(trial.operations(methods))[first::step]:
            for mode in MODES:
                _run(trial, path, operation.as_strategy(generation_mode=mode), examples)
        loop.run(house.__aexit__(None, None, None))
    return trial


def _run(trial: Tried, path: str, cases: Any, examples: int) -> None:
    @seed(20261123)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, pick=st.sampled_from((1, 0, 2)))
    def run(case: Any, pick: int) -> None:
        trial.try_one(case, path, pick)

    with suppress(Unsatisfiable):  # nothing can be wrong with a request that says nothing
        run()


def told(trial: Tried) -> str:
    return "\n\n".join(f"{name}\n{fault}" for name, fault in sorted(trial.faults.items()))


def test_a_few_requests_of_each_operation_that_reads(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    trial = tried(database_url, redis_url, tmp_path, 1, ("get",))
    assert trial.count > 150, trial.count
    assert not trial.faults, told(trial)


def test_a_few_requests_of_each_operation_that_changes_something(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    trial = tried(database_url, redis_url, tmp_path, 1, ORDER[1:])
    assert trial.count > 150, trial.count
    assert not trial.faults, told(trial)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_hundreds_of_requests_of_each_operation(
    database_url: str, redis_url: str, tmp_path: Path, part: int
) -> None:
    trial = tried(database_url, redis_url, tmp_path, EXAMPLES, part=(part, PARTS))
    assert not trial.faults, told(trial)
