"""What of the API's description clients rely on, and what a new one breaks of an older one.

`docs/openapi.json` is the description that clients were promised. Run this file to bring it up to
date: `python docs/openapi_changes.py`. It refuses when something would break, unless the reason is
given (`--because "..."`), which goes into `docs/api-changes.md` with the list of what breaks.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from litestar import Litestar

from headless import __version__
from headless.api import openapi
from headless.api.app import build
from headless.settings import load
from headless.storage.database import connect

PROMISED = Path(__file__).parent / "openapi.json"
LOG = Path(__file__).parent / "api-changes.md"
METHODS = ("get", "post", "put", "patch", "delete")


def current() -> dict[str, Any]:
    """The description of this working tree; asks no database."""
    settings = load({"HEADLESS_SECRET_KEYS": "k" * 40})
    app: Litestar = build(connect("postgresql://nobody/none"), settings)
    return openapi.describe(app)


def breaks(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What a client of the old description could no longer do or find, one sentence each."""
    for path, operations in old["paths"].items():
        for method in METHODS:
            if before := operations.get(method):
                after = new["paths"].get(path, {}).get(method)
                name = f"{method.upper()} {path}"
                if after is None:
                    yield f"{name} is gone"
                else:
                    yield from _operation(name, before, after, old, new)


def _operation(
    name: str, before: dict[str, Any], after: dict[str, Any], old: Any, new: Any
) -> Iterator[str]:
    if before["operationId"] != after["operationId"]:
        yield f"{name} is called {after['operationId']}, no longer {before['operationId']}"
    known = {(one["in"], one["name"]): one for one in after.get("parameters", ())}
    had = {(one["in"], one["name"]) for one in before.get("parameters", ())}
    yield from (f"{name} takes no {where} `{what}`" for where, what in sorted(had - set(known)))
    for key, one in known.items():
        if key not in had and one.get("required"):
            yield f"{name} needs {key[0]} `{key[1]}`"
    reads = after.get("requestBody", {}).get("content", {})
    for media, body in before.get("requestBody", {}).get("content", {}).items():
        if media not in reads:
            yield f"{name} reads no {media}"
        else:
            pair = _shape(body["schema"], old), _shape(reads[media]["schema"], new)
            yield from _read(f"{name} body", *pair, old, new, ())
    for status, answer in before["responses"].items():
        if status not in after["responses"]:
            yield f"{name} answers no {status}"
            continue
        answers = after["responses"][status].get("content", {})
        for media, body in answer.get("content", {}).items():
            if media not in answers:
                yield f"{name} {status} answers no {media}"
            else:
                pair = _shape(body["schema"], old), _shape(answers[media]["schema"], new)
                yield from _answered(f"{name} {status}", *pair, old, new, ())


def _shape(schema: dict[str, Any], document: Any) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for one in schema.get("anyOf", schema.get("oneOf", ())):
        if one.get("type") != "null":
            return _shape(one, document)
    return schema


def _read(at: str, old: Any, new: Any, was: Any, now: Any, seen: tuple[Any, ...]) -> Iterator[str]:
    """What could be sent and is no longer read."""
    if _again(old, seen):
        return
    before, after = old.get("properties", {}), new.get("properties", {})
    if new.get("additionalProperties") is False:
        yield from (f"{at} reads no `{name}`" for name in before if name not in after)
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{at} needs `{name}`"
    if gone := set(map(str, old.get("enum", ()))) - set(
        map(str, new.get("enum", old.get("enum", ())))
    ):
        yield f"{at} takes no longer {', '.join(sorted(gone))}"
    for name in before:
        if name in after:
            pair = _shape(before[name], was), _shape(after[name], now)
            yield from _read(f"{at}.{name}", *pair, was, now, (*seen, id(old)))


def _answered(
    at: str, old: Any, new: Any, was: Any, now: Any, seen: tuple[Any, ...]
) -> Iterator[str]:
    """What was answered and no longer is; new members and values are no break."""
    if _again(old, seen):
        return
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before:
        if name not in after:
            yield f"{at} answers no `{name}`"
            continue
        pair = _shape(before[name], was), _shape(after[name], now)
        yield from _answered(f"{at}.{name}", *pair, was, now, (*seen, id(old)))
    types = old.get("type"), new.get("type")
    if None not in types and types[0] != types[1]:
        yield f"{at} is {types[1]}, no longer {types[0]}"
    if "items" in old and "items" in new:
        pair = _shape(old["items"], was), _shape(new["items"], now)
        yield from _answered(f"{at}[]", *pair, was, now, (*seen, id(old)))


def _again(schema: Any, seen: tuple[Any, ...]) -> bool:
    return id(schema) in seen or not isinstance(schema, dict)


def main() -> None:
    """Bring the promised description up to date, or say what that would break."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--because", help="why something breaks; it goes into api-changes.md")
    reason = parser.parse_args().because
    new = current()
    old = json.loads(PROMISED.read_text(encoding="utf-8")) if PROMISED.exists() else {"paths": {}}
    broken = list(breaks(old, new))
    if broken and not reason:
        raise SystemExit("this breaks what clients were promised:\n" + "\n".join(broken))
    if broken:
        lines = "".join(f"- {one}\n" for one in broken)
        with LOG.open("a", encoding="utf-8") as log:
            log.write(f"\n## {__version__}: {reason}\n\n{lines}")
    PROMISED.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
