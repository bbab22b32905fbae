"""The API's description: whole, with examples that fit, and nothing broken of what was promised."""

import copy
import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema_rs import validator_for
from pages import ROOT

from headless.api import openapi
from headless.api.app import build
from headless.settings import load
from headless.storage.database import connect

_spec = importlib.util.spec_from_file_location("changes", ROOT / "docs" / "openapi_changes.py")
assert _spec is not None
assert _spec.loader is not None
changes: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(changes)

APP = build(connect("postgresql://nobody/none"), load({"HEADLESS_SECRET_KEYS": "k" * 40}))
DESCRIBED = openapi.describe(APP)
PARTS = DESCRIBED["components"]
OPERATIONS = {
    operation["operationId"]: operation
    for operations in DESCRIBED["paths"].values()
    for method, operation in operations.items()
    if method in changes.METHODS
}


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for answer in operation["responses"].values():
        yield from answer.get("content", {}).items()


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_described_with_examples_that_fit(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"].strip()
    assert operation["tags"]
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            assert parameter["description"], parameter
    for media, body in bodies(operation):
        if "json" in media and not body["schema"]:
            continue  # any JSON
        if "json" in media or body in operation.get("requestBody", {}).get("content", {}).values():
            assert "example" in body, media
        if "json" in media and "ndjson" not in media:
            schema = {**body["schema"], "components": PARTS}
            faults = [str(one) for one in validator_for(schema).iter_errors(body["example"])]
            assert not faults, (media, body["example"], faults)


def test_what_the_examples_send_is_read() -> None:
    read = 0
    for route in APP.routes:
        for handler in getattr(route, "route_handlers", ()):
            reads = handler.opt.get("reads")
            if handler.handler_name in OPERATIONS and getattr(reads, "json", None) is not None:
                content = OPERATIONS[handler.handler_name]["requestBody"]["content"]
                example = content["application/json"]["example"]
                msgspec.json.decode(msgspec.json.encode(example), type=reads.json, strict=True)
                read += 1
    assert read > 40


def test_nothing_is_broken_of_what_was_promised() -> None:
    """Else `python docs/openapi_changes.py --because "..."` writes it into docs/api-changes.md."""
    promised = json.loads(changes.PROMISED.read_text(encoding="utf-8"))
    assert list(changes.breaks(promised, DESCRIBED)) == []


def test_each_way_to_break_a_promise_is_seen() -> None:
    old = DESCRIBED
    new = copy.deepcopy(old)
    del new["paths"]["/v1/whoami"]
    write = new["components"]["schemas"]["ContactWrite"]
    del write["properties"]["stage"]
    write["required"] = ["email"]
    write["properties"]["fields_mode"]["enum"] = ["strict"]
    del new["components"]["schemas"]["ContactShape"]["properties"]["points"]
    new["components"]["schemas"]["ContactShape"]["properties"]["email"] = {"type": "integer"}
    listing = new["paths"]["/v1/contacts"]["get"]
    listing["parameters"] = [
        *(one for one in listing["parameters"] if one["name"] != "tag"),
        {"name": "why", "in": "query", "required": True},
    ]
    del new["paths"]["/v1/contacts/{contact_id}"]["delete"]["responses"]["204"]
    told = set(changes.breaks(old, new))
    for expected in (
        "GET /v1/whoami is gone",
        "POST /v1/contacts body reads no `stage`",
        "POST /v1/contacts body needs `email`",
        "POST /v1/contacts body.fields_mode takes no longer create",
        "POST /v1/contacts 201 answers no `points`",
        "POST /v1/contacts 201.email is integer, no longer string",
        "GET /v1/contacts takes no query `tag`",
        "GET /v1/contacts needs query `why`",
        "DELETE /v1/contacts/{contact_id} answers no 204",
    ):
        assert expected in told, sorted(told)
    assert list(changes.breaks(old, copy.deepcopy(old))) == []
