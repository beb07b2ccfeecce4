"""Log-mel features as Whisper was trained on, for windows of any length.

The same as faster-whisper's FeatureExtractor where silence follows, whose filters they use. It would compute the features of
that silence too, frame by frame: up to eleven times as much work a decode (docs/decisions/0029-containers-by-pyav.md).
"""

from __future__ import annotations

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from asr.audio.samples import SAMPLE_RATE_HZ, Samples

N_FFT = 400
HOP_SAMPLES = 160
FRAMES_PER_S = SAMPLE_RATE_HZ // HOP_SAMPLES


class LogMel:
    """Computes features of `n_mels` bands."""

    def __init__(self, n_mels: int = 80) -> None:
        self.n_mels = n_mels
        self._filters = FeatureExtractor(feature_size=n_mels).mel_filters
        self._window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)

    def __call__(self, samples: Samples, frames: int) -> NDArray[np.float32]:
        """Return (n_mels, frames) of `samples`, followed by silence up to `frames`."""
        padded = np.zeros(frames * HOP_SAMPLES + N_FFT, dtype=np.float32)
        count = min(len(samples), frames * HOP_SAMPLES)
        half = N_FFT // 2
        padded[half : half + count] = samples[:count]
        if count > half:
            padded[:half] = samples[half:0:-1]
        heard = min(frames, count // HOP_SAMPLES + 2)
        strips = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_SAMPLES][:heard]
        power = np.abs(np.fft.rfft(strips * self._window, axis=-1)).astype(np.float32) ** 2
        mel = np.full((self.n_mels, frames), 1e-10, dtype=np.float32)
        mel[:, :heard] = np.maximum(self._filters @ power.T, 1e-10)
        log = np.log10(mel)
        log = np.maximum(log, log.max() - 8.0)
        return np.ascontiguousarray((log + 4.0) / 4.0, dtype=np.float32)
