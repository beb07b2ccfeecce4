"""The heart of a room's process: it renews the lease as long as the main loop moves."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

from asr import leases
from asr.leases import Lease, LeaseLost, Progress
from asr.models import Session

BEAT_EVERY_S = 1.0
logger = logging.getLogger(__name__)


class Heart:
    """Renews the lease every second from a thread; the main loop ticks it, and checks it for a lost lease.

    A long decode is not taken for death, and a main loop that hangs is: when it has not ticked for `stuck_s`, the lease
    is not renewed, and the sweep gives the session to the next generation. The thread itself asks nothing but PostgreSQL,
    also `beside` the beat: what the main loop should know and not wait for.
    """

    def __init__(
        self,
        lease: Lease,
        progress: Progress,
        *,
        stuck_s: float,
        beside: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease = lease
        self._progress = progress
        self._stuck_s = stuck_s
        self._beside = beside
        self._clock = clock
        self._ticked_at = clock()
        self._stuck = False
        self._stopped = threading.Event()
        self._lost = False
        self._parent = os.getppid()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)
        self.state: str = Session.State.LIVE

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Stop beating; returns when the thread is gone."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def tick(self, progress: Progress) -> None:
        """The main loop has done a step, and is so far."""
        self._progress = progress
        self._ticked_at = self._clock()

    def beat(self) -> None:
        """Renew the lease, unless the main loop stands still: what the thread does every second."""
        if self._loop_stands_still():
            return
        try:
            self.state = leases.beat(self._lease, self._progress)
            self._beside()
        except LeaseLost:
            self._lost = True
            self._stopped.set()
        except DatabaseError:
            logger.warning("no heart-beat", extra={"session": self._lease.session_id})
            close_old_connections()

    def wait(self, seconds: float) -> None:
        """Sleep, but not beyond stop()."""
        self._stopped.wait(seconds)

    def check(self) -> None:
        """Raises LeaseLost when this process must stop."""
        if self._lost:
            raise LeaseLost
        if os.getppid() != self._parent:
            # The Celery parent is gone and will see no failure. The processes of its successor continue.
            leases.start_next_generation(self._lease, died=False)
            raise LeaseLost

    def _run(self) -> None:
        try:
            while not self._stopped.wait(BEAT_EVERY_S):
                self.beat()
        finally:
            connection.close()

    def _loop_stands_still(self) -> bool:
        was, self._stuck = self._stuck, self._clock() - self._ticked_at > self._stuck_s
        if self._stuck and not was:
            logger.error("main loop stands still", extra={"session": self._lease.session_id})
        return self._stuck
