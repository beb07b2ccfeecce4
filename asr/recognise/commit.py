"""Commit policies: how many words at the head of a hypothesis are final. Pure; one object per stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rapidfuzz import fuzz, utils

from .options import EngineOptions
from .recogniser import Word
from .text import normalised

LONGEST_REPEATED_WORDS = 10
REPEATED_SIMILARITY = 98.0
NEAR_MS = 1000


class CommitPolicy(Protocol):
    """Decides from successive hypotheses; their words never include what is committed already."""

    def count_final(self, words: Sequence[Word], audio_end_ms: int) -> int:
        """How many words are final now, judged by a hypothesis over audio up to `audio_end_ms`."""

    def reset(self) -> None:
        """An utterance ended: the next hypothesis does not continue this one."""


class AlignmentPolicy:
    """A word is final when it is probable and ends safely before the end of the audio, or when two passes agree."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._previous: tuple[str, ...] = ()

    def count_final(self, words: Sequence[Word], audio_end_ms: int) -> int:
        """Count words up to the first that is neither safe nor agreed on."""
        options = self._options
        texts = tuple(normalised(word.text) for word in words)
        count = 0
        for word in words:
            distance_ms = audio_end_ms - word.end_ms
            safe = options.confidence_validation and self._is_safe(word.probability, distance_ms)
            doubtful = word.probability < options.doubt_probability
            wait_ms = options.doubt_margin_ms if doubtful else options.agree_margin_ms
            agreed = texts[: count + 1] == self._previous[: count + 1] and distance_ms >= wait_ms
            if not (safe or agreed or distance_ms >= options.certain_margin_ms):
                break
            count += 1
        self._previous = texts[count:]
        return count

    def reset(self) -> None:
        """Discard the previous hypothesis."""
        self._previous = ()

    def _is_safe(self, probability: float, distance_ms: int) -> bool:
        """May it be committed after one pass? Measured: within these bounds one word in a hundred still changes."""
        options = self._options
        if probability >= options.sure_probability:
            return distance_ms >= options.sure_margin_ms
        return probability >= options.commit_probability and distance_ms >= options.commit_margin_ms


class LocalAgreementPolicy:
    """LocalAgreement-2 (Macháček et al. 2023): the longest common prefix of two consecutive hypotheses is final."""

    def __init__(self) -> None:
        self._previous: tuple[str, ...] = ()

    def count_final(self, words: Sequence[Word], audio_end_ms: int) -> int:
        """Count the words that two passes agree on."""
        texts = tuple(normalised(word.text) for word in words)
        count = 0
        while count < min(len(texts), len(self._previous)) and texts[count] == self._previous[count]:
            count += 1
        self._previous = texts[count:]
        return count

    def reset(self) -> None:
        """Discard the previous hypothesis."""
        self._previous = ()


class SimilarityPolicy:
    """A word is final when it is similar enough (QRatio) to the word at its position in the previous hypothesis.

    After `fallback_threshold` + 1 rounds without a final word, the best-matching prefix is final. Case and punctuation
    do not count. The rules are those of the older speech server (docs/wires/speech.md).
    """

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._previous: tuple[Word, ...] = ()
        self._idle_rounds = 0

    def count_final(self, words: Sequence[Word], audio_end_ms: int) -> int:
        """Count the similar words, or fall back."""
        count = 0
        for new, old in zip(words, self._previous, strict=False):
            if _similarity(new.text, old.text) < self._options.qratio_threshold:
                break
            count += 1
        if count:
            self._idle_rounds = 0
        elif self._previous and self._options.fallback:
            self._idle_rounds += 1
            if self._idle_rounds > self._options.fallback_threshold:
                self._idle_rounds = 0
                count = _best_prefix(words, self._previous)
        self._previous = tuple(words[count:])
        return count

    def reset(self) -> None:
        """Discard the previous hypothesis."""
        self._previous = ()
        self._idle_rounds = 0


class AlignAttPolicy:
    """AlignAtt (Papi et al. 2023): a word is final when none of its tokens looks most at the end of the audio.

    Needs a backend that tells where tokens look; without, nothing is final before a pause.
    """

    def __init__(self, margin_ms: int) -> None:
        self._margin_ms = margin_ms

    def count_final(self, words: Sequence[Word], audio_end_ms: int) -> int:
        """Count words up to the first that looks at the last `margin_ms`."""
        count = 0
        for word in words:
            if word.attended_ms is None or word.attended_ms > audio_end_ms - self._margin_ms:
                break
            count += 1
        return count

    def reset(self) -> None:
        """Keeps no state."""


class UtterancePolicy:
    """Nothing is final before a pause or a forced cut: lowest cost, highest delay."""

    def count_final(self, words: Sequence[Word], audio_end_ms: int) -> int:
        """Never."""
        return 0

    def reset(self) -> None:
        """Keeps no state."""


def count_repeated(words: Sequence[Word], tail: Sequence[Word]) -> int:
    """How many of the first words only repeat the end of the final ones: the longest n-gram that does.

    Of words that begin near the end of `tail` alone; elsewhere it is said again.
    """
    if not words or not tail or abs(words[0].start_ms - tail[-1].end_ms) >= NEAR_MS:
        return 0
    for size in range(min(LONGEST_REPEATED_WORDS, len(words), len(tail)), 0, -1):
        if _similarity(_joined(words[:size]), _joined(tail[-size:])) >= REPEATED_SIMILARITY:
            return size
    return 0


def _best_prefix(new: Sequence[Word], old: Sequence[Word]) -> int:
    """Length of the prefix of `new` that best matches any prefix of the first half of `old`; the shortest of equals."""
    half = len(old) // 2
    until_ms = old[half].end_ms + NEAR_MS
    best, best_score = 0, 0.0
    for length in range(1, sum(word.end_ms <= until_ms for word in new) + 1):
        for old_length in range(1, half + 2):
            score = _similarity(_joined(new[:length]), _joined(old[:old_length]))
            if score > best_score:
                best, best_score = length, score
    return best


def _joined(words: Sequence[Word]) -> str:
    return " ".join(normalised(word.text) for word in words)


def _similarity(new: str, old: str) -> float:
    """Of 100; case and punctuation are ignored."""
    return float(fuzz.QRatio(new, old, processor=utils.default_process))


def make_commit_policy(options: EngineOptions) -> CommitPolicy:
    """The policy that `options.policy` names."""
    if options.policy == "alignment":
        return AlignmentPolicy(options)
    if options.policy == "local_agreement":
        return LocalAgreementPolicy()
    if options.policy == "similarity":
        return SimilarityPolicy(options)
    if options.policy == "alignatt":
        return AlignAttPolicy(options.attention_margin_ms)
    return UtterancePolicy()
