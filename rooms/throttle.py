"""How fast one address may guess passwords, and vote.

Only wrong passwords count, and only wrong ones are refused: a hall is one address, and whoever types the right password
gets in whatever a laptop beside it does. An address with too many wrong ones in the last minute must wait and
is still counted. Without Redis nobody must wait.
"""

import ipaddress
import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from rooms.errors import DomainError

logger = logging.getLogger(__name__)

WINDOW_S = 60
Clock = Callable[[], float]


def count_failure(address: str, *, clock: Clock = time.time) -> None:
    """Remember one wrong password. Raises DomainError "too_many_attempts" where this address has to wait."""
    if _is_beyond("login:failures", address, settings.ENV.login_failures_per_minute, clock):
        raise DomainError("too_many_attempts", retry=True)


def count_vote(address: str, *, clock: Clock = time.time) -> None:
    """One vote of somebody who cannot be told from others there. Raises DomainError "too_many_votes"."""
    if _is_beyond("votes", address, settings.ENV.votes_per_minute, clock):
        raise DomainError("too_many_votes", retry=True)


def _is_beyond(what: str, address: str, limit: int, clock: Clock) -> bool:
    try:
        count = _count_with_this_one(f"rooms:{what}:{_group(address)}", clock())
    except ValueError:  # evicted between two commands: nothing to count on
        logger.warning("not counted: cache entry evicted", extra={"what": what})
        return False
    except (RedisError, OSError):
        logger.warning("not counted: no cache", extra={"what": what})
        return False
    if limit < count <= limit + 1:
        logger.warning("one address is slowed down", extra={"what": what, "limit_per_minute": limit})
    return count > limit


def _count_with_this_one(key: str, now_s: float) -> float:
    """How many in the last minute: of the clock's minute before, the share that the last 60 s reach into."""
    minute, into_s = divmod(now_s, WINDOW_S)
    present, before = (f"{key}:{int(number)}" for number in (minute, minute - 1))
    cache.add(present, 0, timeout=3 * WINDOW_S)
    count = cache.incr(present)
    return float(count + cache.get(before, 0) * (1 - into_s / WINDOW_S))


def _group(address: str) -> str:
    """IPv4: the address; IPv6: its /64, which is one customer. Anything else shares one bucket."""
    try:
        parsed = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False).network_address)
    return str(parsed)
