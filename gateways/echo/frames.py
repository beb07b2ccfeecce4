"""Bytes to whole frames of one channel, and back; the gate. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32768
Pcm = NDArray[np.int16]


def mono(data: bytes | memoryview, channels: int) -> Pcm:
    """s16le of so many channels as their mean; what is no whole sample of all channels is left out."""
    whole = len(data) // (2 * channels) * channels
    samples = np.frombuffer(data, "<i2", count=whole)
    if channels > 1:
        samples = np.rint(samples.reshape(-1, channels).mean(axis=1)).astype("<i2")
    return samples


def whole_frames(samples: Pcm, frame_samples: int) -> Pcm:
    """As many frames as are whole, one a row."""
    count = len(samples) // frame_samples
    return samples[: count * frame_samples].reshape(count, frame_samples)


@dataclass(frozen=True, slots=True)
class NoiseGate:
    """A frame whose RMS (1.0 is full scale) is below `threshold` is multiplied by `attenuation`; others stay as they are."""

    threshold: float
    attenuation: float

    def apply(self, frames: Pcm) -> Pcm:
        """One frame a row."""
        values = frames.astype(np.float32)
        most = (self.threshold * FULL_SCALE) ** 2 * frames.shape[
            1
        ]  # energy of a frame whose RMS is the threshold
        quiet = np.vecdot(values, values) < most
        if not np.count_nonzero(quiet):
            return frames
        values[quiet] *= np.float32(self.attenuation)
        return np.clip(np.rint(values), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")
