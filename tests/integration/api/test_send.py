"""One message now; a test of each channel; and what Twilio tells of a text afterwards."""

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from aiohttp import web
from api_server import Server
from post_office import post_office
from provider_doubles import FirebaseDouble, SlackDouble, TwilioDouble, serving

RECEIPT = {
    "name": "Receipt",
    "subject": "Receipt {{ number }} for {{ contact.email }}",
    "html": "<p>{{ number }}</p>",
}


async def test_a_message_is_sent_once_under_its_key(server: Server, api: httpx.AsyncClient) -> None:
    async with post_office(server, api) as office:
        await office.made("/v1/emails", RECEIPT)
        await office.contact("ada")
        ask = {"contact": {"external_id": "ada"}, "email": "Receipt", "data": {"number": "7"}}
        key = {"Idempotency-Key": "receipt-7"}
        first = await api.post("/v1/send", json=ask, headers=key)
        assert first.status_code == 202, first.text
        assert first.headers["location"] == f"/v1/messages/{first.json()['id']}"
        other = await api.post("/v1/send", json=ask | {"data": {}}, headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "key_reused")
        await office.settle()
        server.clock.advance(timedelta(days=3))  # the kept answer is long gone
        async with server.database.transaction() as tx:
            await tx.connection.exec_driver_sql("delete from kept_answer")
        again = await api.post("/v1/send", json=ask, headers=key)
        assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
        assert again.json()["state"] == "sent"
        await office.settle()
        assert await office.subjects("ada") == ["Receipt 7 for ada@example.com"]
        shown = await api.get(f"/v1/messages/{first.json()['id']}/preview")
        assert shown.json()["subject"] == "Receipt 7 for ada@example.com"
        assert "Unsubscribe" not in shown.json()["html"]
        why = (await api.get(f"/v1/messages/{first.json()['id']}/why")).json()
        assert why["because"][0].endswith("by a call of the API")
        await api.post("/v1/send", json=ask)
        await api.post("/v1/send", json=ask)
        await office.settle()
        assert len(await office.mails("ada")) == 3  # without a key each call is a message


async def test_who_gets_one_and_who_does_not(server: Server, api: httpx.AsyncClient) -> None:
    async with post_office(server, api) as office:
        await office.made("/v1/emails", RECEIPT)
        for name in ("left", "dead"):
            await office.contact(name)
        await office.rows(
            "insert into suppression (workspace_id, contact_id, channel, reason, source, at)"
            " select workspace_id, id, 1, case external_id when 'left' then 'unsubscribed'"
            " else 'hard_bounce' end, 'test', created_at from contact returning 1"
        )

        async def ask(address: str, status: int = 202, **more: Any) -> Any:
            body = {"contact": {"email": address}, "email": "Receipt", **more}
            return await office.made("/v1/send", body, status)

        for name in ("left", "dead", "new"):
            await ask(f"{name}@example.com")
        await ask("left@example.com", transactional=False)
        refused = await ask("nobody@example.com", 404, transactional=False)
        assert "only a transactional email" in refused["detail"]
        unknown = await api.post(
            "/v1/send", json={"contact": {"email": "new@example.com"}, "email": "Nothing"}
        )
        assert unknown.status_code == 404
        both = await api.post(
            "/v1/send", json={"contact": {"email": "a@b.example"}, "email": "x", "sms": "y"}
        )
        assert both.status_code == 400
        await office.settle()
        assert len(await office.mails("left")) == 1
        assert await office.mails("dead") == []
        (mail,) = await office.mails("new")
        assert "List-Unsubscribe" not in mail["headers"]
        # whose address came with a receipt has subscribed to nothing
        assert await office.rows(
            "select s.reason, s.source from suppression s join contact c on c.id = s.contact_id"
            " where c.email = 'new@example.com'"
        ) == [("unconfirmed", "send")]
        assert await office.rows(
            "select state, reason from message where reason is not null order by reason"
        ) == [(3, "hard_bounce"), (3, "unsubscribed")]


