"""Whisper on a CPU by ONNX Runtime: the weights, tokens and times of CTranslate2.

CTranslate2's search takes a step for each forced token, and its encoder computes silence like sound. Here what is forced is computed at
once, what the encoder gives is made into keys and values once a window, and a few steps stand for the silence behind the audio
(docs/performance.md).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray

from . import Alignment, BackendError, Found, Search, decoder_graph, encoder_graph, first_of_each
from .attention import smoothed, warp
from .beam_search import CANDIDATES_PER_BEAM, Continuations, Limits, beam_search
from .graph import How
from .silence import ChooseSteps, few_of_silence
from .special_tokens import MULTILINGUAL_VOCABULARY, SpecialTokens
from .variables import Array, read_variables

DEFAULT_LAYER_WEIGHTS = (
    40_000_000  # up to so large a decoder it is the default: base's has 25 million numbers
)
Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Encoded:
    """Each decoder layer's keys and values of the encoder's output, and for how many steps each of its steps stands."""

    cross: Arrays


@dataclass(frozen=True)
class _Files:
    """What a model's folder holds."""

    variables: dict[str, Array]
    shape: decoder_graph.Shape
    alignment_heads: list[tuple[int, int]]

    @classmethod
    def read(cls, path: Path) -> _Files:
        """Raises ValueError for what this backend does not run."""
        try:
            variables = read_variables(path / "model.bin")
            heads = json.loads((path / "config.json").read_text()).get("alignment_heads")
        except OSError as error:
            raise ValueError(f"it lacks {Path(error.filename).name}") from error
        shape = decoder_graph.Shape.of(variables)
        if not heads:
            raise ValueError("its config.json names no alignment_heads")
        return cls(variables, shape, sorted((layer, head) for layer, head in heads))


def is_default_for(path: Path) -> bool:
    """Was this backend found the faster one for models of the size of that in folder `path`, and can it run it?"""
    try:
        return _Files.read(path).shape.layer_weights <= DEFAULT_LAYER_WEIGHTS
    except ValueError:
        return False


