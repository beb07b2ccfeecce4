"""Log-mel features as Whisper was trained on (openai/whisper, audio.py), for windows of any length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asr.audio.samples import SAMPLE_RATE_HZ, Samples

N_FFT = 400
HOP_SAMPLES = 160
FRAMES_PER_S = SAMPLE_RATE_HZ // HOP_SAMPLES


class LogMel:
    """Computes features of `n_mels` bands; filters are Slaney's, as in librosa."""

    def __init__(self, n_mels: int = 80) -> None:
        self.n_mels = n_mels
        self._filters = mel_filters(n_mels)
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


def mel_filters(n_mels: int) -> NDArray[np.float32]:
    """Triangular filters on the Slaney mel scale, area-normalised: (n_mels, N_FFT // 2 + 1)."""
    hz = _mel_to_hz(np.linspace(0.0, _hz_to_mel(SAMPLE_RATE_HZ / 2), n_mels + 2))
    bins = np.fft.rfftfreq(N_FFT, 1.0 / SAMPLE_RATE_HZ)
    steps = np.diff(hz)
    ramps = hz.reshape(-1, 1) - bins.reshape(1, -1)
    rising = -ramps[:-2] / steps[:-1].reshape(-1, 1)
    falling = ramps[2:] / steps[1:].reshape(-1, 1)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    weights: NDArray[np.float32] = (triangles * (2.0 / (hz[2:] - hz[:-2])).reshape(-1, 1)).astype(np.float32)
    return weights


_HZ_PER_MEL = 200.0 / 3
_LOG_START_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0


def _hz_to_mel(hz: float) -> float:
    if hz < _LOG_START_HZ:
        return hz / _HZ_PER_MEL
    return float(_LOG_START_HZ / _HZ_PER_MEL + np.log(hz / _LOG_START_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    start = _LOG_START_HZ / _HZ_PER_MEL
    log = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - start))
    result: NDArray[np.float64] = np.where(mel >= start, log, mel * _HZ_PER_MEL)
    return result
