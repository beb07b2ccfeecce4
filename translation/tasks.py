"""Celery: turns of the translation workers, wake-ups, sweeps."""

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
from translation.wake import QUEUE, send_turns
from translation.work import take_turn, wake_failing

T = TypeVar("T")
CHECK_S, CHECK_OPEN_S = 10.0, 2.0
LOADED_AT_START = 4  # directions; the others on first use
logger = logging.getLogger(__name__)
_serves_translation = False


@shared_task(name="translation.tasks.turn", bind=True, ignore_result=True)
def turn(self: Any) -> None:
    """Work on whichever language of whichever room is next."""
    take_turn(self.request.hostname)


@shared_task(name="translation.tasks.wake", bind=True, ignore_result=True)
def wake(self: Any, room_id: int) -> None:
    """Sentences came or readers did: the first language at once, the others by whoever is free."""
    _begin(self.request.hostname, services.wake_room(room_id))


@shared_task(name="translation.tasks.complete", bind=True, ignore_result=True)
def complete(self: Any, part_id: int) -> None:
    """What is missing in a part that ended is translated in the background."""
    _begin(self.request.hostname, services.complete_part(part_id))


@shared_task(name="translation.tasks.sweep", ignore_result=True)
def sweep() -> None:
    """Repair what was lost."""
    services.sweep()


def _begin(worker: str, turns: int) -> None:
    if turns > 1:
        send_turns(turns - 1)
    if turns:
        take_turn(worker)


@signals.celeryd_after_setup.connect
def _note_queues(instance: Any, **_: Any) -> None:
    global _serves_translation
    _serves_translation = QUEUE in instance.app.amqp.queues.consume_from


@signals.worker_ready.connect
def _start(sender: Any, **_: Any) -> None:
    """What this worker had when it died is free again; its engines are warm before the first sentence."""
    if _serves_translation:
        threading.Thread(target=_watch_engines, args=(sender.hostname,), daemon=True).start()


def _watch_engines(worker: str) -> None:
    """Load the engines, then ask each now and then what it offers and whether it is back, as long as the worker lives."""
    pause = threading.Event()
    _quietly(lambda: send_turns(claims.free_lost(worker=worker)))
    _quietly(_load_engines)
    while True:
        _quietly(_check_engines)
        pause.wait(CHECK_OPEN_S if _quietly(circuit.any_open) else CHECK_S)


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
