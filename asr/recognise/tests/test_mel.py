"""Features are those that the model was trained on."""

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from asr.recognise.mel import HOP_SAMPLES, LogMel


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("seconds", [0.3, 2.0, 7.77])
def test_features_equal_the_reference_implementation_where_silence_follows(seconds, n_mels):
    samples = np.random.default_rng(1).normal(0, 0.1, int(16000 * seconds)).astype(np.float32)
    frames = 1200
    reference = FeatureExtractor(feature_size=n_mels)(samples, padding=frames * HOP_SAMPLES - len(samples))
    assert np.abs(LogMel(n_mels)(samples, frames) - reference).max() < 1e-6


def test_window_longer_than_the_audio_is_silence_behind_it():
    features = LogMel(80)(np.full(1600, 0.5, dtype=np.float32), 100)
    assert features.shape == (80, 100)
    assert features[:, 20:].max() == features.min()
