"""Findings: what the doctor makes of what it has seen. Pure: numbers in, sentences out.

Imports storage's values; asks nobody.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from headless.storage.installation import Stance
from headless.storage.pulse import Backlog, Pulse
from headless.workspace.sealed import Sealed

Verdict = Literal["ok", "!!", "xx"]
_SKEW_WARNS: Final = timedelta(seconds=2)
_SKEW_STOPS: Final = timedelta(seconds=30)
_LATE: Final = timedelta(seconds=60)
_STUCK: Final = timedelta(minutes=5)
_FEW_CONNECTIONS: Final = 10
_BACKUP_AGE: Final = timedelta(hours=26)
_NIL: Final = timedelta(0)


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: `!!` is a warning, `xx` a fault; `fix` says what to do about it."""

    verdict: Verdict
    about: str
    says: str
    fix: str | None = None


def count(number: int, noun: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def server(pulse: Pulse) -> Finding:
    """The database's release, its schema and what connections are left."""
    schema = f"schema {pulse.revision or 'empty'}"
    says = f"PostgreSQL {pulse.version}, {schema}, {pulse.connections_free} connections free"
    if pulse.revision != pulse.newest_revision:
        needs = f"{says}; this release needs schema {pulse.newest_revision}"
        return Finding("xx", "database", needs, "headless migrate")
    if pulse.connections_free < _FEW_CONNECTIONS:
        return Finding("!!", "database", says, "raise max_connections, or run fewer processes")
    return Finding("ok", "database", says)


def clock(pulse: Pulse, now: datetime) -> Finding:
    """This host's clock against the database's, which is the one that counts."""
    skew = now - pulse.now
    way = "ahead of" if skew > _NIL else "behind"
    if abs(skew) < _SKEW_WARNS:
        return Finding("ok", "clock", "this host and the database agree")
    verdict: Verdict = "!!" if abs(skew) < _SKEW_STOPS else "xx"
    says = f"this host is {_seconds(abs(skew))} {way} the database"
    return Finding(verdict, "clock", says, "chronyc makestep")


def workers(pulse: Pulse) -> Finding:
    """Whether anybody works, and keeps up."""
    says = (
        f"{pulse.workers} alive, due positions {_backlog(pulse.positions)}, "
        f"outbox {_backlog(pulse.messages)}"
    )
    if pulse.workers == 0:
        return Finding("xx", "workers", says, "headless work")
    late = max(pulse.positions.oldest or _NIL, pulse.messages.oldest or _NIL)
    if late > _STUCK:
        return Finding("xx", "workers", says, "look into the workers' logs; run more workers")
    if late > _LATE:
        return Finding("!!", "workers", says, "run more workers: headless work")
    return Finding("ok", "workers", says)


def stuck(states: Mapping[str, int]) -> Finding:
    """Messages that wait for a person."""
    told = [f"{number} {state}" for state, number in sorted(states.items()) if number]
    if not told:
        return Finding("ok", "messages", "none waits for a person")
    says = f"{' and '.join(told)}: somebody has to decide"
    return Finding("!!", "messages", says, "headless messages list --state parked, or uncertain")


def installation(stance: Stance) -> Finding:
    """Whose data these are, and whether they may speak."""
    if stance.copy:
        says = f"a copy of the one at {stance.bound_url}: nothing is sent"
        fix = f"if this is it, HEADLESS_URL={stance.bound_url}; if not: docs/operate.md"
        return Finding("xx", "installation", says, fix)
    if stance.restored or stance.moved:
        says = "restored from a backup and held: nothing is sent"
        return Finding("!!", "installation", says, "look at what is uncertain; headless release")
    return Finding("ok", "installation", f"at {stance.bound_url or 'an address not bound yet'}")


def backup(stance: Stance, now: datetime, *, sandbox: bool) -> Finding:
    """How old the newest backup is; a sandbox needs none."""
    fix = "headless backup FILE, each night (docs/operate.md#backups)"
    if stance.backed_up_at is None:
        says = "`headless backup` has made none"
        return Finding("ok" if sandbox else "!!", "backup", says, None if sandbox else fix)
    age = now - stance.backed_up_at
    says = f"{age.total_seconds() / 3600:.0f} h old"
    if age > _BACKUP_AGE and not sandbox:
        return Finding("!!", "backup", says, fix)
    return Finding("ok", "backup", says)


def partitions(*, ahead: bool) -> Finding:
    """Whether the big tables are ready for next month."""
    if ahead:
        return Finding("ok", "partitions", "next month's are there")
    fix = "a worker makes them within the hour; look into its log for tending_failed"
    return Finding("!!", "partitions", "next month's are missing", fix)


def secrets(number: int, found: Sealed) -> Finding:
    """Whether the key ring opens what it has sealed."""
    says = f"{count(number, 'key')}; {count(found.newest, 'secret')} under the first"
    if found.lost:
        lost = f"{count(found.lost, 'secret')} that no key opens"
        return Finding("xx", "secrets", lost, "put the key back into HEADLESS_SECRET_KEYS")
    if found.older:
        older = f"{says}, {found.older} under older ones"
        return Finding("!!", "secrets", older, "headless secrets rewrap")
    return Finding("ok", "secrets", says)


def policy(name: str, version: str, maxmemory: str) -> Finding:
    """Redis, which must never throw hints away."""
    says = f"{name} {version}, {maxmemory}"
    if maxmemory == "noeviction":
        return Finding("ok", "redis", says)
    return Finding("!!", "redis", says, "config set maxmemory-policy noeviction")


def verdict(findings: Sequence[Finding]) -> tuple[int, int]:
    """How many warnings and how many faults."""
    warnings = sum(finding.verdict == "!!" for finding in findings)
    faults = sum(finding.verdict == "xx" for finding in findings)
    return warnings, faults


def _backlog(backlog: Backlog) -> str:
    if backlog.oldest is None:
        return "0"
    return f"{backlog.count} (oldest {_seconds(backlog.oldest)})"


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():.1f} s"
