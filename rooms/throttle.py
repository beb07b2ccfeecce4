"""How fast one address may guess passwords.

Only wrong passwords count, so a hall behind one address logs in as often as it likes. An address with too many of them
in a minute is slowed down to one attempt a second, not locked out: whoever types the right password gets in while
others go on mistyping, and a guesser gains nothing. Without Redis nobody is slowed down.
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
LANE_S = 1
Clock = Callable[[], float]


def admit(address: str, *, clock: Clock = time.time) -> None:
    """Raise DomainError "too_many_attempts" when this address has to wait; the attempt is then not looked at."""
    now_s = clock()
    try:
        failures = cache.get(_window_key(address, now_s), 0)
        if failures < settings.ENV.login_failures_per_minute:
            return
        lane = f"rooms:login:lane:{_group(address)}:{int(now_s // LANE_S)}"
        if cache.add(lane, 1, timeout=10 * LANE_S):
            return
    except (RedisError, OSError):
        logger.warning("login attempts are not limited: no cache")
        return
    raise DomainError(
        "too_many_attempts", "Too many wrong passwords from here: try again in a second", retry=True
    )


def count_failure(address: str, *, clock: Clock = time.time) -> None:
    """Remember one wrong password from this address."""
    key = _window_key(address, clock())
    try:
        cache.add(key, 0, timeout=2 * WINDOW_S)
        cache.incr(key)
    except ValueError:  # evicted between the two: nothing to count on
        logger.warning("failed login not counted: cache entry evicted")
    except (RedisError, OSError):
        logger.warning("failed login not counted: no cache")


def _window_key(address: str, now_s: float) -> str:
    return f"rooms:login:failures:{_group(address)}:{int(now_s // WINDOW_S)}"


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
