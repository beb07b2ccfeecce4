"""A meeting of three and a bare stream with the real recogniser: speech in, words with times and probabilities out."""

import signal

import numpy as np
import pytest
from django.db import connections
from rapidfuzz import fuzz

from asr import streams, weights
from asr.audio.pcm import RawFormat
from asr.audio.recorder import read_audio
from asr.leases import Lease, start_next_generation
from asr.models import Session
from asr.recognise.tests.speech import ROOT
from asr.recognise.text import normalised
from asr.sample import SAMPLE
from asr.stream_options import StreamOptions
from asr.tests.gateway import PEOPLE, meeting, opened, process

pytestmark = [pytest.mark.model, pytest.mark.django_db(transaction=True)]
FORMATS = dict(
    zip(PEOPLE, (RawFormat(), RawFormat("f32le", 48_000), RawFormat("s16le", 44_100)), strict=True)
)
REFERENCE = normalised(SAMPLE.reference)
WITHIN_S = 240


@pytest.fixture(autouse=True)
def connections_are_closed():
    yield
    connections.close_all()


@pytest.fixture
def real():
    """What a child process needs to load the model."""
    folder = weights.find_or_fetch("base", cache_dir=ROOT / "var" / "models")
    return {
        "ASR_RECOGNISER": "whisper",
        "ASR_MODEL": "base",
        "ASR_MODEL_DIR": str(folder),
        "ASR_DEVICE": "cpu",
    }


def seconds_of_speech(raw_format):
    """The sample in pieces of a second."""
    frames = read_audio(SAMPLE.path, rate_hz=raw_format.rate_hz)
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames if frame is not None])
    if raw_format.encoding == "f32le":
        data = (samples / np.float32(32768)).astype("<f4").tobytes()
    else:
        data = samples.astype("<i2").tobytes()
    return [data[at : at + raw_format.second_bytes] for at in range(0, len(data), raw_format.second_bytes)]


def assert_is_what_was_said(gateway, channel):
    """All of it, once, in order, each word with its time and probability."""
    rows = [
        row
        for text in gateway.texts
        if (text.channel, text.kind) == (channel, "words")
        for row in text.data["words"]
    ]
    text = normalised("".join(row[2] for row in rows))
    assert fuzz.ratio(text, REFERENCE) > 90, text
    assert abs(len(text.split()) - len(REFERENCE.split())) <= 2, text
    starts = [row[0] for row in rows]
    assert starts == sorted(starts)
    assert all(0 <= start <= end <= 11_500 and 0 < probability <= 1 for start, end, _, probability in rows)


def test_meeting_of_three_in_three_formats_is_each_one_s_own_speech(real):
    gateway = meeting(langs=("en", "en", "en"))
    with process(gateway.session_id, **real):
        speech = {key: seconds_of_speech(raw_format) for key, raw_format in FORMATS.items()}
        for pieces in zip(*speech.values(), strict=False):
            for key, data in zip(PEOPLE, pieces, strict=True):
                gateway.log.append(FORMATS[key].kind, data, channel=key)
        gateway.end(*PEOPLE, "")
        streams.close_session(gateway.session_id)
        gateway.until_closed(WITHIN_S)
    for key in PEOPLE:
        assert_is_what_was_said(gateway, key)
    assert any(text.kind == "hypothesis" and text.data["words"] for text in gateway.texts)


def test_bare_stream_whose_process_is_killed_says_all_of_it_once_in_the_language_that_it_found(real):
    gateway = opened(Session.Kind.STREAM, source_lang="auto", options=StreamOptions(pause_ms=1500))
    with process(gateway.session_id, **real) as child:
        pieces = seconds_of_speech(RawFormat())
        for data in pieces[:6]:
            gateway.log.append("pcm", data)
        gateway.until(lambda: len(gateway.said("")) >= 3, WITHIN_S)
        child.send_signal(signal.SIGKILL)
        child.wait(WITHIN_S)
    start_next_generation(Lease(gateway.session_id, 1))
    for data in pieces[6:]:
        gateway.log.append("pcm", data)
    gateway.end("")
    streams.close_session(gateway.session_id)
    with process(gateway.session_id, generation=2, **real):
        gateway.until_closed(WITHIN_S)
    assert_is_what_was_said(gateway, "")
    assert {text.data["lang"] for text in gateway.texts if text.kind in ("words", "hypothesis")} == {"en"}
    states = [state for state in gateway.told("") if isinstance(state, tuple)]
    assert [state for state, _ in states] == ["started", "stopped"] * (len(states) // 2)
    assert gateway.told("")[0] == states[0]
    assert gateway.told("")[-1] == states[-1]
    assert 0 <= states[0][1] < 1000
    assert 9000 < states[-1][1] <= 11_500
    probabilities = {row[3] for text in gateway.texts if text.kind == "words" for row in text.data["words"]}
    assert len(probabilities) > 10  # the model's own
