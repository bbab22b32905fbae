"""What an operator reads off an installation: metrics, and the doctor's findings."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import yaml
from integration.operation.processes import House, answering, furnish, post, until
from mail_double import MailDouble
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from headless.cli.ports import any_free
from headless.storage.database import Database, connect

DEPLOY = Path(__file__).parents[3] / "deploy"
NAME = re.compile(r"headless_[a-z_]+")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = connect(database_url, pool_size=2)
    yield database
    await database.close()


def samples(body: str) -> dict[str, float]:
    """The numbers by name and labels, without the worker's name."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(body):
        for one in family.samples:
            labels = ",".join(v for k, v in sorted(one.labels.items()) if k not in ("worker", "le"))
            found[f"{one.name}{{{labels}}}"] = one.value
    return found


async def test_metrics_tell_of_all_workers(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    written = await furnish(database)
    await post(database, written, "ada")
    port = any_free("127.0.0.1")
    bind = {"HEADLESS_METRICS": f"127.0.0.1:{port}"}
    async with MailDouble() as world:
        house = House(database_url, redis_url, tmp_path, HEADLESS_SMTP_URL=world.url, **bind)
        async with house.process("work"), house.process("work"):
            url = f"http://127.0.0.1:{port}"
            await answering(url, "/metrics")

            async def sent() -> str | None:
                async with httpx.AsyncClient(base_url=url) as client:
                    body = (await client.get("/metrics")).text
                both = "headless_workers_alive 2.0" in body
                return body if both and 'outcome="sent"' in body else None

            body = await until(sent, "the mail was counted")
    numbers = samples(body)
    assert numbers["headless_sends_total{email,sent}"] == 1
    assert numbers["headless_positions_due{}"] == 0
    assert numbers["headless_schema_current{}"] == 1
    assert numbers["headless_copy{}"] == 0
    assert numbers["headless_batch_seconds_count{deliver}"] >= 1
    assert "lovelace" not in body
    assert "Acme" not in body
    asked = set(NAME.findall((DEPLOY / "alerts.yml").read_text()))
    asked |= set(NAME.findall((DEPLOY / "grafana.json").read_text()))
    known = set(NAME.findall(body)) | {"headless_backup_age_seconds"}  # after the first one
    assert asked - known - {"headless_suppressed"} == set()
    assert yaml.safe_load((DEPLOY / "alerts.yml").read_text())


async def test_the_doctor_says_what_is_wrong(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    written = await furnish(database)
    await post(database, written, "ada")
    async with database.transaction() as tx:
        await tx.execute(text("update message set state = 4"))
    house = House(database_url, redis_url, tmp_path, HEADLESS_URL="http://127.0.0.1:9")
    done = await house.run("doctor", "--json", code=1)
    found = {finding["about"]: finding for finding in json.loads(done.stdout)}
    assert found["workers"]["verdict"] == "xx"
    assert found["messages"]["verdict"] == "!!"
    assert found["messages"]["says"].startswith("1 parked")
    assert found["backup"]["verdict"] == "!!"
    assert found["partitions"]["verdict"] == "!!"
    assert found["database"]["verdict"] == "ok"
    assert found["secrets"]["says"] == "1 key; 0 secrets under the first"
    assert all(finding["fix"] for finding in found.values() if finding["verdict"] != "ok")
