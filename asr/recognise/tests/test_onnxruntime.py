"""ONNX Runtime beside CTranslate2 on the same weights: the same text, times and probabilities, but for rounding."""

import json
import struct

import numpy as np
import pytest

from asr import weights
from asr.recognise.backends import BackendError, Search, load_backend, load_tokenizer
from asr.recognise.backends.on_ctranslate2 import CTranslate2Backend
from asr.recognise.backends.on_onnxruntime import OnnxRuntimeBackend, is_default_for
from asr.recognise.backends.silence import every_step
from asr.recognise.tests import same_weights
from asr.recognise.tests.same_weights import request
from asr.recognise.tests.speech import ROOT
from asr.recognise.text import normalised
from asr.recognise.whisper import Whisper
from asr.sample import SAMPLE
from ops.measure.talk import read_audio

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def folder():
    return weights.find_or_fetch("base", cache_dir=ROOT / "var" / "models")


@pytest.fixture(scope="module")
def both(folder):
    """The same weights on either, neither of them quantised."""
    return (
        Whisper.load(folder, backend="ctranslate2", compute_type="float32", threads=1),
        on_onnxruntime(folder, choose_steps=every_step),
    )


def on_onnxruntime(folder, **options):
    tokenizer = load_tokenizer("auto", folder)
    options = {"device": "cpu", "compute_type": "float32", "threads": 1} | options
    return Whisper(OnnxRuntimeBackend(folder, tokenizer, **options), tokenizer)


@pytest.fixture(scope="module")
def samples():
    return read_audio(SAMPLE.path)


@same_weights.each_request
def test_the_same_weights_give_the_same_words_at_the_same_times(both, samples, options):
    wanted, found = (model.decode(samples, request(model, **options)) for model in both)
    same_weights.assert_same(found, wanted)


def test_a_few_steps_stand_for_the_silence_behind_the_audio(folder, both, samples):
    """A whole sentence in windows of 18 and 30 s."""
    model = on_onnxruntime(folder)
    for window_s in (18.0, 30.0):
        asked = request(model, beam_size=5, window_s=window_s, repetition_penalty=1.0)
        wanted, found = both[1].decode(samples, asked), model.decode(samples, asked)
        assert [word.text for word in found.words] == [word.text for word in wanted.words]
        assert found.no_speech == pytest.approx(wanted.no_speech, abs=0.05)
        for ours, theirs in zip(found.words, wanted.words, strict=True):
            assert abs(ours.end_ms - theirs.end_ms) <= 60
            assert ours.probability == pytest.approx(theirs.probability, abs=0.1)


def test_in_8_bits_it_says_the_same(folder, both, samples):
    """Rounding moves a word's probability by a few hundredths, the encoder's more than the decoder's."""
    model = Whisper.load(folder, backend="onnxruntime", compute_type="int8", threads=1)
    for options in ({"beam_size": 1}, {"beam_size": 5}):
        wanted, found = (each.decode(samples, request(each, **options)) for each in (both[0], model))
        assert [normalised(word.text) for word in found.words] == [
            normalised(word.text) for word in wanted.words
        ]
        assert found.average_log_probability == pytest.approx(wanted.average_log_probability, abs=0.05)
        of_each = [[word.probability for word in decoded.words] for decoded in (wanted, found)]
        assert np.median(np.abs(np.subtract(*of_each))) < 0.05


def test_the_same_weights_find_the_same_language(both, samples):
    wanted, found = (model.language_probabilities(samples, ["en", "de", "pt"]) for model in both)
    assert found == pytest.approx(wanted, abs=0.001)


def test_words_look_at_where_they_are_spoken(both, samples):
    _, model = both
    words = model.decode(samples, request(model, beam_size=5)).words
    assert all(word.start_ms - 300 <= word.attended_ms <= word.end_ms + 300 for word in words)


def test_silence_has_no_words_at_no_length(both):
    _, model = both
    for samples in (np.zeros(0, np.float32), np.zeros(100, np.float32), np.zeros(16_000, np.float32)):
        assert model.decode(samples, request(model, max_new_tokens=4)).no_speech > 0.3


