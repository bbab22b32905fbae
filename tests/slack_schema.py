"""A JSON Schema of Block Kit, made from npm's @slack/types, with the limits its comments tell.

It is made once a machine (`make()`), with ts-json-schema-generator, where Node and npm are; where
they are not, `faults` finds none and `missing()` says why.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema_rs

PACKAGES = ("@slack/types@3.2.0", "ts-json-schema-generator@2.10.0", "typescript@5.9.3")
TYPES = ("AnyBlock", "AnyView")
PLACE = Path(tempfile.gettempdir()) / f"headless-slack-schema-{os.getuid()}-3.2.0"
_INDEX = """
import type { KnownBlock as Blocks, View as Views } from '@slack/types';
export type AnyBlock = Blocks;
export type AnyView = Views;
"""
_LENGTH = re.compile(r"[Mm]aximum length (?:for|of) (?:the|this)[^.]*?(?:is|of) (\d[\d,]*)")
_ITEMS = re.compile(r"(?:[Mm]aximum (?:of|number of \w+ is)|up to) (\d+)")


def missing() -> str | None:
    """Why the schema cannot be made here, None when it can or is there."""
    if (PLACE / "schema.json").exists():
        return None
    absent = [name for name in ("node", "npm") if shutil.which(name) is None]
    return f"{' and '.join(absent)} is not installed" if absent else None


def make() -> Path:
    """The schema's file, made if it is not there; raises CalledProcessError."""
    made = PLACE / "schema.json"
    if made.exists():
        return made
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        (room / "package.json").write_text('{"private": true}')
        (room / "index.ts").write_text(_INDEX)
        (room / "tsconfig.json").write_text(
            json.dumps(
                {
                    "compilerOptions": {"moduleResolution": "node", "skipLibCheck": True},
                    "files": ["index.ts"],
                }
            )
        )
        install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
        _run([*install, "--silent"], room)
        generator = room / "node_modules" / ".bin" / "ts-json-schema-generator"
        parts: dict[str, Any] = {}
        for name in TYPES:
            told = _run(
                [
                    *(str(generator), "--path", "index.ts", "--tsconfig", "tsconfig.json"),
                    *("--type", name, "--jsDoc", "extended", "--no-type-check"),
                ],
                room,
            )
            parts |= json.loads(told)["definitions"]
        PLACE.mkdir(exist_ok=True)
        half = PLACE / f"schema.{os.getpid()}"
        half.write_text(json.dumps(_with_limits(parts)))
        half.replace(made)
    return made


def faults(name: str, value: Any) -> list[str]:
    """What the schema says against a value, the first few."""
    validator = _validator(name)
    if validator is None:
        return []
    found = validator.iter_errors(value)
    return [f"@slack/types: {error.message[:300]}" for error in islice(found, 3)]


@lru_cache
def _validator(name: str) -> Any:
    path = PLACE / "schema.json"
    if not path.exists():
        return None
    definitions = json.loads(path.read_text())
    return jsonschema_rs.validator_for(
        {"$ref": f"#/definitions/{name}", "definitions": definitions}
    )


def _run(command: list[str], room: Path) -> str:
    done = subprocess.run(command, cwd=room, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-2000:]}")
    return done.stdout


def _with_limits(definitions: dict[str, Any]) -> dict[str, Any]:
    """The definitions with the limits of their descriptions as maxLength and maxItems."""
    for definition in definitions.values():
        _limit(definition)
    return definitions


def _limit(node: Any) -> None:
    if isinstance(node, list):
        for one in node:
            _limit(one)
        return
    if not isinstance(node, dict):
        return
    if isinstance(node.get("deprecated"), str):
        node["deprecated"] = True  # the comment says since when
    for name, value in (node.get("properties") or {}).items():
        told = str(value.get("description", ""))
        if length := _LENGTH.search(told):
            most = int(length.group(1).replace(",", ""))
            if value.get("type") == "string":
                value["maxLength"] = most
            elif "$ref" in value or "anyOf" in value:  # a text object: its `text` is meant
                node.setdefault("allOf", []).append(
                    {"properties": {name: {"properties": {"text": {"maxLength": most}}}}}
                )
        items = _ITEMS.search(told)
        if value.get("type") == "array" and items:
            value["maxItems"] = int(items.group(1))
    for one in node.values():
        _limit(one)


if __name__ == "__main__":
    print(make())
