"""The VAD front end: the audio that is still needed, and where speech is in it."""

from __future__ import annotations

from collections import deque
from enum import Enum

import numpy as np

from asr.audio.buffer import AudioBuffer
from asr.audio.samples import Samples
from asr.audio.vad import WINDOW_MS, WINDOW_SAMPLES, SileroVad, SpeechGate

from .options import EngineOptions

VAD_BATCH_WINDOWS = 320  # of one pass, so that a backlog never holds up a poll for long


class Speech(Enum):
    """How one more VAD window changed the gate."""

    GOES_ON = 0
    BEGINS = 1
    ENDS = 2


class VadFrontEnd:
    """Buffers audio, runs the VAD over it, and advances the gate window by window under its caller's control."""

    def __init__(self, options: EngineOptions, start_ms: int) -> None:
        self.gate = SpeechGate(options.vad_threshold, options.pause_ms)
        self.at_ms = start_ms  # the gate has advanced up to here
        self._vac = options.vac
        self._audio = AudioBuffer(start_ms)
        self._vad = SileroVad()
        self._vad_ms = start_ms  # the VAD ran up to here
        self._windows: deque[tuple[int, float]] = deque()  # (start, probability), not consumed by the gate

    @property
    def heard_ms(self) -> int:
        """End of the audio that was fed."""
        return self._audio.end_ms

    @property
    def kept_from_ms(self) -> int:
        """Start of the audio in memory."""
        return self._audio.start_ms

    @property
    def waiting(self) -> bool:
        """There are windows that the gate has not consumed."""
        return bool(self._windows)

    @property
    def behind(self) -> bool:
        """There is audio that the gate, or the VAD before it, has not consumed."""
        return self.waiting or self.heard_ms - self._vad_ms >= WINDOW_MS

    def feed(self, samples: Samples) -> None:
        """Append consecutive audio."""
        self._audio.append(samples)

    def run_vad(self) -> None:
        """Run the VAD over audio that it has not processed."""
        count = min(VAD_BATCH_WINDOWS, (self.heard_ms - self._vad_ms) // WINDOW_MS)
        if count <= 0:
            return
        samples = self._audio.between(self._vad_ms, self._vad_ms + count * WINDOW_MS)
        count = len(samples) // WINDOW_SAMPLES
        probabilities = self._vad(samples[: count * WINDOW_SAMPLES]) if self._vac else np.ones(count)
        for probability in probabilities:
            self._windows.append((self._vad_ms, float(probability)))
            self._vad_ms += WINDOW_MS

    def step(self) -> Speech:
        """Advance the gate by one window."""
        start_ms, probability = self._windows.popleft()
        was_speaking = self.gate.speaking
        ended = self.gate.advance(start_ms, probability)
        self.at_ms = start_ms + WINDOW_MS
        if ended:
            return Speech.ENDS
        return Speech.BEGINS if self.gate.speaking and not was_speaking else Speech.GOES_ON

    def between(self, start_ms: int, end_ms: int) -> Samples:
        """The audio between two times, as far as it is kept."""
        return self._audio.between(start_ms, end_ms)

    def evict_before(self, at_ms: int) -> None:
        """Free audio before a time, but never audio that the VAD has not processed."""
        self._audio.evict_before(min(at_ms, self._vad_ms))
        self.gate.evict_before(at_ms)
