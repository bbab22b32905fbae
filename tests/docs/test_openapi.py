"""The API's description: whole, with examples that fit, and nothing broken of what was promised."""

import copy
import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema_rs import Registry, validator_for
from litestar import Litestar
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

DRAFT = "https://json-schema.org/draft/2020-12/schema"
PARTS = "urn:api"


@pytest.fixture(scope="module")
def app() -> Litestar:
    return build(connect("postgresql://nobody/none"), load({"HEADLESS_SECRET_KEYS": "k" * 40}))


@pytest.fixture(scope="module")
def described(app: Litestar) -> dict[str, Any]:
    return openapi.describe(app)


@pytest.fixture(scope="module")
def operations(described: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for operations in described["paths"].values()
        for method, operation in operations.items()
        if method in changes.METHODS
    }


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for answer in operation["responses"].values():
        yield from answer.get("content", {}).items()


def far(schema: Any) -> Any:
    """The schema, its parts looked up where they are known once for all."""
    if isinstance(schema, dict):
        return {
            key: f"{PARTS}{value}" if key == "$ref" else far(value) for key, value in schema.items()
        }
    return [far(one) for one in schema] if isinstance(schema, list) else schema


def missing(operation: dict[str, Any], parts: Registry) -> Iterator[str]:
    """What is not told of an operation, or told with an example that does not fit."""
    for part in ("summary", "description", "tags"):
        if not operation[part]:
            yield f"no {part}"
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and not parameter["description"]:
            yield f"no description of {parameter['name']}"
    for media, body in bodies(operation):
        if "json" in media and not body["schema"]:
            continue  # any JSON
        sent = body in operation.get("requestBody", {}).get("content", {}).values()
        if ("json" in media or sent) and "example" not in body:
            yield f"no example of {media}"
        elif "json" in media and "ndjson" not in media:
            schema = {"$schema": DRAFT, **far(body["schema"])}
            for fault in validator_for(schema, registry=parts).iter_errors(body["example"]):
                yield f"{media}: {body['example']}: {fault}"


def test_each_operation_is_described_with_examples_that_fit(
    described: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    parts = Registry([(PARTS, {"$schema": DRAFT, "components": described["components"]})])
    told = {name: list(missing(one, parts)) for name, one in operations.items()}
    assert {name: faults for name, faults in told.items() if faults} == {}
    assert len(told) > 200


def test_what_the_examples_send_is_read(
    app: Litestar, operations: dict[str, dict[str, Any]]
) -> None:
    read = 0
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            reads = handler.opt.get("reads")
            if handler.handler_name in operations and getattr(reads, "json", None) is not None:
                content = operations[handler.handler_name]["requestBody"]["content"]
                example = content["application/json"]["example"]
                msgspec.json.decode(msgspec.json.encode(example), type=reads.json, strict=True)
                read += 1
    assert read > 40


def test_nothing_is_broken_of_what_was_promised(described: dict[str, Any]) -> None:
    """Else `python docs/openapi_changes.py --because "..."` writes it into docs/api-changes.md."""
    promised = json.loads(changes.PROMISED.read_text(encoding="utf-8"))
    assert list(changes.breaks(promised, described)) == []


def test_each_way_to_break_a_promise_is_seen(described: dict[str, Any]) -> None:
    old = described
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
