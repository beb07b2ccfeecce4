"""Which errors of PostgreSQL, Redis and the broker mean "not now": what was asked is worth asking again.

Everything else is a fault (WRONGTYPE, NOAUTH, a broken constraint): asking again would only hide it.
"""

from __future__ import annotations

import re

from django.db import InterfaceError, InternalError, OperationalError
from kombu.exceptions import OperationalError as BrokerError
from redis import exceptions as redis

# InternalError: a server that turned read-only behind a fail-over.
DATABASE_OUTAGES = (OperationalError, InterfaceError, InternalError)
_CONNECTIONS = (BrokerError, redis.ConnectionError, redis.TimeoutError, ConnectionError, TimeoutError)
_REDIS_ANSWERS = (
    redis.OutOfMemoryError,
    redis.ReadOnlyError,
    redis.BusyLoadingError,
    redis.TryAgainError,
    redis.ClusterDownError,
)
_REFUSED_LOGINS = (redis.AuthenticationError, redis.AuthorizationError)  # ConnectionErrors of the library
# What redis-py has no class for, or what comes out of a script: "Error running script (…): …: -OOM command …".
_ANSWER = re.compile(
    r"(?:^|-)(?:OOM|MISCONF|LOADING|READONLY|BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|NOREPLICAS) "
)


class Unavailable(Exception):
    """A service that this process needs does not work now; base of our own errors that say so."""


def is_outage(error: BaseException) -> bool:
    """Whether PostgreSQL, Redis or the broker are away, full or busy, so that the same call may work later."""
    if isinstance(error, _REFUSED_LOGINS):
        return False
    if isinstance(error, (Unavailable, *DATABASE_OUTAGES, *_CONNECTIONS, *_REDIS_ANSWERS)):
        return True
    return isinstance(error, redis.ResponseError) and bool(_ANSWER.search(str(error)))
