"""One Whisper model in memory: windows of any length in, words with times and probabilities out.

Calls the model directly (`backends`), because everything built on faster-whisper pads a window to 30 s, and the encoder
is most of the cost on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tokenizers
from faster_whisper.tokenizer import Tokenizer
from threadpoolctl import threadpool_limits

from asr.audio.samples import SAMPLE_RATE_HZ, Samples

from .backends import STEP_MS, Alignment, Backend, Name, Search, load_backend, load_tokenizer
from .mel import FRAMES_PER_S, HOP_SAMPLES, LogMel

MAX_WINDOW_S = 30.0
LANGUAGE_WINDOW_S = 12.0  # tells languages apart as 30 s do, at a fifth of the cost (docs/performance.md)
MAX_TOKENS = 448
SURE_JOINT = 0.6  # a first word behind the prefix at least this probable needs no punctuation before it


@dataclass(frozen=True)
class DecodeRequest:
    """How one window is decoded. Tokens are the model's; `prefix` is what the text must start with."""

    language: str
    prompt: tuple[int, ...] = ()
    prefix: tuple[int, ...] = ()
    beam_size: int = 1
    max_new_tokens: int = 64
    repetition_penalty: float = 1.1
    pad_s: float = 1.0
    window_s: float = 0.0  # at least this long; 0: the audio and its pad
    penalty: Callable[[str], float] | None = None  # nats taken from the log-probability of a beam's text
    joint: tuple[
        int, ...
    ] = ()  # forced behind the prefix if the text would go on doubtfully and unpunctuated
    may_end: bool = False  # the text may end behind the prefix: there may be nothing new


@dataclass(frozen=True)
class DecodedWord:
    """A word inside a window: ms from the window's start, mean and lowest token probability, its tokens.

    `text` and `tokens` include punctuation behind the word; the first `word_tokens` tokens, that is the first
    `word_chars` characters, are the word without it. `attended_ms`: the latest place that one of its tokens looks at most,
    where the backend tells.
    """

    start_ms: int
    end_ms: int
    text: str
    probability: float
    lowest: float
    tokens: tuple[int, ...]
    word_chars: int
    word_tokens: int
    attended_ms: int | None = None

    def moved(self, by_ms: int) -> DecodedWord:
        """The same word in a window that starts elsewhere."""
        attended_ms = None if self.attended_ms is None else self.attended_ms + by_ms
        return replace(
            self, start_ms=self.start_ms + by_ms, end_ms=self.end_ms + by_ms, attended_ms=attended_ms
        )

    def without_punctuation(self) -> DecodedWord:
        """The word without the punctuation behind it."""
        return replace(self, text=self.text[: self.word_chars], tokens=self.tokens[: self.word_tokens])

    def punctuation(self) -> tuple[DecodedWord, ...]:
        """What `without_punctuation` leaves out, as a piece of its own that starts where the word ends."""
        text, tokens = self.text[self.word_chars :], self.tokens[self.word_tokens :]
        if not tokens:
            return ()
        return (replace(self, start_ms=self.end_ms, text=text, tokens=tokens, word_chars=0, word_tokens=0),)


@dataclass(frozen=True)
class Decoded:
    """The words behind the prefix and how sure the model was."""

    words: tuple[DecodedWord, ...]
    new_tokens: int
    ended: bool  # by the model's end token, else by the token budget
    no_speech: float
    average_log_probability: float


class Model(Protocol):
    """What the streaming recogniser needs of a model."""

    def decode(self, samples: Samples, request: DecodeRequest) -> Decoded:
        """Decode one window of at most 30 s."""

    def encode_text(self, text: str, language: str) -> list[int]:
        """A text's tokens."""


