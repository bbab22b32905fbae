"""Reading: what Slack's payloads say, as tasks; and what tells a repetition of the same act.

Slack sends forms with JSON in them, and the same act looks different as a command, a click, a
window or an event. Computes only; imports `people` and `tasks`.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from headless.slack.people.asker import Asker
from headless.slack.people.origins import Origin
from headless.slack.tasks import Kind, Task

Payload = dict[str, Any]
_VIEW: Final = ("id", "hash", "callback_id", "private_metadata", "state", "root_view_id", "type")
_MESSAGE: Final = ("ts", "thread_ts", "text", "user", "files")
_EVENTS: Final[dict[str, Kind]] = {
    "app_mention": "mention",
    "app_home_opened": "home",
    "link_shared": "link",
}
_ENDS: Final = frozenset(("app_uninstalled", "tokens_revoked"))
EVENTS: Final = frozenset((*_EVENTS, *_ENDS))
"""The events that are listened to."""
_CLICKS: Final = frozenset(("block_actions", "shortcut", "message_action"))


_UNFIT: Final = re.compile("[\x00\ud800-\udfff]")


class UnreadableError(Exception):
    """The body is not what Slack sends."""


def body_of(raw: bytes, content_type: str) -> Payload:
    """The payload in a request's body; raises UnreadableError."""
    try:
        text = raw.decode()
        if content_type.partition(";")[0].strip() == "application/json":
            found = json.loads(text)
        else:
            form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
            found = json.loads(form["payload"]) if "payload" in form else form
    except ValueError as error:
        raise UnreadableError("this is not what Slack sends") from error
    if not isinstance(found, dict):
        raise UnreadableError("this is not what Slack sends")
    kept: Payload = _keepable(found)
    return kept


def _keepable(value: Any) -> Any:
    """The same without what no database keeps: zero bytes, halves of characters."""
    if isinstance(value, str):
        return _UNFIT.sub("", value)
    if isinstance(value, dict):
        return {_keepable(key): _keepable(inner) for key, inner in value.items()}
    return [_keepable(one) for one in value] if isinstance(value, list) else value


def origin(body: Payload) -> Origin:
    """Where a command, a click, a window or an event comes from."""
    if "command" in body:
        return _command_origin(body)
    if body.get("type") == "event_callback":
        return _event_origin(body)
    return _click_origin(body)


def waits(body: Payload) -> bool:
    """Whether a worker does what it asks for: commands, clicks, shortcuts, events. The others are
    answered at once: submitted windows, Slack's own questions, the end of an installation."""
    if "command" in body:
        return "ssl_check" not in body
    kind, event = str(body.get("type")), body.get("event")
    if kind == "event_callback":
        return isinstance(event, dict) and str(event.get("type")) not in _ENDS
    return kind in _CLICKS


def task(body: Payload, asker: Asker, now: datetime) -> Task | None:
    """What is to be done; None for what concerns nobody."""
    kind = body.get("type")
    if "command" in body:
        return Task(
            kind="command",
            asker=asker,
            text=body.get("text", ""),
            name=body["command"],
            trigger_id=body.get("trigger_id"),
            response_url=body.get("response_url"),
            at=now,
        )
    if kind == "event_callback":
        return _event(body["event"], asker, now)
    if kind == "block_actions" and body.get("actions"):
        return _click(body, asker, now)
    if kind in ("shortcut", "message_action"):
        return Task(
            kind="shortcut",
            asker=asker,
            name=body.get("callback_id", ""),
            trigger_id=body.get("trigger_id"),
            response_url=body.get("response_url"),
            message_ts=(body.get("message") or {}).get("ts"),
            payload=_said(body),
            at=now,
        )
    return None


def key(body: Payload) -> str:
    """What two deliveries of the same act have in common, whatever ids Slack gave them."""
    if body.get("type") != "event_callback":
        return f"act:{body.get('trigger_id') or body.get('response_url') or json.dumps(body)}"
    event = body["event"]
    at = event.get("event_ts") or event.get("ts") or event.get("message_ts")
    if at is None:
        return f"event:{body.get('event_id')}"
    who, where = event.get("user", ""), event.get("channel", "")
    return f"event:{event.get('type')}:{where}:{who}:{at}"


def ended(body: Payload) -> str | None:
    """The event that takes the app away from a team, if it is one."""
    if body.get("type") != "event_callback":
        return None
    event = body.get("event") or {}
    if event.get("type") not in _ENDS:
        return None
    if event["type"] == "tokens_revoked" and not (event.get("tokens") or {}).get("bot"):
        return None  # somebody's own token: we have none
    return str(event["type"])


