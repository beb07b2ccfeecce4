"""Celery's Redis transport, told that a lost connection is lost.

redis-py tries a broken connection again by itself. For a subscription that means: connect, and wait for the next message without an
end, in the one loop that also takes tasks. Where Redis was back at once the worker did nothing any more, until somebody happened to send it
an order. kombu wants the error: it begins anew with all of its connections.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from redis.backoff import NoBackoff
from redis.retry import Retry


class _TellsOfLosses:
    """Connections of the worker's loop never connect again by themselves."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        parameters: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]  # its stub has little
        if asynchronous:
            parameters["retry_on_timeout"] = False
            parameters["retry"] = Retry(NoBackoff(), 0)
        return parameters


class Channel(_TellsOfLosses, redis.Channel):
    """Of one Redis."""


class SentinelChannel(_TellsOfLosses, redis.SentinelChannel):
    """Of the Redis that Sentinels name."""


class Transport(redis.Transport):
    """kombu finds it by the scheme of the broker's URL."""

    Channel = Channel


class SentinelTransport(redis.SentinelTransport):
    """The same, for Sentinels."""

    Channel = SentinelChannel


def install() -> None:
    """Before the first connection."""
    TRANSPORT_ALIASES.update(
        {
            "redis": "config.broker:Transport",
            "rediss": "config.broker:Transport",
            "sentinel": "config.broker:SentinelTransport",
        }
    )