async def test_nothing_that_is_sent_adds_headers(server: Server, api: httpx.AsyncClient) -> None:
    async with post_office(server, api) as office:
        evil = "x\r\nBcc: all@example.com\r\n\r\nHi"
        for member in ("name", "sender", "reply_to", "subject"):
            body = {**RECEIPT, "name": member, member: evil}
            answer = await api.post("/v1/emails", json=body)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_value"), member
        await office.made("/v1/emails", RECEIPT)
        named = await api.post(
            "/v1/contacts", json={"email": "a@example.com\r\nBcc: b@example.com"}
        )
        assert named.status_code == 400
        for key in ("a\r\nb", "a\tb", "x" * 300):
            odd = await api.post(
                "/v1/send",
                json={"contact": {"email": "a@example.com"}, "email": "Receipt"},
                headers=[(b"Idempotency-Key", key.encode())],
            )
            assert odd.status_code == 400
        await office.contact("ada")
        ask = {"contact": {"external_id": "ada"}, "email": "Receipt", "data": {"number": evil}}
        await office.made("/v1/send", ask, 202)
        await office.settle()
        ((raw,),) = await office.rows("select raw from inbox_mail")
        head = bytes(raw).partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nbcc:" not in head
        assert b"\r\nsubject: receipt x bcc: all@example.com hi for" in head


async def test_each_channel_can_be_tried(server: Server, api: httpx.AsyncClient) -> None:
    twilio, firebase, slack = TwilioDouble(), FirebaseDouble(), SlackDouble()
    called: list[web.Request] = []

    async def hook(request: web.Request) -> web.Response:
        assert await request.json() == {"test": True}
        called.append(request)
        return web.json_response({}, status=200 if len(called) == 1 else 503)

    app = web.Application()
    app.router.add_post("/hook", hook)
    async with (
        post_office(server, api) as office,
        serving(twilio.app()) as sms_url,
        serving(firebase.app()) as push_url,
        serving(slack.app()) as slack_url,
        serving(app) as hook_url,
    ):
        firebase.url = push_url
        made: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
            "twilio": ({"account_sid": "AC1", "sender": "+15550000", "base_url": sms_url},
                       {"auth_token": "tok"}),
            "fcm": ({"project_id": "acme", "base_url": push_url, "token_url": f"{push_url}/token"},
                    {"service_account": firebase.account}),
            "slack": ({"channel": "#sales", "base_url": f"{slack_url}/api"}, {"token": "xoxb-1"}),
            "smtp": ({"host": "mail.example.com"}, {}),
        }  # fmt: skip
        for name, (settings, secrets) in made.items():
            body = {"name": name, "provider": name, "settings": settings, "secrets": secrets}
            await office.made("/v1/channels", body)

        async def tried(name: str, status: int = 200, **body: Any) -> Any:
            return await office.made(f"/v1/channels/{name}/test", body, status)

        assert await tried("twilio", to="+1 555 123 4567") == {
            "ok": True, "verdict": "sent", "detail": "",
        }  # fmt: skip
        assert twilio.taken[0]["To"] == "+15551234567"
        twilio.fails = {"+15551234567": (400, 21211)}
        refused = await tried("twilio", to="+15551234567")
        assert (refused["ok"], refused["verdict"]) == (False, "suppress")
        assert "`to` is needed" in (await tried("twilio", 400))["detail"]
        assert "begins with its country" in (await tried("twilio", 400, to="0171"))["detail"]
        assert (await tried("fcm", to="device-1", text="Hello"))["ok"]
        assert firebase.taken[0]["notification"] == {"title": "Acme", "body": "Hello"}
        assert (await tried("slack"))["ok"]
        assert slack.taken[0]["channel"] == "#sales"
        away = await tried("smtp", 403, to="ada@example.com")
        assert away["code"] == "sandbox_only"

        target = {"name": "Shop", "url": f"{hook_url}/hook", "headers": {"X-Shop": "1"}}
        await office.made("/v1/webhook-targets", target)
        answers = [await office.made("/v1/webhook-targets/Shop/test", {}, 200) for _ in range(2)]
        assert [(each["ok"], each["verdict"]) for each in answers] == [
            (True, "sent"), (False, "retry"),
        ]  # fmt: skip
        assert called[0].headers["X-Shop"] == "1"
        assert called[0].headers["webhook-signature"].startswith("v1,")
        inside = {"name": "Inside", "url": "http://10.0.0.1/hook"}
        await office.made("/v1/webhook-targets", inside)
        shut = await office.made("/v1/webhook-targets/Inside/test", {}, 200)
        assert (shut["ok"], shut["verdict"]) == (False, "park")
        await office.made("/v1/hold", {"reason": "we move"}, 200)
        held = await tried("slack", 409)
        assert "everything is held (we move)" in held["detail"]
        held = await office.made("/v1/webhook-targets/Shop/test", {}, 409)
        assert held["code"] == "wrong_state"
        assert await office.rows("select count(*) from message") == [(0,)]


