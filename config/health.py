"""GET /health: whether captions can be made now (docs/wires/conference.md). Every client polls it each 5 s.

A client whose answer is not 200 closes its socket and throws its audio away, so a part that is missing makes the
answer "degraded" and no more; see docs/decisions/0023. A thread for PostgreSQL and one for Redis ask each second and
note when they were answered; a request reads these notes and waits for nobody, however dead a server is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from django.core.cache import cache
from django.db import close_old_connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET
from pydantic import BaseModel

from asr.selectors import max_active_rooms
from config.models import Installation
from gateways.common.draining import DRAINING
from gateways.conference.audio import HELD_FOR_S
from translation.selectors import engine_answers

ASK_EVERY_S: Final = 1.0
MISSING_AFTER_S: Final = 3.0  # without an answer
FIRST_ANSWER_WITHIN_S: Final = 2.0  # a process that has just begun to ask does not know yet
READY_KEY: Final = "config:installation-was-ready"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """What was answered, and when: monotonic seconds, that of the first question before the first answer."""

    database_at_s: float
    redis_at_s: float
    database_answered: bool = False
    redis_answered: bool = False
    asr: bool = False
    translation: bool = False
    was_ready: bool = False

    def missing(self, now_s: float) -> list[str]:
        """Names of what does not answer; what only PostgreSQL knows is left out while it is away."""
        database = self.database_answered and now_s - self.database_at_s <= MISSING_AFTER_S
        redis = self.redis_answered and now_s - self.redis_at_s <= MISSING_AFTER_S
        parts = {
            "asr": self.asr or not database,
            "database": database,
            "redis": redis,
            "translation": self.translation or not database,
        }
        return [name for name, there in parts.items() if not there]

    def all_answer(self, now_s: float) -> bool:
        """Whether captions can be made: translation is not needed for them."""
        return not set(self.missing(now_s)) - {"translation"}

    def ok(self, now_s: float) -> bool:
        """Whether clients should stay: nothing is lost yet that a host's page had better keep."""
        outage_s = now_s - min(self.database_at_s, self.redis_at_s)
        return self.was_ready and outage_s <= HELD_FOR_S


class Watch:
    """Asks PostgreSQL and Redis in threads of its own; one per process."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began_s: float | None = None
        self._known = Known(clock(), clock())
        self._asked = {"database": threading.Event(), "redis": threading.Event()}

    def known(self) -> Known:
        """What is known now; begins to ask with the first call, which may take FIRST_ANSWER_WITHIN_S."""
        with self._lock:
            if self._began_s is None:
                self._began_s = self._clock()
                self._known = Known(self._began_s, self._began_s)
                for name, ask in (("database", self.ask_database), ("redis", self.ask_redis)):
                    threading.Thread(
                        target=self._ask_forever, args=(name, ask), name=f"health-{name}", daemon=True
                    ).start()
        for asked in self._asked.values():
            asked.wait(max(0.0, self._began_s + FIRST_ANSWER_WITHIN_S - self._clock()))
        return self._known

    def known_now(self) -> list[str]:
        """Names of what does not answer now."""
        return self.known().missing(self._clock())

    def ask_database(self) -> None:
        """Whether it answers, and what it knows of the others."""
        was_ready = Installation.objects.exists()
        asr, translation = max_active_rooms() > 0, engine_answers()
        known = self._note(database=True, asr=asr, translation=translation, was_ready=was_ready)
        if not was_ready and known.all_answer(self._clock()):
            Installation.objects.get_or_create(pk=1)
            self._note(was_ready=True)

    def ask_redis(self) -> None:
        """Whether it answers and takes writes; it remembers for a process that starts without PostgreSQL."""
        if self._known.was_ready:
            cache.set(READY_KEY, 1, None)
            self._note(redis=True)
        else:
            self._note(redis=True, was_ready=cache.get(READY_KEY) is not None)

    def _note(
        self, *, database: bool = False, redis: bool = False, was_ready: bool = False, **facts: bool
    ) -> Known:
        with self._lock:
            known = self._known
            self._known = replace(
                known,
                database_at_s=self._clock() if database else known.database_at_s,
                redis_at_s=self._clock() if redis else known.redis_at_s,
                database_answered=database or known.database_answered,
                redis_answered=redis or known.redis_answered,
                was_ready=was_ready or known.was_ready,
                **facts,
            )
            return self._known

    def _ask_forever(self, name: str, ask: Callable[[], None]) -> None:
        while True:
            try:
                ask()
            except Exception as error:
                # Whatever the driver raises, the part is not there; a traceback would come every second.
                logger.warning("health check failed", extra={"part": name, "error": type(error).__name__})
            finally:
                close_old_connections()
            self._asked[name].set()
            time.sleep(ASK_EVERY_S)


watch = Watch()


class HealthView(BaseModel):
    """Whether captions can be made now; `degraded` names what is missing, and is left out where nothing is."""

    status: Literal["ok", "not ready"]
    degraded: list[Literal["asr", "database", "redis", "translation"]] = []


@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """200 `{"status":"ok"}`, with `degraded` where something is missing, or 503 `{"status":"not ready"}`."""
    known, now_s = watch.known(), time.monotonic()
    if not known.ok(now_s):
        return _answer(HealthView(status="not ready"), status=503)
    return _answer(HealthView.model_validate({"status": "ok", "degraded": known.missing(now_s)}), status=200)


@require_GET
def ready(request: HttpRequest) -> JsonResponse:
    """GET /ready, for load balancers: 200, or 503 where new clients should go elsewhere. Never asked by clients: they would go, too."""
    if DRAINING.begun:
        return JsonResponse({"status": "draining"}, status=503)
    is_ready = watch.known().ok(time.monotonic())
    return JsonResponse({"status": "ready" if is_ready else "not ready"}, status=200 if is_ready else 503)


def _answer(view: HealthView, *, status: int) -> JsonResponse:
    return JsonResponse(view.model_dump(exclude_defaults=True), status=status)
