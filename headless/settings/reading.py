"""Reading: the text of a setting as a value. Each raises ValueError where it does not fit."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

LEVELS: Final = ("debug", "info", "warning", "error")
SHORTEST_KEY: Final = 32


def url(*schemes: str, host_needed: bool = True) -> Callable[[str], str]:
    """A URL of one of the schemes, without a slash at its end."""

    def read(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or (host_needed and not parts.hostname):
            raise ValueError
        _ = parts.port  # a port that is no number from 0 to 65535 raises
        return text.rstrip("/")

    return read


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def read(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise ValueError
        return number

    return read


def one_of(*words: str) -> Callable[[str], str]:
    """One of a few words, however it is capitalised."""

    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError
        return text.lower()

    return read


def keys(text: str) -> tuple[str, ...]:
    """A ring of keys, each long enough, the newest first."""
    keys = tuple(key for key in text.replace(",", " ").split() if key)
    if not keys or any(len(key) < SHORTEST_KEY for key in keys):
        raise ValueError
    return keys


def words(text: str) -> tuple[str, ...]:
    """One or more words, separated by blanks or commas."""
    words = tuple(text.replace(",", " ").split())
    if not words:
        raise ValueError
    return words


def listening(text: str) -> str:
    """A host and a port to listen on."""
    host, _, port = text.rpartition(":")
    if not host or any(char.isspace() for char in host) or not 0 < int(port) < 65536:
        raise ValueError
    return text


def word(text: str) -> str:
    """A word without blanks."""
    if not text or any(char.isspace() for char in text):
        raise ValueError
    return text


def app_token(text: str) -> str:
    """An app-level token of Slack."""
    if not word(text).startswith("xapp-"):
        raise ValueError
    return text
