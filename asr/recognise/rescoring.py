"""N-best rescoring: the penalty of a beam for words that its language does not have.

Whisper's small models spell phonetically what they did not understand; among the other beams there is often the word
that was spoken. The beams are rescored with word frequencies (`wordfreq`): a coarse unigram language model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import wordfreq

COMMON_ZIPF = 2.0  # one word in ten million; a word at least this common costs nothing
NATS_PER_ZIPF = 0.7  # what each power of ten below that costs
_SPELT_WITHOUT_SPACES = frozenset({"zh", "ja", "ko"})
_LISTED_AS = {"no": "nb", "tl": "fil", "hr": "sh", "bs": "sh"}  # Whisper's code: wordfreq's
_WORD = re.compile(r"[^\W\d_]+")


class Lexicon:
    """The words of a language and of a talk."""

    def __init__(self, language: str, known: Iterable[str] = ()) -> None:
        self._language = _listed(language)
        if self._language:
            _zipf("", self._language)  # loads the list: half a second, once in a process
        self._known = frozenset(word.casefold() for text in known for word in _WORD.findall(text))

    def penalty(self, text: str, *, whole: bool = True) -> float:
        """Nats to take from the text's log-probability; its last word may be cut off unless `whole`."""
        if not self._language:
            return 0.0
        words = _WORD.findall(text)
        if not whole:
            words = words[:-1]
        return NATS_PER_ZIPF * sum(
            max(0.0, COMMON_ZIPF - _zipf(word, self._language))
            for word in map(str.casefold, words)
            if word not in self._known
        )


@lru_cache(maxsize=8)
def _listed(language: str) -> str:
    """The code under which `wordfreq` lists words of a language that has spaces; "" if there is none."""
    code = _LISTED_AS.get(language, language)
    listed = code in wordfreq.available_languages("best") and code not in _SPELT_WITHOUT_SPACES
    return code if listed else ""


@lru_cache(maxsize=20_000)
def _zipf(word: str, language: str) -> float:
    """Logarithm of the word's frequency in a thousand million words; 0 if unknown."""
    return float(wordfreq.zipf_frequency(word, language))