async def test_what_twilio_tells(server: Server, api: httpx.AsyncClient) -> None:
    double = TwilioDouble()
    async with post_office(server, api) as office, serving(double.app()) as url:
        await office.made("/v1/channels", {
            "name": "Texts", "provider": "twilio",
            "settings": {"account_sid": "AC1", "sender": "+15550000", "base_url": url},
            "secrets": {"auth_token": "tok"},
        })  # fmt: skip
        await office.made("/v1/sms", {"name": "Code", "body": "Your code"})
        numbers = {name: f"+1555123000{n}" for n, name in enumerate(("ada", "bob", "cy", "dan"))}
        for name, phone in numbers.items():
            await office.contact(name, phone=phone)
            await office.made("/v1/send", {"contact": {"external_id": name}, "sms": "Code"}, 202)
        await office.settle()
        callbacks = {form["To"]: form["StatusCallback"] for form in double.taken}
        assert set(callbacks) == set(numbers.values())

        async def tells(name: str, *, token: str = "tok", url: str = "", **form: str) -> int:
            address = url or callbacks[numbers[name]]
            fields = {"AccountSid": "AC1", "MessageSid": f"SM-{name}", **form}
            text = address + "".join(key + fields[key] for key in sorted(fields))
            made = hmac.digest(token.encode(), text.encode(), hashlib.sha1)
            async with server.client() as outside:
                answer = await outside.post(
                    address.removeprefix("http://testserver"),
                    content=urlencode(fields),
                    headers={
                        "Content-Type": "application/x-www-form-urlencoded",
                        "X-Twilio-Signature": base64.b64encode(made).decode(),
                    },
                )
            return answer.status_code

        assert await tells("ada", MessageStatus="delivered") == 200
        for _ in range(2):
            gone = {"MessageStatus": "undelivered", "ErrorCode": "30005"}
            assert await tells("bob", **gone) == 200
        assert await tells("cy", MessageStatus="failed", ErrorCode="30007") == 200
        assert await tells("dan", token="other", MessageStatus="failed") == 403
        hooks_url = callbacks[numbers["dan"]].partition("?")[0]
        for _ in range(2):
            stop = {"From": numbers["dan"], "Body": " Stop ", "SmsStatus": "received"}
            assert await tells("dan", url=hooks_url, **stop) == 200
        reply = {"From": numbers["ada"], "Body": "Thanks", "SmsStatus": "received"}
        assert await tells("ada", url=hooks_url, **reply) == 200

        assert await office.rows(
            "select c.external_id, m.state, m.reason from message m"
            " join contact c on c.id = m.contact_id order by 1"
        ) == [
            ("ada", 2, None), ("bob", 3, "bounced: undelivered 30005"),
            ("cy", 4, "refused: failed 30007"), ("dan", 2, None),
        ]  # fmt: skip
        assert await office.rows(
            "select c.external_id, s.channel, s.reason from suppression s"
            " join contact c on c.id = s.contact_id order by 1"
        ) == [("bob", 2, "hard_bounce"), ("dan", 2, "unsubscribed")]
        assert await office.rows("select about, action, source from consent") == [
            ("sms", "withdrawn", "twilio: Stop")
        ]
        assert await office.rows(
            "select c.external_id, a.kind from activity a join contact c on c.id = a.contact_id"
            " order by 1, 2"
        ) == [("ada", 6), ("bob", 4), ("dan", 20)]
