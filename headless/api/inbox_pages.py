"""The pages of the development inbox: the list of mails, one mail, and the mail itself in a frame.

Pure but for the response class: values in, HTML out, and everything of a mail is escaped. A mail's
own HTML is shown only in a sandboxed frame under a policy of its own: no scripts, no forms, links
open in a new tab, pictures come from this server only unless a person asks for the others.
"""

import base64
import hashlib
import re
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
from litestar import MediaType, Response

from headless.api.page import POLICY, page
from headless.api.shapes import instant
from headless.channels.inbox import Mail, Received

_STYLE: Final = """<style>
:root { --card: #fff; --ground: #f5f6f8; --ink: #1c2330; --dim: #5d6675; --go: #0a66c2 }
@media (prefers-color-scheme: dark) {
  :root { --card: #1d222b; --ground: #12151b; --ink: #e8ebf0; --dim: #9aa4b2; --go: #2f7fd6 }
}
body { background: var(--ground); color: var(--ink); display: flex; flex-direction: column;
  min-height: 90vh; margin-top: 1rem }
body > nav { order: -1 } h1 { margin: .6rem 0 .8rem; overflow-wrap: anywhere; line-height: 1.25 }
nav, .bar { display: flex; gap: .5rem .9rem; flex-wrap: wrap; align-items: center }
.bar { margin-bottom: 1rem } .bar .push { margin-left: auto } .dim { color: var(--dim) }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  margin: 0 0 1rem; padding: 1rem } .card > :first-child { margin-top: 0 }
.card > :last-child { margin-bottom: 0 } .card h2 { font-size: 1rem; margin: 0 0 .7rem }
input { font: inherit; padding: .4rem .7rem; border-radius: 6px; border: 1px solid var(--line);
  background: var(--card); color: inherit; width: 17rem; max-width: 100% }
button { background: var(--go); border-color: transparent; padding: .4rem .9rem }
button.plain { background: none; color: inherit; border-color: var(--line) }
a:focus-visible, button:focus-visible, input:focus-visible { outline: 2px solid var(--go);
  outline-offset: 2px }
.card.mails { list-style: none; padding: 0; overflow: hidden }
.mails li { border-top: 1px solid var(--line) } .mails li:first-child { border-top: 0 }
.mails a { display: grid; grid-template-columns: 2.3rem minmax(8rem, 15rem) 1fr max-content;
  gap: .2rem .9rem; align-items: center; padding: .65rem 1rem; color: inherit;
  text-decoration: none }
.mails a:hover { background: var(--soft) } .mails a > * { overflow: hidden; white-space: nowrap;
  text-overflow: ellipsis } .mails b { font-weight: 600 }
.face { width: 2.1rem; height: 2.1rem; border-radius: 50%; color: #fff; font-weight: 600;
  display: grid; place-items: center; text-transform: uppercase }
.done { border-left: 4px solid #2e9e5b } dl { margin: 0 } pre { margin: 0; font-size: .88rem;
  max-height: 30rem; overflow: auto; overflow-wrap: anywhere }
iframe { display: block; box-sizing: border-box; height: 24rem; resize: vertical; overflow: auto }
ol.links { padding: 0; margin: 0; list-style: none }
ol.links li { display: flex; gap: .8rem; align-items: center; padding: .3rem 0 }
ol.links span { overflow-wrap: anywhere; min-width: 0 } ol.links button { min-width: 8.2rem }
summary { cursor: pointer } details[open] > summary { margin-bottom: .7rem }
dl + details { margin-top: .5rem }
@media (max-width: 40rem) {
  body { padding: 0 .7rem } h1 { font-size: 1.25rem } .bar form, input { width: 100% }
  .mails a { grid-template-columns: 2.3rem 1fr max-content; padding: .65rem .8rem }
  .mails .face { grid-row: span 2 } .mails b { grid-column: 2 / -1; grid-row: 2 }
  .mails time { grid-row: 1; grid-column: 3 } .bar .push { margin: 0; font-size: .9rem }
  dl.rest { grid-template-columns: 1fr; gap: 0 } dl.rest dd { margin-bottom: .4rem }
}
</style>"""

_CLOCKS: Final = """
function clocks() {
  const today = new Date().toDateString();
  for (const place of document.querySelectorAll("time")) {
    const at = new Date(place.dateTime);
    place.title = at.toString();
    const day = at.toDateString() === today ? "" :
      at.toLocaleDateString([], {day: "numeric", month: "short"}) + " ";
    place.textContent = day + at.toLocaleTimeString([], {hour12: false});
  }
}
clocks();
"""
_FOLLOW: Final = """
async function look() {
  const list = () => document.getElementById("list");
  for (;;) {
    try {
      const query = new URLSearchParams(location.search);
      query.set("after", list().dataset.newest);
      query.set("wait", "2");
      query.set("limit", "1");
      const json = {headers: {Accept: "application/json"}};
      const told = await fetch("/dev/inbox?" + query, json);
      if (!told.ok) throw new Error(told.status);
      if ((await told.json()).data.length === 0) continue;
      const fresh = await fetch(location.href, {headers: {Accept: "text/html"}});
      const read = new DOMParser().parseFromString(await fresh.text(), "text/html");
      list().replaceWith(document.adoptNode(read.getElementById("list")));
      clocks();
    } catch {
      await new Promise((again) => setTimeout(again, 2000));
    }
  }
}
look();
"""
_REFRESH: Final = '<noscript><meta http-equiv="refresh" content="3"></noscript>'

