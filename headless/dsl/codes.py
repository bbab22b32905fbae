"""Every diagnostic code of the language: what it means, a text that gives it, one that does not.

The pages under `docs/errors/` are written from this table, and the tests run every example. A code
keeps its meaning for ever; one that is no longer given stays reserved. Imports `catalogue`,
`examine`, `meaning_codes`, `reading_codes`, `render`.
"""

import unicodedata
from typing import Final

from headless.dsl.catalogue import Catalogue, Email, Form
from headless.dsl.examine import Examined, examine
from headless.dsl.meaning_codes import MEANING
from headless.dsl.reading_codes import READING, Code
from headless.dsl.render import terminal

WORKSPACE: Final = Catalogue(
    fields={"city": "text", "country": "text", "trial_ends": "date", "cart_total": "number"},
    company_fields={"size": "number"},
    emails={
        "Welcome": Email(),
        "Tips": Email(),
        "Deal": Email(("discount",)),
        "Bare": Email(unsubscribe_link=False),
        "Sale": Email(),
        "SALE": Email(),
    },
    forms={"Demo": Form({"score": "number"})},
    segments=("Leads", "Customers"),
    tags=("webinar",),
    events={"order placed": {"total": "number"}},
)
"""The workspace that the examples are held against."""


def read(text: str, *, chat: bool = False) -> Examined:
    """An example read in the workspace of the examples."""
    return examine(text, WORKSPACE, chat=chat)


def page(code: Code) -> str:
    """The page of a code, in Markdown."""
    seen = read(code.example, chat=code.chat)
    shown = [found for found in seen.diagnostics if found.code == code.code][:1]
    parts = [
        f"# {code.code}: {code.title}",
        code.cause,
        f"```text\n{_clipped(code.example)}\n```",
        f"```text\n{terminal(code.example, shown)}\n```",
        "Put right:",
        f"```campaign\n{code.fixed.rstrip()}\n```",
    ]
    if code.code.startswith("W"):
        parts.append(f"To accept it, end the line with `# ok {code.code}`.")
    return _visible("\n\n".join(parts) + "\n")


def _visible(text: str) -> str:
    """Characters that cannot be seen, by their number: a page must not carry them itself."""
    return "".join(
        c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf") else f"<U+{ord(c):04X}>"
        for c in text
    )


def index() -> str:
    """The page that lists all codes."""
    lines = ["# Diagnostic codes", "", "| code | meaning |", "| --- | --- |"]
    lines += [f"| [{code.code}]({code.code}.md) | {code.title} |" for code in CODES]
    return "\n".join(lines) + "\n"


def _clipped(text: str, most: int = 200) -> str:
    text = text.rstrip("\n")
    return text if len(text) <= most else f"{text[:most].rstrip()} …"


CODES: Final = (*READING, *MEANING)
"""All codes in their order."""
