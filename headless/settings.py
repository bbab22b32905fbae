"""Settings: what the environment says about this installation, and nothing else.

One table, `SETTINGS`, holds each setting's name, how its text is read, its default and the sentence
that explains it; the loader, `headless settings` and the test of `docs/settings.md` all read it.
Each setting may also come from a file, named by `NAME_FILE`. Imports nothing of ours. `load` either
answers a complete value or raises one `SettingsError` with every fault in it.
"""

import difflib
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

_PREFIX: Final = "HEADLESS_"
_FILE: Final = "_FILE"
_LEVELS: Final = ("debug", "info", "warning", "error")
_SHORTEST_KEY: Final = 32


class SettingsError(Exception):
    """The environment does not fit; `faults` has one sentence for each thing to change."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(msgspec.Struct, frozen=True):
    """The installation's settings; the meaning of each field stands in `SETTINGS`."""

    database_url: str | None
    redis_url: str | None
    url: str
    host: str
    port: int
    data_dir: Path
    token: str | None
    secret_keys: tuple[str, ...]
    smtp_url: str | None
    return_port: int | None
    suppressions_log: Path | None
    metrics: str | None
    stop_seconds: int
    activity_months: int
    journal_months: int
    message_months: int
    audit_months: int
    log_level: str
    reads_a_minute: int
    writes_a_minute: int
    ingest_a_minute: int
    slack_client_id: str | None
    slack_client_secret: tuple[str, ...]
    slack_signing_secret: tuple[str, ...]
    slack_app_token: str | None
    slack_api_url: str


class Setting(msgspec.Struct, frozen=True):
    """One setting: `read` turns its text into the value and raises ValueError with what fits."""

    name: str
    field: str
    fits: str
    default: str | None
    sentence: str
    read: Callable[[str], Any]
    secret: bool = False
    many: bool = False


class Found(msgspec.Struct, frozen=True):
    """Where a setting's value came from: `text` is None when it is not set and has no default."""

    setting: Setting
    text: str | None
    origin: str

    @property
    def shown(self) -> str:
        """The value as a person may see it: secrets and passwords are masked."""
        if self.text is None:
            return "(not set)"
        if self.setting.secret:
            return "********"
        return _mask_password(self.text)


def _mask_password(text: str) -> str:
    parts = urlsplit(text)
    if parts.password is None:
        return text
    return text.replace(f":{parts.password}@", ":********@", 1)


