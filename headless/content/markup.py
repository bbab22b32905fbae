"""Html as a mail needs it: where its links stand, its plain text, and what is added at its end.

Everything here works on the *template*: Liquid is masked before the html is read and put back
afterwards, so that a link's target or a sentence may hold Liquid and survive. A tracked link is
marked with characters that no text may hold; `fill` turns the marks of a rendered text into links.
Pure: imports the standard library's parser and nothing of ours.
"""

import re
from collections.abc import Callable, Sequence
from html import escape, unescape
from html.parser import HTMLParser
from typing import Final

import msgspec

# Noncharacters of Unicode: never interchanged, refused in what people write.
_OPEN: Final = "\ufdd0"  # OPEN ordinal MID CLOSE; with a target of its own: MID MASK target CLOSE
_MID: Final = "\ufdd1"
_CLOSE: Final = "\ufdd2"
_MASK: Final = "\ufdd3"
RESERVED: Final = re.compile("[\ufdd0-\ufddf]")

_LIQUID: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_HREF: Final = re.compile(
    r"""\bhref\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'>]+))""",
    re.IGNORECASE,
)
_OWN: Final = re.compile(r"^\s*\{\{-?\s*links\.")
_URL: Final = re.compile(r"(?:https?://|\ufdd3\d+\ufdd3)[^\s<>\"']*[^\s<>\"'.,;:!?)\]]")
_MARKED: Final = re.compile(f"{_OPEN}(\\d+){_MID}(?:({_MASK})([^{_CLOSE}]*))?{_CLOSE}")
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_PARAGRAPHS: Final = frozenset(
    ("blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul")
)
_BLOCKS: Final = _PARAGRAPHS | {
    *("address", "article", "aside", "center", "dd", "div", "dl", "dt", "fieldset", "figure"),
    *("footer", "form", "header", "hr", "li", "main", "nav", "section"),
    *("tbody", "tfoot", "thead", "tr"),
}
_HIDDEN: Final = frozenset(("head", "script", "style", "template", "title"))


class Link(msgspec.Struct, frozen=True):
    """A link in a template: its target as written (Liquid and all), and where that stands."""

    target: str
    start: int
    end: int

    @property
    def dynamic(self) -> bool:
        """Whether each message has its own target."""
        return _LIQUID.search(self.target) is not None


class _Anchors(HTMLParser):
    """Finds `<a href>` and `<area href>` outside of comments and scripts."""

    def __init__(self, masked: str) -> None:
        super().__init__(convert_charrefs=True)
        self.lines = [0]
        for match in re.finditer("\n", masked):
            self.lines.append(match.end())
        self.spans: list[tuple[int, int]] = []
        self.feed(masked)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("a", "area"):
            return
        match = _HREF.search(self.get_starttag_text() or "")
        if match and match.lastgroup:
            line, column = self.getpos()
            start = self.lines[line - 1] + column
            self.spans.append(
                (start + match.start(match.lastgroup), start + match.end(match.lastgroup))
            )


def links(html: str) -> tuple[Link, ...]:
    """The links to be tracked, in their order: to http(s), or to wherever Liquid leads.

    Not `mailto:` and the like, not anchors in the page, not our own `{{ links.… }}`.
    """
    found = []
    for start, end in _Anchors(_LIQUID.sub(_blank, html)).spans:
        target = unescape(html[start:end]).strip()
        if _tracked(target):
            found.append(Link(target, start, end))
    return tuple(found)


def text_links(text: str) -> tuple[Link, ...]:
    """The same for plain text: addresses that begin with `http://` or `https://`."""
    tokens: list[str] = []
    masked = _mask(text, tokens)
    found = []
    shift = position = 0
    for match in _URL.finditer(masked):
        before = _unmask(masked[position : match.start()], tokens)
        shift += len(before)
        target = _unmask(match.group(), tokens)
        if match.group().startswith("http"):
            found.append(Link(target, shift, shift + len(target)))
        shift += len(target)
        position = match.end()
    return tuple(found)


def marked(source: str, found: tuple[Link, ...], ordinals: Callable[[str], int]) -> str:
    """The template with a mark in the place of each link; `ordinals` numbers the targets."""
    pieces: list[str] = []
    position = 0
    for link in found:
        written = _MASK + source[link.start : link.end] if link.dynamic else ""
        mark = f"{_OPEN}{ordinals(link.target)}{_MID}{written}{_CLOSE}"
        pieces += (source[position : link.start], mark)
        position = link.end
    return "".join((*pieces, source[position:]))


def fill(rendered: str, link: Callable[[int, str | None], str]) -> str:
    """A rendered text with its marks replaced by `link(ordinal, rendered target)`.

    The target is None where the template's own target holds.
    """
    return _MARKED.sub(lambda match: link(int(match[1]), match[3]), rendered)


def append(html: str, fragment: str) -> str:
    """The html with a fragment as the last thing in its body."""
    at = html.lower().rfind("</body")
    return html + fragment if at < 0 else html[:at] + fragment + html[at:]


def footer(*, unsubscribe: bool, address: bool) -> str:
    """What a marketing mail must say and its author did not."""
    lines = []
    if address:
        lines.append('<span style="white-space:pre-line">{{ workspace.postal_address }}</span>')
    if unsubscribe:
        lines.append('<a href="{{ links.unsubscribe }}">Unsubscribe</a>')
    if not lines:
        return ""
    style = "margin:24px 0 0;font-size:12px;color:#666"
    return f'<p style="{style}">{"<br>".join(lines)}</p>'


