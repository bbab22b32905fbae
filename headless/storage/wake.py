"""Wake-ups: hints to the workers, through Redis, that something is due.

A wake-up says *what* may have work and carries no contact data; PostgreSQL holds the truth and the
sweep finds whatever a lost wake-up left behind. With `worker`, the only module that knows arq.
"""

from collections.abc import Iterable
from typing import Any, Final, Protocol

import msgspec
import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.exceptions import RedisError

QUEUE: Final = "headless:queue"

log = structlog.get_logger(__name__)
_encoder = msgspec.msgpack.Encoder(enc_hook=repr)
_decoder = msgspec.msgpack.Decoder()


class Wake(msgspec.Struct, frozen=True):
    """One hint: the worker's function and its whole-number arguments."""

    job: str
    args: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """The job's identity: while it is queued or runs, the same hint adds nothing."""
        return ":".join((self.job, *map(str, self.args)))


class Waker(Protocol):
    """Takes hints after a commit. It may lose them, and must not raise."""

    async def send(self, wakes: Iterable[Wake]) -> None:
        """Pass the hints on."""
        ...


class NoWaker:
    """For whoever moves the engine by hand: tests, benchmarks, simulations."""

    async def send(self, wakes: Iterable[Wake]) -> None:
        """Forget the hints."""


class RedisWaker:
    """Hints as arq jobs."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis

    async def send(self, wakes: Iterable[Wake]) -> None:
        """Queue the hints; what Redis does not take, the sweep finds."""
        for wake in wakes:
            try:
                await self._redis.enqueue_job(
                    wake.job, *wake.args, _job_id=wake.key, _queue_name=QUEUE
                )
            except (RedisError, OSError) as error:
                log.warning("wake_up_lost", wake=wake.key, error=str(error))
                return

    async def close(self) -> None:
        """Give the connections back."""
        await self._redis.aclose()


def encode(payload: dict[str, Any]) -> bytes:
    """A job as msgpack: unlike pickle, nothing in it can run."""
    return _encoder.encode(payload)


def decode(payload: bytes) -> dict[str, Any]:
    """A job from msgpack."""
    decoded: dict[str, Any] = _decoder.decode(payload)
    return decoded


async def connect(redis_url: str) -> RedisWaker:
    """A waker over the Redis at `redis_url`; raises ConnectionError when it is not there."""
    settings = RedisSettings.from_dsn(redis_url)
    return RedisWaker(
        await create_pool(
            settings,
            job_serializer=encode,
            job_deserializer=decode,
            default_queue_name=QUEUE,
        )
    )
