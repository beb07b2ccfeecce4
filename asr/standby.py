"""A process that reads a session's audio along, to take over from one whose worker is to end.

It is loaded, has heard what was said last and has words of its own for it: what readers wait for is one commit. It writes nothing and holds
nothing before. Where the process that it waits for dies, or gives the session to whoever comes, it begins anew as whoever comes: audio
may have been trimmed that it had not read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from asr.channel import Channel
from asr.leases import Lease, LeaseLost, claim, stand_by
from asr.models import Session
from asr.selectors import drains_until

SAID_EVERY_S: Final = 1.0
MOST_S: Final = 60.0  # longer than it may take to catch up


class StandbyOver(Exception):
    """Nobody waits for this process: the session goes on without it."""


class Standby:
    """Asked at each step of a process that stands by for the generation `lease`."""

    def __init__(
        self, lease: Lease, worker: str, pid: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lease, self._worker, self._pid, self._clock = lease, worker, pid, clock
        self._began = clock()
        self._said_at: float | None = None
        self.is_handed_over = True  # else it took what was nobody's

    def taken(self, channel: Channel, *, audio_waits: bool) -> Session | None:
        """The session, once this process has it. May be asked again when PostgreSQL was away. Raises StandbyOver."""
        session = Session.objects.filter(pk=self._lease.session_id).first()
        if session is None:
            raise StandbyOver
        if session.generation == self._lease.generation:
            return self._claimed(session)
        is_over = session.generation > self._lease.generation or session.state not in Session.OPEN
        if is_over or self._clock() - self._began > MOST_S:
            raise StandbyOver
        if not audio_waits and channel.text_ms >= session.committed_ms:
            self._say_ready()
        return None

    def _claimed(self, session: Session) -> Session:
        if session.pid is None:
            self.is_handed_over = False
        try:
            return claim(self._lease, worker=self._worker, pid=self._pid)
        except LeaseLost as error:
            raise StandbyOver from error

    def _say_ready(self) -> None:
        now = self._clock()
        if self._said_at is not None and now - self._said_at < SAID_EVERY_S:
            return
        if drains_until(self._worker) is not None:
            raise StandbyOver
        self._said_at = now
        stand_by(self._lease, worker=self._worker, pid=self._pid)
