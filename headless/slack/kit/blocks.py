"""Block Kit: Slack's blocks as plain values, escaped, and never beyond Slack's limits.

What is too long is cut where a reader sees it (an ellipsis, "and 12 more"), for Slack refuses the
whole message otherwise. Text that came from outside goes through `escape`, so that a campaign
called `<!channel>` calls nobody. Computes only; imports `reply` for the shape.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from headless.slack.kit.reply import Block

MOST_BLOCKS: Final = 50
MOST_VIEW_BLOCKS: Final = 100
MOST_TEXT: Final = 3_000
MOST_FIELDS: Final = 10
MOST_FIELD: Final = 2_000
MOST_HEADER: Final = 150
MOST_LABEL: Final = 75
MOST_VALUE: Final = 2_000
MOST_TITLE: Final = 24
MOST_META: Final = 3_000
MOST_OPTIONS: Final = 100
MOST_ELEMENTS: Final = 25
MOST_CONTEXT: Final = 10
MOST_INPUT: Final = 3_000
MOST_ALL: Final = 12_500
"""All blocks of a message together; Slack fails at a little more, though no page says so."""

Style = Literal["primary", "danger"]
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_UNSEEN: Final = dict.fromkeys({*range(32), *range(127, 160)} - {9, 10})


def escape(text: str) -> str:
    """Text from outside for `mrkdwn`: it mentions nobody and links nowhere."""
    return text.translate(_ESCAPES)


def quoted(text: str) -> str:
    """A name from outside as code: `Welcome`, whatever stands in it."""
    return f"`{escape(one_line(text).replace('`', 'ˋ'))}`"


def one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.split())


def cut(text: str, most: int) -> str:
    """At most so many characters, and never half an entity."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    entity = kept.rfind("&")
    if entity >= 0 and ";" not in kept[entity:] and len(kept) - entity < len("&amp;"):
        kept = kept[:entity]
    return f"{kept}…"


# ---------------------------------------------------------------- text


def mrkdwn(text: str, most: int = MOST_TEXT) -> dict[str, Any]:
    """A text object; what came from outside must be escaped already."""
    return {"type": "mrkdwn", "text": cut(text.translate(_UNSEEN), most) or " "}


def plain(text: str, most: int) -> dict[str, Any]:
    """A text object that is shown as it is."""
    shown = one_line(text).translate(_UNSEEN)
    return {"type": "plain_text", "text": cut(shown, most) or " ", "emoji": False}


def section(
    text: str,
    *,
    fields: Sequence[str] = (),
    accessory: Block | None = None,
    block_id: str | None = None,
) -> Block:
    """A paragraph, with up to ten short fields beneath it in two columns."""
    block: Block = {"type": "section", "text": mrkdwn(text)}
    if fields:
        block["fields"] = [mrkdwn(field, MOST_FIELD) for field in fields[:MOST_FIELDS]]
    if accessory is not None:
        block["accessory"] = accessory
    return _with_id(block, block_id)


def header(text: str) -> Block:
    """A title line."""
    return {"type": "header", "text": plain(text, MOST_HEADER)}


def context(*texts: str, block_id: str | None = None) -> Block:
    """Small print."""
    said = [mrkdwn(text, MOST_FIELD) for text in texts[:MOST_CONTEXT] if text]
    return _with_id({"type": "context", "elements": said or [mrkdwn(" ")]}, block_id)


def divider() -> Block:
    """A line."""
    return {"type": "divider"}


def code(text: str, *, most: int = MOST_TEXT) -> Block:
    """Text from outside in a fixed width, cut at a line; it cannot end the fence."""
    room = most - 7
    said = escape(text.replace("```", "ˋˋˋ").rstrip("\n"))
    if len(said) > room:
        lines = said[: room - 1].rpartition("\n")[0] or cut(said, room - 1).removesuffix("…")
        said = f"{lines}\n…" if len(lines) < room - 1 else f"{lines}…"
    return {"type": "section", "text": mrkdwn(f"```{said}\n```", most), "expand": True}


