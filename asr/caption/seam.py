"""Where a successor goes on: it listens from a little before, and what was said before the seam is left out. Pure.

A model that begins in the middle of speech leaves out the first words, or whole stretches; with a lead it does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz import fuzz

from asr.recognise.guards import bare
from asr.recognise.recogniser import Word

LEAD_MS = 2000  # audio before the seam that a successor listens to (docs/performance.md)
SHAKY_MS = 600  # the times of one word in two runs are this near
ALIKE = 80.0  # of 100: one word, written by two runs


class Seam:
    """Tells words before `at_ms` from those behind it; `said` is the text that ends there, as far as it is known."""

    def __init__(self, at_ms: int, said: str = "") -> None:
        self.at_ms = at_ms
        words = bare(said).split()
        self._last = words[-1] if words else ""

    @property
    def lead_ms(self) -> int:
        """Where listening begins."""
        return max(0, self.at_ms - LEAD_MS)

    def before(self, words: Sequence[Word]) -> int:
        """How many of these words stand before the seam: up to the one that was said last, else by their times."""
        matches = [
            (abs(word.end_ms - self.at_ms), count)
            for count, word in enumerate(words, 1)
            if abs(word.end_ms - self.at_ms) <= SHAKY_MS and self._was_last(word)
        ]
        if matches:
            return min(matches)[1]
        return sum((word.start_ms + word.end_ms) // 2 < self.at_ms for word in words)

    def _was_last(self, word: Word) -> bool:
        return bool(self._last) and fuzz.ratio(bare(word.text), self._last) >= ALIKE
