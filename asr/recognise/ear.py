"""What is heard: the audio that is still needed, and where speech is in it."""

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
    """What one more stretch of audio brought."""

    GOES_ON = 0
    BEGINS = 1
    ENDS = 2


class Ear:
    """Audio in; the gate follows it, window by window, as far as it is told to."""

    def __init__(self, options: EngineOptions, start_ms: int) -> None:
        self.gate = SpeechGate(options.vad_threshold, options.pause_ms)
        self.at_ms = start_ms  # the gate has heard up to here
        self._vac = options.vac
        self._audio = AudioBuffer(start_ms)
        self._vad = SileroVad()
        self._vad_ms = start_ms  # the VAD ran up to here
        self._windows: deque[tuple[int, float]] = deque()  # its results that the gate has not taken

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
        """There are windows that the gate has not taken."""
        return bool(self._windows)

    @property
    def behind(self) -> bool:
        """There is audio that the gate, or the VAD before it, has not taken."""
        return self.waiting or self.heard_ms - self._vad_ms >= WINDOW_MS

    def feed(self, samples: Samples) -> None:
        """Take consecutive audio."""
        self._audio.append(samples)

    def listen(self) -> None:
        """Run the VAD over audio that it has not seen."""
        count = min(VAD_BATCH_WINDOWS, (self.heard_ms - self._vad_ms) // WINDOW_MS)
        if count <= 0:
            return
        samples = self._audio.between(self._vad_ms, self._vad_ms + count * WINDOW_MS)
        count = len(samples) // WINDOW_SAMPLES
        heard = self._vad(samples[: count * WINDOW_SAMPLES]) if self._vac else np.ones(count)
        for probability in heard:
            self._windows.append((self._vad_ms, float(probability)))
            self._vad_ms += WINDOW_MS

    def step(self) -> Speech:
        """Let the gate take the next window that waits."""
        start_ms, probability = self._windows.popleft()
        was_speaking = self.gate.speaking
        ended = self.gate.take(start_ms, probability)
        self.at_ms = start_ms + WINDOW_MS
        if ended:
            return Speech.ENDS
        return Speech.BEGINS if self.gate.speaking and not was_speaking else Speech.GOES_ON

    def between(self, start_ms: int, end_ms: int) -> Samples:
        """The audio between two times, as far as it is kept."""
        return self._audio.between(start_ms, end_ms)

    def forget_before(self, at_ms: int) -> None:
        """Free what is older than a time; never what the VAD has not heard."""
        self._audio.forget_before(min(at_ms, self._vad_ms))
        self.gate.forget_before(at_ms)
