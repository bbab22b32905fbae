"""The page behind a mail's unsubscribe link: one button for everything, and the choices.

Pure: makes HTML of preferences and reads the form that it asked with. Without scripts and without
the person's name or address, for mails are forwarded.
"""

from collections.abc import Iterable
from html import escape
from typing import Final
from urllib.parse import parse_qsl

from headless import ids
from headless.audience.topics import Choice
from headless.campaigns.preferences import ABOUT, Preferences, Wanted, Way
from headless.storage.codes import Channel, word

_CHOOSE: Final = "choose"
_WORDS: Final = {Channel.EMAIL: "Email", Channel.SMS: "Text messages", Channel.PUSH: "On my phone"}
_CLOSED: Final = {
    "hard_bounce": "messages do not arrive there",
    "complaint": "you told your provider that you do not want them",
    "by_hand": "we were asked to stop",
    "unconfirmed": "you have not confirmed it yet",
}
_MOST_FIELDS: Final = 300


def body(held: Preferences, *, saved: bool = False) -> str:
    """The page's HTML; `saved` says that what it shows has just been kept."""
    done = '<p role="status">Saved.</p>' if saved else ""
    gets = any(way.reason is None and way.channel is Channel.EMAIL for way in held.ways)
    if gets or not held.ways:
        first = (
            "<p>You will get no more newsletters and offers from us by email.</p>"
            '<form method="post"><button>Unsubscribe</button></form>'
        )
    else:
        first = "<p>You get no newsletters and offers from us by email.</p>"
    return done + first + _choices(held)


def _choices(held: Preferences) -> str:
    closed = any(way.reason is not None for way in held.ways)
    if not (held.choices or closed or len(held.ways) > 1):
        return ""
    topics = "".join(_topic(choice) for choice in held.choices)
    channels = "".join(_way(way) for way in held.ways)
    return (
        "<h2>Or choose what you get</h2>"
        f'<form method="post"><input type="hidden" name="{_CHOOSE}" value="1">'
        + (f"<fieldset><legend>About</legend>{topics}</fieldset>" if topics else "")
        + f"<fieldset><legend>By</legend>{channels}</fieldset>"
        "<p><button>Save</button></p></form>"
    )


def _topic(choice: Choice) -> str:
    about = f"<br><small>{escape(choice.topic.description)}</small>" if (
        choice.topic.description
    ) else ""  # fmt: skip
    value = ids.encode("top", choice.topic.id)
    return _box("topic", value, escape(choice.topic.name) + about, choice.subscribed)


def _way(way: Way) -> str:
    label = _WORDS[way.channel]
    if not way.mine:
        label += f"<br><small>{_CLOSED.get(way.reason or '', 'it is closed')}</small>"
    return _box("channel", word(way.channel), label, way.reason is None, disabled=not way.mine)


def _box(name: str, value: str, label: str, ticked: bool, *, disabled: bool = False) -> str:
    marks = (" checked" if ticked else "") + (" disabled" if disabled else "")
    return (
        f'<p><label><input type="checkbox" name="{name}" value="{escape(value)}"{marks}> '
        f"{label}</label></p>"
    )


def chosen(raw: bytes) -> Wanted | None:
    """What a form of this page says; None for the one button, or for a mail program's POST."""
    try:
        pairs = parse_qsl(raw.decode(), max_num_fields=_MOST_FIELDS)
    except (UnicodeDecodeError, ValueError):
        return None
    if (_CHOOSE, "1") not in pairs:
        return None
    return Wanted(
        channels=_channels(value for name, value in pairs if name == "channel"),
        topics={
            number
            for name, value in pairs
            if name == "topic" and (number := ids.decode("top", value)) is not None
        },
    )


def _channels(words: Iterable[str]) -> set[Channel]:
    given = set(words)
    return {channel for channel in ABOUT if word(channel) in given}
