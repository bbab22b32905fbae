"""`headless tokens`: the first token comes out of the database, the others from a served API."""

import json
from pathlib import Path

from integration.operation.processes import House, answering


def house_of(database_url: str, redis_url: str, place: Path) -> House:
    house = House(database_url, redis_url, place)
    house.environ["HEADLESS_URL"] = house.url
    return house


async def test_from_the_first_token_to_the_last(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    house = house_of(database_url, redis_url, tmp_path)
    async with house.process("serve"):
        first = await house.run("tokens", "create", "--admin", "--days", "30")
        assert first.stdout.startswith("hk_test_")
        assert len(first.stdout.split()) == 1
        await answering(house.url)
        house.environ["HEADLESS_TOKEN"] = admin = first.stdout.strip()
        made = await house.run("tokens", "create", "CI", "--scope", "contacts:read", "--json")
        kept = json.loads(made.stdout)
        again = await house.run("tokens", "rotate", kept["id"], "--grace", "0")
        house.environ["HEADLESS_TOKEN"] = poor = again.stdout.strip()
        refused = await house.run("tokens", "list", code=4)
        assert "tokens:read" in refused.stderr
        house.environ["HEADLESS_TOKEN"] = admin
        (_, old, new) = json.loads((await house.run("tokens", "list", "--json")).stdout)
        assert (old["state"], new["state"], new["name"]) == ("expired", "active", "CI")
        await house.run("tokens", "revoke", new["id"])
        assert kept["token"] not in (await house.run("tokens", "list", "--text")).stdout
        house.environ["HEADLESS_TOKEN"] = poor
        await house.run("tokens", "list", code=4)


async def test_a_second_workspace_is_named(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    house = house_of(database_url, redis_url, tmp_path)
    create = ("tokens", "create", "--admin")
    await house.run(*create)
    second = await house.run(*create, "--new-workspace", "Beta")
    assert "`Beta` (sandbox)" in second.stderr
    unsaid = await house.run(*create, code=2)
    assert "`Acme`, `Beta`" in unsaid.stderr
    chosen = await house.run(*create, "--workspace", "Beta", "--json")
    assert json.loads(chosen.stdout)["scopes"] == ["admin"]


async def test_calls_that_do_not_fit(
    empty_database_url: str, redis_url: str, tmp_path: Path
) -> None:
    house = house_of(empty_database_url, redis_url, tmp_path)
    await house.run("tokens", "create", "CI", code=2)
    await house.run("tokens", "create", "CI", "--workspace", "Beta", code=2)
    unmade = await house.run("tokens", "create", "--admin", code=75)
    assert "headless migrate" in unmade.stderr
