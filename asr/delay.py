"""How late a session's text is (docs/wires/conference.md, chunk). Pure; the clock is a parameter."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

MEAN_OF = 4
RECENT_S = 30.0  # a sentence that was late tells nothing of now for longer
TOLD_STEP_S = 1.0


class DelayMeter:
    """The mean of the last sentences' delays, or how long audio waits now that is not text yet, if that is more."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._sentences: deque[tuple[float, float]] = deque(maxlen=MEAN_OF)  # when, how late
        self._waits_since_s: float | None = None
        self._told_s = 0.0

    def sentences(self, delays_s: Iterable[float]) -> None:
        """So late were sentences that came just now."""
        self._sentences.extend((self._now(), delay_s) for delay_s in delays_s)

    def waits_since(self, at_s: float | None) -> None:
        """Audio that came at `at_s`, seconds since the epoch, is not text yet; None: nothing waits."""
        self._waits_since_s = at_s

    @property
    def value_s(self) -> float:
        """The present delay, seconds."""
        now_s = self._now()
        recent = [delay_s for at_s, delay_s in self._sentences if now_s - at_s < RECENT_S]
        mean_s = sum(recent) / len(recent) if recent else 0.0
        waiting_s = 0.0 if self._waits_since_s is None else now_s - self._waits_since_s
        return round(max(mean_s, waiting_s), 2)

    def moved(self) -> bool:
        """Whether it is a second or more off from what was told last."""
        return abs(self.value_s - self._told_s) >= TOLD_STEP_S

    def told(self) -> float:
        """The present delay, which is told with this."""
        self._told_s = self.value_s
        return self._told_s
