"""How late a session's text is (docs/wires/conference.md, chunk). Pure; the clock is a parameter."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

MEAN_OF = 4
RECENT_S = 30.0  # an older late sentence says nothing about the present
PUBLISH_STEP_S = 1.0
KEPT_ARRIVALS = 4096  # at four blobs a second, a quarter of an hour


class DelayMeter:
    """The mean of the last sentences' delays, or how long audio waits now that is not text yet, if that is more."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._sentences: deque[tuple[float, float]] = deque(maxlen=MEAN_OF)  # when, how late
        self._waits_since_s: float | None = None
        self._published_s = 0.0

    def sentences(self, delays_s: Iterable[float]) -> None:
        """Record how late the newest sentences were."""
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
        """Whether it is a second or more off from the last published one."""
        return abs(self.value_s - self._published_s) >= PUBLISH_STEP_S

    def mark_published(self) -> float:
        """The present delay; it counts as published from now on."""
        self._published_s = self.value_s
        return self._published_s


class SpokenClock:
    """When each stretch of audio arrived, so that a delay is measured from the word and not from the queue."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=KEPT_ARRIVALS)

    def arrived(self, end_ms: int, at_s: float) -> None:
        """Audio up to `end_ms` came at `at_s`, seconds since the epoch."""
        self._arrivals.append((end_ms, at_s))

    def seconds_since(self, end_ms: int) -> float:
        """Seconds from the arrival of the audio at `end_ms` until now; 0.0 where that is no longer known."""
        for audio_ms, at_s in self._arrivals:
            if audio_ms >= end_ms:
                return max(0.0, self._now() - at_s)
        return 0.0

    def spoken_at_s(self, end_ms: int) -> float | None:
        """When the sound at `end_ms` was there at the latest, seconds since the epoch; None where that is no longer known.

        What came up to `audio_ms` at a time had been recorded by then, and that sound so much before: audio that a page kept
        during a break, and sent all at once, was not spoken when it came.
        """
        latest_s = [at_s - (audio_ms - end_ms) / 1000 for audio_ms, at_s in self._since(end_ms)]
        return min(latest_s, default=None)

    def _since(self, end_ms: int) -> Iterator[tuple[int, float]]:
        for arrival in reversed(self._arrivals):
            if arrival[0] < end_ms:
                return
            yield arrival

    def heard_at(self, at_s: float) -> int:
        """Up to where audio had arrived at this time; 0 where that is no longer known."""
        return next((audio_ms for audio_ms, arrived_s in reversed(self._arrivals) if arrived_s <= at_s), 0)

    @property
    def newest_at_s(self) -> float | None:
        """When the newest audio arrived."""
        return self._arrivals[-1][1] if self._arrivals else None

    def arrived_behind(self, text_ms: int) -> float | None:
        """When the first audio behind `text_ms` arrived; None where there is none yet."""
        first_at_s = None
        for audio_ms, at_s in reversed(self._arrivals):
            if audio_ms <= text_ms:
                break
            first_at_s = at_s
        return first_at_s
