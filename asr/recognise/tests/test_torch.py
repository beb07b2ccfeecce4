"""The torch backend beside CTranslate2 on the same weights: the same text, times and probabilities."""

import importlib.util

import numpy as np
import pytest

from asr import weights
from asr.recognise.backends import BackendError
from asr.recognise.tests import same_weights
from asr.recognise.tests.same_weights import request
from asr.recognise.tests.speech import ROOT
from asr.recognise.whisper import Whisper
from asr.sample import SAMPLE
from ops.measure.checkpoint import export_checkpoint
from ops.measure.talk import read_audio

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("torch", "transformers"))),
        reason="NEEDS torch: docs/deployment.md, Torch",
    ),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Base as a checkpoint, number for number."""
    folder = tmp_path_factory.mktemp("checkpoint")
    export_checkpoint(weights.find_or_fetch("base", cache_dir=ROOT / "var" / "models"), folder)
    return folder


@pytest.fixture(scope="module")
def both(checkpoint):
    """The same weights on CTranslate2 and on torch, neither of them quantised."""
    path = weights.find_or_fetch("base", cache_dir=ROOT / "var" / "models")
    return (
        Whisper.load(path, compute_type="float32", threads=1),
        Whisper.load(checkpoint, backend="torch", compute_type="float32", threads=1),
    )


@pytest.fixture(scope="module")
def samples():
    return read_audio(SAMPLE.path)


@same_weights.each_request
def test_the_same_weights_give_the_same_words_at_the_same_times(both, samples, options):
    wanted, found = (model.decode(samples, request(model, **options)) for model in both)
    same_weights.assert_same(found, wanted)


def test_the_same_weights_find_the_same_language(both, samples):
    wanted, found = (model.language_probabilities(samples, ["en", "de", "pt"]) for model in both)
    assert found == pytest.approx(wanted, abs=0.01)
    assert found["en"] > 0.9


def test_words_look_at_where_they_are_spoken(both, samples):
    _, model = both
    words = model.decode(samples, request(model, beam_size=5)).words
    assert all(word.start_ms - 300 <= word.attended_ms <= word.end_ms + 300 for word in words)


def test_silence_has_no_words_at_no_length(both):
    _, model = both
    for samples in (np.zeros(0, np.float32), np.zeros(100, np.float32), np.zeros(16_000, np.float32)):
        decoded = model.decode(samples, request(model, max_new_tokens=4))
        assert decoded.no_speech > 0.3


def test_a_checkpoint_that_is_none_is_refused(checkpoint, tmp_path):
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((checkpoint / name).read_bytes())
    with pytest.raises(BackendError, match="no Whisper checkpoint"):
        Whisper.load(tmp_path, backend="torch", compute_type="float32")
    with pytest.raises(BackendError, match="ASR_COMPUTE_TYPE"):
        Whisper.load(checkpoint, backend="torch", compute_type="int8")
