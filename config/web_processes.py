"""Which web processes take clients now: a sorted set in Redis, renewed by each of them."""

from __future__ import annotations

import logging
import threading
import uuid
from typing import Final

from redis.exceptions import RedisError

from rooms import redis_connections

KEY: Final = "config:web-processes"
RENEWED_EVERY_S: Final = 1.0
LIVES_FOR_S: Final = 4.0
ANSWERED_WITHIN_S: Final = 1.0
logger = logging.getLogger(__name__)


class WebProcess:
    """This one among the others. Times are Redis's own."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis_connections.client(
            redis_url, socket_timeout=ANSWERED_WITHIN_S, socket_connect_timeout=ANSWERED_WITHIN_S
        )
        self._name = uuid.uuid4().hex
        self._left = threading.Event()
        self._lock = threading.Lock()  # who has left is not renewed

    def start(self) -> None:
        """Take clients, as far as the others know."""
        threading.Thread(target=self._stay, name="web-process", daemon=True).start()

    def renew(self) -> None:
        """It is still there."""
        with self._lock:
            if not self._left.is_set():
                now = self._now()
                self._redis.zremrangebyscore(KEY, 0, now - LIVES_FOR_S)
                self._redis.zadd(KEY, {self._name: now})

    def leave(self) -> bool:
        """Take no more clients. Returns whether another process does; False where Redis does not say."""
        self._left.set()
        try:
            with self._lock:
                self._redis.zrem(KEY, self._name)
                return self._redis.zcount(KEY, self._now() - LIVES_FOR_S, "+inf") > 0
        except (RedisError, OSError):
            return False

    def _stay(self) -> None:
        while not self._left.is_set():
            try:
                self.renew()
            except (RedisError, OSError) as error:
                logger.debug("web process not renewed", extra={"error": type(error).__name__})
            self._left.wait(RENEWED_EVERY_S)

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return float(seconds) + microseconds / 1e6


_this: WebProcess | None = None


def join() -> None:
    """This process takes clients from now on."""
    global _this
    from django.conf import settings

    _this = WebProcess(settings.REDIS_URL)
    _this.start()


def leave() -> bool:
    """This process takes no more clients. Returns whether another one does."""
    return _this is not None and _this.leave()