def text_footer(*, unsubscribe: bool, address: bool) -> str:
    """The same for plain text."""
    lines = ["{{ workspace.postal_address }}"] if address else []
    if unsubscribe:
        lines.append("Unsubscribe: {{ links.unsubscribe }}")
    return "\n\n-- \n" + "\n".join(lines) if lines else ""


class _Plain(HTMLParser):
    """Html to text: blocks become lines, links are followed by their address."""

    def __init__(self, targets: Sequence[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.targets = targets
        self.pieces: list[str] = []
        self.hidden = 0
        self.pre = 0
        self.hrefs: list[tuple[str, int]] = []
        self.lists: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self.hidden += 1
        elif tag == "a":
            self.hrefs.append((dict(attrs).get("href") or "", len(self.pieces)))
        elif tag == "br":
            self.pieces.append("\n")
        elif tag == "img":
            self._words(dict(attrs).get("alt") or "")
        elif tag in ("td", "th") and not self._at_line_start():
            self.pieces.append(" ")
        else:
            self._block(tag)

    def _block(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._line(2 if tag in _PARAGRAPHS and not self.lists else 1)
        if tag in ("ul", "ol"):
            self.lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            self.pieces.append(self._bullet())
        elif tag == "hr":
            self.pieces.append("-----\n")
        elif tag == "pre":
            self.pre += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self.hidden = max(self.hidden - 1, 0)
        elif tag == "a" and self.hrefs:
            self._address(*self.hrefs.pop())
        elif tag in _BLOCKS:
            if tag in ("ul", "ol") and self.lists:
                self.lists.pop()
            if tag == "pre":
                self.pre = max(self.pre - 1, 0)
            self._line(2 if tag in _PARAGRAPHS and not self.lists else 1)

    def handle_data(self, data: str) -> None:
        self._words(data)

    def _words(self, data: str) -> None:
        if self.hidden:
            return
        if self.pre:
            self.pieces.append(data)
            return
        words = _SPACE.sub(" ", data)
        if self._at_line_start():
            words = words.lstrip(" ")
        if words:
            self.pieces.append(words)

    def _at_line_start(self) -> bool:
        return not self.pieces or self.pieces[-1].endswith(("\n", " "))

    def _bullet(self) -> str:
        if not self.lists or self.lists[-1] < 0:
            return "- "
        self.lists[-1] += 1
        return f"{self.lists[-1]}. "

    def _line(self, breaks: int) -> None:
        """At least so many line breaks here, those that are there already counted."""
        present = 0
        for piece in reversed(self.pieces):
            bare = piece.rstrip("\n")
            present += len(piece) - len(bare)
            if bare:
                break
        self.pieces.append("\n" * (breaks - present))

    def _address(self, href: str, since: int) -> None:
        if self.hidden or not href or href.startswith("#"):
            return
        shown = "".join(self.pieces[since:]).strip()
        mark = _MARKED.fullmatch(href)
        if shown in (href, self.targets[int(mark[1])] if mark else href):
            self.pieces[since:] = [href]
        else:
            self.pieces.append(f" <{href}>" if shown else f"<{href}>")


def to_text(html: str, targets: Sequence[str] = ()) -> str:
    """The plain text of html, its Liquid and its marks kept: what the mail says without pictures.

    `targets` are the marked links' targets by ordinal.
    """
    tokens: list[str] = []
    parser = _Plain(targets)
    parser.feed(_mask(html, tokens))
    parser.close()
    text = "".join(parser.pieces)
    text = "\n".join(line.rstrip(" ") for line in text.split("\n"))
    return _unmask(re.sub(r"\n{3,}", "\n\n", text).strip("\n"), tokens)


def from_text(text: str) -> str:
    """Html for an email that its author wrote as plain text: the same lines, its links alive."""
    tokens: list[str] = []
    masked = _mask(text, tokens)
    lively = _URL.sub(
        lambda match: (
            f'<a href="{match.group()}">{match.group()}</a>'
            if match.group().startswith("http")
            else match.group()
        ),
        escape(masked, quote=False),
    )
    return _unmask(f'<p style="white-space:pre-wrap;font-family:sans-serif">{lively}</p>', tokens)


def attribute(url: str) -> str:
    """An address as it stands in an html attribute."""
    return escape(url, quote=True)


def _tracked(target: str) -> bool:
    if _OWN.match(target):
        return False
    return target.lower().startswith(("http://", "https://")) or _LIQUID.match(target) is not None


def _blank(match: re.Match[str]) -> str:
    """The same length without anything that html would read, so that offsets hold."""
    return _MASK * len(match.group())


def _mask(source: str, tokens: list[str]) -> str:
    def number(match: re.Match[str]) -> str:
        tokens.append(match.group())
        return f"{_MASK}{len(tokens) - 1}{_MASK}"

    return _LIQUID.sub(number, source)


def _unmask(text: str, tokens: list[str]) -> str:
    return re.sub(f"{_MASK}(\\d+){_MASK}", lambda match: tokens[int(match[1])], text)
