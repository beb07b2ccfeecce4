"""What becomes of the pool's processes when the broker goes away: run as a program, it prints a line of JSON (test_pool.py).

A pool is forked from a process of its own, which has no threads.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from celery.concurrency.asynpool import AsynPool
from kombu.asynchronous import Hub

from asr.pool import OneTaskEach

WITHIN_S = 120.0
POOLS: dict[str, type[AsynPool]] = {"ours": OneTaskEach, "celery": AsynPool}
goes_on, go_on = os.pipe()


def serve() -> int:
    """A room: until it is told to end."""
    os.read(goes_on, 1)
    return os.getpid()


class Worker:
    """A parent with its event loop, and no broker."""

    def __init__(self, kind: str, processes: int) -> None:
        self.hub = Hub()
        self.pool: Any = POOLS[kind](processes, threads=False, maxtasksperchild=1, enable_timeouts=True)
        self.pool.register_with_event_loop(self.hub)
        self.loop: Iterator[None] = self.hub.create_loop()

    def until(self, holds: Callable[[], Any]) -> None:
        deadline = time.monotonic() + WITHIN_S
        self.hub.call_repeatedly(0.05, lambda: None)  # the loop sleeps otherwise
        while not holds():
            assert time.monotonic() < deadline, "waited too long"
            next(self.loop)

    def give(self) -> Any:
        """A task, once a process has it: which cannot have answered for it yet."""
        task = self.pool.apply_async(serve)
        self.until(lambda: task._write_to is not None and not self.pool._active_writers)
        return task

    def broker_is_lost_and_back(self) -> None:
        """As Celery's consumer does it."""
        self.pool.flush()
        self.pool.register_with_event_loop(self.hub)

    def idle(self) -> int:
        pool = self.pool
        return len(pool._all_inqueues) - len(pool._busy_workers)


def given_and_not_answered_for(worker: Worker) -> dict[str, Any]:
    worker.until(lambda: worker.idle() == 2)
    first = worker.give()._write_to.pid
    worker.broker_is_lost_and_back()
    idle = worker.idle()
    others = [worker.give()._write_to.pid for _ in range(idle)]
    return {"idle": idle, "given_twice": first in others}


def done_and_not_yet_replaced(worker: Worker) -> dict[str, Any]:
    worker.until(lambda: worker.idle() == 2)
    task = worker.give()
    os.write(go_on, b"x")
    worker.until(lambda: task.ready() or worker.pool._cache == {})
    before = worker.idle()
    worker.broker_is_lost_and_back()
    return {"idle": [before, worker.idle()]}


def ended_and_not_yet_collected(worker: Worker) -> dict[str, Any]:
    """The system tells of a process's end a moment before its exit status can be had."""
    worker.until(lambda: worker.idle() == 2)
    ended = worker.pool._pool[0]
    worker.pool._event_process_exit(worker.hub, ended)
    worker.broker_is_lost_and_back()
    ended._popen.terminate()
    worker.until(lambda: ended not in worker.pool._pool and worker.idle() == 2)
    return {"replaced": True}


if __name__ == "__main__":
    kind, what = sys.argv[1:]
    running = Worker(kind, 2)
    try:
        print(json.dumps(globals()[what](running)), flush=True)
    except ValueError as error:
        print(json.dumps({"ends_by": str(error)}), flush=True)
    finally:
        for process in running.pool._pool:
            process._popen.terminate()
