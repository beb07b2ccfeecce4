"""Which engine may be called: a circuit breaker whose state is a row, so that all processes share it.

(pybreaker holds its lock during the call, which would make a worker's threads wait for each other; purgatory
lets every caller try at once when an engine might be back. The admin and /health read the row.)
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from rooms.locks import locked, update_in_order
from translation import chain
from translation.engines import codes
from translation.engines.base import Engine, EngineError, Pair
from translation.models import EngineState
from translation.pacing import backoff_s

OPENS_AFTER = 3  # failures in a row
RETRY_MOST_S = 1.5
ANSWER_LASTS = timedelta(seconds=35)
NOTED_EVERY = timedelta(seconds=1)
LATENCY_WEIGHT = 0.2
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No engine may translate this pair now. `again_at` None: none offers it."""

    again_at: datetime | None


def states() -> dict[str, EngineState]:
    """The rows of the engines that were seen so far."""
    return {row.name: row for row in EngineState.objects.all()}


def pairs_of(engine: Engine, known: dict[str, EngineState]) -> frozenset[Pair]:
    """What `engine` offers, by what it said last."""
    if not engine.remote:
        return chain.local_pairs(engine)
    row = known.get(engine.name)
    return frozenset((str(one), str(other)) for one, other in row.pairs) if row else frozenset()


def engine_for(source: str, target: str, *, engines: Sequence[Engine]) -> Engine | Unavailable:
    """The first engine that offers the pair and may be called; may be the one call that tries an open one."""
    known = states()
    again: list[datetime] = []
    for engine in engines:
        if not codes.offers(pairs_of(engine, known), source, target):
            continue
        row = known.get(engine.name)
        if row is None or row.opened_at is None or _may_try(row):
            return engine
        again.append(row.retry_at or timezone.now())
    return Unavailable(min(again) if again else None)


def succeeded(engine: Engine, *, seconds: float) -> bool:
    """A call came back. True: the circuit was open and is closed now."""
    now = timezone.now()
    in_order = EngineState.objects.filter(
        name=engine.name, failures=0, opened_at=None, answered_at__gt=now - NOTED_EVERY
    )
    if in_order.exists():
        return False
    with transaction.atomic():
        row, _ = locked(EngineState.objects.all()).get_or_create(name=engine.name)
        was_open = row.opened_at is not None
        weight = LATENCY_WEIGHT if row.latency_s else 1.0
        row.latency_s = round((1 - weight) * row.latency_s + weight * seconds, 4)
        row.failures, row.opened_at, row.retry_at, row.answered_at = 0, None, None, now
        row.save(update_fields=["latency_s", "failures", "opened_at", "retry_at", "answered_at"])
    if was_open:
        logger.warning("translation engine is back", extra={"engine": engine.name})
    return was_open


def failed(engine: Engine, error: EngineError) -> None:
    """A call failed, and not for its text; several in a row open the circuit."""
    now = timezone.now()
    with transaction.atomic():
        row, _ = locked(EngineState.objects.all()).get_or_create(name=engine.name)
        row.failures += 1
        row.last_error, row.last_error_at = error.code, now
        if row.failures >= OPENS_AFTER:
            wait = backoff_s(row.failures - OPENS_AFTER + 1, most_s=RETRY_MOST_S)
            row.retry_at = now + timedelta(seconds=wait)
            if row.opened_at is None:
                row.opened_at = now
                logger.warning(
                    "translation engine is left alone", extra={"engine": engine.name, "code": error.code}
                )
        row.save(update_fields=["failures", "last_error", "last_error_at", "opened_at", "retry_at"])


def any_open() -> bool:
    """Whether some engine is left alone at the moment."""
    return EngineState.objects.filter(opened_at__isnull=False).exists()


def close(names: Sequence[str]) -> None:
    """Use these engines again at once."""
    update_in_order(EngineState.objects.filter(name__in=names), failures=0, opened_at=None, retry_at=None)


def check(engine: Engine) -> bool:
    """Ask an engine for its languages, and where its circuit is open for a word. True: it was open and is back."""
    row, _ = EngineState.objects.get_or_create(name=engine.name)
    began = timezone.now()
    try:
        pairs = sorted(engine.languages())
        if pairs and row.opened_at is not None and _may_try(row):
            engine.translate(["OK"], *pairs[0])
            return succeeded(engine, seconds=(timezone.now() - began).total_seconds())
    except EngineError as error:
        failed(engine, error)
        return False
    EngineState.objects.filter(pk=row.pk).update(pairs=pairs or row.pairs, answered_at=timezone.now())
    return False


def answers(row: EngineState | None) -> bool:
    """Whether the engine is in use and has answered a worker lately."""
    if row is None or row.opened_at is not None or row.answered_at is None:
        return False
    return row.answered_at > timezone.now() - ANSWER_LASTS


def _may_try(row: EngineState) -> bool:
    """Take the one try that an open circuit allows until the next `retry_at`."""
    now = timezone.now()
    next_at = now + timedelta(seconds=settings.ENV.translation_timeout_s + 1)
    mine = EngineState.objects.filter(
        Q(retry_at=None) | Q(retry_at__lte=now), pk=row.pk, opened_at__isnull=False
    )
    return mine.update(retry_at=next_at) == 1
