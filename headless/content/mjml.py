"""MJML: the markup for mails, made into the html that mail programs understand.

The compiler is written in Rust and recurses; so elements are counted first and it runs on a stack
that is large enough for them. What it would pass over without a word (an element that it does not
know, Liquid where MJML has no room for text) is a fault here. Files cannot be included. Imports the
compiler and `templates`; computes only.
"""

import re
import threading
from collections import Counter
from typing import Final

from mjml import mjml2html

from headless.content.templates import Fault, TemplateError, fault_at
from headless.dsl.near import did_you_mean

ELEMENTS_LIMIT: Final = 5_000
_STACK: Final = 128 * 1024 * 1024  # bytes, of which only what is used is taken
_ELEMENT: Final = re.compile(r"<\s*([A-Za-z][\w:-]*)")
_OURS: Final = re.compile(r"<\s*(mj[\w-]*)", re.IGNORECASE)
_LIQUID: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_PLACE: Final = re.compile(r" at position (\d+):\d+$")
_KNOWN: Final = (
    "mjml", "mj-head", "mj-body", "mj-attributes", "mj-all", "mj-class", "mj-breakpoint",
    "mj-font", "mj-html-attributes", "mj-selector", "mj-html-attribute", "mj-preview", "mj-style",
    "mj-title", "mj-accordion", "mj-accordion-element", "mj-accordion-title", "mj-accordion-text",
    "mj-button", "mj-carousel", "mj-carousel-image", "mj-column", "mj-divider", "mj-group",
    "mj-hero", "mj-image", "mj-navbar", "mj-navbar-link", "mj-raw", "mj-section", "mj-social",
    "mj-social-element", "mj-spacer", "mj-table", "mj-text", "mj-wrapper",
)  # fmt: skip
_starting: Final = threading.Lock()


def compiled(source: str) -> str:
    """The html of an MJML text, its Liquid kept; raises TemplateError."""
    if len(_ELEMENT.findall(source)) > ELEMENTS_LIMIT:
        raise TemplateError(Fault(f"an email may have {ELEMENTS_LIMIT:,} elements at most"))
    bare = _COMMENT.sub(lambda found: " " * len(found.group()), source)
    for found in _OURS.finditer(bare):
        name = found[1].lower()
        if name == "mj-include":
            raise TemplateError(
                fault_at(
                    "files cannot be included; use `{% render 'a snippet' %}`",
                    found.start(),
                    source,
                )
            )
        if name not in _KNOWN:
            hint = did_you_mean(name, _KNOWN) or "the names stand in MJML's own documentation"
            raise TemplateError(fault_at(f"MJML has no `{name}`; {hint}", found.start(), source))
    html = _on_a_large_stack(source)
    _refuse_lost(bare, html)
    return html


def _on_a_large_stack(source: str) -> str:
    made: list[str] = []
    failed: list[ValueError] = []

    def work() -> None:
        try:
            made.append(mjml2html(source, fonts={}))
        except ValueError as error:
            failed.append(error)

    with _starting:  # the size holds for all threads that begin while it is set
        before = threading.stack_size(_STACK)
        try:
            thread = threading.Thread(target=work, name="mjml")
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if failed:
        raise TemplateError(_fault(str(failed[0]), source)) from failed[0]
    return made[0]


def _fault(said: str, source: str) -> Fault:
    place = _PLACE.search(said)
    words = _PLACE.sub("", said).replace(" in root template", "")
    if words.startswith("unable to parse next template"):
        words = "an attribute has no quotes, or a `<` or `&` is not written as `&lt;` or `&amp;`"
    return fault_at(f"this is not MJML: {words}", int(place[1]) if place else 0, source)


def _refuse_lost(source: str, html: str) -> None:
    """A part of a template that the compiler dropped would change what the mail says."""
    kept = Counter(_LIQUID.findall(html))
    for token, count in Counter(_LIQUID.findall(source)).items():
        if kept[token] < count:
            raise TemplateError(
                fault_at(
                    f"`{token[:60]}` stands where MJML has no room for text; "
                    "put it into `<mj-raw>…</mj-raw>`",
                    source.index(token),
                    source,
                )
            )
