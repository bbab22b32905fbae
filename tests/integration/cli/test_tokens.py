"""`headless tokens`: the first token comes out of the database, the others from a served API."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from headless.cli.ports import any_free

Environ = dict[str, str]


def environ_of(database_url: str, redis_url: str, data_dir: Path) -> Environ:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("HEADLESS_")}
    port = any_free("127.0.0.1")
    return kept | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "HEADLESS_SECRET_KEYS": "k" * 40,
        "HEADLESS_DATA_DIR": str(data_dir),
        "HEADLESS_PORT": str(port),
        "HEADLESS_URL": f"http://127.0.0.1:{port}",
    }


def command(environ: Environ, *words: str) -> list[str]:
    return [sys.executable, "-c", "from headless.cli import main; main()", *words]


def headless(environ: Environ, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(environ, *words),
        capture_output=True,
        text=True,
        env=environ,
        timeout=120,
        check=False,
    )


@pytest.fixture
def environ(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Environ]:
    """The environment of an installation whose API is served."""
    environ = environ_of(database_url, redis_url, tmp_path)
    serving = subprocess.Popen(command(environ, "serve"), env=environ)
    try:
        yield environ
    finally:
        serving.terminate()
        serving.wait(60)


async def until_served(environ: Environ) -> None:
    async with asyncio.timeout(90), httpx.AsyncClient(base_url=environ["HEADLESS_URL"]) as client:
        while True:
            try:
                await client.get("/healthz")
                return
            except httpx.TransportError:
                await asyncio.sleep(0.1)


async def test_from_the_first_token_to_the_last(environ: Environ) -> None:
    first = headless(environ, "tokens", "create", "--admin", "--days", "30")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("hk_test_")
    assert len(first.stdout.split()) == 1
    await until_served(environ)
    admin = environ | {"HEADLESS_TOKEN": first.stdout.strip()}
    made = headless(admin, "tokens", "create", "CI", "--scope", "contacts:read", "--json")
    assert made.returncode == 0, made.stderr
    kept = json.loads(made.stdout)
    again = headless(admin, "tokens", "rotate", kept["id"], "--grace", "0")
    assert again.returncode == 0, again.stderr
    poor = environ | {"HEADLESS_TOKEN": again.stdout.strip()}
    refused = headless(poor, "tokens", "list")
    assert refused.returncode == 4
    assert "tokens:read" in refused.stderr
    (_, old, new) = json.loads(headless(admin, "tokens", "list", "--json").stdout)
    assert (old["state"], new["state"], new["name"]) == ("expired", "active", "CI")
    assert headless(admin, "tokens", "revoke", new["id"]).returncode == 0
    assert kept["token"] not in headless(admin, "tokens", "list", "--text").stdout
    assert headless(poor, "tokens", "list").returncode == 4


def test_a_second_workspace_is_named(database_url: str, redis_url: str, tmp_path: Path) -> None:
    environ = environ_of(database_url, redis_url, tmp_path)
    assert headless(environ, "tokens", "create", "--admin").returncode == 0
    second = headless(environ, "tokens", "create", "--admin", "--new-workspace", "Beta")
    assert "`Beta` (sandbox)" in second.stderr
    unsaid = headless(environ, "tokens", "create", "--admin")
    assert unsaid.returncode == 2
    assert "`Acme`, `Beta`" in unsaid.stderr
    chosen = headless(environ, "tokens", "create", "--admin", "--workspace", "Beta", "--json")
    assert json.loads(chosen.stdout)["scopes"] == ["admin"]


def test_calls_that_do_not_fit(empty_database_url: str, redis_url: str, tmp_path: Path) -> None:
    environ = environ_of(empty_database_url, redis_url, tmp_path)
    assert headless(environ, "tokens", "create", "CI").returncode == 2
    assert headless(environ, "tokens", "create", "CI", "--workspace", "Beta").returncode == 2
    unmade = headless(environ, "tokens", "create", "--admin")
    assert (unmade.returncode, "headless migrate" in unmade.stderr) == (75, True)
