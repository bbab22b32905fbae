"""Examples: for each body and each answer of the API's description a value that fits it.

What is sent is written down here by the name of its shape, so that it can be copied and works; the
rest is made from the shape, each member with the value that `SAMPLES` has for its name. So a new
route has an example from its first day, and a test holds all of them against their shapes. Pure.
"""

from typing import Any, Final

_CAMPAIGN: Final = (
    'campaign "Welcome series"\nstart when did "signed up"\nsend email Welcome\nwait 3d\n'
    "if opened email Welcome then add points 10"
)
_CONTACT: Final = "con_1m9k4x0c7e2ta"
_HASH: Final = "sha256:9f2c81d04b7a"
_AT: Final = "2026-11-23T09:30:00.000Z"
_DEEPEST: Final = 6

REQUESTS: Final[dict[str, Any]] = {
    "ActivityIn": {
        "contact": {"external_id": "42"},
        "did": "signed up",
        "id": "evt-1",
        "properties": {"plan": "pro"},
    },
    "Agreed": {"plan": _HASH},
    "Agreement": {"plan": _HASH},
    "AssetWrite": {"name": "Price list", "slug": "prices"},
    "Bulk": {"where": "points > 50", "do": {"add_tag": "engaged"}},
    "ByHand": {"contacts": [_CONTACT], "data": {"coupon": "SPRING"}},
    "CampaignChange": {"name": "Spring sale"},
    "CampaignWrite": {"source": _CAMPAIGN},
    "ChannelChange": {"in_use": True},
    "ColleagueChange": {"role": "approver"},
    "CompanyWrite": {"name": "Acme", "fields": {}},
    "Condition": {"condition": "points > 50"},
    "ConsentWrite": {
        "contact": {"external_id": "42"},
        "about": "email",
        "action": "granted",
        "proof": "ticked the box of the order form",
    },
    "ContactBatch": {"contacts": [{"external_id": "42", "email": "ada@example.com"}]},
    "ContactWrite": {
        "external_id": "42",
        "email": "ada@example.com",
        "tags": {"add": ["newsletter"]},
    },
    "ContentWrite": {"name": "Spring banner", "body": "<b>Spring is here</b>"},
    "Declined": {"plan": _HASH, "reason": "the prices are last year's"},
    "EmailWrite": {
        "name": "Welcome",
        "subject": 'Hello {{ contact.first_name | default: "there" }}',
        "html": '<p>Good that you are here. <a href="https://example.com">Look</a></p>',
    },
    "FileAt": {"url": "https://example.com/contacts.csv"},
    "FormWrite": {
        "name": "Newsletter",
        "slug": "newsletter",
        "fields": [{"name": "email", "type": "email", "required": True, "contact": "email"}],
    },
    "InviteWrite": {"name": "Ann", "email": "ann@example.com", "role": "editor"},
    "LinkWrite": {"ticket": "the-ticket-from-slack"},
    "Lookup": {"email": "ada@example.com"},
    "MemberChange": {"add": [_CONTACT], "remove": []},
    "Merge": {"kept": _CONTACT, "gone": "con_0q2ew6kxd1v0c"},
    "MultiMessageWrite": {"name": "Reminder", "email": "Welcome"},
    "NewDevice": {"token": "fcm-registration-token", "platform": "android"},
    "NewField": {"name": "first_name", "type": "text"},
    "NewName": {"name": "Customers"},
    "NewSegment": {"name": "Engaged", "condition": "points > 50"},
    "NewVersion": {"source": _CAMPAIGN},
    "PageWrite": {"name": "Pricing", "url": "https://example.com/pricing"},
    "PreviewAsk": {"contact": {"external_id": "42"}},
    "PushMessageWrite": {"name": "Order", "title": "On its way", "body": "It left our house"},
    "Resume": {"overdue": "run"},
    "Rotation": {"grace_hours": 24},
    "Search": {"where": "points > 50"},
    "SegmentChange": {"name": "Very engaged"},
    "SettingsChange": {"time_zone": "Europe/Paris", "postal_address": "1 Main Street, Springfield"},
    "Simulation": {"source": _CAMPAIGN, "until": "30d"},
    "SiteWrite": {"hosts": ["example.com"]},
    "SlotWrite": {"name": "Banner"},
    "SmsWrite": {"name": "Reminder", "body": "Your table is at seven"},
    "SmtpChannel": {
        "provider": "smtp",
        "name": "Mail",
        "settings": {"host": "mail.example.com", "port": 587, "username": "acme"},
        "secrets": {"password": "…"},
    },
    "SnippetWrite": {"name": "footer", "body": "<p>Acme, 1 Main Street</p>"},
    "SuppressionWrite": {"contact_id": _CONTACT, "because": "asked by phone"},
    "TestAsk": {"to": "me@example.com"},
    "TokenInstall": {"token": "xoxb-…", "admin": "ann@example.com"},
    "TokenWrite": {"name": "Shop", "scopes": ["contacts:write", "activities:write"]},
    "Trial": {
        "contact": {"external_id": "42"},
        "until": "30d",
        "activities": [{"at": "+1d", "did": "opened email Welcome"}],
    },
    "WebhookTargetWrite": {"name": "Orders", "url": "https://example.com/hooks/orders"},
}
"""What is sent, by the shape's name."""

