"""Connections to Redis, whose peer may vanish without a word: by one address, or by Sentinels that know the master's.

A machine that loses its power or its network closes no socket. Whoever waits for it there (a subscription, a worker that is
asked for tasks) would wait for hours, so the kernel asks the peer once nothing has come for half of TCP_TIMEOUT_S, and gives
it up after all of it.

    client(url, socket_timeout=2.0).get("key")   # redis://, rediss://, unix:// or, see sentinels.py, sentinel://
"""

from __future__ import annotations

import errno
import socket
from typing import Any

import redis
import redis.asyncio
from redis.asyncio import connection as async_connections
from redis.asyncio import sentinel as async_sentinel
from redis.exceptions import ConnectionError as RedisConnectionError

from rooms.sentinels import Sentinels, sentinels_of

TCP_TIMEOUT_S = 10
PROBES = 3
SENTINEL_ANSWERS_WITHIN_S = 1.0  # then the next one is asked


def keepalive(timeout_s: int = TCP_TIMEOUT_S) -> dict[int, int]:
    """Options of a TCP socket, as far as this system has them: the peer is asked after half of the time-out."""
    wanted = {
        "TCP_KEEPIDLE": max(1, timeout_s // 2),
        "TCP_KEEPINTVL": max(1, timeout_s // 2 // PROBES),
        "TCP_KEEPCNT": PROBES,
        "TCP_USER_TIMEOUT": 1000 * timeout_s,
    }
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}


def tcp_options(url: str) -> dict[str, Any]:
    """What a connection to this address is given beside its own options; a Unix socket has none."""
    if url.startswith("unix:"):
        return {}
    return {"socket_keepalive": True, "socket_keepalive_options": keepalive()}


def pool(url: str, **options: Any) -> redis.ConnectionPool:
    """A pool of connections. Raises ValueError where the address is none."""
    options = {**tcp_options(url), **options}
    found = sentinels_of(url)
    if found is None:
        return redis.ConnectionPool.from_url(url, **options)
    manager = redis.Sentinel(found.addresses, sentinel_kwargs=_to_sentinels(found))  # type: ignore[no-untyped-call]
    named = {**found.server_options, **options}
    return redis.SentinelConnectionPool(found.service, manager, **named)  # type: ignore[no-untyped-call]


def client(url: str, **options: Any) -> redis.Redis:
    """A client with a pool of its own."""
    return redis.Redis.from_pool(pool(url, **options))


def async_client(url: str, **options: Any) -> redis.asyncio.Redis:
    """The same, for an event loop."""
    options = {**tcp_options(url), **options}
    found = sentinels_of(url)
    if found is None:
        return redis.asyncio.Redis.from_url(url, **options)
    manager = async_sentinel.Sentinel(found.addresses, sentinel_kwargs=_to_sentinels(found))  # type: ignore[no-untyped-call]
    named = {**found.server_options, **options}
    made = async_sentinel.SentinelConnectionPool(found.service, manager, **named)  # type: ignore[no-untyped-call]
    return redis.asyncio.Redis.from_pool(made)


async def aclose(connected: redis.asyncio.Redis) -> None:
    """Close a client, and what it asked Sentinels over."""
    await connected.aclose(close_connection_pool=True)
    found = connected.connection_pool
    if isinstance(found, async_sentinel.SentinelConnectionPool):
        for sentinel in found.sentinel_manager.sentinels:
            await sentinel.aclose()


def channel_layer_host(url: str) -> dict[str, Any]:
    """An entry of the channel layer's `hosts`."""
    found = sentinels_of(url)
    if found is not None:
        return {
            "sentinels": list(found.addresses),
            "master_name": found.service,
            "sentinel_kwargs": _to_sentinels(found),
            "connection_class": SentinelSubscription,
            **found.server_options,
            **tcp_options(url),
        }
    options: dict[str, Any] = {**tcp_options(url), **async_connections.parse_url(url)}
    given = options.get("connection_class", redis.asyncio.Connection)
    options["connection_class"] = _SUBSCRIPTIONS.get(given, given)
    return options


def broker_options(url: str) -> dict[str, Any]:
    """What Celery's transport is to know beside the address (sentinels.celery_address)."""
    found = sentinels_of(url)
    if found is None:
        return tcp_options(url)
    return {
        **tcp_options(url),
        "master_name": found.service,
        "sentinel_kwargs": _to_sentinels(found),
    }


class CachePool:
    """What Django's cache makes its pools of."""

    @staticmethod
    def from_url(url: str, **options: Any) -> redis.ConnectionPool:
        """As `pool`."""
        return pool(url, **options)


class _NoticesItsEnd:
    """A connection that was given up by the kernel is lost; redis-py takes it for one on which nothing has come yet.

    Such a socket reports ETIMEDOUT, which Python calls TimeoutError, which is also what says that a read with a time-out found
    nothing. A subscription is read in that way, in a loop, and the error comes at once: the loop never lets go of its thread.
    """

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """As redis-py's. Raises its ConnectionError, too, where the socket has failed."""
        response = await super().read_response(*args, **options)  # type: ignore[misc]
        reader = getattr(self, "_reader", None)
        failure = reader.exception() if response is None and reader is not None else None
        if isinstance(failure, OSError) and failure.errno == errno.ETIMEDOUT:
            raise RedisConnectionError("Redis acknowledges nothing any more") from failure
        return response


class Subscription(_NoticesItsEnd, redis.asyncio.Connection):
    """Over TCP."""


class SecureSubscription(_NoticesItsEnd, redis.asyncio.SSLConnection):
    """Over TLS."""


class SentinelSubscription(_NoticesItsEnd, async_sentinel.SentinelManagedConnection):
    """To whichever server is the master."""


_SUBSCRIPTIONS: dict[type, type] = {
    redis.asyncio.Connection: Subscription,
    redis.asyncio.SSLConnection: SecureSubscription,
}


def _to_sentinels(found: Sentinels) -> dict[str, Any]:
    return {
        "socket_timeout": SENTINEL_ANSWERS_WITHIN_S,
        "socket_connect_timeout": SENTINEL_ANSWERS_WITHIN_S,
        **found.sentinel_options,
    }
