"""`headless doctor`: says in words what is wrong with the set-up, and how to mend it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final, Literal

import click
import httpx
import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from headless.cli import environment
from headless.cli.output import Exit, answer, json_option, print_json, say
from headless.clock import SystemClock
from headless.settings import Settings
from headless.storage.database import connect
from headless.storage.embedded import running
from headless.storage.pulse import Backlog, Pulse, feel

Verdict = Literal["ok", "!!", "xx"]
_PATIENCE: Final = 5.0
_SKEW_WARNS: Final = timedelta(seconds=2)
_SKEW_STOPS: Final = timedelta(seconds=30)
_LATE: Final = timedelta(seconds=60)
_STUCK: Final = timedelta(minutes=5)
_FEW_CONNECTIONS: Final = 10
_COLOURS: Final = {"ok": "green", "!!": "yellow", "xx": "red"}


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: `!!` is a warning, `xx` a fault; `fix` says what to do about it."""

    verdict: Verdict
    about: str
    says: str
    fix: str | None = None


@click.command("doctor")
@click.option("--strict", is_flag=True, help="Count warnings as faults.")
@json_option
def command_doctor(strict: bool, as_json: bool) -> int:
    """Look at the database, Redis, the clock, the workers and the API.

    Ends with 0 when nothing is at fault, else with 1.
    """
    findings = asyncio.run(look(environment.settings()))
    if as_json:
        print_json(findings)
    else:
        for line in _table(findings):
            answer(line)
    warnings = sum(finding.verdict == "!!" for finding in findings)
    faults = sum(finding.verdict == "xx" for finding in findings)
    say(f"{_count(warnings, 'warning')}, {_count(faults, 'fault')}")
    return Exit.NOT_FINE if faults or (strict and warnings) else Exit.FINE


def _table(findings: Sequence[Finding]) -> list[str]:
    wide = max(len(finding.about) for finding in findings)
    lines = []
    for finding in findings:
        verdict = click.style(finding.verdict, fg=_COLOURS[finding.verdict], bold=True)
        lines.append(f"{verdict}    {finding.about:<{wide}}  {finding.says}")
        if finding.fix:
            lines.append(f"{'':<{wide + 8}}→ fix: {finding.fix}")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


async def look(settings: Settings) -> list[Finding]:
    """Everything that can be looked at from here."""
    servers = running(settings.data_dir)
    database_url = settings.database_url or (servers.database_url if servers else None)
    redis_url = settings.redis_url or (servers.redis_url if servers else None)
    start = "set it, or start `headless dev`"
    found: list[Finding] = []
    if database_url is None:
        found.append(Finding("xx", "database", "DATABASE_URL is not set, none runs here", start))
    else:
        found += await _asked("database", lambda: _database(database_url), "start it")
    if redis_url is None:
        found.append(Finding("xx", "redis", "REDIS_URL is not set, and none runs here", start))
    else:
        found += await _asked("redis", lambda: _redis(redis_url), "start it")
    found.append(_keys(settings, embedded=servers is not None))
    found += await _asked("api", lambda: _api(settings.url), "`headless serve`, or `headless dev`")
    return found


async def _asked(
    about: str, ask: Callable[[], Coroutine[Any, Any, list[Finding]]], fix: str
) -> list[Finding]:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await ask()
    except TimeoutError:
        return [Finding("xx", about, f"no answer within {_PATIENCE:g} s", fix)]
    except (SQLAlchemyError, RedisError, OSError, httpx.HTTPError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        return [Finding("xx", about, f"does not answer: {said}", fix)]


async def _database(url: str) -> list[Finding]:
    database = connect(url, application="headless-doctor", pool_size=1)
    try:
        pulse = await feel(database)
    finally:
        await database.close()
    return [_server(pulse), _clock(pulse), *_work(pulse)]


def _server(pulse: Pulse) -> Finding:
    schema = f"schema {pulse.revision or 'empty'}"
    says = f"PostgreSQL {pulse.version}, {schema}, {pulse.connections_free} connections free"
    if pulse.revision != pulse.newest_revision:
        return Finding(
            "xx",
            "database",
            f"{says}; this release needs schema {pulse.newest_revision}",
            "headless migrate",
        )
    if pulse.connections_free < _FEW_CONNECTIONS:
        return Finding("!!", "database", says, "raise max_connections, or run fewer processes")
    return Finding("ok", "database", says)


def _clock(pulse: Pulse) -> Finding:
    skew = SystemClock().now() - pulse.now
    way = "ahead of" if skew > timedelta(0) else "behind"
    says = f"this host is {_seconds(abs(skew))} {way} the database"
    if abs(skew) < _SKEW_WARNS:
        return Finding("ok", "clock", "this host and the database agree")
    verdict: Verdict = "!!" if abs(skew) < _SKEW_STOPS else "xx"
    return Finding(verdict, "clock", says, "chronyc makestep")


def _work(pulse: Pulse) -> list[Finding]:
    says = (
        f"{pulse.workers} alive, due positions {_backlog(pulse.positions)}, "
        f"outbox {_backlog(pulse.messages)}"
    )
    if pulse.workers == 0:
        return [Finding("xx", "workers", says, "headless work")]
    late = max(pulse.positions.oldest or timedelta(0), pulse.messages.oldest or timedelta(0))
    if late > _STUCK:
        return [Finding("xx", "workers", says, "look into the workers' logs; run more workers")]
    if late > _LATE:
        return [Finding("!!", "workers", says, "run more workers: headless work")]
    return [Finding("ok", "workers", says)]


def _backlog(backlog: Backlog) -> str:
    if backlog.oldest is None:
        return "0"
    return f"{backlog.count} (oldest {_seconds(backlog.oldest)})"


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():.1f} s"


async def _redis(url: str) -> list[Finding]:
    async with Redis.from_url(url, decode_responses=True) as client:
        info = await client.info("server")
        policy = (await client.config_get("maxmemory-policy")).get("maxmemory-policy", "unknown")
    name = info.get("server_name", "redis").capitalize()
    version = info.get("valkey_version") or info.get("redis_version", "")
    says = f"{name} {version}, {policy}"
    if policy != "noeviction":
        return [Finding("!!", "redis", says, "config set maxmemory-policy noeviction")]
    return [Finding("ok", "redis", says)]


def _keys(settings: Settings, *, embedded: bool) -> Finding:
    if settings.secret_keys:
        number = len(settings.secret_keys)
        return Finding("ok", "keys", f"{_count(number, 'key')}; the first one signs")
    if embedded:
        return Finding("ok", "keys", f"the development key in {settings.data_dir / 'secret'}")
    return Finding("xx", "keys", "HEADLESS_SECRET_KEYS is not set", "set it to 32 random bytes")


async def _api(url: str) -> list[Finding]:
    async with httpx.AsyncClient(base_url=url, timeout=_PATIENCE) as client:
        answered = await client.get("/readyz")
    if answered.status_code == httpx.codes.OK:
        return [Finding("ok", "api", f"{url} is ready")]
    return [
        Finding("xx", "api", f"{url} is not ready ({answered.status_code})", f"GET {url}/readyz")
    ]
