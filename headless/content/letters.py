"""A stored email version made ready for sending: compiled once, composed for each contact.

A letter adds what a marketing mail must carry (unsubscribe link, postal address), makes the text
part where the author gave none, and puts tracked links in the place of targets. Pure: imports
`templates` and `markup`; the links themselves are signed by whoever calls.
"""

from collections.abc import Callable, Sequence
from html import unescape
from typing import Final

import msgspec

from headless.content import markup
from headless.content.templates import Fault, Template, TemplateError, compile_template

LINKS_LIMIT: Final = 5_000  # in one message, those of loops included

Sign = Callable[[int], str]  # ordinal -> the address of the tracked link


class Source(msgspec.Struct, frozen=True):
    """An email version as it is stored."""

    subject: str
    html: str
    text: str | None
    sender: str
    reply_to: str | None
    links: tuple[str, ...]


class Composed(msgspec.Struct, frozen=True):
    """One contact's mail. `links` is set when this message has targets of its own."""

    subject: str
    html: str
    text: str
    links: tuple[str, ...] | None


class Letter:
    """An email version, compiled for marketing or for transactional use."""

    __slots__ = ("_dynamic", "_html", "_subject", "_text", "source")

    def __init__(
        self, source: Source, *, marketing: bool, postal_address: bool, tracked: bool = True
    ) -> None:
        """Compile a stored version; raises TemplateError, which a version checked at save is
        spared. An untracked letter has plain links and no `{{ links.open }}` picture."""
        self.source = source
        ordinals = {target: ordinal for ordinal, target in enumerate(source.links)}
        written = source.html or markup.from_text(source.text or "")
        found = markup.links(written) if tracked else ()
        html = markup.marked(written, found, ordinals.__getitem__)
        if source.text is None:
            text = markup.to_text(html, source.links)
        else:
            found = markup.text_links(source.text) if tracked else ()
            text = markup.marked(source.text, found, ordinals.__getitem__)
        end = markup.footer(**_missing(html, marketing, postal_address))
        html = markup.append(html, end + (_PIXEL if tracked else ""))
        text += markup.text_footer(**_missing(text, marketing, postal_address))
        self._dynamic = tracked and any("{{" in target or "{%" in target for target in source.links)
        self._subject = compile_template(source.subject, html=False)
        self._html = Template(html, html=True)
        self._text = Template(text, html=False)

    def compose(
        self, namespaces: dict[str, object], sign: Sign, *, known: Sequence[str] | None = None
    ) -> Composed:
        """The mail for these values; raises TemplateError.

        `known` are the targets a message already has, from an earlier attempt: they keep their
        ordinals, so that links in a mail that did arrive still lead where they led.
        """
        targets = _Targets(self.source.links, known, sign)
        html = markup.fill(self._html.render(namespaces), targets.in_html)
        text = markup.fill(self._text.render(namespaces), targets.in_text)
        subject = " ".join(self._subject.render(namespaces).split())
        return Composed(subject, html, text, targets.own() if self._dynamic else None)


class _Targets:
    """The targets of one message: the version's, and those that its own values lead to."""

    def __init__(self, stored: Sequence[str], known: Sequence[str] | None, sign: Sign) -> None:
        self.stored = stored
        self.known = known
        self.sign = sign
        self.signed: dict[int, str] = {}  # html and text have the same links
        self.ordinals: dict[str, int] = {}
        self.targets: list[str] = []

    def in_html(self, ordinal: int, rendered: str | None) -> str:
        target = None if rendered is None else unescape(rendered).strip()
        return markup.attribute(self._link(ordinal, target))

    def in_text(self, ordinal: int, rendered: str | None) -> str:
        return self._link(ordinal, None if rendered is None else rendered.strip())

    def own(self) -> tuple[str, ...]:
        self._begin()
        return tuple(self.targets)

    def _link(self, ordinal: int, target: str | None) -> str:
        if target is None:
            return self._signed(ordinal)
        if target.lower().startswith(("http://", "https://")):
            return self._signed(self._ordinal(ordinal, target))
        return target if target.lower().startswith(_HARMLESS) else "#"

    def _signed(self, ordinal: int) -> str:
        known = self.signed.get(ordinal)
        if known is None:
            known = self.signed[ordinal] = self.sign(ordinal)
        return known

    def _ordinal(self, ordinal: int, target: str) -> int:
        self._begin()
        present = self.ordinals.get(target)
        if present is not None:
            return present
        if self.known is None and self.targets[ordinal] == self.stored[ordinal]:
            self.targets[ordinal] = target
        else:
            ordinal = len(self.targets)
            if ordinal >= LINKS_LIMIT:
                raise TemplateError(_TOO_MANY)
            self.targets.append(target)
        self.ordinals[target] = ordinal
        return ordinal

    def _begin(self) -> None:
        if not self.targets:
            self.targets = list(self.known or self.stored)
            self.ordinals = {target: ordinal for ordinal, target in enumerate(self.targets)}


_PIXEL: Final = '<img src="{{ links.open }}" width="1" height="1" alt="" style="border:0">'
_HARMLESS: Final = ("mailto:", "tel:", "sms:", "#")
_TOO_MANY: Final = Fault(f"more than {LINKS_LIMIT:,} links in one mail")


def _missing(body: str, marketing: bool, postal_address: bool) -> dict[str, bool]:
    return {
        "unsubscribe": marketing and "links.unsubscribe" not in body,
        "address": marketing and postal_address and "workspace.postal_address" not in body,
    }
