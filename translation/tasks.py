"""Celery: turns of the translation workers, wake-ups, sweeps."""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import shared_task, signals
from django.db import Error as DatabaseError
from django.db import connection

from translation import chain, circuit, claims, services
from translation.engines.base import EngineError
from translation.wake import QUEUE, send_turns
from translation.work import take_turn

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


@shared_task(name="translation.tasks.check_engines", ignore_result=True)
def check_engines() -> None:
    """Ask every engine what it offers, and whether it is back."""
    for engine in chain.engines():
        circuit.check(engine)


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
        threading.Thread(target=_warm_up, args=(sender.hostname,), daemon=True).start()


def _warm_up(worker: str) -> None:
    try:
        send_turns(claims.free_lost(worker=worker))
        for engine in chain.engines():
            circuit.check(engine)
            if not engine.remote:
                for source, target in sorted(engine.languages())[:4]:
                    engine.translate(["OK"], source, target)
    except (DatabaseError, EngineError):
        logger.warning("translation worker not warmed up", extra={"worker": worker})
    finally:
        connection.close()
