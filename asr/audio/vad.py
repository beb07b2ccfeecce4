"""Where speech is: Silero VAD run as a stream, and the gate that makes utterances of its probabilities."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
from faster_whisper.utils import get_assets_path
from numpy.typing import NDArray

from .samples import SAMPLES_PER_MS, Samples

WINDOW_SAMPLES = 512
WINDOW_MS = WINDOW_SAMPLES // SAMPLES_PER_MS
_CONTEXT_SAMPLES = 64
_RELEASE = 0.15  # hysteresis: below threshold minus this, a window is silence


@cache
def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    path = Path(get_assets_path()) / "silero_vad_v6.onnx"
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"], sess_options=options)


class SileroVad:
    """Speech probabilities of consecutive windows of 32 ms; keeps the model's state between calls."""

    def __init__(self) -> None:
        self._h = np.zeros((1, 1, 128), dtype=np.float32)
        self._c = np.zeros((1, 1, 128), dtype=np.float32)
        self._context = np.zeros(_CONTEXT_SAMPLES, dtype=np.float32)

    def __call__(self, samples: Samples) -> NDArray[np.float32]:
        """Probabilities of `samples`, whose length is a multiple of 512."""
        windows = samples.reshape(-1, WINDOW_SAMPLES)
        if not len(windows):
            return np.zeros(0, dtype=np.float32)
        tails = np.vstack([self._context, windows[:-1, -_CONTEXT_SAMPLES:]])
        batch = np.concatenate([tails, windows], axis=1, dtype=np.float32)
        out, self._h, self._c = _session().run(None, {"input": batch, "h": self._h, "c": self._c})
        self._context = windows[-1, -_CONTEXT_SAMPLES:].copy()
        return np.asarray(out, dtype=np.float32).reshape(-1)


@dataclass
class SpeechGate:
    """Follows window after window: is there an utterance, since when, and where speech was last heard."""

    threshold: float
    pause_ms: int
    speech_start_ms: int | None = None
    speech_end_ms: int = 0  # end of the last window with speech
    speech_total_ms: int = 0  # windows with speech in this utterance
    quiet: list[tuple[int, float]] = field(
        default_factory=list
    )  # (start of window, probability) in the utterance

    @property
    def speaking(self) -> bool:
        """An utterance is open."""
        return self.speech_start_ms is not None

    def advance(self, start_ms: int, probability: float) -> bool:
        """Advance by one window; True if it ends the utterance by a pause."""
        end_ms = start_ms + WINDOW_MS
        if self.speaking:
            self.quiet.append((start_ms, probability))
        if probability >= self.threshold or (
            self.speaking and probability >= self.threshold - _RELEASE and self.speech_end_ms == start_ms
        ):
            if not self.speaking:
                self.speech_start_ms = start_ms
                self.speech_total_ms = 0
            self.speech_end_ms = end_ms
            self.speech_total_ms += WINDOW_MS
            return False
        return self.speaking and end_ms - self.speech_end_ms >= self.pause_ms

    def silence_ms(self, at_ms: int) -> int:
        """Silence since the last speech, seen from `at_ms`."""
        return max(0, at_ms - self.speech_end_ms)

    def close(self) -> None:
        """Clear the utterance."""
        self.speech_start_ms = None
        self.speech_total_ms = 0
        self.quiet.clear()

    def quietest_ms(self, after_ms: int, before_ms: int) -> int | None:
        """Middle of the widest and quietest stretch between two times, by the mean probability of 5 windows."""
        inside = [(at, p) for at, p in self.quiet if after_ms <= at < before_ms]
        if len(inside) < 5:
            return None
        means = np.convolve([p for _, p in inside], np.ones(5) / 5, mode="valid")
        return inside[int(means.argmin()) + 2][0] + WINDOW_MS // 2

    def speech_between_ms(self, start_ms: int, end_ms: int) -> int:
        """Speech in a stretch of the utterance."""
        return WINDOW_MS * sum(p >= self.threshold for at, p in self.quiet if start_ms <= at < end_ms)

    def evict_before(self, at_ms: int) -> None:
        """Evict windows before a time."""
        self.quiet = [(start, p) for start, p in self.quiet if start >= at_ms]