TEXTS: Final[dict[str, str]] = {
    "text/plain": _CAMPAIGN,
    "text/csv": "email,first_name\nada@example.com,Ada\n",
    "application/octet-stream": "(the bytes of the file)",
    "application/x-ndjson": '{"email": "ada@example.com"}\n',
}
"""What is sent where it is no JSON, by its media type."""

SAMPLES: Final[dict[str, Any]] = {
    "act": "pause_campaign",
    "actor": "tok_0w8t2k5n3vq4r",
    "because": "asked by phone",
    "campaign": "Welcome series",
    "campaign_id": "cmp_0jf3r6y9m2p5s",
    "channel": "email",
    "code": "not_found",
    "condition": "points > 50",
    "contact_id": _CONTACT,
    "email": "ada@example.com",
    "explain": 'Whenever a contact does "signed up": send Welcome.',
    "external_id": "42",
    "hash": _HASH,
    "kind": "import",
    "longest_stay": "3d",
    "message": "did you mean `opened`?",
    "message_id": "msg_1c4v7b0n3m6k9",
    "name": "Welcome",
    "next_cursor": None,
    "outcome": "sent",
    "plan": _HASH,
    "points": 60,
    "postal_address": "1 Main Street, Springfield",
    "prefix": "hk_test_9fQ2",
    "request_id": "req_9b1c2d3e4f506172",
    "scopes": ["contacts:read"],
    "sender": "Acme <hello@example.com>",
    "slug": "prices",
    "source": _CAMPAIGN,
    "state": "running",
    "step": "send email Welcome",
    "subject": "Hello Ada",
    "time_zone": "Europe/Paris",
    "title": "There is no such thing here",
    "to": "me@example.com",
    "token": "hk_test_…",
    "type": "/problems/not-found",
    "url": "https://example.com/pricing",
    "version": 1,
}
"""The value of a member, by its name, where its shape allows it."""

_KINDS: Final[tuple[tuple[str, str], ...]] = (
    ("Campaign", "cmp_0jf3r6y9m2p5s"), ("Contact", _CONTACT), ("Member", _CONTACT),
    ("Email", "eml_1a4d7g0j3n6q9"), ("Segment", "seg_0b3e6h9k2m5r8"),
    ("Job", "job_1e4h7k0n3q6t9"), ("Token", "tok_0w8t2k5n3vq4r"),
    ("Message", "msg_1c4v7b0n3m6k9"), ("Channel", "chn_0d3g6j9m2p5s8"),
    ("Workspace", "wsp_1f4j7m0p3s6v9"), ("Settings", "wsp_1f4j7m0p3s6v9"),
)  # fmt: skip


def request(name: str, schema: dict[str, Any], parts: dict[str, Any]) -> Any:
    """What may be sent where a shape is read; `name` is the shape's, `parts` all shapes."""
    for one in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        title = _title(one) or name
        if title in REQUESTS:
            return REQUESTS[title]
    if schema.get("type") == "array":
        return [request("", schema.get("items", {}), parts)]
    return made(schema, parts)


def made(schema: dict[str, Any], parts: dict[str, Any], name: str = "", depth: int = 0) -> Any:
    """A value that fits a shape, as full as the shape is."""
    title = _title(schema) or str(schema.get("title", ""))
    if "$ref" in schema:
        schema = parts[_title(schema)]
    for one in schema.get("anyOf", schema.get("oneOf", ())):
        if one.get("type") != "null" and depth < _DEEPEST:
            return made(one, parts, name, depth)
    if "anyOf" in schema or "oneOf" in schema:
        return None
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        sample = SAMPLES.get(name)
        return sample if sample in schema["enum"] else schema["enum"][0]
    kind = schema.get("type", "")
    if isinstance(kind, list):
        kind = next(one for one in kind if one != "null")
    if kind == "object" or "properties" in schema:
        return _object(schema, parts, title, depth)
    if kind == "array":
        return _array(schema, parts, name, depth)
    return _plain(kind, schema, name)


def _object(schema: dict[str, Any], parts: dict[str, Any], title: str, depth: int) -> Any:
    shown: dict[str, Any] = {}
    for name, member in schema.get("properties", {}).items():
        if depth >= _DEEPEST and name not in schema.get("required", ()):
            continue
        shown[name] = made(member, parts, name, depth + 1)
        if name == "id" and isinstance(shown[name], str):
            shown[name] = next((id_ for kind, id_ in _KINDS if title.startswith(kind)), shown[name])
    return shown


def _array(schema: dict[str, Any], parts: dict[str, Any], name: str, depth: int) -> list[Any]:
    if isinstance(SAMPLES.get(name), list):
        return list(SAMPLES[name])
    if depth >= _DEEPEST and not schema.get("minItems"):
        return []
    if "prefixItems" in schema:
        return [made(one, parts, name, depth + 1) for one in schema["prefixItems"]]
    items = schema.get("items")
    return [made(items, parts, name, depth + 1)] if isinstance(items, dict) and items else []


def _plain(kind: str, schema: dict[str, Any], name: str) -> Any:
    sample = SAMPLES.get(name)
    match kind:
        case "string" if schema.get("format") == "date-time" or name.endswith("_at"):
            return _AT
        case "string" if schema.get("format") == "date":
            return _AT[:10]
        case "string":
            return sample if isinstance(sample, str) else "…"
        case "integer" | "number":
            least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
            return sample if isinstance(sample, int) else max(int(least), 1)
        case "boolean":
            return True
        case _:
            return None


def _title(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]