def _url(*schemes: str, host_needed: bool = True) -> Callable[[str], str]:
    def read(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or (host_needed and not parts.hostname):
            raise ValueError
        _ = parts.port  # a port that is no number from 0 to 65535 raises
        return text.rstrip("/")

    return read


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise ValueError
        return number

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError
        return text.lower()

    return read


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(key for key in text.replace(",", " ").split() if key)
    if not keys or any(len(key) < _SHORTEST_KEY for key in keys):
        raise ValueError
    return keys


def _words(text: str) -> tuple[str, ...]:
    words = tuple(text.replace(",", " ").split())
    if not words:
        raise ValueError
    return words


def _listening(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or any(char.isspace() for char in host) or not 0 < int(port) < 65536:
        raise ValueError
    return text


def _word(text: str) -> str:
    if not text or any(char.isspace() for char in text):
        raise ValueError
    return text


def _app_token(text: str) -> str:
    if not _word(text).startswith("xapp-"):
        raise ValueError
    return text


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        name="DATABASE_URL",
        field="database_url",
        fits="a URL such as `postgresql://user:password@host:5432/name`",
        default=None,
        sentence="The PostgreSQL to use; without it, `headless dev` brings its own.",
        read=_url("postgresql", "postgres", host_needed=False),
    ),
    Setting(
        name="REDIS_URL",
        field="redis_url",
        fits="a URL such as `redis://host:6379/0`, `rediss://…` or `unix:///path`",
        default=None,
        sentence="The Redis or Valkey to use; without it, `headless dev` brings its own.",
        read=_url("redis", "rediss", "unix", host_needed=False),
    ),
    Setting(
        name="HEADLESS_URL",
        field="url",
        fits="a URL such as `https://c.example.com`",
        default="http://localhost:8080",
        sentence="Where people and programs reach this installation; every link in a mail begins "
        "with it, and the command line talks to it.",
        read=_url("http", "https"),
    ),
    Setting(
        name="HEADLESS_HOST",
        field="host",
        fits="an address of this machine, such as `127.0.0.1` or `0.0.0.0`",
        default="127.0.0.1",
        sentence="The address that the API listens on.",
        read=_word,
    ),
    Setting(
        name="HEADLESS_PORT",
        field="port",
        fits="a whole number from 1 to 65535",
        default="8080",
        sentence="The port that the API listens on.",
        read=_whole(1, 65535),
    ),
    Setting(
        name="HEADLESS_DATA_DIR",
        field="data_dir",
        fits="a folder",
        default="./.headless",
        sentence="Where `headless dev` keeps its databases, token and secret.",
        read=lambda text: Path(text).expanduser(),
    ),
    Setting(
        name="HEADLESS_TOKEN",
        field="token",
        fits="an API token without spaces",
        default=None,
        sentence="The token with which the command line calls the API; without it, the one in "
        "`<data folder>/token` is used.",
        read=_word,
        secret=True,
    ),
    Setting(
        name="HEADLESS_SECRET_KEYS",
        field="secret_keys",
        fits=f"one or more keys of at least {_SHORTEST_KEY} characters, separated by spaces or "
        "commas",
        default=None,
        sentence="The key ring: the first key signs and encrypts, all of them verify and decrypt. "
        "`headless dev` makes one and keeps it in `<data folder>/secret`.",
        read=_keys,
        secret=True,
        many=True,
    ),
    Setting(
        name="HEADLESS_SMTP_URL",
        field="smtp_url",
        fits="a URL such as `smtp://user:password@host:587` or `smtps://host`",
        default=None,
        sentence="The mail server that a channel without one of its own uses.",
        read=_url("smtp", "smtps"),
    ),
    Setting(
        name="HEADLESS_RETURN_PORT",
        field="return_port",
        fits="a whole number from 1 to 65535",
        default=None,
        sentence="Where the worker listens for bounces and replies that come back by mail; without "
        "it, it does not listen. One worker a host can have it.",
        read=_whole(1, 65535),
    ),
    Setting(
        name="HEADLESS_SUPPRESSIONS_LOG",
        field="suppressions_log",
        fits="a file",
        default=None,
        sentence="Where each suppression is written down beside the database, for a restore to "
        "read; without it, `<data folder>/suppressions.log`. Keep it on another disk.",
        read=lambda text: Path(text).expanduser(),
    ),
    Setting(
        name="HEADLESS_METRICS",
        field="metrics",
        fits="an address and a port such as `127.0.0.1:9090`",
        default=None,
        sentence="Where a worker answers `/metrics` to anybody who asks, the first on the host "
        "that gets the port; without it, only the API does, to a token with the scope "
        "`metrics:read`.",
        read=_listening,
    ),
    Setting(
        name="HEADLESS_STOP_SECONDS",
        field="stop_seconds",
        fits="a whole number from 1 to 600",
        default="20",
        sentence="How long a stop may take before what still runs is cut off.",
        read=_whole(1, 600),
    ),
    Setting(
        name="HEADLESS_ACTIVITY_MONTHS",
        field="activity_months",
        fits="a whole number from 0 to 1200",
        default="24",
        sentence="For how many months what contacts did is kept, 0 for ever; conditions with "
        "`ever` look no further back.",
        read=_whole(0, 1200),
    ),
    Setting(
        name="HEADLESS_JOURNAL_MONTHS",
        field="journal_months",
        fits="a whole number from 0 to 1200",
        default="24",
        sentence="For how many months the journal of a run is kept, 0 for ever; never less than "
        "the run lasts.",
        read=_whole(0, 1200),
    ),
    Setting(
        name="HEADLESS_MESSAGE_MONTHS",
        field="message_months",
        fits="a whole number from 0 to 1200",
        default="0",
        sentence="For how many months messages are kept, 0 for ever; links in a mail, the one to "
        "unsubscribe too, work as long as its message is kept.",
        read=_whole(0, 1200),
    ),
    Setting(
        name="HEADLESS_AUDIT_MONTHS",
        field="audit_months",
        fits="a whole number from 0 to 1200",
        default="24",
        sentence="For how many months the audit is kept, 0 for ever.",
        read=_whole(0, 1200),
    ),
    Setting(
        name="HEADLESS_LOG_LEVEL",
        field="log_level",
        fits="one of " + ", ".join(f"`{level}`" for level in _LEVELS),
        default="info",
        sentence="The least important message that is still logged.",
        read=_one_of(*_LEVELS),
    ),
    Setting(
        name="HEADLESS_READS_A_MINUTE",
        field="reads_a_minute",
        fits="a whole number from 0 to 1000000",
        default="3000",
        sentence="How many requests that only read a token may make in a minute, 0 for any number; "
        "`headless dev` counts none.",
        read=_whole(0, 1_000_000),
    ),
    Setting(
        name="HEADLESS_WRITES_A_MINUTE",
        field="writes_a_minute",
        fits="a whole number from 0 to 1000000",
        default="1200",
        sentence="How many requests that change something a token may make in a minute, 0 for any "
        "number.",
        read=_whole(0, 1_000_000),
    ),
    Setting(
        name="HEADLESS_INGEST_A_MINUTE",
        field="ingest_a_minute",
        fits="a whole number from 0 to 1000000",
        default="12000",
        sentence="How many requests that bring activities a token may make in a minute, 0 for any "
        "number.",
        read=_whole(0, 1_000_000),
    ),
    Setting(
        name="HEADLESS_SLACK_CLIENT_ID",
        field="slack_client_id",
        fits="the client id on the Slack app's page, such as `1234.5678`",
        default=None,
        sentence="The Slack app that teams install; its page shows it under Basic Information.",
        read=_word,
    ),
    Setting(
        name="HEADLESS_SLACK_CLIENT_SECRET",
        field="slack_client_secret",
        fits="one secret, or the new and the old one, separated by a space or a comma",
        default=None,
        sentence="The app's client secret; while it is being changed the new and the old one.",
        read=_words,
        secret=True,
        many=True,
    ),
    Setting(
        name="HEADLESS_SLACK_SIGNING_SECRET",
        field="slack_signing_secret",
        fits="one secret, or the new and the old one, separated by a space or a comma",
        default=None,
        sentence="What Slack signs its requests with; while it is being changed the new and the "
        "old one. Without it, nothing from Slack is listened to.",
        read=_words,
        secret=True,
        many=True,
    ),
    Setting(
        name="HEADLESS_SLACK_APP_TOKEN",
        field="slack_app_token",
        fits="an app-level token that begins with `xapp-`",
        default=None,
        sentence="Turns Socket Mode on: Slack's requests come over a connection of ours, so that "
        "a laptop needs no public address.",
        read=_app_token,
        secret=True,
    ),
    Setting(
        name="HEADLESS_SLACK_API_URL",
        field="slack_api_url",
        fits="a URL such as `https://slack.com/api`",
        default="https://slack.com/api",
        sentence="Where Slack's Web API is; another one only in tests.",
        read=_url("http", "https"),
    ),
)


