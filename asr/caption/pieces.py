"""Where a long sentence is stored before it ends: at a clause, at a pause, at the latest after so many words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asr.recognise.recogniser import Word
from asr.recognise.text import WITHOUT_SPACES

CLAUSE = (",", ";", ":", "–", "—", "、", "，", "；")
PAUSE_MS = 250  # between two words of one breath there is less


@dataclass(frozen=True, slots=True)
class PieceRule:
    """A piece closes from `at_clause` words on at a clause or a pause; `at_most` words or `most_ms` long at the best place in its
    second half: a clause, else the longest pause.

    `at_most` 0: sentences are stored whole.
    """

    at_clause: int = 6
    at_most: int = 14
    most_ms: int = 3500

    def count(self, words: Sequence[Word], language: str) -> int:
        """How many of these words, whose sentence has not ended, are a piece now; 0: none are.

        Never the last word, and none is cut: a comma or the rest of "pick-up" may follow, and a sentence that goes on has
        words to come.
        """
        if not self.at_most:
            return 0
        begins = [at for at, word in enumerate(words) if at and _begins(word, language)]
        for at in begins[min(self.at_clause, self.at_most) - 1 :]:
            if _is_clause(words, at) or _pause_ms(words, at) >= PAUSE_MS:
                return at
        is_long = bool(begins) and words[begins[-1] - 1].end_ms - words[0].start_ms >= self.most_ms
        if len(begins) < self.at_most and not is_long:
            return 0
        places = begins[: self.at_most]
        places = places[len(places) // 2 :]
        return max(places, key=lambda at: (_is_clause(words, at), _pause_ms(words, at), at))


WHOLE = PieceRule(at_most=0)


def _begins(word: Word, language: str) -> bool:
    """Whether a word begins here, before which text may be cut and joined again."""
    if language in WITHOUT_SPACES:
        return word.text[:1].isalnum() and not word.text[:1].isascii()
    return word.text.startswith(" ") and word.text.strip()[:1].isalnum()


def _is_clause(words: Sequence[Word], at: int) -> bool:
    return words[at - 1].text.endswith(CLAUSE)


def _pause_ms(words: Sequence[Word], at: int) -> int:
    return words[at].start_ms - words[at - 1].end_ms