def test_the_longest_prompt_and_text_fit_the_model(folder, samples):
    """448 positions: half for what stands before the text, half for the text."""
    tokenizer = load_tokenizer("auto", folder)
    backends = [
        load_backend(name, folder, tokenizer, device="cpu", compute_type="int8", threads=1)
        for name in ("ctranslate2", "onnxruntime")
    ]
    model = Whisper(backends[1], tokenizer)
    start = (*model.tokenizer("en").sot_sequence, model.tokenizer("en").no_timestamps)
    word = model.encode_text(" and", "en")[0]
    search = Search((model.tokenizer("en").sot_prev, *[word] * 219), start, (word,) * 220, 2, 1, 1.0, 448)
    for backend in backends:
        encoded = backend.encode(np.zeros((80, 200), np.float32), 200)
        assert backend.generate(encoded, search).tokens[0][:220] == [word] * 220


def test_by_default_small_models_are_decoded_so_on_a_cpu_in_int8_alone(folder, tmp_path):
    tokenizer = load_tokenizer("auto", folder)

    def kind(compute_type):
        return type(
            load_backend("auto", folder, tokenizer, device="cpu", compute_type=compute_type, threads=1)
        )

    assert kind("int8") is OnnxRuntimeBackend
    assert kind("float32") is CTranslate2Backend
    model(tmp_path, width=4, layers=1)
    assert is_default_for(tmp_path)
    model(tmp_path, width=1024, layers=24)
    assert not is_default_for(tmp_path)
    model(tmp_path, width=4, layers=1, dtype=np.int8)
    assert not is_default_for(tmp_path)
    model(tmp_path, width=4, layers=1, heads=[])
    assert not is_default_for(tmp_path)
    (tmp_path / "config.json").unlink()
    assert not is_default_for(tmp_path)


def test_what_it_cannot_run_is_refused_with_the_reason(folder, tmp_path):
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    model(tmp_path, width=4, layers=1, dtype=np.int8)
    with pytest.raises(BackendError, match="quantised in its file"):
        Whisper.load(tmp_path, backend="onnxruntime")
    model(tmp_path, width=4, layers=1, heads=[])
    with pytest.raises(BackendError, match="alignment_heads"):
        Whisper.load(tmp_path, backend="onnxruntime")
    (tmp_path / "config.json").unlink()
    with pytest.raises(BackendError, match=r"lacks config\.json"):
        Whisper.load(tmp_path, backend="onnxruntime")
    (tmp_path / "model.bin").write_bytes(struct.pack("<IH", 6, 6) + b"Other\0" + bytes(8))
    with pytest.raises(BackendError, match="not a Whisper model"):
        Whisper.load(tmp_path, backend="onnxruntime")
    (tmp_path / "model.bin").write_bytes(struct.pack("<IH", 6, 12) + b"WhisperSpec\0" + bytes(5))
    with pytest.raises(BackendError, match="ends too early"):
        Whisper.load(tmp_path, backend="onnxruntime")
    with pytest.raises(BackendError, match="ASR_DEVICE=cpu"):
        Whisper.load(folder, backend="onnxruntime", device="cuda")


def model(path, *, width, layers, dtype=np.float16, heads=((0, 0),)):
    """The head of a model.bin, with shapes and nothing in them: what decides."""
    variables = {
        "decoder/num_heads": (np.int8, ()),
        "decoder/embeddings/weight": (dtype, (10, width)),
        **{f"decoder/layer_{layer}/ffn/linear_0/bias": (dtype, (4 * width,)) for layer in range(layers)},
    }
    data = struct.pack("<IH", 6, 12) + b"WhisperSpec\0" + struct.pack("<II", 3, len(variables))
    for name, (kind, shape) in variables.items():
        value = np.ones(shape, kind)
        number = {np.dtype(np.int8): 1, np.dtype(np.float16): 4}[value.dtype]
        data += struct.pack("<H", len(name) + 1) + name.encode() + b"\0"
        data += struct.pack(f"<B{len(shape)}I", len(shape), *shape) + struct.pack("<BI", number, value.nbytes)
        data += value.tobytes()
    path.mkdir(exist_ok=True)
    (path / "model.bin").write_bytes(data)
    (path / "config.json").write_text(json.dumps({"alignment_heads": heads}))
