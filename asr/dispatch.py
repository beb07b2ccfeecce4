"""The Celery parent's half of placement: a task is taken for an idle process alone, and only if it is due.

A child serves one room and is replaced, and its successor loads the model first. A task that has nothing to serve,
because its generation is over or because it came twice, must therefore never reach a child; and a task that no child
can take yet stays with the broker, where the next worker that has one finds it.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import bootsteps
from celery.worker import state
from celery.worker.request import Request
from django.db import Error as DatabaseError
from django.db import connection

from asr import tasks
from asr.leases import Lease, awaited, release_reserved, reserve
from asr.pool import OneTaskEach

logger = logging.getLogger(__name__)


class RoomRequest(Request):
    """A task that asks for a process. Whether it is due is decided in PostgreSQL before it goes to the pool."""

    def revoked(self) -> bool:
        """Celery asks right before it gives the task to a child; True: it is not given to any."""
        if super().revoked():
            return True
        twin = next(
            (held for held in state.reserved_requests if held.id == self.id and held is not self), None
        )
        if twin is None and self._is_due():
            return False
        logger.info("task not due", extra={"task": self.id})
        self.acknowledge()
        state.task_ready(self)
        if twin is not None:
            state.requests[twin.id] = twin  # by this name a process is killed
        return True

    def _is_due(self) -> bool:
        try:
            session_id, generation = self.args
            lease = Lease(int(session_id), int(generation))
            return reserve(lease, worker=self.hostname) or awaited(lease) is not None
        except (TypeError, ValueError):
            logger.warning("task with wrong arguments", extra={"task": self.id})
        except DatabaseError:
            logger.warning("no database, the sweep will ask again", extra={"task": self.id})
        finally:
            connection.close()  # nothing may be open when a child is forked
        return False


class IdleProcessesOnly(bootsteps.StartStopStep):
    """The worker takes a task from its broker only while a process that has loaded its model serves nobody."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def include_if(self, parent: Any) -> bool:
        """On workers of the queue `asr`."""
        return "asr" in parent.app.amqp.queues.consume_from

    def start(self, parent: Any) -> None:
        """At the worker's start, and whenever it has found its broker again."""
        try:
            release_reserved(parent.hostname)  # Celery has lost them
        except DatabaseError:
            logger.warning("no database, tasks stay taken", extra={"worker": parent.hostname})
        finally:
            connection.close()
        pool, qos = parent.pool._pool, parent.task_consumer.channel.qos
        if isinstance(pool, OneTaskEach):
            within_prefetch = qos.can_consume
            qos.can_consume = lambda: pool.idle_processes() > 0 and within_prefetch()


class DrainedFirst(bootsteps.StartStopStep):
    """However a worker comes to its end, its rooms leave it: Celery says so by a signal where a signal ends it, not by
    `celery control shutdown` nor where it cannot go on."""

    def close(self, parent: Any) -> None:
        """Before the pool waits for its processes."""
        tasks.drain()


def warm_processes(pool: Any) -> int | None:
    """Loaded processes of Celery's `pool` that serve nobody; None in pools of another kind."""
    processes = getattr(pool, "_pool", None)
    return max(0, processes.idle_processes()) if isinstance(processes, OneTaskEach) else None
