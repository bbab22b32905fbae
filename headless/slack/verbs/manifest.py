"""The manifest: what the Slack app is and may, as api.slack.com takes it; made from the verbs.

Computes only; imports `verbs`.
"""

from typing import Any, Final
from urllib.parse import urlsplit

SCOPES: Final[dict[str, str]] = {
    "commands": "to be asked with /campaign",
    "chat:write": "to answer, and to keep cards where campaigns are watched",
    "chat:write.public": "to keep cards in public channels without an invitation",
    "app_mentions:read": "to be asked in threads, where slash commands do not work",
    "channels:read": "to know whether people of other companies read a channel",
    "groups:read": "the same for private channels",
    "files:read": "to take a long campaign as a file",
    "files:write": "to show pictures of campaigns, and long texts",
    "links:read": "to see links to campaigns",
    "links:write": "to show what is behind them",
    "users:read": "to tell times in everybody's own zone",
    "users:read.email": "to send a test to your own address",
    "im:write": "to write to you directly",
}
"""What the app asks for, and why."""
EVENTS: Final = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "link_shared",
    "tokens_revoked",
)
COMMAND: Final = "/campaign"
MESSAGE_SHORTCUT: Final = "campaign_from_message"
NEW_SHORTCUT: Final = "campaign_new"
_HINT: Final = "list | show NAME | pause NAME | why EMAIL | when … then … | help"
_MOST_LINKS: Final = 5


def manifest(url: str, *, socket: bool = False, name: str = "Campaigns") -> dict[str, Any]:
    """The manifest of an app whose Headless is at `url`; `socket` for Socket Mode.

    `socket` leaves out the addresses that Slack would call, and the redirect that needs https.
    """
    base = url.rstrip("/")
    host = urlsplit(base).hostname or "localhost"
    command: dict[str, Any] = {
        "command": COMMAND,
        "description": "Write, start, watch and explain campaigns",
        "usage_hint": _HINT,
        "should_escape": True,
    }
    events: dict[str, Any] = {"bot_events": list(EVENTS)}
    interactivity: dict[str, Any] = {"is_enabled": True}
    oauth: dict[str, Any] = {"scopes": {"bot": list(SCOPES)}}
    if not socket:
        command["url"] = events["request_url"] = interactivity["request_url"] = (
            f"{base}/slack/events"
        )
        oauth["redirect_urls"] = [f"{base}/slack/oauth_redirect"]
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": name,
            "description": "Marketing campaigns, run from where you talk about them",
            "background_color": "#1f2937",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": name.lower(), "always_online": True},
            "shortcuts": [
                {
                    "name": "New campaign",
                    "type": "global",
                    "callback_id": NEW_SHORTCUT,
                    "description": "Open the editor for a new campaign",
                },
                {
                    "name": "Make a campaign",
                    "type": "message",
                    "callback_id": MESSAGE_SHORTCUT,
                    "description": "Make a draft of this message's text or file",
                },
            ],
            "slash_commands": [command],
            "unfurl_domains": [host],
        },
        "oauth_config": oauth,
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "org_deploy_enabled": not socket,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": not socket,
        },
    }


def faults(made: dict[str, Any]) -> list[str]:
    """What Slack would not take in a manifest, a sentence each: its documented limits."""
    found: list[str] = []
    about, features = made["display_information"], made["features"]
    limits = [
        ("display_information.name", about["name"], 35),
        ("display_information.description", about.get("description", ""), 140),
        ("features.bot_user.display_name", features["bot_user"]["display_name"], 80),
    ]
    for command in features.get("slash_commands", []):
        limits += [
            ("slash_commands.command", command["command"], 32),
            ("slash_commands.description", command["description"], 2000),
            ("slash_commands.usage_hint", command.get("usage_hint", ""), 1000),
        ]
    for shortcut in features.get("shortcuts", []):
        limits += [
            ("shortcuts.name", shortcut["name"], 24),
            ("shortcuts.callback_id", shortcut["callback_id"], 255),
            ("shortcuts.description", shortcut["description"], 150),
        ]
    found += [
        f"`{name}` has {len(text)} characters, and Slack takes {most}"
        for name, text, most in limits
        if len(text) > most
    ]
    if len(features.get("unfurl_domains", [])) > _MOST_LINKS:
        found.append(f"Slack unfurls links of {_MOST_LINKS} domains at most")
    for name, address in _addresses(made):
        if urlsplit(address).scheme != "https":
            found.append(
                f"`{name}` is `{address}`, and Slack calls https only: set HEADLESS_URL, or use "
                "`--socket`"
            )
    return found


def _addresses(made: dict[str, Any]) -> list[tuple[str, str]]:
    settings, features = made["settings"], made["features"]
    places = [
        ("event_subscriptions.request_url", settings["event_subscriptions"].get("request_url")),
        ("interactivity.request_url", settings["interactivity"].get("request_url")),
        *[("slash_commands.url", one.get("url")) for one in features["slash_commands"]],
        *[("redirect_urls", one) for one in made["oauth_config"].get("redirect_urls", [])],
    ]
    return [(name, address) for name, address in places if address]
