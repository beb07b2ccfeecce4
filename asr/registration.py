"""A worker's row: that it lives, how many loaded processes wait, and until when it is to be empty.

Written by a thread of the worker's parent. A signal's handler only leaves a note for it: it may have interrupted the parent
in the middle of anything, a query as well.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from asr.leases import release_reserved
from asr.models import Worker

BEAT_S: Final = 2.0
LOOK_S: Final = 0.1  # for notes
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change while a worker lives."""

    name: str
    slots: int
    model: str
    device: str


class Registration:
    """`warm`: how many loaded processes serve nobody; None where nobody counts them."""

    def __init__(self, facts: Facts, *, warm: Callable[[], int | None], drain_s: float) -> None:
        self._facts, self._warm, self._drain_s = facts, warm, drain_s
        self._draining = self._over = False  # notes
        self._drains_until: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="registration", daemon=True)

    def start(self) -> None:
        """Register, and stay registered."""
        self._thread.start()

    def drain(self) -> None:
        """The worker is to end once its sessions are elsewhere. Safe in a signal's handler."""
        self._draining = True

    def end(self) -> None:
        """The worker ends now. Safe in a signal's handler."""
        self._over = True

    def join(self, within_s: float) -> None:
        """Wait until the row is gone."""
        self._thread.join(within_s)

    def _run(self) -> None:
        pause, waited_s = threading.Event(), BEAT_S
        while not self._over:
            if self._draining and self._drains_until is None:
                self._drains_until = timezone.now() + timedelta(seconds=self._drain_s)
                waited_s = BEAT_S
            if waited_s >= BEAT_S:
                self._write(self._beat)
                waited_s = 0.0
            pause.wait(LOOK_S)
            waited_s += LOOK_S
        self._write(self._remove)

    def _beat(self) -> None:
        facts = self._facts
        Worker.objects.update_or_create(
            name=facts.name,
            defaults={
                "slots": facts.slots,
                "model": facts.model,
                "device": facts.device,
                "beat_at": timezone.now(),
                "warm": self._warm(),
                "drains_until": self._drains_until,
            },
        )
        if self._drains_until is not None:
            release_reserved(
                facts.name
            )  # Celery takes no more tasks, nor gives those that it has to a process

    def _remove(self) -> None:
        Worker.objects.filter(name=self._facts.name).delete()

    def _write(self, work: Callable[[], object]) -> None:
        try:
            work()
        except DatabaseError:
            logger.warning("worker's row not written", extra={"worker": self._facts.name})
        finally:
            connection.close()  # nothing may be open when a child is forked
