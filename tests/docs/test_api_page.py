"""docs/api.md is what the API's own description makes of it, and leaves no route out."""

import importlib.util
from typing import Any

import pytest
from pages import ROOT

from headless.problems import CATALOGUE

_spec = importlib.util.spec_from_file_location("writer", ROOT / "docs" / "write_api_page.py")
assert _spec is not None
assert _spec.loader is not None
writer: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(writer)

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
METHODS = ("get", "put", "post", "delete", "patch", "options", "head", "trace")


@pytest.fixture(scope="module")
def described() -> Any:
    return writer.description()


def test_every_route_is_listed(described: Any) -> None:
    routes = [
        f"{method.upper()} {path}"
        for path, operations in described["paths"].items()
        for method in operations
        if method in METHODS
    ]
    assert "POST /v1/campaigns" in routes
    assert [route for route in routes if f"### `{route}`\n" not in PAGE] == []


def test_every_refusal_is_listed() -> None:
    assert [code for code in CATALOGUE if f"| `{code}` |" not in PAGE] == []


def test_the_page_is_the_one_that_the_description_makes(described: Any) -> None:
    assert writer.page(described) == PAGE, "run `python docs/write_api_page.py`"
