"""Waking the translation workers: cheap, never blocking, coalesced. What is lost the sweep repairs."""

from __future__ import annotations

import logging
import os
import threading

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

TURN = "translation.tasks.turn"
QUEUE = "translation"
WAKE_PRIORITY, TURN_PRIORITY = 0, 3  # 0 comes first: who has nothing due yet is heard before what waits
RINGS_MOST = 10_000
logger = logging.getLogger(__name__)


class Bell:
    """A thread that sends what was rung. Ringing twice before it is sent is ringing once."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rung: dict[tuple[str, int], None] = {}
        self._pid = 0

    def ring(self, task: str, number: int) -> None:
        """Have `translation.tasks.<task>(number)` run soon. Returns at once."""
        with self._condition:
            if self._pid != os.getpid():  # first use, or after a fork: threads do not survive it
                self._pid = os.getpid()
                threading.Thread(target=self._send_forever, name="bell", daemon=True).start()
            if len(self._rung) < RINGS_MOST:
                self._rung[task, number] = None
            self._condition.notify()

    def _send_forever(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._rung)
                rung, self._rung = self._rung, {}
            for task, number in rung:
                _send(f"translation.tasks.{task}", (number,), priority=WAKE_PRIORITY)


def send_turns(count: int, *, in_s: float = 0.0) -> None:
    """Ask the workers for `count` turns, each of which takes whatever is next."""
    for _ in range(count):
        if not _send(TURN, (), priority=TURN_PRIORITY, in_s=in_s):
            return


def _send(task: str, args: tuple[int, ...], *, priority: int, in_s: float = 0.0) -> bool:
    try:
        current_app.send_task(
            task,
            args,
            queue=QUEUE,
            priority=priority,
            retry=False,
            countdown=in_s or None,
            ignore_result=True,
        )
    except (OperationalError, RedisError, OSError) as error:  # a broker that is full answers, and refuses
        fields = {"task": task, "error": type(error).__name__}
        logger.warning("no broker, the sweep will ask again", extra=fields)
        return False
    return True


bell = Bell()
