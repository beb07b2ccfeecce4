"""Deletions: speech for which a decode has no words. Pure.

The model's times do not always show a deletion as a gap: the next word may be stretched over it and seem to last too
long. So both count together: speech before a word, and speech under it beyond what such a word takes to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asr.audio.vad import SpeechGate

from .whisper import DecodedWord

# Measured on 2952 decoded words of both talks, and of the English one with pauses: correct words reach 480, a skipped
# sentence of four words behind a lost connection left 920 (docs/performance.md).
DELETION_MS = 700
TRAILING_DELETION_MS = 1300  # behind the last word, where breath and an echo count as speech too
WORD_MS, CHARACTER_MS, DIGIT_MS = 250, 80, 320  # the longest that correct words take to say


@dataclass(frozen=True)
class Deletion:
    """Speech without words, behind the first `count` words; times of the part."""

    count: int
    start_ms: int
    end_ms: int
    speech_ms: int


def first_deletion(
    words: Sequence[DecodedWord], gate: SpeechGate, *, window_ms: int, from_ms: int
) -> Deletion | None:
    """The first deletion before a word's end. `window_ms`: origin of the words' times; `from_ms`: where to begin."""
    last_ms = from_ms
    for count, word in enumerate(words):
        start_ms, end_ms = max(last_ms, window_ms + word.start_ms), window_ms + word.end_ms
        before_ms = gate.speech_between_ms(last_ms, start_ms)
        too_long_ms = max(0, gate.speech_between_ms(start_ms, end_ms) - longest_ms(word.text))
        if before_ms + too_long_ms >= DELETION_MS:  # the word itself is at the end
            word_ms = max(start_ms, end_ms - longest_ms(word.text))
            return Deletion(count, last_ms, word_ms, before_ms + too_long_ms)
        last_ms = max(last_ms, end_ms)
    return None


def longest_ms(text: str) -> int:
    """How long a word may take to say; digits stand for words."""
    digits, letters = sum(map(str.isdigit, text)), sum(map(str.isalpha, text))
    return WORD_MS + CHARACTER_MS * letters + DIGIT_MS * digits
