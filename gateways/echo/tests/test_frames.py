"""Sound in whole frames of one channel, and the gate to the letter."""

from __future__ import annotations

import numpy as np
import pytest

from gateways.echo.frames import NoiseGate, mono, whole_frames

GATE = NoiseGate(threshold=0.015, attenuation=0.2)


def s16le(*samples):
    return np.array(samples, "<i2").tobytes()


def level(rms, samples=480):
    """A frame of this RMS: 1.0 is full scale."""
    value = round(rms * 32768)
    return np.resize(np.array([value, -value], "<i2"), samples)


def test_one_channel_comes_as_it_was():
    assert list(mono(s16le(-32768, 0, 7, 32767), 1)) == [-32768, 0, 7, 32767]


def test_channels_are_averaged():
    assert list(mono(s16le(100, 300, -32768, -32768, 32767, 32767), 2)) == [200, -32768, 32767]
    assert list(mono(s16le(0, 3, 6), 3)) == [3]


@pytest.mark.parametrize("rest", [b"\1", s16le(5), s16le(5) + b"\1"])
def test_what_is_no_whole_sample_of_all_channels_is_left_out(rest):
    assert list(mono(s16le(100, 300) + rest, 2)) == [200]
    assert list(mono(b"\1", 1)) == []
    assert list(mono(b"", 2)) == []


def test_only_whole_frames_come_back():
    samples = np.arange(1000, dtype="<i2")
    assert whole_frames(samples, 480).shape == (2, 480)
    assert list(whole_frames(samples, 480)[1]) == list(range(480, 960))
    assert whole_frames(samples[:479], 480).size == 0
    assert whole_frames(samples[:0], 480).size == 0


@pytest.mark.parametrize(
    ("rms", "factor"), [(0.0, 0.2), (0.0149, 0.2), (0.0151, 1.0), (1.0 - 1 / 32768, 1.0)]
)
def test_a_frame_is_lowered_where_its_rms_is_below_the_threshold(rms, factor):
    frame = level(rms)
    assert list(GATE.apply(frame.reshape(1, -1))[0]) == [round(int(sample) * factor) for sample in frame]


def test_each_frame_is_judged_by_itself():
    frames = np.stack([level(0.01), level(0.5), level(0.01)])
    lowered = GATE.apply(frames)
    assert list(np.abs(lowered).max(axis=1)) == [66, 16384, 66]


def test_sound_above_the_threshold_comes_back_bit_for_bit():
    frames = np.random.default_rng(3).integers(-32768, 32768, (3, 480)).astype("<i2")
    assert GATE.apply(frames).tobytes() == frames.tobytes()
