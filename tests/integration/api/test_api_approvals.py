"""Starts that concern many: a second person's word, over HTTP."""

import httpx
from api_server import Server
from sqlalchemy import insert, select, update

from headless.audience.membership import join
from headless.storage.tables import contact, delivery, member, segment, token

TEXT = 'campaign "Spring"\nfrom segment Leads\nadd tag spring'


async def colleague(server: Server, name: str, role: str) -> tuple[int, str]:
    """A member with a role, and a token of theirs."""
    now = server.clock.now()
    made, text = await server.new_token("admin")
    async with server.database.transaction() as tx:
        number = await tx.scalar(
            insert(member)
            .values(workspace_id=server.workspace_id, name=name, role=role, created_at=now)
            .returning(member.c.id)
        )
        await tx.execute(update(token).where(token.c.id == made.id).values(member_id=number))
    return number, text


async def leads(server: Server, count: int) -> None:
    """So many contacts in the segment that the campaign is from."""
    now, mine = server.clock.now(), server.workspace_id
    async with server.database.transaction() as tx:
        row = {"workspace_id": mine, "name": "Leads", "created_at": now}
        where = await tx.scalar(select(segment.c.id).where(segment.c.workspace_id == mine))
        where = where or await tx.scalar(insert(segment).values(row).returning(segment.c.id))
        people = [
            {"workspace_id": mine, "email": f"p{n}-{count}@example.org", "created_at": now,
             "updated_at": now}
            for n in range(count)
        ]  # fmt: skip
        made = await tx.execute(insert(contact).values(people).returning(contact.c.id))
        await join(tx, mine, where, [row.id for row in made], now=now)


async def asked(client: httpx.AsyncClient, name: str = "Spring") -> httpx.Response:
    """Start with the plan that is answered to who has none."""
    plan = (await client.post(f"/v1/campaigns/{name}/start")).json()["plan"]["hash"]
    return await client.post(f"/v1/campaigns/{name}/start", json={"plan": plan})


async def test_a_start_over_the_threshold_takes_a_second_person(server: Server) -> None:
    _, ann = await colleague(server, "Ann", "approver")
    _, bob = await colleague(server, "Bob", "admin")
    await leads(server, 3)
    async with server.client(ann) as a, server.client(bob) as b, server.client(server.token) as s:
        set_ = await b.patch("/v1/workspace", json={"approval_threshold": 2})
        assert set_.json()["approval_threshold"] == 2, set_.text
        assert (await a.post("/v1/campaigns", json={"source": TEXT})).status_code == 201
        early = await b.post("/v1/campaigns/Spring/approve")
        assert (early.status_code, early.json()["code"]) == (409, "wrong_state")

        refused = (await asked(a)).json()
        assert refused["code"] == "approval_required"
        assert (refused["contacts"], refused["approvers"]) == (3, ["Bob"])
        again = (await asked(a)).json()
        assert again["code"] == "approval_required"
        (waiting,) = (await a.get("/v1/campaigns/Spring/approvals")).json()["data"]
        assert (waiting["asked_name"], waiting["approved_by"]) == ("Ann", None)

        own = await a.post("/v1/campaigns/Spring/approve", json={"plan": refused["plan"]})
        assert (own.status_code, own.json()["code"]) == (403, "self_approval")
        robot = await s.post("/v1/campaigns/Spring/approve", json={"plan": refused["plan"]})
        assert (robot.status_code, robot.json()["code"]) == (403, "insufficient_scope")
        unseen = await b.post("/v1/campaigns/Spring/approve")
        assert (unseen.status_code, unseen.json()["plan"]["hash"]) == (428, refused["plan"])
        other = await b.post("/v1/campaigns/Spring/approve", json={"plan": "sha256:other"})
        assert other.json()["code"] == "plan_drifted"
        given = await b.post("/v1/campaigns/Spring/approve", json={"plan": refused["plan"]})
        assert (given.status_code, given.json()["approved_name"]) == (200, "Bob")

        own = await b.post("/v1/campaigns/Spring/start", json={"plan": refused["plan"]})
        assert own.json()["code"] == "approval_required", "Bob cannot start what Bob approved"


async def test_a_word_holds_for_that_text_and_about_so_many(server: Server) -> None:
    _, ann = await colleague(server, "Ann", "editor")
    _, bob = await colleague(server, "Bob", "approver")
    await leads(server, 3)
    async with server.client(ann) as a, server.client(bob) as b, server.client(server.token) as s:
        await s.patch("/v1/workspace", json={"approval_threshold": 2})
        await a.post("/v1/campaigns", json={"source": TEXT})
        plan = (await asked(a)).json()["plan"]
        await b.post("/v1/campaigns/Spring/approve", json={"plan": plan})
        await a.put("/v1/campaigns/Spring/source", json={"source": TEXT + "\nadd tag late"})
        assert (await asked(a)).json()["code"] == "approval_required", "another text"
        plan = (await asked(a)).json()["plan"]
        await b.post("/v1/campaigns/Spring/approve", json={"plan": plan})
        await leads(server, 101)
        assert (await asked(a)).json()["contacts"] == 104, "many more came under it"
        await b.post("/v1/campaigns/Spring/approve", json={"plan": plan})
        assert (await asked(a)).json()["state"] == "running"

        wider = {"source": TEXT + "\nadd tag more"}
        told = (await a.post("/v1/campaigns/Spring/apply", json=wider)).json()["plan"]
        wider["plan"] = told["hash"]
        applied = await a.post("/v1/campaigns/Spring/apply", json=wider)
        concerned = told["inside"] + told["enter_now"]
        assert (applied.status_code == 409) == (concerned > 2)


