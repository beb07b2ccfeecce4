"""The threads of one translation worker: as many for each engine, so that a slow one never holds up another.

One thread chooses (`due.find`, `claims.take`) whenever it is woken, when a call ends, when something becomes due,
and each second: a wake-up that is lost, or a Redis that is dead, costs that second.
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
CHOOSE_EVERY_S = 0.01  # what comes in between is chosen together
logger = logging.getLogger(__name__)


class Slots:
    """How many calls more each engine may be given."""

    def __init__(self, engines: list[str], each: int) -> None:
        self._lock = threading.Lock()
        self._free = Counter(dict.fromkeys(engines, each))

    def free(self) -> dict[str, int]:
        """As it is now."""
        with self._lock:
            return dict(self._free)

    def take(self, engine: str) -> bool:
        """One call; False: none is left."""
        with self._lock:
            if self._free[engine] <= 0:
                return False
            self._free[engine] -= 1
            return True

    def give(self, engine: str) -> None:
        """A call has ended."""
        with self._lock:
            self._free[engine] += 1


class Slot:
    """The call that a thread has; it may move to another engine's."""

    def __init__(self, slots: Slots, engine: str) -> None:
        self._slots = slots
        self._engine = engine

    def move(self, engine: str) -> bool:
        """Another engine is called than was thought; False: it has no call left."""
        if engine != self._engine:
            if not self._slots.take(engine):
                return False
            self._slots.give(self._engine)
            self._engine = engine
        return True

    def end(self) -> None:
        """Give it back."""
        self._slots.give(self._engine)


class Lanes:
    """Chooses in one thread, works in the others."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        names = [engine.name for engine in chain.engines()]
        each = settings.ENV.translation_concurrency
        self._slots = Slots(names, each)
        self._threads = ThreadPoolExecutor(each * len(names), "translation")
        self._ready = threading.Condition()
        self._woken, self._choose, self._stopped = True, True, False
        self._wakes = 0
        self._left: list[Sequence[Claim]] = []  # that could not be ended: the database was away
        self._full = False  # something may be due that no call was left for
        self._looked_at = 0.0
        self._due_at: list[float] = []

    def start(self) -> None:
        """Begin to work."""
        threading.Thread(target=self._run, name="translation-choice", daemon=True).start()

    def wake(self) -> None:
        """Something was said."""
        with self._ready:
            self._woken = True
            self._wakes += 1
            self._ready.notify()

    def stop(self) -> None:
        """Begin nothing more; what is being translated is finished."""
        with self._ready:
            self._stopped = True
            self._ready.notify()

    def _run(self) -> None:
        while self._wait():
            try:
                self._turn()
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

    def _turn(self) -> None:
        now = time.monotonic()
        with self._ready:
            woken, self._woken, self._choose = self._woken, False, False
            self._due_at = [at for at in self._due_at if at > now]
            left = list(self._left)
        for turn in left:
            claims.give_up(turn)
            self._left.remove(turn)
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            due.find()
        elif woken:
            due.find_said()
        self._take()

    def _take(self) -> None:
        """Begin what is due, as far as calls are left; then the end of one leads here again."""
        self._full = True
        free = self._slots.free()
        if not any(free.values()):
            return
        routes = circuit.Routes(chain.engines())
        taken = claims.take(self._worker, most=sum(free.values()), free=free, lane_of=routes.lane_of)
        for turn in taken:
            self._slots.take(turn[0].lane)
            self._threads.submit(self._work, turn, Slot(self._slots, turn[0].lane))
        self._full = min(self._slots.free().values()) <= 0

    def _work(self, turn: Sequence[Claim], slot: Slot) -> None:
        due_s: float | None = None
        wakes = self._wakes
        try:
            due_s = work(turn, slot)
        except DatabaseError:
            logger.warning("turn not ended, the database is away", extra={"room": turn[0].room_id})
            self._left.append(turn)
        except Exception:
            # The edge of a thread: whatever it is, this claim ends by itself and the others go on.
            logger.exception("translation failed", extra={"room": turn[0].room_id})
        finally:
            slot.end()
            with self._ready:
                self._choose = self._choose or self._full or due_s == 0
                self._woken = self._woken or self._wakes != wakes  # of what was claimed nobody could take it
                if due_s:
                    self._due_at.append(time.monotonic() + due_s)
                self._ready.notify()
            close_old_connections()