def diary_of(settings: Settings) -> Path:
    """Where suppressions are written down beside the database."""
    return settings.suppressions_log or settings.data_dir / "suppressions.log"


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = {setting.name for setting in SETTINGS}
    known |= {name + _FILE for name in known}
    faults = []
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
            hint = f"did you mean `{near[0]}`?" if near else "`headless settings` lists them all"
            faults.append(f"there is no setting `{name}`; {hint}")
    return faults


def _find(setting: Setting, environ: Mapping[str, str]) -> Found:
    plain, path = environ.get(setting.name, ""), environ.get(setting.name + _FILE, "")
    if plain and path:
        raise ValueError(
            f"`{setting.name}` and `{setting.name}{_FILE}` are both set; remove one of them"
        )
    if path:
        try:
            text = Path(path).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ValueError(
                f"`{setting.name}{_FILE}` names `{path}`, which cannot be read: {reason}"
            ) from error
        return Found(setting, text, f"file {path}")
    if plain:
        return Found(setting, plain, "environment")
    return Found(setting, setting.default, "default" if setting.default is not None else "-")


def find(environ: Mapping[str, str]) -> tuple[Found, ...]:
    """Each setting's text and origin, in the table's order; raises SettingsError."""
    faults, found = _unknown(environ), []
    for setting in SETTINGS:
        try:
            found.append(_find(setting, environ))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise SettingsError(tuple(faults))
    return tuple(found)


def load(environ: Mapping[str, str]) -> Settings:
    """The settings that the environment gives; raises SettingsError with every fault."""
    values: dict[str, Any] = {}
    faults = []
    for item in find(environ):
        setting = item.setting
        if item.text is None:
            values[setting.field] = () if setting.many else None
            continue
        try:
            values[setting.field] = setting.read(item.text)
        except ValueError:
            faults.append(f"`{setting.name}` is `{item.shown}`, but {setting.fits} is needed")
    if faults:
        raise SettingsError(tuple(faults))
    return Settings(**values)


def kept_secret(data_dir: Path) -> str:
    """The key of a development installation: read from `<data_dir>/secret`, made if absent."""
    path = data_dir / "secret"
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        data_dir.mkdir(parents=True, exist_ok=True)
    key = secrets.token_urlsafe(48)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was quicker
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key + "\n")
    return key
