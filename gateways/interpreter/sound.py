"""How a client's sound stands: whether anything is heard, and when what was spoken came. Pure; the clock is a parameter."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Final

import numpy as np

WARNED_AFTER_S: Final = 5.0
SOUND: Final = 8  # of 32768: a muted microphone gives less, a quiet room more
REMEMBERED: Final = 4096  # of the newest messages: minutes


def has_sound(data: bytes) -> bool:
    """Whether s16le is more than the noise of a last bit."""
    samples = np.frombuffer(data, "<i2")
    return bool(len(samples)) and int(np.abs(samples.astype(np.int32)).max()) >= SOUND


class SoundWatch:
    """Says once for each stretch of silence that nothing is heard."""

    def __init__(self, now_s: float) -> None:
        self._heard_s = now_s
        self._warned = False

    def heard(self, now_s: float) -> None:
        """There was sound."""
        self._heard_s, self._warned = now_s, False

    def due_s(self) -> float | None:
        """When a warning is due; None: it was given."""
        return None if self._warned else self._heard_s + WARNED_AFTER_S

    def warns(self, now_s: float) -> bool:
        """Whether it is due now; then not again before there is sound."""
        due_s = self.due_s()
        if due_s is None or now_s < due_s:
            return False
        self._warned = True
        return True


class Arrivals:
    """Audio time → when it came, for how late its text is."""

    def __init__(self) -> None:
        self._ends_ms: deque[float] = deque(maxlen=REMEMBERED)
        self._at_s: deque[float] = deque(maxlen=REMEMBERED)

    def came(self, length_ms: float, now_s: float) -> None:
        """So much audio more."""
        self._ends_ms.append((self._ends_ms[-1] if self._ends_ms else 0.0) + length_ms)
        self._at_s.append(now_s)

    def since_ms(self, audio_ms: float, now_s: float) -> float | None:
        """Milliseconds since the sound of that time came; None where that is forgotten."""
        at = bisect_left(self._ends_ms, audio_ms)
        if not self._ends_ms or (at == 0 and len(self._ends_ms) == REMEMBERED):
            return None
        return max(0.0, (now_s - self._at_s[min(at, len(self._at_s) - 1)]) * 1000)
