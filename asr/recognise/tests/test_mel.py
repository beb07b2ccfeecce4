"""Features are those that the model was trained on."""

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from asr.recognise.mel import HOP_SAMPLES, LogMel


@pytest.mark.parametrize("seconds", [0.3, 2.0, 7.77])
def test_features_equal_the_reference_implementation(seconds):
    samples = np.random.default_rng(1).normal(0, 0.1, int(16000 * seconds)).astype(np.float32)
    frames = len(samples) // HOP_SAMPLES
    reference = FeatureExtractor()(samples, padding=160)[:, :frames]
    ours = LogMel(80)(samples, frames)
    assert np.abs(ours[:, :-2] - reference[:, :-2]).max() < 1e-3


def test_window_longer_than_the_audio_is_silence_behind_it():
    features = LogMel(80)(np.full(1600, 0.5, dtype=np.float32), 100)
    assert features.shape == (80, 100)
    assert features[:, 20:].max() == features.min()
