"""Celery: a room is a task in a prefork child that serves nothing else; sweeps repair."""

from __future__ import annotations

import logging
import os
from functools import partial
from typing import Any

from billiard.exceptions import WorkerLostError
from celery import Task, shared_task, signals
from django.conf import settings
from django.db import connection

from asr import leases, sweeps
from asr.placement import SERVES, STANDS_BY
from asr.registration import Facts, Registration
from rooms.outages import is_outage
from transcripts import live

# asr.runtime and asr.process bring the model's libraries: imported where a room is served. Web, sweeps and
# beat know these tasks too.

UNREGISTERED_WITHIN_S = 3.0
logger = logging.getLogger(__name__)
_serves_asr = False  # set in the parent before it forks
_registration: Registration | None = None  # of the parent


class RoomTask(Task[[int, int], None]):
    """The worker's parent drops it if it is not due."""

    abstract = True
    Request = "asr.dispatch:RoomRequest"


@shared_task(name="asr.tasks.serve_room", bind=True, base=RoomTask, acks_late=False, max_retries=0)
def serve_room(self: Any, session_id: int, generation: int) -> None:
    """Serve one session in this process until it closes, or moves to another worker."""
    from asr import runtime
    from asr.process import Node, serve

    try:
        serve(
            leases.Lease(session_id, generation),
            Node(self.request.hostname, os.getpid()),
            make_captioner=runtime.make_captioner,
            redis_url=settings.REDIS_URL,
        )
    finally:
        live.flush()  # this process ends now, and its last events may still wait to be published


@shared_task(name="asr.tasks.sweep_sessions", ignore_result=True)
def sweep_sessions() -> None:
    """Find what died silently."""
    sweeps.sweep()


@signals.celeryd_after_setup.connect
def _note_queues(instance: Any, **_: Any) -> None:
    global _serves_asr
    _serves_asr = "asr" in instance.app.amqp.queues.consume_from
    if _serves_asr:
        import asr.process
        import asr.runtime

        asr.runtime.choice()  # as well: devices are counted once


@signals.worker_process_init.connect
def _load_model(**_: Any) -> None:
    """In each child, before it says that it is up: a room then opens in well under a second."""
    if _serves_asr:
        from asr import runtime

        runtime.load()


@signals.worker_ready.connect
def _register(sender: Any, **_: Any) -> None:
    global _registration
    if not _serves_asr:
        return
    from asr import runtime
    from asr.dispatch import warm_processes

    choice = runtime.choice()
    slots = max(1, sender.controller.concurrency - settings.ENV.asr_spares)
    _registration = Registration(
        Facts(sender.hostname, slots, choice.model, choice.device),
        warm=partial(warm_processes, sender.pool),
        drain_s=settings.ENV.asr_drain_s,
    )
    _registration.start()


@signals.worker_shutting_down.connect
def _prepare_end(how: str = "", **_: Any) -> None:
    """SIGTERM (warm): sessions move to other workers, and Celery waits for their tasks. SIGQUIT: everything ends at once."""
    if how == "Warm":
        drain()
    elif _registration is not None:
        _registration.end()


def drain() -> None:
    """In the parent: this worker's sessions move to others."""
    if _registration is not None:
        _registration.drain()


@signals.worker_shutdown.connect
def _unregister(**_: Any) -> None:
    """Nothing is served any more."""
    if _registration is not None:
        _registration.end()
        _registration.join(UNREGISTERED_WITHIN_S)


@signals.task_failure.connect
def _next_generation(task_id: str, exception: BaseException, args: Any = None, **_: Any) -> None:
    """In the parent when a child died (WorkerLostError), in the child when the task raised.

    An exception that says "not now" is no death of the process's own making.
    """
    if not str(task_id).startswith((SERVES, STANDS_BY)) or not args:
        return
    session_id, generation = args
    if isinstance(exception, WorkerLostError):
        logger.error("ASR process died", extra={"session": session_id, "generation": generation})
    connection.close()  # it may be what has failed
    try:
        leases.start_next_generation(leases.Lease(session_id, generation), died=not is_outage(exception))
    finally:
        connection.close()  # nothing may be open when the next child is forked
