"""The audio that is still needed, addressed by the part's time."""

from __future__ import annotations

import numpy as np

from .samples import SAMPLES_PER_MS, Samples


class AudioBuffer:
    """Appends at the end, evicts at the start; positions are samples since the part began, times are ms."""

    def __init__(self, start_ms: int) -> None:
        self._start = start_ms * SAMPLES_PER_MS
        self._samples: Samples = np.zeros(0, dtype=np.float32)
        self._new: list[Samples] = []
        self._new_count = 0

    @property
    def start_ms(self) -> int:
        """Time of the oldest audio kept."""
        return self._start // SAMPLES_PER_MS

    @property
    def end_ms(self) -> int:
        """Time of the newest audio."""
        return (self._start + len(self._samples) + self._new_count) // SAMPLES_PER_MS

    def append(self, samples: Samples) -> None:
        """Take audio that follows at once."""
        self._new.append(np.asarray(samples, dtype=np.float32))
        self._new_count += len(samples)

    def between(self, start_ms: int, end_ms: int) -> Samples:
        """The audio between two times, as far as it is kept."""
        self._gather()
        first = max(0, start_ms * SAMPLES_PER_MS - self._start)
        last = max(first, end_ms * SAMPLES_PER_MS - self._start)
        return self._samples[first:last]

    def evict_before(self, at_ms: int) -> None:
        """Free what is older than a time."""
        count = at_ms * SAMPLES_PER_MS - self._start
        if count <= 0:
            return
        self._gather()
        count = min(count, len(self._samples))
        self._samples = self._samples[count:].copy()
        self._start += count

    def _gather(self) -> None:
        if self._new:
            self._samples = np.concatenate([self._samples, *self._new])
            self._new.clear()
            self._new_count = 0
