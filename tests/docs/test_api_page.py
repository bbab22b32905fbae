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

DESCRIBED = writer.description()
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
ROUTES = [
    (method.upper(), path)
    for path, operations in DESCRIBED["paths"].items()
    for method in operations
    if method in ("get", "put", "post", "delete", "patch", "options", "head", "trace")
]


def test_there_are_routes() -> None:
    assert ("POST", "/v1/campaigns") in ROUTES


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_each_route_is_listed(method: str, path: str) -> None:
    assert f"### `{method} {path}`\n" in PAGE


@pytest.mark.parametrize("code", CATALOGUE)
def test_each_refusal_is_listed(code: str) -> None:
    assert f"| `{code}` |" in PAGE


def test_the_page_is_the_one_that_the_description_makes() -> None:
    assert writer.page(DESCRIBED) == PAGE, "run `python docs/write_api_page.py`"
