"""When a session leaves a worker that is to end: at a pause in speech, where there is a place for it; at a time in any case. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.utils import timezone

PAUSE_UNWRITTEN_MS = (
    1000  # heard, and neither text nor known to be silence: what the search for speech is behind by
)
ASKED_EVERY = timedelta(seconds=0.5)
Departure = Literal["stays", "may_move", "must_move"]


@dataclass(frozen=True, slots=True)
class Moment:
    """How a session is at the end of a step."""

    closing: bool  # its end is near
    silent: bool  # nothing is shown that could still become a sentence
    between_sentences: bool  # every final word stands in a sentence that has ended
    unwritten_ms: int


class Drain:
    """Asked after each step; told by another thread until when its worker is to be empty."""

    def __init__(self, *, clock: Callable[[], datetime] = timezone.now) -> None:
        self._clock = clock
        self._until: datetime | None = None
        self._told_at = self._asked_at = clock()

    def tell(self, until: datetime | None) -> None:
        """Until when; None: the worker stays."""
        if until is not None and self._until is None:
            self._told_at = self._clock()
        self._until = until

    @property
    def begun(self) -> bool:
        """Whether the worker is to end."""
        return self._until is not None

    def departure(self, moment: Moment) -> Departure:
        """`may_move`: where another worker has a loaded process. A pause is best; later the end of a sentence will do."""
        now, until = self._clock(), self._until
        if until is None:
            return "stays"
        if now >= until:
            return "must_move"
        if moment.closing or now < self._asked_at + ASKED_EVERY:
            return "stays"
        pause = moment.silent and moment.unwritten_ms <= PAUSE_UNWRITTEN_MS
        late = now - self._told_at > (until - self._told_at) / 2
        if not pause and not (late and moment.between_sentences):
            return "stays"
        self._asked_at = now
        return "may_move"
