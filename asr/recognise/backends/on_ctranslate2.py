"""Whisper on CTranslate2: `ctranslate2.models.Whisper` behind the protocol of backends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from . import Alignment, Found, Search, first_of_each

MEDIAN_FILTER_WIDTH = 7


class CTranslate2Backend:
    """A model converted for CTranslate2."""

    def __init__(self, path: Path, *, device: str, compute_type: str, threads: int) -> None:
        self._model = ctranslate2.models.Whisper(
            str(path), device=device, compute_type=compute_type, intra_threads=threads, inter_threads=1
        )

    @property
    def n_mels(self) -> int:
        """Bands of the features."""
        return int(self._model.n_mels)

    @property
    def is_multilingual(self) -> bool:
        """May the language be chosen?"""
        return bool(self._model.is_multilingual)

    def encode(self, features: NDArray[np.float32], heard: int) -> ctranslate2.StorageView:
        """The encoder's output."""
        return self._model.encode(ctranslate2.StorageView.from_array(features[np.newaxis]))

    def language_probabilities(self, encoded: Any) -> dict[str, float]:
        """How probable each language is; tokens are "<|en|>"."""
        found = self._model.detect_language(encoded)[0]
        return {token[2:-2]: float(probability) for token, probability in found}

    def generate(self, encoded: Any, search: Search) -> Found:
        """Beam search; a forced token is a step of its own."""
        result = self._model.generate(
            encoded,
            [[*search.before, *search.start, *search.forced]],
            beam_size=search.beam_size,
            num_hypotheses=search.hypotheses,
            repetition_penalty=search.repetition_penalty,
            suppress_blank=search.suppress_blank,
            max_length=search.max_length,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        return Found(result.sequences_ids, result.scores, float(result.no_speech_prob))

    def align(
        self, encoded: Any, start: Sequence[int], text: Sequence[int], frames: int, known: int = 0
    ) -> Alignment | None:
        """By the cross-attention of the model's alignment heads."""
        found = self._model.align(
            encoded, list(start), [list(text)], frames, median_filter_width=MEDIAN_FILTER_WIDTH
        )[0]
        pairs = np.array(found.alignments)
        if not len(pairs):
            return None
        return Alignment(first_of_each(pairs[:, 0], pairs[:, 1]), np.array(found.text_token_probs[known:]))
