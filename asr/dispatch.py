"""The Celery parent's half of placement: a task is taken for an idle process alone, and only if it is due.

A child serves one room and is replaced, and its successor loads the model first. A task that has nothing to serve,
because its generation is over or because it came twice, must therefore never reach a child; and a task that no child
can take yet stays with the broker, where the next worker that has one finds it.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import bootsteps
from celery.concurrency.asynpool import AsynPool
from celery.worker import state
from celery.worker.request import Request
from django.db import Error as DatabaseError
from django.db import connection

from asr.leases import Lease, awaited, release_reserved, reserve

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
        if isinstance(parent.pool._pool, AsynPool):
            _consume_for_idle_processes(parent.pool._pool, parent.task_consumer.channel.qos)


def _consume_for_idle_processes(pool: Any, qos: Any) -> None:
    # A child that has served its room is about to end: it never counts as idle again.
    pool._mark_worker_as_available = lambda fd: None
    within_prefetch = qos.can_consume
    qos.can_consume = lambda: _idle_processes(pool) > 0 and within_prefetch()


def warm_processes(pool: Any) -> int | None:
    """Loaded processes of Celery's `pool` that serve nobody; None in pools of another kind."""
    processes = getattr(pool, "_pool", None)
    return max(0, _idle_processes(processes)) if isinstance(processes, AsynPool) else None


def _idle_processes(pool: Any) -> int:
    """Children that are up and have nothing to do, less the tasks that already wait for one."""
    return len(pool._all_inqueues) - len(pool._busy_workers) - len(pool.outbound_buffer)