def codes(text: str) -> list[Block]:
    """A long text in a fixed width, over as many blocks as it takes, cut at lines."""
    parts: list[str] = [""]
    room = MOST_TEXT - 16
    for line in text.rstrip("\n").split("\n"):
        if len(escape(parts[-1])) + len(escape(line)) + 1 > room and parts[-1]:
            parts.append("")
        parts[-1] += line + "\n"
    return [code(part) for part in parts]


def table(rows: Sequence[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """Rows as lines of a fixed width, for `code`; the columns of `right` end in line."""
    ends = frozenset(right)
    widths = [max((len(row[i]) for row in rows if i < len(row)), default=0) for i in range(99)]
    lines = []
    for row in rows:
        cells = [
            one.rjust(widths[place]) if place in ends else one.ljust(widths[place])
            for place, one in enumerate(row)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


# ---------------------------------------------------------------- pictures


def picture(url: str, alt: str, *, title: str | None = None) -> Block:
    """A picture at an address that anybody can read."""
    block: Block = {
        "type": "image",
        "image_url": url,
        "alt_text": cut(alt, MOST_FIELD) or "picture",
    }
    return block if title is None else {**block, "title": plain(title, MOST_FIELD)}


def slack_picture(file_id: str, alt: str, *, title: str | None = None) -> Block:
    """A picture that was uploaded to Slack."""
    block: Block = {
        "type": "image",
        "slack_file": {"id": file_id},
        "alt_text": cut(alt, MOST_FIELD) or "picture",
    }
    return block if title is None else {**block, "title": plain(title, MOST_FIELD)}


# ---------------------------------------------------------------- what can be pressed


def button(
    label: str,
    action: str,
    value: str | Mapping[str, Any] = "",
    *,
    style: Style | None = None,
    confirm: Block | None = None,
    url: str | None = None,
) -> Block:
    """A button; `value` of a mapping is JSON such as `{"id": …, "revision": …}`.

    Raises ValueError for a value that Slack would cut, since half a value is a wrong one.
    """
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    if len(text) > MOST_VALUE:
        raise ValueError(f"a button's value has at most {MOST_VALUE} characters")
    block: Block = {"type": "button", "text": plain(label, MOST_LABEL), "action_id": action}
    if text:
        block["value"] = text
    if style is not None:
        block["style"] = style
    if confirm is not None:
        block["confirm"] = confirm
    if url is not None:
        block["url"] = url
    return block


def confirm(title: str, text: str, yes: str, no: str = "Cancel", *, danger: bool = False) -> Block:
    """The question before a button does what it does."""
    asked: Block = {
        "title": plain(title, 100),
        "text": plain(text, 300),
        "confirm": plain(yes, 30),
        "deny": plain(no, 30),
    }
    return {**asked, "style": "danger"} if danger else asked


def actions(*elements: Block, block_id: str | None = None) -> Block:
    """A row of buttons and menus; each needs an action id of its own."""
    return _with_id({"type": "actions", "elements": list(elements[:MOST_ELEMENTS])}, block_id)


class Option(msgspec.Struct, frozen=True):
    """One choice of a menu."""

    label: str
    value: str
    about: str = ""


def select(
    action: str, placeholder: str, options: Sequence[Option], *, chosen: str | None = None
) -> Block:
    """A menu of up to 100 choices; `chosen` is the value that stands there at first."""
    made = {one.value: _option(one) for one in options[:MOST_OPTIONS]}
    block: Block = {
        "type": "static_select",
        "action_id": action,
        "placeholder": plain(placeholder, 150),
        "options": list(made.values()),
    }
    if chosen in made:
        block["initial_option"] = made[chosen]
    return block


def radio(action: str, options: Sequence[Option], *, chosen: str | None = None) -> Block:
    """Up to ten choices that are all seen."""
    made = {one.value: _option(one) for one in options[:10]}
    block: Block = {"type": "radio_buttons", "action_id": action, "options": list(made.values())}
    if chosen in made:
        block["initial_option"] = made[chosen]
    return block


def _option(one: Option) -> Block:
    made: Block = {"text": plain(one.label, MOST_LABEL), "value": cut(one.value, 150)}
    return {**made, "description": plain(one.about, MOST_LABEL)} if one.about else made


# ---------------------------------------------------------------- views


def text_input(
    action: str,
    *,
    value: str = "",
    lines: bool = False,
    placeholder: str = "",
    most: int = MOST_INPUT,
    live: bool = False,
) -> Block:
    """A field to type in; `live` tells us of it when Enter is pressed or it has changed."""
    block: Block = {
        "type": "plain_text_input",
        "action_id": action,
        "multiline": lines,
        "max_length": most,
    }
    if value:
        block["initial_value"] = value[:most]
    if placeholder:
        block["placeholder"] = plain(placeholder, 150)
    if live:
        block["dispatch_action_config"] = {
            "trigger_actions_on": ["on_character_entered" if lines else "on_enter_pressed"]
        }
    return block


def field(
    label: str,
    element: Block,
    *,
    block_id: str,
    hint: str = "",
    optional: bool = False,
    live: bool = False,
) -> Block:
    """An input of a modal with its label; errors of a submission are told by its `block_id`."""
    block: Block = {
        "type": "input",
        "block_id": block_id,
        "label": plain(label, MOST_FIELD),
        "element": element,
        "optional": optional,
        "dispatch_action": live,
    }
    return {**block, "hint": plain(hint, MOST_FIELD)} if hint else block


def modal(
    title: str,
    blocks: Iterable[Block],
    *,
    callback: str,
    submit: str | None = None,
    close: str = "Close",
    meta: str | Mapping[str, Any] = "",
) -> dict[str, Any]:
    """A modal; `meta` comes back with every click in it. Raises ValueError if that is too long."""
    kept = meta if isinstance(meta, str) else json.dumps(meta, separators=(",", ":"))
    if len(kept) > MOST_META:
        raise ValueError(f"a modal's metadata has at most {MOST_META} characters")
    view: dict[str, Any] = {
        "type": "modal",
        "callback_id": callback,
        "title": plain(title, MOST_TITLE),
        "close": plain(close, MOST_TITLE),
        "blocks": list(fit(blocks, most=MOST_VIEW_BLOCKS, size=None)),
        "private_metadata": kept,
    }
    return view if submit is None else {**view, "submit": plain(submit, MOST_TITLE)}


def home(blocks: Iterable[Block]) -> dict[str, Any]:
    """What the app's Home tab shows."""
    return {"type": "home", "blocks": list(fit(blocks, most=MOST_VIEW_BLOCKS, size=None))}


# ---------------------------------------------------------------- all of them together


def fit(
    blocks: Iterable[Block], *, most: int = MOST_BLOCKS, size: int | None = MOST_ALL
) -> tuple[Block, ...]:
    """As many blocks as Slack takes; a last line says that there is more.

    Rows of buttons at the end stay: they are what the message is for.
    """
    whole = list(blocks)
    if len(whole) <= most and (size is None or weight(whole) <= size):
        return tuple(whole)
    end: list[Block] = []
    while whole and whole[-1]["type"] == "actions":
        end.insert(0, whole.pop())
    told = context("_and more, which Slack has no room for here_")
    kept: list[Block] = []
    for block in whole:
        full = [*kept, block, told, *end]
        if len(full) > most or (size is not None and weight(full) > size):
            break
        kept.append(block)
    return (*kept, told, *end)


def weight(blocks: Iterable[Block]) -> int:
    """How many characters blocks have as JSON, with the blanks that most libraries send."""
    return len(json.dumps(list(blocks), ensure_ascii=False))


def _with_id(block: Block, block_id: str | None) -> Block:
    return block if block_id is None else {**block, "block_id": block_id}
