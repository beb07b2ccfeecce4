"""Which texts are spoken: speech that would be heard too late is skipped, not queued. Pure; the clock is a parameter."""

from __future__ import annotations

from typing import Final

LATE_S: Final = 5.0


class SpeechPace:
    """One listener's stream of speech, which plays one text after the other.

    A text is spoken if its sound would begin at most `late_s` after the text itself was shown: when it is ready, and
    what was sent before it is over. Whoever speaks longer than their words take in the other language thus loses a
    sentence now and then, and never falls behind.
    """

    def __init__(self, late_s: float = LATE_S) -> None:
        self._late_s = late_s
        self._plays_until_s = float("-inf")

    def in_time(self, shown_s: float, now_s: float) -> bool:
        """Whether a text that was shown at `shown_s` may be spoken if its sound is ready at `now_s`."""
        return max(now_s, self._plays_until_s) - shown_s <= self._late_s

    def sent(self, now_s: float, length_s: float) -> None:
        """Its sound went out."""
        self._plays_until_s = max(now_s, self._plays_until_s) + length_s

    def left_s(self, shown_s: float, now_s: float) -> float:
        """So long its sound may still take to be made."""
        return max(0.0, shown_s + self._late_s - now_s)
