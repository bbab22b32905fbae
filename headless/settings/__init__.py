"""Settings: what the environment says about this installation, and nothing else.

`table` holds them all. Each may also come from a file, named by `NAME_FILE`. `load` either answers
a complete value or raises one `SettingsError` with every fault in it. Imports nothing else of ours.
"""

import difflib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from headless.settings.table import SETTINGS, Setting

_PREFIX: Final = "HEADLESS_"
_FILE: Final = "_FILE"


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
    body_seconds: int
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
