"""The table of settings: each with its name, how its text is read, its default and its sentence.

The loader, `headless settings` and the test of `docs/settings.md` all read it. Imports `reading`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from headless.settings.reading import (
    LEVELS,
    SHORTEST_KEY,
    app_token,
    keys,
    listening,
    one_of,
    url,
    whole,
    word,
    words,
)


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


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        name="DATABASE_URL",
        field="database_url",
        fits="a URL such as `postgresql://user:password@host:5432/name`",
        default=None,
        sentence="The PostgreSQL to use; without it, `headless dev` brings its own.",
        read=url("postgresql", "postgres", host_needed=False),
    ),
    Setting(
        name="REDIS_URL",
        field="redis_url",
        fits="a URL such as `redis://host:6379/0`, `rediss://…` or `unix:///path`",
        default=None,
        sentence="The Redis or Valkey to use; without it, `headless dev` brings its own.",
        read=url("redis", "rediss", "unix", host_needed=False),
    ),
    Setting(
        name="HEADLESS_URL",
        field="url",
        fits="a URL such as `https://c.example.com`",
        default="http://localhost:8080",
        sentence="Where people and programs reach this installation; every link in a mail begins "
        "with it, and the command line talks to it.",
        read=url("http", "https"),
    ),
    Setting(
        name="HEADLESS_HOST",
        field="host",
        fits="an address of this machine, such as `127.0.0.1` or `0.0.0.0`",
        default="127.0.0.1",
        sentence="The address that the API listens on.",
        read=word,
    ),
    Setting(
        name="HEADLESS_PORT",
        field="port",
        fits="a whole number from 1 to 65535",
        default="8080",
        sentence="The port that the API listens on.",
        read=whole(1, 65535),
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
        read=word,
        secret=True,
    ),
    Setting(
        name="HEADLESS_SECRET_KEYS",
        field="secret_keys",
        fits=f"one or more keys of at least {SHORTEST_KEY} characters, separated by spaces or "
        "commas",
        default=None,
        sentence="The key ring: the first key signs and encrypts, all of them verify and decrypt. "
        "`headless dev` makes one and keeps it in `<data folder>/secret`.",
        read=keys,
        secret=True,
        many=True,
    ),
    Setting(
        name="HEADLESS_SMTP_URL",
        field="smtp_url",
        fits="a URL such as `smtp://user:password@host:587` or `smtps://host`",
        default=None,
        sentence="The mail server that a channel without one of its own uses.",
        read=url("smtp", "smtps"),
    ),
    Setting(
        name="HEADLESS_RETURN_PORT",
        field="return_port",
        fits="a whole number from 1 to 65535",
        default=None,
        sentence="Where the worker listens for bounces and replies that come back by mail; without "
        "it, it does not listen. One worker a host can have it.",
        read=whole(1, 65535),
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
        sentence="Where a worker answers `/metrics` of the whole installation to anybody who "
        "asks, the first on the host that gets the port; without it nobody does. The API tells a "
        "token with the scope `metrics:read` of its own workspace.",
        read=listening,
    ),
    Setting(
        name="HEADLESS_STOP_SECONDS",
        field="stop_seconds",
        fits="a whole number from 1 to 600",
        default="20",
        sentence="How long a stop may take before what still runs is cut off.",
        read=whole(1, 600),
    ),
    Setting(
        name="HEADLESS_BODY_SECONDS",
        field="body_seconds",
        fits="a whole number from 1 to 3600",
        default="30",
        sentence="How long the body of a request may take to come, besides a second for each 2 KB "
        "of it; then it is answered 408.",
        read=whole(1, 3600),
    ),
    Setting(
        name="HEADLESS_ACTIVITY_MONTHS",
        field="activity_months",
        fits="a whole number from 0 to 1200",
        default="24",
        sentence="For how many months what contacts did is kept, 0 for ever; conditions with "
        "`ever` look no further back.",
        read=whole(0, 1200),
    ),
    Setting(
        name="HEADLESS_JOURNAL_MONTHS",
        field="journal_months",
        fits="a whole number from 0 to 1200",
        default="24",
        sentence="For how many months the journal of a run is kept, 0 for ever; never less than "
        "the run lasts.",
        read=whole(0, 1200),
    ),
    Setting(
        name="HEADLESS_MESSAGE_MONTHS",
        field="message_months",
        fits="a whole number from 0 to 1200",
        default="0",
        sentence="For how many months messages are kept, 0 for ever; links in a mail, the one to "
        "unsubscribe too, work as long as its message is kept.",
        read=whole(0, 1200),
    ),
    Setting(
        name="HEADLESS_AUDIT_MONTHS",
        field="audit_months",
        fits="a whole number from 0 to 1200",
        default="24",
        sentence="For how many months the audit is kept, 0 for ever.",
        read=whole(0, 1200),
    ),
    Setting(
        name="HEADLESS_LOG_LEVEL",
        field="log_level",
        fits="one of " + ", ".join(f"`{level}`" for level in LEVELS),
        default="info",
        sentence="The least important message that is still logged.",
        read=one_of(*LEVELS),
    ),
    Setting(
        name="HEADLESS_READS_A_MINUTE",
        field="reads_a_minute",
        fits="a whole number from 0 to 1000000",
        default="3000",
        sentence="How many requests that only read a token may make in a minute, 0 for any number; "
        "`headless dev` counts none.",
        read=whole(0, 1_000_000),
    ),
    Setting(
        name="HEADLESS_WRITES_A_MINUTE",
        field="writes_a_minute",
        fits="a whole number from 0 to 1000000",
        default="1200",
        sentence="How many requests that change something a token may make in a minute, 0 for any "
        "number.",
        read=whole(0, 1_000_000),
    ),
    Setting(
        name="HEADLESS_INGEST_A_MINUTE",
        field="ingest_a_minute",
        fits="a whole number from 0 to 1000000",
        default="12000",
        sentence="How many requests that bring activities a token may make in a minute, 0 for any "
        "number.",
        read=whole(0, 1_000_000),
    ),
    Setting(
        name="HEADLESS_SLACK_CLIENT_ID",
        field="slack_client_id",
        fits="the client id on the Slack app's page, such as `1234.5678`",
        default=None,
        sentence="The Slack app that teams install; its page shows it under Basic Information.",
        read=word,
    ),
    Setting(
        name="HEADLESS_SLACK_CLIENT_SECRET",
        field="slack_client_secret",
        fits="one secret, or the new and the old one, separated by a space or a comma",
        default=None,
        sentence="The app's client secret; while it is being changed the new and the old one.",
        read=words,
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
        read=words,
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
        read=app_token,
        secret=True,
    ),
    Setting(
        name="HEADLESS_SLACK_API_URL",
        field="slack_api_url",
        fits="a URL such as `https://slack.com/api`",
        default="https://slack.com/api",
        sentence="Where Slack's Web API is; another one only in tests.",
        read=url("http", "https"),
    ),
)
