"""Samples to MP3, by the encoder that PyAV carries."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

from translation.speech.base import Sound

BIT_RATE = 48_000
RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
EFFORT = "7"  # of 0 (slow) to 9: of speech at this rate nobody hears more, and 5, LAME's own, takes half as long again
_CODEC = "libmp3lame"


def encode(sound: Sound) -> bytes:
    """One MP3 stream, mono. Raises ValueError for a rate that MP3 has not."""
    if sound.rate_hz not in RATES_HZ:
        raise ValueError(f"MP3 has no {sound.rate_hz} Hz")
    context = cast("AudioCodecContext", AudioCodecContext.create(_CODEC, "w"))
    context.format, context.layout, context.rate = "s16p", "mono", sound.rate_hz
    context.time_base, context.bit_rate = Fraction(1, sound.rate_hz), BIT_RATE
    context.options = {"compression_level": EFFORT}
    context.open()
    size = context.frame_size or 1152
    samples = np.clip(np.nan_to_num(sound.samples) * 32767, -32768, 32767).astype(np.int16)
    packets: list[Any] = []
    for begin in range(0, len(samples), size):
        frame = AudioFrame.from_ndarray(samples[None, begin : begin + size], format="s16p", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = sound.rate_hz, begin, context.time_base
        packets += context.encode(frame)
    packets += context.encode(None)
    return b"".join(bytes(packet) for packet in packets)
