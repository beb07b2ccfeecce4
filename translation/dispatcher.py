"""The threads of one translation worker: a fixed number per engine (bulkheads), so that a slow one holds up no other.

One thread chooses (`due.find`, `claims.take`) whenever it is woken, when a call ends, when something becomes due,
and every second: a lost wake-up, or a Redis that is away, costs at most that second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections

from translation import chain, circuit, claims, due
from translation.claims import Claim
from translation.work import work

LOOK_EVERY_S = 1.0
CHOOSE_EVERY_S = 0.01  # jobs that become due in between are chosen together
logger = logging.getLogger(__name__)


class EngineSlots:
    """How many more concurrent calls each engine may get."""

    def __init__(self, engines: list[str], each: int) -> None:
        self._lock = threading.Lock()
        self._free = Counter(dict.fromkeys(engines, each))

    def free(self) -> dict[str, int]:
        """Free slots by engine."""
        with self._lock:
            return dict(self._free)

    def acquire(self, engine: str, *, leaving: int = 0) -> bool:
        """Take one; False: none is free beyond the last `leaving`."""
        with self._lock:
            if self._free[engine] <= leaving:
                return False
            self._free[engine] -= 1
            return True

    def release(self, engine: str) -> None:
        """Return one."""
        with self._lock:
            self._free[engine] += 1


class Slot:
    """The slot that a thread holds; it may be exchanged for another engine's."""

    def __init__(self, slots: EngineSlots, engine: str) -> None:
        self._slots = slots
        self._engine = engine

    def switch(self, engine: str) -> bool:
        """Another engine is called than was expected; False: it has no free slot."""
        if engine != self._engine:
            if not self._slots.acquire(engine):
                return False
            self._slots.release(self._engine)
            self._engine = engine
        return True

    def release(self) -> None:
        """Return it."""
        self._slots.release(self._engine)


class Dispatcher:
    """Chooses jobs in one thread, works on them in the others."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        names = [engine.name for engine in chain.engines()]
        each = settings.ENV.translation_concurrency
        self._slots = EngineSlots(names, each)
        self._kept_free = min(1, each - 1)  # slots of an engine that drafts leave to finished sentences
        self._threads = ThreadPoolExecutor(each * len(names), "translation")
        self._ready = threading.Condition()
        self._woken, self._choose, self._stopped = True, True, False
        self._wakes = self._running = 0
        self._unreleased: list[Sequence[Claim]] = []  # claims that could not be ended: the database was away
        self._full = False  # something may be due that no slot was free for
        self._looked_at = 0.0
        self._due_at: list[float] = []

    def start(self) -> None:
        """Begin to work."""
        threading.Thread(target=self._run, name="translation-choice", daemon=True).start()

    def wake(self) -> None:
        """Sentences were committed."""
        with self._ready:
            self._woken = True
            self._wakes += 1
            self._ready.notify()

    def stop(self) -> None:
        """Start nothing more; running calls finish."""
        with self._ready:
            self._stopped = True
            self._ready.notify()

    def finish(self, within_s: float) -> None:
        """Stop, and wait for running calls; what is not done in time is another worker's."""
        self.stop()
        with self._ready:
            self._ready.wait_for(lambda: not self._running, within_s)
        claims.release_lost(worker=self._worker)

    def spare(self, engine: str) -> Slot | None:
        """A slot for a draft, to be given to `spared`; None where finished sentences wait, or may need it."""
        if self._full or not self._slots.acquire(engine, leaving=self._kept_free):
            return None
        return Slot(self._slots, engine)

    def spared(self, slot: Slot) -> None:
        """The draft is made: what came meanwhile may have waited for its slot."""
        slot.release()
        with self._ready:
            self._choose = self._choose or self._full
            self._ready.notify()

    def _run(self) -> None:
        while self._wait():
            try:
                self._dispatch()
            except DatabaseError:
                logger.warning("nothing chosen, the database is away")
            close_old_connections()

    def _wait(self) -> bool:
        """Until there may be something to choose. False: stopped."""
        with self._ready:
            if not (self._woken or self._choose):
                until = min([self._looked_at + LOOK_EVERY_S, *self._due_at])
                self._ready.wait(max(0.0, until - time.monotonic()))
        time.sleep(CHOOSE_EVERY_S)
        return not self._stopped

    def _dispatch(self) -> None:
        now = time.monotonic()
        with self._ready:
            woken, self._woken, self._choose = self._woken, False, False
            self._due_at = [at for at in self._due_at if at > now]
            unreleased = list(self._unreleased)
        for group in unreleased:
            claims.abandon(group)
            self._unreleased.remove(group)
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            due.find()
        elif woken:
            due.find_spoken()
        self._start_due()

    def _start_due(self) -> None:
        """Start what is due, as far as slots are free; the end of a call leads here again."""
        self._full = True
        free = self._slots.free()
        if not any(free.values()):
            return
        routes = circuit.Routes()
        taken = claims.claim_next(
            self._worker, most=sum(free.values()), free=free, engine_of=routes.engine_of
        )
        for group in taken:
            self._slots.acquire(group[0].engine)
            with self._ready:
                self._running += 1
            self._threads.submit(self._work, group, Slot(self._slots, group[0].engine))
        self._full = min(self._slots.free().values()) <= 0

    def _work(self, group: Sequence[Claim], slot: Slot) -> None:
        due_s: float | None = None
        wakes = self._wakes
        try:
            due_s = work(group, slot)
        except DatabaseError:
            logger.warning("claims not ended, the database is away", extra={"room": group[0].room_id})
            self._unreleased.append(group)
        except Exception:
            # The edge of a thread: this claim expires, the others go on.
            logger.exception("translation failed", extra={"room": group[0].room_id})
        finally:
            slot.release()
            with self._ready:
                self._running -= 1
                self._choose = self._choose or self._full or due_s == 0
                self._woken = (
                    self._woken or self._wakes != wakes
                )  # a job that was claimed could not be chosen
                if due_s:
                    self._due_at.append(time.monotonic() + due_s)
                self._ready.notify_all()  # also `finish`
            close_old_connections()
