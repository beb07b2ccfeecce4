"""Commit policies: how many words at the head of a hypothesis are final. Pure, one object per stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rapidfuzz import fuzz

from .guards import bare
from .options import EngineOptions
from .recogniser import Word


class CommitPolicy(Protocol):
    """Decides from one hypothesis after another; the words never include what is confirmed already."""

    def confirm(self, words: Sequence[Word], audio_end_ms: int) -> int:
        """How many words are final now, by a hypothesis over audio up to `audio_end_ms`."""

    def forget(self) -> None:
        """An utterance ended: what comes next does not continue it."""


class AlignmentPolicy:
    """A word is final when it is probable and ends safely before the end of the audio, or when two passes agree."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._before: tuple[str, ...] = ()

    def confirm(self, words: Sequence[Word], audio_end_ms: int) -> int:
        """Count words up to the first that is neither safe nor agreed on."""
        options = self._options
        said = tuple(bare(word.text) for word in words)
        count = 0
        for word in words:
            distance_ms = audio_end_ms - word.end_ms
            safe = options.confidence_validation and self._is_safe(word.probability, distance_ms)
            doubtful = word.probability < options.doubt_probability
            wait_ms = options.doubt_margin_ms if doubtful else options.agree_margin_ms
            agreed = said[: count + 1] == self._before[: count + 1] and distance_ms >= wait_ms
            if not (safe or agreed or distance_ms >= options.certain_margin_ms):
                break
            count += 1
        self._before = said[count:]
        return count

    def forget(self) -> None:
        """Forget the hypothesis before."""
        self._before = ()

    def _is_safe(self, probability: float, distance_ms: int) -> bool:
        """Needs a word no second opinion? Measured: in these bounds about one in a hundred still changes."""
        options = self._options
        if probability >= options.sure_probability:
            return distance_ms >= options.sure_margin_ms
        return probability >= options.confirm_probability and distance_ms >= options.confirm_margin_ms


class LocalAgreementPolicy:
    """LocalAgreement-2 (Macháček et al. 2023): the longest common prefix of two consecutive hypotheses is final."""

    def __init__(self) -> None:
        self._before: tuple[str, ...] = ()

    def confirm(self, words: Sequence[Word], audio_end_ms: int) -> int:
        """Count the words that two passes agree on."""
        said = tuple(bare(word.text) for word in words)
        count = 0
        while count < min(len(said), len(self._before)) and said[count] == self._before[count]:
            count += 1
        self._before = said[count:]
        return count

    def forget(self) -> None:
        """Forget the hypothesis before."""
        self._before = ()


class SimilarityPolicy:
    """A word is final when it is similar enough to the word before it at its place (QRatio).

    After `fallback_threshold` + 1 rounds without a final word, the best-matching prefix is final.
    """

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._before: tuple[str, ...] = ()
        self._idle_rounds = 0

    def confirm(self, words: Sequence[Word], audio_end_ms: int) -> int:
        """Count the similar words, or fall back."""
        said = tuple(bare(word.text) for word in words)
        ratios = [fuzz.QRatio(now, then) for now, then in zip(said, self._before, strict=False)]
        count = 0
        while count < len(ratios) and ratios[count] >= self._options.qratio_threshold:
            count += 1
        if count == 0 and said and self._before:
            self._idle_rounds += 1
            if self._options.fallback and self._idle_rounds > self._options.fallback_threshold:
                count = _best_prefix(said, self._before)
        if count:
            self._idle_rounds = 0
        self._before = said[count:]
        return count

    def forget(self) -> None:
        """Forget the hypothesis before."""
        self._before = ()
        self._idle_rounds = 0


class UtterancePolicy:
    """Nothing is final before a pause or a cut: the lowest cost, the highest delay."""

    def confirm(self, words: Sequence[Word], audio_end_ms: int) -> int:
        """Never."""
        return 0

    def forget(self) -> None:
        """Nothing to forget."""


def _best_prefix(now: tuple[str, ...], then: tuple[str, ...]) -> int:
    """Length of the prefix of `now` that matches the prefix of `then` of equal length best."""
    lengths = range(1, min(len(now), len(then)) + 1)
    return max(lengths, key=lambda n: (fuzz.QRatio(" ".join(now[:n]), " ".join(then[:n])), n), default=0)


def make_policy(options: EngineOptions) -> CommitPolicy:
    """The policy that `options.policy` names."""
    if options.policy == "alignment":
        return AlignmentPolicy(options)
    if options.policy == "local_agreement":
        return LocalAgreementPolicy()
    if options.policy == "similarity":
        return SimilarityPolicy(options)
    return UtterancePolicy()