def chosen(action: Payload) -> str:
    """What a click chose: a button's value, an option's, a date, a person."""
    option = action.get("selected_option")
    if option:
        return str(option.get("value", ""))
    for member in ("value", "selected_date", "selected_time", "selected_user"):
        if action.get(member) is not None:
            return str(action[member])
    several = action.get("selected_options")
    if several is not None:
        return json.dumps([one.get("value") for one in several])
    return str(action.get("selected_conversation") or action.get("selected_channel") or "")


def _command_origin(body: Payload) -> Origin:
    return Origin(
        team_id=body.get("team_id"),
        enterprise_id=body.get("enterprise_id"),
        user_id=body.get("user_id"),
        user_name=body.get("user_name", ""),
        channel_id=body.get("channel_id"),
        shared=body.get("is_ext_shared_channel") in (True, "true"),
    )


def _event_origin(body: Payload) -> Origin:
    event = body.get("event") or {}
    allowed = (body.get("authorizations") or [{}])[0]
    team = allowed.get("team_id") or body.get("team_id")
    enterprise = allowed.get("enterprise_id") or body.get("enterprise_id")
    theirs = event.get("user_team") or event.get("source_team") or event.get("team")
    user, channel = event.get("user"), event.get("channel")
    return Origin(
        team_id=team,
        enterprise_id=enterprise,
        user_id=user if isinstance(user, str) else None,
        channel_id=channel if isinstance(channel, str) and channel[:1] in "CGD" else None,
        thread_ts=event.get("thread_ts"),
        outsider=theirs is not None and theirs not in (team, enterprise),
        shared=bool(body.get("is_ext_shared_channel")),
    )


def _click_origin(body: Payload) -> Origin:
    team, user = body.get("team") or {}, body.get("user") or {}
    enterprise = (body.get("enterprise") or {}).get("id") or team.get("enterprise_id")
    own = team.get("id") or user.get("team_id")
    container, message = body.get("container") or {}, body.get("message") or {}
    theirs = user.get("team_id")
    return Origin(
        team_id=own,
        enterprise_id=enterprise,
        user_id=user.get("id"),
        user_name=user.get("username") or user.get("name") or "",
        channel_id=(body.get("channel") or {}).get("id") or container.get("channel_id"),
        thread_ts=message.get("thread_ts") or container.get("thread_ts"),
        outsider=theirs is not None and theirs not in (own, enterprise),
        shared=bool(body.get("is_ext_shared_channel")),
    )


def _event(event: Payload, asker: Asker, now: datetime) -> Task | None:
    kind = _EVENTS.get(str(event.get("type")))
    if kind is None or event.get("bot_id"):
        return None
    if kind == "home" and event.get("tab") != "home":
        return None
    return Task(
        kind=kind,
        asker=asker,
        text=_after_mention(event.get("text", "")) if kind == "mention" else "",
        name=event["type"],
        message_ts=event.get("ts") or event.get("message_ts"),
        payload={
            member: event[member]
            for member in ("links", "unfurl_id", "source", "message_ts", "channel", "files")
            if member in event
        },
        at=now,
    )


def _click(body: Payload, asker: Asker, now: datetime) -> Task:
    action, view = body["actions"][0], body.get("view") or {}
    return Task(
        kind="action",
        asker=asker,
        name=action.get("action_id", ""),
        value=chosen(action),
        trigger_id=body.get("trigger_id"),
        response_url=body.get("response_url"),
        view_id=view.get("id"),
        view_hash=view.get("hash"),
        message_ts=(body.get("message") or body.get("container") or {}).get("ts")
        or (body.get("container") or {}).get("message_ts"),
        payload=_said(body) | {"action": action},
        at=now,
    )


def _said(body: Payload) -> Payload:
    """The parts of a click or shortcut that whoever does it may need."""
    said: Payload = {}
    if view := body.get("view"):
        said["view"] = _part(view, _VIEW)
    if message := body.get("message"):
        said["message"] = _part(message, _MESSAGE)
    if container := body.get("container"):
        said["container"] = container
    return said


def _part(whole: Mapping[str, Any], members: tuple[str, ...]) -> Payload:
    return {member: whole[member] for member in members if member in whole}


def _after_mention(text: str) -> str:
    """What stands behind the mention of us: `<@U1> pause welcome` says `pause welcome`."""
    before, found, behind = text.partition(">")
    return behind.strip() if found and "<@" in before else text.strip()
