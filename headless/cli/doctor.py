"""`headless doctor`: says in words what is wrong with the set-up, and how to mend it.

Asks each part for a few seconds at most; what is made of the answers stands in `findings`.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import click
import httpx
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from headless.cli import environment, findings
from headless.cli.findings import Finding, count
from headless.cli.output import Exit, answer, json_option, print_json, say
from headless.clock import SystemClock
from headless.settings import Settings, diary_of, kept_secret
from headless.storage import installation, partitions
from headless.storage.database import Database, connect
from headless.storage.embedded import running
from headless.storage.pulse import feel
from headless.storage.tables import workspace
from headless.workspace import sealed

_PATIENCE: Final = 5.0
_COLOURS: Final = {"ok": "green", "!!": "yellow", "xx": "red"}
_STUCK: Final = text(
    "select case state when 4 then 'parked' else 'uncertain' end, count(*) from message"
    " where state in (4, 5) group by 1"
)


@click.command("doctor")
@click.option("--strict", is_flag=True, help="Count warnings as faults.")
@click.option("--dns", is_flag=True, help="Look up the sending domains' DNS records as well.")
@json_option
def command_doctor(strict: bool, dns: bool, as_json: bool) -> int:
    """Look at the database, Redis, the clock, the workers, backups, secrets and the API.

    Ends with 0 when nothing is at fault, else with 1.
    """
    found = asyncio.run(look(environment.settings(), dns=dns))
    if as_json:
        print_json(found)
    else:
        for line in _table(found):
            answer(line)
    warnings, faults = findings.verdict(found)
    say(f"{count(warnings, 'warning')}, {count(faults, 'fault')}")
    return Exit.NOT_FINE if faults or (strict and warnings) else Exit.FINE


def _table(found: Sequence[Finding]) -> list[str]:
    wide = max(len(finding.about) for finding in found)
    lines = []
    for finding in found:
        verdict = click.style(finding.verdict, fg=_COLOURS[finding.verdict], bold=True)
        lines.append(f"{verdict}    {finding.about:<{wide}}  {finding.says}")
        if finding.fix:
            lines.append(f"{'':<{wide + 8}}→ fix: {finding.fix}")
    return lines


async def look(settings: Settings, *, dns: bool = False) -> list[Finding]:
    """Everything that can be looked at from here."""
    servers = running(settings.data_dir)
    database_url = settings.database_url or (servers.database_url if servers else None)
    redis_url = settings.redis_url or (servers.redis_url if servers else None)
    start = "set it, or start `headless dev`"
    found: list[Finding] = []
    if database_url is None:
        found.append(Finding("xx", "database", "DATABASE_URL is not set, none runs here", start))
    else:
        found += await _asked(
            "database", lambda: _database(settings, database_url, dns), "start it"
        )
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


async def _database(settings: Settings, url: str, dns: bool) -> list[Finding]:
    database = connect(url, application="headless-doctor", pool_size=1)
    try:
        pulse = await feel(database)
        host = SystemClock().now()
        found = [findings.server(pulse), findings.clock(pulse, host), findings.workers(pulse)]
        if pulse.revision == pulse.newest_revision:
            found += await _data(database, settings)
        if dns:
            found += await _domains(database)
        return found
    finally:
        await database.close()


async def _data(database: Database, settings: Settings) -> list[Finding]:
    """What only a database with this release's schema can tell."""
    keys = [key.encode() for key in settings.secret_keys]
    if not keys and (settings.data_dir / "secret").exists():
        keys = [kept_secret(settings.data_dir).encode()]
    now = await database.now()
    async with database.transaction() as tx:
        stance = await installation.stance(tx, settings.url)
        modes = set((await tx.execute(select(workspace.c.mode))).scalars())
        states = {row[0]: row[1] for row in await tx.execute(_STUCK)}
        found = [
            findings.installation(stance),
            findings.stuck(states),
            findings.backup(stance, now, sandbox=modes <= {"sandbox"}),
            findings.partitions(ahead=await partitions.ahead(tx, now=now)),
        ]
        if keys:
            found.append(findings.secrets(len(keys), await sealed.look(tx, keys)))
    return [*found, _diary(diary_of(settings))]


async def _domains(database: Database) -> list[Finding]:
    from headless.channels import domains

    async with database.transaction() as tx:
        wanted = await domains.sending(tx)
    found = []
    for domain in wanted:
        for record in await domains.look(domain):
            verdict: findings.Verdict = "ok" if record.ok else "xx" if record.needed else "!!"
            found.append(Finding(verdict, domain.name, record.says, record.fix))
    return found or [Finding("ok", "dns", "no workspace sends from a domain of its own")]


async def _redis(url: str) -> list[Finding]:
    async with Redis.from_url(url, decode_responses=True) as client:
        info = await client.info("server")
        policy = (await client.config_get("maxmemory-policy")).get("maxmemory-policy", "unknown")
    name = info.get("server_name", "redis").capitalize()
    version = info.get("valkey_version") or info.get("redis_version", "")
    return [findings.policy(name, version, policy)]


def _keys(settings: Settings, *, embedded: bool) -> Finding:
    if settings.secret_keys:
        number = len(settings.secret_keys)
        return Finding("ok", "keys", f"{count(number, 'key')}; the first one signs")
    if embedded:
        return Finding("ok", "keys", f"the development key in {settings.data_dir / 'secret'}")
    return Finding("xx", "keys", "HEADLESS_SECRET_KEYS is not set", "set it to 32 random bytes")


def _diary(path: Path) -> Finding:
    place = path if path.exists() else path.parent
    while not place.exists() and place != place.parent:
        place = place.parent
    if os.access(place, os.W_OK):
        return Finding("ok", "diary", f"suppressions are written to {path}")
    fix = "let the process write it, or set HEADLESS_SUPPRESSIONS_LOG"
    return Finding("xx", "diary", f"{path} cannot be written", fix)


async def _api(url: str) -> list[Finding]:
    async with httpx.AsyncClient(base_url=url, timeout=_PATIENCE) as client:
        answered = await client.get("/readyz")
    if answered.status_code == httpx.codes.OK:
        return [Finding("ok", "api", f"{url} is ready")]
    return [
        Finding("xx", "api", f"{url} is not ready ({answered.status_code})", f"GET {url}/readyz")
    ]
