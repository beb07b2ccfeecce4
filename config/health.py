"""GET /health: whether captions can be made now. Every client polls it each 5 s, so answers are shared."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from asr.selectors import max_active_rooms
from translation.selectors import engine_answers

ANSWER_LASTS_S: Final = 1.0
logger = logging.getLogger(__name__)


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _redis() -> bool:
    cache.get("health")
    return True


def _asr_worker() -> bool:
    return max_active_rooms() > 0


_CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "redis": _redis,
    "asr": _asr_worker,
    "translation": engine_answers,
}


class _Health:
    """The last answer, shared for a second: a thousand clients cost one check."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = float("-inf")
        self._missing: list[str] = []

    def missing(self) -> list[str]:
        """Names of the parts that do not answer."""
        with self._lock:
            if time.monotonic() - self._at > ANSWER_LASTS_S:
                self._missing = [name for name, check in _CHECKS.items() if not _answers(name, check)]
                self._at = time.monotonic()
            return self._missing


def _answers(name: str, check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:
        # Whatever the driver raises, the part is not there; the traceback would come every second.
        logger.warning("health check failed", extra={"part": name})
        return False


_health = _Health()


@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """200 `{"status":"ok"}` or 503 `{"status":"not ready"}`."""
    if _health.missing():
        return JsonResponse({"status": "not ready"}, status=503)
    return JsonResponse({"status": "ok"})
