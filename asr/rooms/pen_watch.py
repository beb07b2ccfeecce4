"""The pen as an ASR process sees it: whether a person writes now, and what a person has written, in audio time."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import close_old_connections
from django.utils import timezone

from asr.coverage import Coverage, Stretch
from asr.delay import SpokenClock
from asr.rooms.models import Pen
from asr.rooms.pen import end_expired_pen
from rooms.outages import DATABASE_OUTAGES
from transcripts.models import Part

# a process whose newest audio came so long before the pen was taken had not heard what was said then
BEHIND_S = 2.0
LATE_S = 4.0  # who takes the pen types what was said a moment ago; what waits longer to be text is the recogniser's
logger = logging.getLogger(__name__)


class PenWatch:
    """Of one part's process. What it last read holds while PostgreSQL is away: a lease ends by the clock all the same.

    `look` is for another thread than the rest: what it reads may be older than what `settle_pen` has read meanwhile, and
    is put right by the next one.
    """

    def __init__(self, part: Part) -> None:
        self._part = part
        self._pen: Pen | None = None

    @property
    def pen(self) -> Pen | None:
        """The one that somebody holds now."""
        return self._pen if self._pen is not None and self._pen.is_held else None

    @property
    def written_at(self) -> datetime | None:
        """Up to when its holder has written."""
        return self._pen.written_at if self._pen else None

    def look(self) -> None:
        """Read it, if PostgreSQL is there."""
        try:
            self._pen = Pen.objects.filter(room=self._part.room_id, released_at=None).first()
        except DATABASE_OUTAGES:
            logger.warning("pen not read", extra={"part": self._part.pk})
            close_old_connections()

    def settle_pen(self, *, committed_ms: int, spoken: SpokenClock) -> None:
        """Read it anew, and say what is over and what has begun. Call with the session's row locked, behind a break.

        `committed_ms`: where the recogniser's unfinished sentence was ended.
        """
        end_expired_pen(self._part.room_id)
        self.read()
        pen = self.pen
        if pen is None or pen.yielded_at is not None:
            return
        pen.yielded_at = timezone.now()
        if pen.part_id == self._part.pk and not _is_behind(pen.taken_at.timestamp(), committed_ms, spoken):
            pen.from_ms = committed_ms
        pen.save(update_fields=["yielded_at", "from_ms"])

    def read(self) -> None:
        """Read it now."""
        self._pen = Pen.objects.filter(room=self._part.room_id, released_at=None).first()

    def coverage(self, spoken: SpokenClock) -> Coverage:
        """What persons have written since the part began, read now; and from where on one writes at present."""
        pens = Pen.objects.filter(room=self._part.room_id, written_at__gte=self._part.started_at)
        written = tuple(
            Stretch(self._from_ms(pen, spoken), spoken.heard_at(pen.written_at.timestamp()))
            for pen in pens
            if pen.written_at is not None
        )
        pen = self.pen
        return Coverage(written, None if pen is None else self._from_ms(pen, spoken))

    def _from_ms(self, pen: Pen, spoken: SpokenClock) -> int:
        if pen.from_ms is not None and pen.part_id == self._part.pk:
            return pen.from_ms
        return spoken.heard_at(pen.taken_at.timestamp())


def _is_behind(taken_s: float, committed_ms: int, spoken: SpokenClock) -> bool:
    """Whether words from before the pen was taken are still to come: not heard yet, or heard long ago and not text yet."""
    newest_s, waits_since_s = spoken.newest_at_s, spoken.arrived_behind(committed_ms)
    if newest_s is None or newest_s < taken_s - BEHIND_S:
        return True
    return waits_since_s is not None and waits_since_s < taken_s - LATE_S
