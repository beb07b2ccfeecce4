"""When a session leaves a worker that is to end, for a place on another; at a time in any case. Pure.

Where a process can stand by (asr/standby.py) one is asked for, and has the session as soon as it has caught up. Else it is a pause in
speech that is waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.utils import timezone

# heard, and neither text nor known to be silence: what the search for speech is behind by
PAUSE_UNWRITTEN_MS = 1000
ASKED_EVERY = timedelta(seconds=0.5)
STANDBY_WITHIN = timedelta(seconds=15)  # it has caught up by then, or a pause is waited for
Departure = Literal["stays", "ask_for_standby", "hand_over", "may_move", "must_move"]


@dataclass(frozen=True, slots=True)
class Moment:
    """How a session is at the end of a step."""

    closing: bool  # its end is near
    silent: bool  # nothing is shown that could still become a sentence
    between_sentences: bool  # every final word stands in a sentence that has ended
    unwritten_ms: int


class Drain:
    """Asked after each step; told by another thread until when its worker is to be empty."""

    def __init__(self, *, has_standby: bool = False, clock: Callable[[], datetime] = timezone.now) -> None:
        self._clock, self._has_standby = clock, has_standby
        self._until: datetime | None = None
        self._turn = 0.0
        self._requested_at: datetime | None = None
        self._told_at = self._asked_at = clock()

    def tell(self, until: datetime | None, *, turn: float = 0.0) -> None:
        """Until when; None: the worker stays.

        `turn`: of 0 to 1: in which order its sessions leave, over half of the time. For as long as one reads along, two decode.
        """
        if until is not None and self._until is None:
            self._told_at, self._turn = self._clock(), turn
        self._until = until

    def requested(self) -> None:
        """A process was asked to stand by."""
        self._requested_at = self._clock()

    @property
    def begun(self) -> bool:
        """Whether the worker is to end."""
        return self._until is not None

    @property
    def awaits_standby(self) -> bool:
        """Whether somebody reads the audio along."""
        return self._requested_at is not None and self._clock() < self._requested_at + STANDBY_WITHIN

    def departure(self, moment: Moment) -> Departure:
        """`hand_over`: to a process that has caught up. `may_move`: where another worker has a loaded process; a pause is best, later
        the end of a sentence will do."""
        now, until = self._clock(), self._until
        if until is None:
            return "stays"
        if now >= until:
            return "must_move"
        if moment.closing or now < self._asked_at + ASKED_EVERY:
            return "stays"
        waits = self._has_standby and (self._requested_at is None or self.awaits_standby)
        departure = self._with_standby(now, until) if waits else self._at_a_pause(moment, now, until)
        if departure != "stays":
            self._asked_at = now
        return departure

    def _with_standby(self, now: datetime, until: datetime) -> Departure:
        if self._requested_at is not None:
            return "hand_over"
        turn_comes_at = self._told_at + (until - self._told_at) / 2 * self._turn
        return "ask_for_standby" if now >= turn_comes_at else "stays"

    def _at_a_pause(self, moment: Moment, now: datetime, until: datetime) -> Departure:
        pause = moment.silent and moment.unwritten_ms <= PAUSE_UNWRITTEN_MS
        late = now - self._told_at > (until - self._told_at) / 2
        return "may_move" if pause or (late and moment.between_sentences) else "stays"
