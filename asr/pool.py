"""Celery's prefork pool for rooms: a process serves one task and is replaced, whatever becomes of the broker meanwhile."""

from __future__ import annotations

from collections import deque
from typing import Any

from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool


class OneTaskEach(AsynPool):
    """Processes that get one task each. Where Celery's own (5.7) goes on with a process, this one does not:

    - A process whose task is done is about to end: it gets no other.
    - When the connection to the broker breaks, a task that a process was given, but has not yet answered for, is forgotten; the process
      serves it all the same. (Celery would give it another, which waits until the first room closes.)
    - A process that has ended, but that the system still lists when the broker is back, is not watched for its end again.
      (The worker would end by a ValueError: https://github.com/celery/celery/issues/9250.)
    """

    _pool: list[Any]
    _all_inqueues: set[int]
    _busy_workers: set[int]
    outbound_buffer: deque[Any]

    def idle_processes(self) -> int:
        """Those that are up and have nothing to do, less the tasks that already wait for one."""
        return len(self._all_inqueues) - len(self._busy_workers) - len(self.outbound_buffer)

    def on_job_ready(self, job: Any, i: Any, obj: Any, inqW_fd: int) -> None:
        """A task is done."""

    def flush(self) -> None:
        """The connection to the broker has broken."""
        given = [process for process in self._pool if process.inqW_fd in self._busy_workers]
        super().flush()
        remaining = (process for process in given if process in self._pool)  # a descriptor is another's soon
        self._busy_workers.update(process.inqW_fd for process in remaining)

    def _track_child_process(self, proc: Any, hub: Any) -> None:
        has_ended = getattr(proc, "_sentinel_poll", True) is None
        if not has_ended:
            super()._track_child_process(proc, hub)  # type: ignore[misc]


class RoomPool(TaskPool):
    """Celery's setting `worker_pool`."""

    Pool = OneTaskEach
