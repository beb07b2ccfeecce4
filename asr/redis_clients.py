"""Connections to Redis of the logs of audio and text: one pool for each address and process, or event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from rooms import redis_connections
from rooms.outages import Unavailable, is_outage

SOCKET_TIMEOUT_S = 5.0
_RETRIES = 4  # of broken connections: about a second; whoever calls decides how long to go on


@contextmanager
def outages_as(error_type: type[Unavailable]) -> Iterator[None]:
    """What says that Redis is away, full or busy is raised as this error."""
    try:
        yield
    except redis.RedisError as error:
        if not is_outage(error):
            raise
        raise error_type("Redis is away or full") from error


async def close_async_clients() -> None:
    """Closes this event loop's connections; where loops come and go (tests, commands)."""
    for client in _async_clients.pop(asyncio.get_running_loop(), {}).values():
        await redis_connections.aclose(client)


def _backoff() -> ExponentialWithJitterBackoff:
    return ExponentialWithJitterBackoff(base=0.05, cap=0.5)


@lru_cache(maxsize=8)
def client(redis_url: str) -> redis.Redis:
    """One pool for each address and process (a pool notices a fork by itself)."""
    return redis_connections.client(
        redis_url,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=2.0,
        health_check_interval=30,
        retry=Retry(_backoff(), _RETRIES, supported_errors=(redis.ConnectionError,)),
    )


_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, redis.asyncio.Redis]] = (
    WeakKeyDictionary()
)


def async_client(redis_url: str) -> redis.asyncio.Redis:
    """One pool for each address and event loop."""
    clients = _async_clients.setdefault(asyncio.get_running_loop(), {})
    if redis_url not in clients:
        clients[redis_url] = redis_connections.async_client(
            redis_url,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=2.0,
            health_check_interval=30,
            retry=AsyncRetry(_backoff(), _RETRIES, supported_errors=(redis.ConnectionError,)),
        )
    return clients[redis_url]
