"""A workspace kept as files: pulled, compared, planned and applied, against a server."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from integration.operation.processes import House, answering, furnish, value

from headless.storage.database import Database, connect

EMAIL = """---
subject: Good that you are here
---
<p>{% render 'greeting' %}. <a href="https://example.com">Look</a></p>
"""
CAMPAIGN = """campaign "Welcome"
start when did "signed up"

send email "Hello you"
wait 3d
add points 10
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = connect(database_url, pool_size=2)
    yield database
    await database.close()


def lay_out(folder: Path) -> None:
    for path, text in {
        "emails/Hello you.html": EMAIL,
        "emails/Hello you.txt": "Good that you are here.",
        "segments/Grown ups.segment": "points >= 18",
        "snippets/greeting.liquid": "Hello {{ contact.first_name }}",
        "sms/Short.txt": "Good that you are here",
        "campaigns/welcome.campaign": CAMPAIGN,
    }.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


async def test_a_folder_becomes_a_workspace_and_goes_on_with_it(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    written = await furnish(database)
    folder, plan = tmp_path / "acme", tmp_path / "plan.json"
    lay_out(folder)
    house = House(database_url, redis_url, tmp_path, HEADLESS_TOKEN=written.token)
    house.environ["HEADLESS_URL"] = house.url
    async with house.process("serve"):
        await answering(house.url)
        told = await house.run("plan", str(folder), "--text", "--exit-code", code=3)
        assert "campaigns/welcome.campaign  new        a draft" in told.stdout
        assert "emails/Hello.html           gone" in told.stdout
        assert "Plan: 0 changed, 5 new, 0 unchanged, 1 gone." in told.stdout
        assert (await house.run("apply", str(folder), code=2)).stderr.count("--yes") == 1
        await house.run("apply", str(folder), "--yes")
        same = await house.run("plan", str(folder), "--text", "--exit-code")
        assert "0 changed, 0 new, 5 unchanged" in same.stdout
        assert (await house.run("diff", str(folder))).stdout == ""
        await house.run("campaigns", "start", "Welcome", "--yes")

        source = folder / "campaigns" / "welcome.campaign"
        source.write_text(CAMPAIGN.replace("wait 3d", "wait 5d"))
        (folder / "segments" / "Grown ups.segment").write_text("points >= 21")
        (folder / "sms" / "Short.txt").write_text("Good to see you")
        differing = await house.run("diff", str(folder), code=1)
        assert "-wait 3d\n+wait 5d" in differing.stdout
        await house.run("plan", str(folder), "--out", str(plan))
        forged = json.loads(plan.read_text())
        forged["changes"][0]["content"] = {"condition": "points >= 1"}
        (tmp_path / "forged.json").write_text(json.dumps(forged))
        assert "by hand" in (await house.run("apply", str(tmp_path / "forged.json"), code=5)).stderr
        applied = json.loads((await house.run("apply", str(plan))).stdout)
        assert len(applied["done"]) == 3
        moved = await house.run("apply", str(plan), code=5)
        assert "things have moved" in moved.stderr
        assert await value(database, "select max(number) from version") == 2

        await house.run("pull", str(tmp_path / "pulled"))
        pulled = await house.run("plan", str(tmp_path / "pulled"), "--markdown", "--exit-code")
        assert pulled.stdout.startswith("**Nothing to do**")
        email = (tmp_path / "pulled" / "emails" / "Hello you.html").read_text()
        assert "subject: Good that you are here" in email
        assert (tmp_path / "pulled" / "emails" / "Hello you.txt").exists()


async def test_a_folder_with_faults_is_refused_with_the_file(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    house = House(database_url, redis_url, tmp_path, HEADLESS_TOKEN="hk_test_x")
    emails = tmp_path / "bad" / "emails"
    emails.mkdir(parents=True)
    (emails / "a.html").write_text("---\nsubjet: x\n---\n<p></p>\n")
    refused = await house.run("diff", str(tmp_path / "bad"), code=1)
    assert "emails/a.html begins with `subjet: x`" in refused.stderr
    (emails / "a.html").write_text("<p>no subject</p>")
    refused = await house.run("diff", str(tmp_path / "bad"), code=1)
    assert "emails/a.html has no subject" in refused.stderr
    assert (await house.run("diff", str(tmp_path / "none"), code=2)).stderr.count("no folder") == 1
