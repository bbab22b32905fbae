"""Logs of the long-running commands: one JSON object a line on stderr, or plain on a terminal.

Nothing in them says who somebody is or lets anybody in: what looks like an address, a token or a
signed link is cut short on the way out, wherever it came from (an error of a library, say).
"""

import logging
import re
import sys
from typing import Any, Final

import structlog
from structlog.typing import EventDict

_MASKS: Final = (
    (re.compile(r"\b(h[kp]_(?:live|test)_\w{2})\w+"), r"\1…"),
    (re.compile(r"(/(?:c|f|join|o|s|u|slack/install)/[\w-]{6})[\w-]+"), r"\1…"),
    (re.compile(r"(?i)(bearer|basic) [\w+/=.-]{8,}"), r"\1 …"),
    (re.compile(r"://([^/\s:@]*):[^/\s@]+@"), r"://\1:…@"),
    (re.compile(r"([\w+.-])[\w+.%=/-]*@((?:[\w-]+\.)+[\w-]{2,})"), r"\1…@\2"),
    (re.compile(r"\+\d{3}\d{5,}"), "+…"),
    (re.compile(r"(DETAIL: ).*"), r"\1…"),  # PostgreSQL shows the row that it does not take
)


def masked(text: str) -> str:
    """The text with `a…@example.com` for an address, and the like for tokens, links, numbers."""
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text


def _mask(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {
        name: masked(value) if isinstance(value, str) else value for name, value in event.items()
    }


class _Masking(logging.Formatter):
    """The standard library's lines, masked the same way."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as a line."""
        return masked(super().format(record))


def configure(level: str) -> None:
    """Send structlog and the standard library's warnings to stderr, from `level` up."""
    number = logging.getLevelNamesMapping()[level.upper()]
    last = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _mask,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Masking("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler])
