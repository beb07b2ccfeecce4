"""What runs a Whisper model: CTranslate2, on a CPU ONNX Runtime, or torch. All take and give the same values.

`encode` makes of features what the others look at; it stays on the backend's device, and only the backend looks inside.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
import tokenizers
from numpy.typing import NDArray

Name = Literal["auto", "ctranslate2", "onnxruntime", "torch"]
NAMES: tuple[str, ...] = get_args(Name)
STEP_MS = 20  # of the encoder's output
NEEDS = "ASR_BACKEND=torch needs what requirements-torch.txt pins: docs/deployment.md, Torch"


class BackendError(Exception):
    """The backend is not installed, or cannot do what was asked of it."""


@dataclass(frozen=True)
class Search:
    """One beam search. `start` is what stands before the text, `forced` what the text must start with.

    `max_length` bounds prompt and text together; the text gets half of it at most, `forced` included. With `suppress_blank`
    the first free token is no end and no blank.
    """

    before: tuple[int, ...]
    start: tuple[int, ...]
    forced: tuple[int, ...]
    beam_size: int
    hypotheses: int
    repetition_penalty: float
    max_length: int
    suppress_blank: bool = True


@dataclass(frozen=True)
class Found:
    """Hypotheses, the best first: their tokens with `forced`, their mean log-probability; and that of no speech at all."""

    tokens: list[list[int]]
    scores: list[float]
    no_speech: float


@dataclass(frozen=True)
class Alignment:
    """Where in the audio each token begins, in steps, and behind them where the last one ends; how probable each is that
    was not known.

    `attended`: the step that each token looks at most, where the backend tells.
    """

    starts: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    attended: NDArray[np.int64] | None = None


class Backend(Protocol):
    """A loaded model; called from one thread at a time."""

    @property
    def n_mels(self) -> int:
        """Bands of the features."""

    @property
    def is_multilingual(self) -> bool:
        """May the language be chosen, or is it English?"""

    def encode(self, features: NDArray[np.float32], heard: int) -> Any:
        """The encoder's output for features (n_mels, frames); frames are even, at most 3000. Behind the first `heard` is silence."""

    def language_probabilities(self, encoded: Any) -> dict[str, float]:
        """How probable each language is, by its code."""

    def generate(self, encoded: Any, search: Search) -> Found:
        """Search for the text."""

    def align(
        self, encoded: Any, start: Sequence[int], text: Sequence[int], frames: int, known: int = 0
    ) -> Alignment | None:
        """Align a text with the first `frames` of the features; `start` as in `Search`, without its last token.

        Nobody asks how probable its first `known` tokens are.
        """


def first_of_each(tokens: NDArray[np.int64], steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the path of a dynamic time warping: the step at which each token begins."""
    return steps[np.flatnonzero(np.diff(tokens, prepend=-1))]


def load_backend(
    name: Name, path: Path, tokenizer: tokenizers.Tokenizer, *, device: str, compute_type: str, threads: int
) -> Backend:
    """Load the model in folder `path`; raises BackendError."""
    if name == "auto":
        name = "ctranslate2" if (device, compute_type) != ("cpu", "int8") else _default_on_a_cpu(path)
    if name == "ctranslate2":
        from .on_ctranslate2 import CTranslate2Backend

        return CTranslate2Backend(path, device=device, compute_type=compute_type, threads=threads)
    if name == "onnxruntime":
        from .on_onnxruntime import OnnxRuntimeBackend

        return OnnxRuntimeBackend(path, tokenizer, device=device, compute_type=compute_type, threads=threads)
    check_installed(name)
    from .on_torch import TorchBackend

    return TorchBackend(path, tokenizer, device=device, compute_type=compute_type, threads=threads)


def _default_on_a_cpu(path: Path) -> Name:
    from .on_onnxruntime import is_default_for

    return "onnxruntime" if is_default_for(path) else "ctranslate2"


def load_tokenizer(name: Name, path: Path) -> tokenizers.Tokenizer:
    """The tokenizer beside a model; raises BackendError."""
    if name != "torch":
        return tokenizers.Tokenizer.from_file(str(path / "tokenizer.json"))
    check_installed(name)
    from . import on_torch

    return on_torch.load_tokenizer(path)


def check_installed(name: Name) -> None:
    """Raises BackendError with what to install; imports nothing of it."""
    if name == "torch" and not all(map(importlib.util.find_spec, ("torch", "transformers"))):
        raise BackendError(NEEDS)