class Whisper:
    """A loaded model; `decode` may be called from one thread at a time."""

    def __init__(self, model: Backend, tokenizer: tokenizers.Tokenizer) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._by_language: dict[str, Tokenizer] = {}
        self._mel = LogMel(model.n_mels)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        backend: Name = "auto",
        device: str = "cpu",
        compute_type: str = "int8",
        threads: int = 2,
    ) -> Whisper:
        """Load the weights in folder `path` and decode a second of silence, so that the first words are not late.

        From then on numpy has one thread in this process: its other ones would spin beside every decode.
        Raises BackendError.
        """
        threadpool_limits(1, user_api="blas")
        tokenizer = load_tokenizer(backend, path)
        model = load_backend(
            backend, path, tokenizer, device=device, compute_type=compute_type, threads=threads
        )
        whisper = cls(model, tokenizer)
        silence = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)
        whisper.decode(silence, DecodeRequest(language="en", max_new_tokens=4))
        return whisper

    def tokenizer(self, language: str) -> Tokenizer:
        """The tokenizer for a language; unknown languages raise ValueError."""
        if language not in self._by_language:
            self._by_language[language] = Tokenizer(
                self._tokenizer, self._model.is_multilingual, task="transcribe", language=language
            )
        return self._by_language[language]

    def encode_text(self, text: str, language: str) -> list[int]:
        """A text's tokens."""
        return list(self.tokenizer(language).encode(text))

    def language_probabilities(self, samples: Samples, languages: Sequence[str]) -> dict[str, float]:
        """How probable each of these is, as if it were one of them; the first, where the model cannot tell."""
        if not self._model.is_multilingual:
            return {languages[0]: 1.0}
        samples = samples[: int(MAX_WINDOW_S * SAMPLE_RATE_HZ)]
        encoded = self._encoded(samples, max(LANGUAGE_WINDOW_S, len(samples) / SAMPLE_RATE_HZ))
        found = self._model.language_probabilities(encoded)
        known = {language: found[language] for language in languages if language in found}
        total = sum(known.values())
        return {each: value / total for each, value in known.items()} if total else {languages[0]: 1.0}

    def _encoded(self, samples: Samples, window_s: float) -> Any:
        """What the encoder makes of a window; what the audio leaves of it is silence."""
        frames = int(np.ceil(window_s * FRAMES_PER_S / 2)) * 2
        return self._model.encode(self._mel(samples, frames), min(frames, len(samples) // HOP_SAMPLES + 2))

    def decode(self, samples: Samples, request: DecodeRequest) -> Decoded:
        """Decode one window of at most 30 s."""
        samples = samples[: int(MAX_WINDOW_S * SAMPLE_RATE_HZ)]
        seconds = min(MAX_WINDOW_S, max(len(samples) / SAMPLE_RATE_HZ + request.pad_s, request.window_s))
        encoded = self._encoded(samples, seconds)
        frames = len(samples) // HOP_SAMPLES
        decoded = self._generate(encoded, request, frames)
        first = decoded.words[0] if decoded.words else None
        if request.joint and first and first.text.startswith(" ") and first.probability < SURE_JOINT:
            decoded = self._generate(encoded, request, frames, request.joint)
        return decoded

    def _generate(
        self,
        encoded: Any,
        request: DecodeRequest,
        frames: int,
        joint: tuple[int, ...] = (),
    ) -> Decoded:
        """Text behind prefix and joint; the joint is the first of the new words."""
        tokenizer = self.tokenizer(request.language)
        start = (*tokenizer.sot_sequence, tokenizer.no_timestamps)
        before = (tokenizer.sot_prev, *request.prompt) if request.prompt else ()
        forced = (*request.prefix, *joint)
        budget = min(request.max_new_tokens + len(forced), MAX_TOKENS // 2)
        found = self._model.generate(
            encoded,
            Search(
                before,
                start,
                forced,
                beam_size=request.beam_size,
                hypotheses=request.beam_size if request.penalty else 1,
                repetition_penalty=request.repetition_penalty,
                max_length=max(2 * budget, len(before) + len(start) + len(forced) + budget),
                suppress_blank=not (request.may_end and forced),
            ),
        )
        beams = [[token for token in ids if token < tokenizer.eot] for ids in found.tokens]
        best = 0
        if request.penalty is not None:
            best = rescore(beams, found.scores, request.penalty, tokenizer.decode, len(forced))
        text = beams[best]
        new = text[len(request.prefix) :]  # the model repeats the prefix
        words = self._align(encoded, tokenizer, request.prefix, new, frames)
        return Decoded(words, len(new), len(text) < budget, found.no_speech, found.scores[best])

    def _align(
        self,
        encoded: Any,
        tokenizer: Tokenizer,
        prefix: tuple[int, ...],
        new: list[int],
        frames: int,
    ) -> tuple[DecodedWord, ...]:
        """Times and probabilities of the new words; the prefix is aligned too, and left out."""
        if not new or frames < 2:
            return ()
        text = [*prefix, *new]
        found = self._model.align(encoded, tokenizer.sot_sequence, text, max(2, frames), len(prefix))
        if found is None:
            return ()
        texts, groups = tokenizer.split_to_word_tokens([*new, tokenizer.eot])
        return _join(texts, groups, found, len(prefix))


def rescore(
    beams: list[list[int]],
    scores: list[float],
    penalty: Callable[[str], float],
    text_of: Callable[[list[int]], str],
    skip: int = 0,
) -> int:
    """N-best rescoring: the best beam by mean log-probability of its tokens, less the penalty of the text behind `skip`."""
    rescored = [
        score - penalty(text_of(tokens[skip:])) / (len(tokens) + 1)
        for tokens, score in zip(beams, scores, strict=True)
    ]
    return max(range(len(rescored)), key=rescored.__getitem__)


def _join(texts: list[str], groups: list[list[int]], found: Alignment, skip: int) -> tuple[DecodedWord, ...]:
    """Words from token groups behind the first `skip` tokens (the last group is the end token).

    Punctuation joins the word before it.
    """
    starts, probs = found.starts[skip:] * STEP_MS, found.probabilities
    attended = None if found.attended is None else found.attended[skip:] * STEP_MS
    words: list[DecodedWord] = []
    at = 0
    for text, group in zip(texts[:-1], groups[:-1], strict=True):
        end = at + len(group)
        own = probs[at:end]
        attended_ms = None if attended is None else int(attended[at:end].max())
        start_ms = int(starts[min(at, len(starts) - 1)])
        end_ms = int(starts[min(end, len(starts) - 1)])
        at = end
        if words and not text.startswith(" ") and not any(c.isalnum() for c in text):
            last = words[-1]
            words[-1] = replace(last, text=last.text + text, tokens=(*last.tokens, *group))
            continue
        mean, lowest = float(own.mean()), float(own.min())
        words.append(
            DecodedWord(
                start_ms, end_ms, text, mean, lowest, tuple(group), len(text), len(group), attended_ms
            )
        )
    return tuple(words)
