"""Celery: what wakes the translation workers, what a worker does from its start, sweeps."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from celery import shared_task, signals
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from translation import chain, circuit, claims, services
from translation.dispatcher import Dispatcher
from translation.drafts import DraftLane
from translation.engines.base import EngineError
from translation.store import retry_failing
from translation.wake import QUEUE, acknowledge

T = TypeVar("T")
CHECK_S, CHECK_OPEN_S = 10.0, 2.0
LOADED_AT_START = 4  # directions; the others on first use
logger = logging.getLogger(__name__)
_serves_translation = False
_dispatcher: Dispatcher | None = None
_drafts: DraftLane | None = None


@shared_task(name="translation.tasks.wake", ignore_result=True)
def wake() -> None:
    """Sentences were committed, or a language got its first reader: this worker reads what is due."""
    acknowledge()
    if _dispatcher is not None:
        _dispatcher.wake()


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
    """Release what this worker had claimed when it died; load its engines before the first sentence."""
    if _serves_translation:
        threading.Thread(target=_serve, args=(sender.hostname,), daemon=True).start()


@signals.worker_shutting_down.connect
def _stop(**_: Any) -> None:
    """Running calls finish, nothing else is started."""
    if _dispatcher is not None:
        _dispatcher.stop()
    if _drafts is not None:
        _drafts.stop()


@signals.worker_shutdown.connect
def _finish(**_: Any) -> None:
    """What is not finished in time goes to another worker."""
    dispatcher = _dispatcher
    if dispatcher is not None:
        _quietly(lambda: dispatcher.finish(settings.ENV.translation_drain_s))


def _serve(worker: str) -> None:
    """Load the engines and work; check each now and then: its pairs, and whether it is back.

    Only engines that no worker has checked yet are checked first: one that hangs keeps nobody from the others.
    """
    global _dispatcher, _drafts
    pause = threading.Event()
    _quietly(lambda: claims.release_lost(worker=worker))
    _quietly(_load_engines)
    _quietly(lambda: _check_engines(unchecked_only=True))
    _dispatcher = Dispatcher(worker)
    _dispatcher.start()
    _drafts = DraftLane(worker, spare=_dispatcher.spare, spared=_dispatcher.spared)
    _drafts.start()
    while True:
        _quietly(_check_engines)
        pause.wait(CHECK_OPEN_S if _quietly(circuit.any_open) else CHECK_S)


def _load_engines() -> None:
    for engine in chain.engines():
        if not engine.remote:
            for source, target in sorted(engine.languages())[:LOADED_AT_START]:
                engine.translate(["OK"], source, target)


def _check_engines(*, unchecked_only: bool = False) -> None:
    known = circuit.states() if unchecked_only else {}
    back = [circuit.check(engine) for engine in chain.engines() if engine.name not in known]
    if any(back):
        retry_failing()


def _quietly(call: Callable[[], T]) -> T | None:
    """For a thread that must not end: PostgreSQL or an engine is away, and will be back."""
    try:
        return call()
    except (DatabaseError, EngineError):
        logger.warning("engines not checked")
        return None
    finally:
        connection.close()