_FRAME_SANDBOX: Final = "allow-popups allow-popups-to-escape-sandbox"
_HEAD: Final = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)
_DOCTYPE: Final = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)
_BASE: Final = '<base target="_blank">'
_SOURCE: Final = re.compile(
    r"(?:\b(?:src|srcset|background)\s*=\s*[\"']?|url\(\s*[\"']?)\s*((?:https?:)?//[^\"'\s)>]+)",
    re.IGNORECASE,
)
_FIRST_HEADERS: Final = ("From", "To", "Reply-To")
_SOURCE_SHOWN: Final = 64 * 1024
_HUES: Final = (212, 268, 330, 12, 36, 150, 178)

DONE: Final = {
    "open": "The mail was opened, as its pixel would have told.",
    "click": "The link was followed, without a browser.",
    "unsubscribe": "The recipient is unsubscribed: no more marketing mail.",
}
"""What the page of a mail says after one of its buttons was pressed."""


class Followable(msgspec.Struct, frozen=True):
    """What can be done with a mail; `targets` are where its links lead, None for those that
    are not ours."""

    opens: bool
    targets: Sequence[str | None]
    unsubscribes: bool


def list_page(
    mails: Sequence[Received], *, to: str | None, older: str | None, follows: bool
) -> Response[str]:
    """The newest mails first; `older` is the next page's cursor; `follows` looks for new ones."""
    filled = escape(to or "")
    known = sorted({mail.recipient for mail in mails})
    options = "".join(f'<option value="{escape(one)}">' for one in known)
    every = '<a href="/dev/inbox">show all</a>' if to or not follows else ""
    bar = (
        '<div class="bar"><form action="/dev/inbox"><input type="search" name="to" list="known" '
        f'placeholder="only mail to …" aria-label="recipient" value="{filled}">'
        f'<datalist id="known">{options}</datalist></form>{every}'
        '<span class="dim push">Every mail that was sent from here. They go no further.</span>'
        "</div>"
    )
    rows = "".join(map(_row, mails))
    shown = f'<ul class="card mails">{rows}</ul>' if rows else _nothing(to)
    newest = mails[0].id if mails else 0
    further = ""
    if older is not None:
        query = urlencode({"cursor": older} | ({"to": to} if to else {}))
        further = f'<p><a href="/dev/inbox?{escape(query)}">older mails</a></p>'
    body = f'{_STYLE}{bar}<div id="list" data-newest="{newest}">{shown}{further}</div>'
    return _with_script("Inbox", body + (_REFRESH if follows else ""), follows=follows)


def _row(mail: Received) -> str:
    hue = _HUES[sum(mail.recipient.lower().encode()) % len(_HUES)]
    return (
        f'<li><a href="/dev/inbox/{mail.id}">'
        f'<span class="face" style="background: hsl({hue} 45% 42%)" aria-hidden="true">'
        f"{escape(mail.recipient[:1])}</span>"
        f'<span class="dim">{escape(mail.recipient)}</span><b>{_subject(mail)}</b>'
        f"{_time(mail.received_at)}</a></li>"
    )


def _nothing(to: str | None) -> str:
    if to:
        return (
            f'<p class="card">No mail to <b>{escape(to)}</b> yet. It shows here when it comes.</p>'
        )
    return (
        '<div class="card"><p><b>No mail yet.</b></p><p>It shows here by itself as soon as a '
        "campaign sends one. <code>headless dev --demo</code> brings sample contacts and a "
        "campaign that mails them.</p></div>"
    )


def mail_page(
    mail: Mail,
    can: Followable,
    *,
    base_url: str,
    campaign: str | None = None,
    done: str | None = None,
    pictures: bool = False,
) -> Response[str]:
    """One mail: what it says, how it looks, what can be done with it, and its source.

    `campaign` is whose mail it is; `done` is a key of `DONE`; `pictures` shows those of other
    hosts; `base_url` is our own.
    """
    known = mail.received
    parts = [
        _STYLE,
        '<nav><a href="/dev/inbox">← all mails</a>'
        f'<a href="/dev/inbox?{escape(urlencode({"to": known.recipient}))}">to '
        f"{escape(known.recipient)}</a></nav>",
        f'<p class="card done" role="status">{escape(DONE[done])}</p>' if done in DONE else "",
        _headers(mail, campaign),
        _frame(mail, base_url, pictures=pictures) if mail.html else "",
        _buttons(known.id, can),
        _text(mail),
        _source(mail),
    ]
    return _with_script(mail.subject or "(no subject)", "".join(parts), follows=False)


def missing_page(mail_id: int) -> Response[str]:
    """What a person sees where there is no such mail."""
    body = (
        f"<p>There is no mail {mail_id} here. It may have been in an inbox that was thrown away "
        'with its data.</p><p><a href="/dev/inbox">← all mails</a></p>'
    )
    return page("No such mail", body, status=404)


