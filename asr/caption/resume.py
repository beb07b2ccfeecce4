"""Where the next generation resumes: it decodes an overlap, whose words are left out of its text. Pure.

A model that begins in the middle of speech leaves out the first words, or whole stretches; with an overlap it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from rapidfuzz import fuzz

from asr.recognise.recogniser import Word
from asr.recognise.text import PUNCTUATION, normalised

OVERLAP_MS = 2000  # audio before the resume point that is decoded again (docs/performance.md)
TIME_TOLERANCE_MS = 600  # the times of one word in two runs differ by no more than this
MIN_SIMILARITY = 80.0  # of 100: one word, written by two runs


class ResumePoint:
    """Separates words before `at_ms` from those behind it; `committed_text` ends there, as far as it is known."""

    def __init__(self, at_ms: int, committed_text: str = "") -> None:
        self.at_ms = at_ms
        words = normalised(committed_text).split()
        self._last = words[-1] if words else ""

    @property
    def overlap_start_ms(self) -> int:
        """Where the overlap begins."""
        return max(0, self.at_ms - OVERLAP_MS)

    def count_before(self, words: Sequence[Word]) -> int:
        """How many of these words lie before the resume point: up to the last committed word, else by their times.

        Punctuation that stands alone behind them is of them, too: the text that is known has its own.
        """
        count = self._count_spoken_before(words)
        return count + sum(1 for _ in takewhile(_is_punctuation, words[count:]))

    def _count_spoken_before(self, words: Sequence[Word]) -> int:
        matches = [
            (abs(word.end_ms - self.at_ms), count)
            for count, word in enumerate(words, 1)
            if abs(word.end_ms - self.at_ms) <= TIME_TOLERANCE_MS and self._is_last(word)
        ]
        if matches:
            return min(matches)[1]
        return sum((word.start_ms + word.end_ms) // 2 < self.at_ms for word in words)

    def _is_last(self, word: Word) -> bool:
        return bool(self._last) and fuzz.ratio(normalised(word.text), self._last) >= MIN_SIMILARITY


def _is_punctuation(word: Word) -> bool:
    return not word.text.strip().strip("".join(PUNCTUATION))