class OnnxRuntimeBackend:
    """A model converted for CTranslate2, in floating point in its file, on a CPU."""

    def __init__(
        self,
        path: Path,
        tokenizer: tokenizers.Tokenizer,
        *,
        device: str,
        compute_type: str,
        threads: int,
        choose_steps: ChooseSteps = few_of_silence,
    ) -> None:
        if device != "cpu":
            raise BackendError("ASR_BACKEND=onnxruntime decodes on a CPU: ASR_DEVICE=cpu")
        try:
            files = _Files.read(path)
        except ValueError as error:
            raise BackendError(f"{path}: ASR_BACKEND=onnxruntime cannot run it: {error}") from error
        variables, shape, heads = files.variables, files.shape, files.alignment_heads
        self._shape = shape
        self._choose_steps = choose_steps
        self.special = SpecialTokens(tokenizer, shape.vocabulary)
        self._looks = [f"looks_{layer}" for layer in sorted({layer for layer, _ in heads})]
        self._embeddings = variables["decoder/embeddings/weight"].copy()
        self._positions = variables["decoder/position_encodings/encodings"].astype(np.float32)
        how = How(quantised=compute_type.startswith("int8"), threads=threads)
        self._encoder = encoder_graph.encoder(variables, how)
        self._cross = decoder_graph.cross(variables, shape, how)
        self._layers = decoder_graph.layers(variables, shape, heads, how)
        self._head = decoder_graph.head(variables, shape, how)
        self._outputs = [output.name for output in self._layers.get_outputs()]
        del files, variables
        _give_back_memory()
        self.mask, self.mask_first = (np.zeros(shape.vocabulary, np.float32) for _ in range(2))
        self.mask[self.special.suppressed] = -np.inf
        self.mask_first[[*self.special.suppressed, *self.special.suppressed_first]] = -np.inf

    @property
    def n_mels(self) -> int:
        """Bands of the features."""
        return int(self._encoder.get_inputs()[0].shape[1])

    @property
    def is_multilingual(self) -> bool:
        """May the language be chosen?"""
        return self._shape.vocabulary >= MULTILINGUAL_VOCABULARY

    def encode(self, features: NDArray[np.float32], heard: int) -> Encoded:
        """What the decoder's layers make of the encoder's output."""
        steps = self._choose_steps(heard, features.shape[1])
        weights = {"weights": steps.weights}
        fed = {
            "features": features[np.newaxis, :, : steps.frames],
            "rows": steps.rows,
            "places": steps.places,
        }
        (encoded,) = self._encoder.run(None, fed | weights)
        names = [each.name for each in self._cross.get_outputs()]
        return Encoded(dict(zip(names, self._cross.run(None, {"encoded": encoded}), strict=True)) | weights)

    def language_probabilities(self, encoded: Encoded) -> dict[str, float]:
        """How probable each language is."""
        special = self.special
        hidden = self.first_pass([special.start], encoded)["hidden"]
        logits = self.next_tokens(hidden, self.mask, 1).logits[0, special.languages]
        likelihoods = np.exp(logits - logits.max())
        return dict(zip(special.codes, (likelihoods / likelihoods.sum()).tolist(), strict=True))

    def generate(self, encoded: Encoded, search: Search) -> Found:
        """Beam search; what is forced is computed at once."""
        prompt = [*search.before, *search.start, *search.forced]
        computed = self.first_pass(prompt, encoded)
        step = _Step(self, encoded, search, computed, len(prompt))
        at_start = self.next_tokens(computed["hidden"][[len(search.before)]], self.mask, 1).logits[0]
        likelihoods = np.exp(at_start - at_start.max())
        no_speech = float(likelihoods[self.special.no_speech] / likelihoods.sum())
        limits = Limits(
            end=self.special.end,
            max_tokens=min(
                search.max_length // 2, search.max_length - len(search.before) - len(search.start) + 1
            ),
            finished=search.beam_size,
        )
        mask = self.mask_first if search.suppress_blank else self.mask
        first = step.continuations(computed["hidden"][-1:], [search.forced], mask)
        found = beam_search(first, step, search.forced, search.beam_size, limits)[: search.hypotheses]
        return Found([tokens for tokens, _ in found], [score for _, score in found], no_speech)

    def align(
        self, encoded: Encoded, start: Sequence[int], text: Sequence[int], frames: int, known: int = 0
    ) -> Alignment | None:
        """By the cross-attention of the model's alignment heads, over the text as it is."""
        tokens = [*start, self.special.no_timestamps, *text, self.special.end]
        computed = self.first_pass(tokens, encoded)
        own = slice(len(start), -1)  # each token's position is that which predicts it
        probabilities = self._probabilities(computed["hidden"][own][known:-1], text[known:])
        looks = np.concatenate([computed[name][..., : frames // 2] for name in self._looks])
        weights = smoothed(looks)[own]
        tokens_at, steps_at = warp(weights)
        return Alignment(first_of_each(tokens_at, steps_at), probabilities, weights[:-1].argmax(axis=1))

    def _probabilities(self, hidden: NDArray[np.float32], tokens: Sequence[int]) -> NDArray[np.float32]:
        """How probable each of these is behind its hidden state, among all tokens of text."""
        logits = self.next_tokens(hidden, self.mask, 1).logits[:, : self.special.end]
        logits -= logits.max(axis=1, keepdims=True)
        probabilities: NDArray[np.float32] = np.exp(logits[np.arange(len(tokens)), np.asarray(tokens)])
        probabilities /= np.exp(logits).sum(axis=1)
        return probabilities

    # -- The graphs -------------------------------------------------------------------------------------------

    def first_pass(self, tokens: Sequence[int], encoded: Encoded) -> Arrays:
        """The layers' outputs for tokens that nothing stands before."""
        shape, count = self._shape, len(tokens)
        nothing: Arrays = {}
        for layer in range(shape.layers):
            nothing[f"shared_keys_{layer}"] = np.zeros((shape.heads, shape.head_width, 0), np.float32)
            nothing[f"shared_values_{layer}"] = np.zeros((shape.heads, 0, shape.head_width), np.float32)
        mask = np.triu(np.full((count, count), -np.inf, np.float32), 1)
        return self.run([tokens], 0, encoded, nothing | self.no_own(), [0], mask)

    def no_own(self) -> Arrays:
        """One beam that has no tokens of its own."""
        shape = self._shape
        none = np.zeros((1, shape.heads, 0, shape.head_width), np.float32)
        return {f"own_{kind}_{layer}": none for kind in ("keys", "values") for layer in range(shape.layers)}

    def run(
        self,
        tokens: Sequence[Sequence[int]],
        position: int,
        encoded: Encoded,
        before: Arrays,
        origins: Sequence[int],
        mask: NDArray[np.float32],
    ) -> Arrays:
        """The layers over tokens (beams, n) from a position on; `before`: what stands before them, as `layers` takes it."""
        ids = np.asarray(tokens)
        states = self._embeddings[ids] + self._positions[position : position + ids.shape[1]]
        fed = {"states": states, "origins": np.asarray(origins, np.int64), "mask": mask}
        return dict(zip(self._outputs, self._layers.run(None, fed | before | encoded.cross), strict=True))

    def next_tokens(self, hidden: NDArray[np.float32], mask: NDArray[np.float32], count: int) -> _Following:
        """What may follow each row of hidden states."""
        fed = {"hidden": hidden, "mask": mask, "count": np.array([count])}
        return _Following(*self._head.run(("log_probabilities", "tokens", "logits"), fed))

    def shared(self, computed: Arrays) -> Arrays:
        """What a first pass gave, as what all beams begin with."""
        shared: Arrays = {}
        for layer in range(self._shape.layers):
            keys = computed[f"keys_{layer}"][0]
            shared[f"shared_keys_{layer}"] = np.ascontiguousarray(keys.transpose(0, 2, 1))
            shared[f"shared_values_{layer}"] = computed[f"values_{layer}"][0]
        return shared


def _give_back_memory() -> None:
    """Half of what was needed to make the graphs would stay with this process: glibc keeps it for later."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


@dataclass(frozen=True)
class _Following:
    """The outputs of `decoder_graph.head`."""

    log_probabilities: NDArray[np.float32]
    tokens: NDArray[np.int64]
    logits: NDArray[np.float32]


class _Step:
    """Advances the beams of one search: a `NextTokens`."""

    def __init__(
        self, backend: OnnxRuntimeBackend, encoded: Encoded, search: Search, computed: Arrays, position: int
    ) -> None:
        self._backend = backend
        self._encoded = encoded
        self._search = search
        self._shared = backend.shared(computed)
        self._own = backend.no_own()
        self._begin = self._position = position

    def __call__(self, beams: Sequence[Sequence[int]], origins: Sequence[int]) -> Continuations:
        """The next tokens behind beams, whose caches are in the order of the last call."""
        backend, position = self._backend, self._position
        mask = np.zeros((1, position - self._begin + 1), np.float32)
        computed = backend.run(
            [[tokens[-1]] for tokens in beams],
            position,
            self._encoded,
            self._shared | self._own,
            origins,
            mask,
        )
        self._position += 1
        self._own = {name: computed[name.removeprefix("own_")] for name in self._own}
        return self.continuations(computed["hidden"], beams, backend.mask)

    def continuations(
        self, hidden: NDArray[np.float32], beams: Sequence[Sequence[int]], mask: NDArray[np.float32]
    ) -> Continuations:
        """The most probable tokens that the mask lets through."""
        count, penalty = CANDIDATES_PER_BEAM * self._search.beam_size, self._search.repetition_penalty
        following = self._backend.next_tokens(hidden, mask, count)
        if penalty == 1.0:
            return Continuations(following.tokens, following.log_probabilities)
        logits = following.logits + mask
        for row, tokens in zip(logits, beams, strict=True):
            said = sorted(set(tokens))
            row[said] = np.where(row[said] < 0, row[said] * penalty, row[said] / penalty)
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        best = np.argpartition(logits, -count, axis=1)[:, -count:]
        values = np.take_along_axis(logits, best, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        return Continuations(
            np.take_along_axis(best, order, axis=1), np.take_along_axis(values, order, axis=1)
        )
