"""What contacts choose outlives a restore, and `why` says it: topics, and being seen opening."""

from pathlib import Path

import httpx
from api_server import Server
from post_office import PostOffice, post_office

from headless.channels import restored
from headless.storage import diary
from headless.storage.diary import Diary

CHOICES = (
    "select t.name, c.subscribed from topic_choice c join topic t on t.id = c.topic_id order by 1"
)


async def test_choices_are_in_the_diary_and_in_why(
    server: Server, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    log = tmp_path / "choices.log"
    async with post_office(server, api) as office:
        for name, opt_in in (("News", False), ("Offers", True), ("Tips", True)):
            await office.made("/v1/topics", {"name": name, "opt_in": opt_in})
        await office.email("Hello")
        ada = await office.contact("ada")
        server.database.diary = Diary(log)
        asked = {"contact": {"external_id": "ada"}, "email": "Hello", "transactional": False}
        await office.made("/v1/send", asked, 202)
        await office.settle()
        (mail,) = await office.mails("ada")
        tops = {t["name"]: t["id"] for t in (await api.get("/v1/topics")).json()["data"]}
        async with server.client() as reader:  # on the page: Offers, and neither of the others
            wanted = {"choose": "1", "channel": ["email"], "topic": [tops["Offers"]]}
            await reader.post(mail["links"]["unsubscribe"], data=wanted)
        changed = await api.patch(f"/v1/contacts/{ada}/topics", json={"remove": ["Offers"]})
        assert changed.status_code == 200
        no = {"about": "tracking", "action": "denied"}
        await office.made("/v1/consents", {"contact": {"id": ada}, **no})

        why = (await api.get(f"/v1/contacts/{ada}/why")).json()["permissions"]
        told = {one["about"]: (one["may"], one["because"][0].split(" at ")[0]) for one in why}
        assert told["topic News"] == (False, "withdrew")
        assert told["topic Offers"] == (False, "withdrew")
        assert told["topic Tips"] == (False, "chose not to get it")
        assert told["tracking"] == (False, "refused")

        await _is_read_back(office, log)


async def _is_read_back(office: PostOffice, log: Path) -> None:
    """A backup from before knows nothing of it; the lines do, each once, the last word counts."""
    chosen = [("News", False), ("Offers", False), ("Tips", False)]
    assert await office.rows(CHOICES) == chosen
    async with office.server.database.transaction() as tx:
        for table in ("topic_choice", "tracking"):
            await tx.connection.exec_driver_sql(f"delete from {table}")
        gone = "delete from topic where name = 'Tips'"  # made after the backup
        await tx.connection.exec_driver_sql(gone)
    for _ in range(2):
        async with office.server.database.transaction() as tx:
            entries = list(diary.read(log))
            assert await restored.replay(tx, entries) == len(entries) == 5
    assert await office.rows(CHOICES) == chosen[:2]
    assert await office.rows("select granted from tracking") == [(False,)]
    assert "ada" not in log.read_text()