async def test_who_may_approve_may_decline_and_it_stays_so_until_it_is_asked_again(
    server: Server,
) -> None:
    _, ann = await colleague(server, "Ann", "editor")
    _, bob = await colleague(server, "Bob", "approver")
    _, eve = await colleague(server, "Eve", "editor")
    await leads(server, 3)
    hook = {"url": "https://example.com/hook", "events": ["campaign.declined"]}
    async with (
        server.client(ann) as a,
        server.client(bob) as b,
        server.client(eve) as e,
        server.client(server.token) as s,
    ):
        await s.patch("/v1/workspace", json={"approval_threshold": 2})
        await a.post("/v1/campaigns", json={"source": TEXT})
        path = "/v1/campaigns/Spring/decline"
        early = await b.post(path)
        assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
        plan = (await asked(a)).json()["plan"]
        unseen = await b.post(path)
        assert (unseen.status_code, unseen.json()["plan"]["hash"]) == (428, plan)
        other = await e.post(path, json={"plan": plan})
        assert (other.status_code, other.json()["code"]) == (403, "insufficient_scope")
        long = await b.post(path, json={"plan": plan, "reason": "x" * 501})
        assert (long.status_code, long.json()["code"]) == (400, "invalid_body")

        assert (await s.post("/v1/webhooks", json=hook)).status_code == 201
        no = await b.post(path, json={"plan": plan, "reason": " too many "})
        assert (no.status_code, no.json()["declined_name"]) == (200, "Bob"), no.text
        again = await b.post(path, json={"plan": plan, "reason": "another"})
        assert again.json()["reason"] == "too many", "a second time changes nothing"
        async with server.database.transaction() as tx:
            (told,) = (await tx.execute(select(delivery.c.data))).scalars()
        assert told["reason"] == "too many"

        refused = (await asked(a)).json()
        assert refused["declined"] == {"by": "Bob", "reason": "too many"}
        assert "Bob declined it: “too many”" in refused["detail"]
        (one,) = (await a.get("/v1/campaigns/Spring/approvals")).json()["data"]
        assert one["declined_name"] == "Bob", "trying again asks nobody"
        assert (await b.post(path)).json()["code"] == "wrong_state", "nothing waits"
        start = {"plan": plan, "ask_again": True}
        once_more = (await a.post("/v1/campaigns/Spring/start", json=start)).json()
        assert once_more["code"] == "approval_required"
        (one,) = (await a.get("/v1/campaigns/Spring/approvals")).json()["data"]
        assert (one["declined_by"], one["reason"]) == (None, None)

        await a.post(path, json={"plan": plan})
        back = (await b.post("/v1/campaigns/Spring/approve", json={"plan": plan})).json()
        assert (back["code"], back["detail"][:16]) == ("wrong_state", "Ann took it back")
        await a.post("/v1/campaigns/Spring/start", json=start)
        yes = await b.post("/v1/campaigns/Spring/approve", json={"plan": plan})
        assert (yes.status_code, yes.json()["declined_by"]) == (200, None)
        no = await b.post(path, json={"plan": plan})
        assert no.json()["approved_by"] is None, "a yes is taken back before the start"
        assert (await asked(a)).json()["code"] == "approval_required"
        await b.post("/v1/campaigns/Spring/approve", json={"plan": plan})
        assert (await asked(a)).json()["state"] == "running"
        late = await b.post(path, json={"plan": plan})
        assert (late.json()["code"], late.json()["state"]) == ("wrong_state", "running")

        seen = (await s.get("/v1/audit", params={"act": "decline_campaign"})).json()["data"]
        assert len(seen) >= 3


async def test_a_threshold_that_nobody_could_pass_is_refused(server: Server) -> None:
    async with server.client(server.token) as s:
        none = await s.patch("/v1/workspace", json={"approval_threshold": 10})
        assert none.status_code == 400
        assert "nobody here may approve" in none.json()["detail"]
        number, _ = await colleague(server, "Ann", "admin")
        alone = await s.patch("/v1/workspace", json={"approval_threshold": 10})
        assert "only Ann could" in alone.json()["detail"]
        await colleague(server, "Eve", "editor")
        assert (await s.patch("/v1/workspace", json={"approval_threshold": 10})).status_code == 200
        below = await s.patch("/v1/workspace", json={"approval_threshold": -1})
        assert below.status_code == 400
        kept = (await s.get("/v1/workspace")).json()
        assert kept["approval_threshold"] == 10
        async with server.database.transaction() as tx:
            await tx.execute(
                update(member).where(member.c.id == number).values(left_at=server.clock.now())
            )
        never = await s.patch("/v1/workspace", json={"approval_threshold": None})
        assert never.json()["approval_threshold"] is None
