"""Which key-encryption keys each running process has, as it says itself: a rotation waits for who could not read what it wraps.

Fingerprints alone, in a sorted set in Redis that each process renews. Times are Redis's own.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from rooms import data_keys, redis_connections

KEY: Final = "rooms:key-holders"
RENEWED_EVERY_S: Final = 5.0
LIVES_FOR_S: Final = 30.0  # one that is only slow, or stopped for a moment, still counts
ANSWERED_WITHIN_S: Final = 1.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A process, and the fingerprints of its keys; the first wraps."""

    name: str
    fingerprints: tuple[str, ...]


def announce(role: str) -> None:
    """Say from now on, in a thread, which keys this process has and what it forks."""
    holder = this_process(role)
    threading.Thread(target=_stay, args=(holder,), name="key-holder", daemon=True).start()


def this_process(role: str) -> KeyHolder:
    """`role`: what it does, for who reads its name."""
    name = f"{role} {socket.gethostname()}:{os.getpid()}"
    return KeyHolder(name.replace("|", ""), data_keys.key_ring().fingerprints)


def renew(holder: KeyHolder) -> None:
    """It is there. Raises RedisError."""
    with _redis() as redis:
        now = _now(redis)
        redis.zremrangebyscore(KEY, "-inf", now - LIVES_FOR_S)
        redis.zadd(KEY, {"|".join((holder.name, *holder.fingerprints)): now})


def holders() -> list[KeyHolder]:
    """Those that run, or did until half a minute ago. Raises RedisError, also where Redis is full, so that nobody can say it."""
    with _redis() as redis:
        redis.set(f"{KEY}:asked", 1, ex=1)
        found: list[bytes] = redis.zrangebyscore(KEY, _now(redis) - LIVES_FOR_S, "+inf")
    split = [member.decode().split("|") for member in found]
    return sorted((KeyHolder(name, tuple(rest)) for name, *rest in split), key=lambda holder: holder.name)


def _stay(holder: KeyHolder) -> None:
    pause = threading.Event()
    while True:
        try:
            renew(holder)
        except (RedisError, OSError) as error:
            logger.debug("keys not told", extra={"error": type(error).__name__})
        pause.wait(RENEWED_EVERY_S)


def _redis() -> Redis:
    waits = {"socket_timeout": ANSWERED_WITHIN_S, "socket_connect_timeout": ANSWERED_WITHIN_S}
    return redis_connections.client(settings.REDIS_URL, **waits, retry=Retry(NoBackoff(), 0))


def _now(redis: Redis) -> float:
    seconds, microseconds = redis.time()
    return float(seconds) + microseconds / 1e6
