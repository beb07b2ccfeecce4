"""A cost ceiling: what all processes together may spend at an engine in a day."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from translation.engines.base import BUSY, EngineError
from translation.engines.http import RETRY_AFTER_MOST_S

KEPT_S = 2 * 86_400
UNKNOWN_RETRY_S = 10.0
logger = logging.getLogger(__name__)


class DailyTokens:
    """Counted in Redis, by days in UTC. While Redis is away nothing is spent: a ceiling that may be passed is none."""

    def __init__(self, engine: str, per_day: int) -> None:
        """`per_day` 0: no ceiling, and nothing is counted."""
        self._engine, self._per_day = engine, per_day

    def check(self) -> None:
        """Raises EngineError `busy` until the next day where the ceiling is reached."""
        if not self._per_day:
            return
        now = timezone.now()
        try:
            spent = int(cache.get(self._key(now)) or 0)
        except (RedisError, OSError) as error:
            raise EngineError(BUSY, retry_after_s=UNKNOWN_RETRY_S) from error
        if spent >= self._per_day:
            raise EngineError(BUSY, retry_after_s=min(_until_tomorrow_s(now), RETRY_AFTER_MOST_S))

    def spend(self, tokens: int) -> None:
        """A call took so many."""
        if not self._per_day:
            return
        key = self._key(timezone.now())
        try:
            cache.add(key, 0, KEPT_S)
            spent = cache.incr(key, tokens)
        except (RedisError, OSError, ValueError):  # ValueError: it expired in between
            logger.warning("tokens not counted", extra={"engine": self._engine})
            return
        if spent >= self._per_day > spent - tokens:
            logger.warning("tokens of the day are spent", extra={"engine": self._engine})

    def _key(self, now: datetime) -> str:
        return f"translation:tokens:{self._engine}:{now:%Y-%m-%d}"


def _until_tomorrow_s(now: datetime) -> float:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - now).total_seconds()
