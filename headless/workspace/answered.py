"""Kept answers: what a request with an `Idempotency-Key` was answered, for whoever sends it again.

A key belongs to a workspace, a method and a path for 24 hours. It is claimed before the request is
worked on, so that of two at the same time one is refused; a claim whose process died is free again
after ten minutes. Answers lie sealed, for a new token may stand in them. Imports storage and seals.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, and_, delete, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from headless.problems import Problem
from headless.seals import SealError, Seals
from headless.storage.database import Transaction
from headless.storage.tables import kept_answer

KEPT: Final = timedelta(hours=24)
LEASE: Final = timedelta(minutes=10)
_SWEEP: Final = 100
_k = kept_answer.c


class Claim(msgspec.Struct, frozen=True):
    """A request that is worked on under a key."""

    workspace_id: int
    method: str
    path: str
    key: str
    at: datetime


class Answered(msgspec.Struct, frozen=True):
    """An answer as it was sent: status, headers, body; `digest` is its request's."""

    digest: bytes
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class _Sealed(msgspec.Struct, frozen=True):
    headers: list[tuple[str, str]]
    body: bytes


async def claim(tx: Transaction, seals: Seals, wanted: Claim) -> Answered | None:
    """Take a key for a request: None when it is to be worked on, else what it was answered.

    Raises Problem `key_busy` while another request works under the key.
    """
    await _sweep(tx, wanted)
    given = insert(kept_answer).values(
        workspace_id=wanted.workspace_id,
        method=wanted.method,
        path=wanted.path,
        key=wanted.key,
        digest=b"",
        begun_at=wanted.at,
    )
    free = or_(
        _k.begun_at <= wanted.at - KEPT,
        and_(_k.status.is_(None), _k.begun_at <= wanted.at - LEASE),
    )
    taken = await tx.scalar(
        given.on_conflict_do_update(
            index_elements=["workspace_id", "method", "path", "key"],
            set_={"digest": b"", "status": None, "answer": None, "begun_at": wanted.at},
            where=free,
        ).returning(_k.begun_at)
    )
    return None if taken is not None else await _held(tx, seals, wanted)


async def _held(tx: Transaction, seals: Seals, wanted: Claim) -> Answered:
    found = await tx.execute(select(_k.digest, _k.status, _k.answer).where(*_one(wanted)))
    row = found.one_or_none()
    if row is None or row.status is None or row.answer is None:
        raise Problem("key_busy", "a request with this key is being answered; try again soon")
    try:
        plain = seals.open(wanted.workspace_id, row.answer)
    except SealError as error:
        raise Problem(
            "key_reused", "what this key was answered cannot be read any more; use a new key"
        ) from error
    sealed = msgspec.json.decode(plain, type=_Sealed)
    return Answered(row.digest, row.status, sealed.headers, sealed.body)


async def keep(tx: Transaction, seals: Seals, claimed: Claim, answer: Answered) -> None:
    """Keep the answer to a claimed request, unless another has taken the key over."""
    plain = msgspec.json.encode(_Sealed(answer.headers, answer.body))
    await tx.execute(
        update(kept_answer)
        .where(*_one(claimed), _k.begun_at == claimed.at, _k.status.is_(None))
        .values(
            digest=answer.digest,
            status=answer.status,
            answer=seals.seal(claimed.workspace_id, plain),
        )
    )


async def release(tx: Transaction, claimed: Claim) -> None:
    """Free the key of a request that may be tried again: it changed nothing."""
    await tx.execute(
        delete(kept_answer).where(*_one(claimed), _k.begun_at == claimed.at, _k.status.is_(None))
    )


def _one(claimed: Claim) -> tuple[ColumnElement[Any], ...]:
    return (
        _k.workspace_id == claimed.workspace_id,
        _k.method == claimed.method,
        _k.path == claimed.path,
        _k.key == claimed.key,
    )


async def _sweep(tx: Transaction, wanted: Claim) -> None:
    """Take away a few answers that are kept no longer; those that somebody holds are left."""
    names = (_k.workspace_id, _k.method, _k.path, _k.key)
    old = (
        select(*names)
        .where(_k.workspace_id == wanted.workspace_id, _k.begun_at <= wanted.at - KEPT)
        .limit(_SWEEP)
        .with_for_update(skip_locked=True)
    )
    await tx.execute(
        delete(kept_answer).where(_k.workspace_id == wanted.workspace_id, tuple_(*names).in_(old))
    )
