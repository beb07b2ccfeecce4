"""Celery: what wakes the translation workers, what a worker does from its start, sweeps."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from celery import shared_task, signals
from django.db import Error as DatabaseError
from django.db import connection

from translation import chain, circuit, claims, services
from translation.engines.base import EngineError
from translation.lanes import Lanes
from translation.store import wake_failing
from translation.wake import QUEUE, heard

T = TypeVar("T")
CHECK_S, CHECK_OPEN_S = 10.0, 2.0
LOADED_AT_START = 4  # directions; the others on first use
logger = logging.getLogger(__name__)
_serves_translation = False
_lanes: Lanes | None = None


@shared_task(name="translation.tasks.wake", ignore_result=True)
def wake() -> None:
    """Something was said, or somebody began to read: this worker looks what there is to do."""
    heard()
    if _lanes is not None:
        _lanes.wake()


@shared_task(name="translation.tasks.sweep", ignore_result=True)
def sweep() -> None:
    """Repair what was lost."""
    services.sweep()


@signals.celeryd_after_setup.connect
def _note_queues(instance: Any, **_: Any) -> None:
    global _serves_translation
    _serves_translation = QUEUE in instance.app.amqp.queues.consume_from


@signals.worker_ready.connect
def _start(sender: Any, **_: Any) -> None:
    """What this worker had when it died is free again; its engines are warm before the first sentence."""
    if _serves_translation:
        threading.Thread(target=_serve, args=(sender.hostname,), daemon=True).start()


@signals.worker_shutting_down.connect
def _stop(**_: Any) -> None:
    """What is being translated is finished, nothing else is begun."""
    if _lanes is not None:
        _lanes.stop()


def _serve(worker: str) -> None:
    """Load the engines and work; ask each now and then what it offers and whether it is back."""
    global _lanes
    pause = threading.Event()
    _quietly(lambda: claims.free_lost(worker=worker))
    _quietly(_load_engines)
    _quietly(_check_engines)
    _lanes = Lanes(worker)
    _lanes.start()
    while True:
        pause.wait(CHECK_OPEN_S if _quietly(circuit.any_open) else CHECK_S)
        _quietly(_check_engines)


def _load_engines() -> None:
    for engine in chain.engines():
        if not engine.remote:
            for source, target in sorted(engine.languages())[:LOADED_AT_START]:
                engine.translate(["OK"], source, target)


def _check_engines() -> None:
    back = [circuit.check(engine) for engine in chain.engines()]
    if any(back):
        wake_failing()


def _quietly(call: Callable[[], T]) -> T | None:
    """A thread that must not end: PostgreSQL or an engine is away, and will be back."""
    try:
        return call()
    except (DatabaseError, EngineError):
        logger.warning("engines not checked")
        return None
    finally:
        connection.close()