def frame(mail: Mail, *, base_url: str, pictures: bool) -> Response[str]:
    """The mail's own HTML, harmless: for the frame of its page."""
    images = "* data:" if pictures else f"'self' data: {_origin(base_url)}"
    policy = (
        f"default-src 'none'; img-src {images}; style-src 'unsafe-inline'; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors 'self'; sandbox {_FRAME_SANDBOX}"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
        "Cache-Control": "no-store",
    }
    return Response(_in_new_tabs(mail.html), media_type=MediaType.HTML, headers=headers)


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3])


def _in_new_tabs(html: str) -> str:
    """Links open beside the inbox. The base stands in the head, so that no mode changes by it."""
    place = _HEAD.search(html) or _DOCTYPE.match(html)
    at = place.end() if place else 0
    return f"{html[:at]}{_BASE}{html[at:]}"


def _headers(mail: Mail, campaign: str | None) -> str:
    first = "".join(
        f"<dt>{name}</dt><dd>{escape(mail.headers[name])}</dd>"
        for name in _FIRST_HEADERS
        if mail.headers.get(name)
    )
    rest = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        for name, value in mail.headers.items()
        if name not in _FIRST_HEADERS
    )
    why = ""
    if campaign is not None:
        command = shlex.join(("headless", "why", mail.received.recipient, campaign))
        why = f"<dt>Why</dt><dd><code>{escape(command)}</code></dd>"
    return (
        f'<section class="card"><dl>{first}<dt>Received</dt>'
        f"<dd>{_time(mail.received.received_at)}</dd>{why}</dl>"
        f'<details><summary class="dim">all headers</summary><dl class="rest">{rest}</dl></details>'
        "</section>"
    )


def _frame(mail: Mail, base_url: str, *, pictures: bool) -> str:
    address = f"/dev/inbox/{mail.received.id}/html{'?pictures=all' if pictures else ''}"
    ours = _origin(base_url) + "/"
    others = any(not url.startswith(ours) for url in _SOURCE.findall(mail.html))
    note = ""
    if others and not pictures:
        note = (
            '<p class="dim">Pictures from other hosts are not loaded. '
            '<a href="?pictures=all">Load them</a></p>'
        )
    return (
        f'<section class="card">{note}<iframe title="the mail" src="{address}" '
        f'sandbox="{_FRAME_SANDBOX}" referrerpolicy="no-referrer"></iframe></section>'
    )


def _buttons(mail_id: int, can: Followable) -> str:
    rows = []
    if can.opens:
        told = "what the pixel does, each time the frame above loads it"
        rows.append(_button(mail_id, "open", "Open", told))
    for place, target in enumerate(can.targets):
        if target is not None:
            rows.append(_button(mail_id, f"click?link={place}", "Click", target))
    if can.unsubscribes:
        told = "the recipient gets no more marketing mail"
        rows.append(_button(mail_id, "unsubscribe", "Unsubscribe", told, plain=True))
    if not rows:
        return ""
    return (
        '<section class="card"><h2>What a recipient would do</h2>'
        f'<ol class="links">{"".join(rows)}</ol></section>'
    )


def _button(mail_id: int, verb: str, label: str, told: str, *, plain: bool = False) -> str:
    look = ' class="plain"' if plain else ""
    return (
        f'<li><form method="post" action="/dev/inbox/{mail_id}/{verb}">'
        f'<button{look}>{label}</button></form><span class="dim">{escape(told)}</span></li>'
    )


def _text(mail: Mail) -> str:
    if not mail.text:
        return ""
    opened = "" if mail.html else " open"
    return (
        f'<details class="card"{opened}><summary>Text part</summary>'
        f"<pre>{escape(mail.text)}</pre></details>"
    )


def _source(mail: Mail) -> str:
    shown = mail.raw[:_SOURCE_SHOWN].decode("utf-8", "replace")
    more = "\n…" if len(mail.raw) > _SOURCE_SHOWN else ""
    address = f"/dev/inbox/{mail.received.id}/raw"
    return (
        f'<details class="card"><summary>Source, {len(mail.raw):,} bytes</summary>'
        f'<p><a href="{quote(address)}">as a file</a></p><pre>{escape(shown)}{more}</pre></details>'
    )


def _subject(mail: Received) -> str:
    return escape(mail.subject) or '<span class="dim">(no subject)</span>'


def _time(moment: datetime) -> str:
    shown = moment.astimezone(UTC).strftime("%d %b %H:%M:%S UTC")
    return f'<time class="dim" datetime="{instant(moment)}">{shown}</time>'


def _with_script(title: str, body: str, *, follows: bool) -> Response[str]:
    """The page with our own script and nobody else's: the policy names its hash."""
    script = _CLOCKS + (_FOLLOW if follows else "")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    made = page(title, f"{body}<script>{script}</script>")
    policy = f"{POLICY}; script-src 'sha256-{digest}'; connect-src 'self'"
    made.headers["Content-Security-Policy"] = policy
    made.headers["Cache-Control"] = "no-store"
    return made
