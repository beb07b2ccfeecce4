"""Beam search as CTranslate2 does it, for backends that bring a model alone: the same beams on the same weights.

Pure: the caller computes which tokens may follow each beam, and how probable they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CANDIDATES_PER_BEAM = 2  # of which half may be ends: so many beams still go on


@dataclass(frozen=True)
class Continuations:
    """For each beam its most probable next tokens, the best first, with their log-probabilities: (beams, n) each."""

    tokens: NDArray[np.int64]
    log_probabilities: NDArray[np.float32]


class NextTokens(Protocol):
    """Advances the model by a step."""

    def __call__(self, beams: Sequence[Sequence[int]], origins: Sequence[int]) -> Continuations:
        """Continuations of beams, each of which is that of the last call at `origins` with one token more."""


@dataclass(frozen=True)
class Beam:
    """Tokens, and the sum of their log-probabilities; `origin` is the beam before its last token."""

    tokens: tuple[int, ...]
    score: float
    origin: int = 0


@dataclass(frozen=True)
class Limits:
    """When a search ends: at `max_tokens`, forced ones included, or when `finished` hypotheses have ended with `end`."""

    end: int
    max_tokens: int
    finished: int


def beam_search(
    first: Continuations, next_tokens: NextTokens, forced: Sequence[int], beam_size: int, limits: Limits
) -> list[tuple[list[int], float]]:
    """Hypotheses with their mean log-probabilities, the best first; `first` continues the forced tokens."""
    beams, continuations = [Beam(tuple(forced), 0.0)], first
    done: list[Beam] = []
    while True:
        candidates = _best(beams, continuations, CANDIDATES_PER_BEAM * beam_size)
        if len(beams) == 1 and forced:  # an end that is not the most probable one would be too cheap here
            candidates = [candidates[0], *(c for c in candidates[1:] if c.tokens[-1] != limits.end)]
        last = len(candidates[0].tokens) >= limits.max_tokens
        for candidate in candidates[:beam_size]:
            if candidate.tokens[-1] == limits.end:
                done.append(Beam(candidate.tokens[:-1], candidate.score))
            elif last:
                done.append(candidate)
        if last or len(done) >= limits.finished:
            break
        beams = [candidate for candidate in candidates if candidate.tokens[-1] != limits.end][:beam_size]
        continuations = next_tokens([beam.tokens for beam in beams], [beam.origin for beam in beams])
    scored = [(list(beam.tokens), beam.score / max(1, len(beam.tokens))) for beam in done]
    return sorted(scored, key=lambda each: each[1], reverse=True)


def _best(beams: Sequence[Beam], continuations: Continuations, count: int) -> list[Beam]:
    """The `count` best of all beams with one token more."""
    sums = np.array([[beam.score] for beam in beams]) + continuations.log_probabilities
    width = sums.shape[1]
    order = np.argsort(-sums, axis=None, kind="stable")[:count]
    return [
        Beam(
            (*beams[at // width].tokens, int(continuations.tokens.flat[at])),
            float(sums.flat[at]),
            at // width,
        )
        for at in map(int, order)
    ]
