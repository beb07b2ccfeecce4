"""What a client of the twin may say, and in which words it is refused; what it is told."""

import json

import pytest

from asr.audio.pcm import RawFormat
from gateways.speech import twin_messages
from gateways.speech.pieces import Piece, Update
from gateways.speech.refusals import Refused
from gateways.speech.wire import Start

FORMAT = {"encoding": "pcm_s16le", "sample_rate_hz": 16000, "channels": 1}
START = {"type": "start", "chunk_duration_millis": 500, "audio_format": FORMAT}


def refused(call, *arguments):
    with pytest.raises(Refused) as caught:
        call(*arguments)
    assert caught.value.refusal.code == "invalid_argument"
    return caught.value.refusal.message


def test_start_says_how_the_audio_is():
    found = twin_messages.started(json.dumps(START))
    assert (found.rules.raw_format, found.chunk_ms) == (RawFormat("s16le"), 500)
    assert (found.lang, found.consent) == ("", False)
    floats = START | {"audio_format": FORMAT | {"encoding": "pcm_f32le"}, "language": "de", "consent": True}
    found = twin_messages.started(json.dumps(floats))
    assert (found.rules.raw_format, found.lang, found.consent) == (RawFormat("f32le"), "de", True)


def test_documented_start_is_what_is_read():
    assert Start.model_validate(START).audio_format.encoding == "pcm_s16le"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (None, "The first websocket message must be a JSON start event"),
        ("{", "Text frames must contain valid JSON messages"),
        ("[" * 100_000, "Text frames must contain valid JSON messages"),
        ("[]", "Text frames must contain a JSON object"),
        ({}, "The first websocket message must be a start event"),
        ({"type": "finish"}, "The first websocket message must be a start event"),
        (START | {"chunk_duration_millis": "500"}, "chunk_duration_millis must be an integer"),
        (START | {"chunk_duration_millis": True}, "chunk_duration_millis must be an integer"),
        (START | {"chunk_duration_millis": 500.0}, "chunk_duration_millis must be an integer"),
        (START | {"chunk_duration_millis": None}, "chunk_duration_millis must be an integer"),
        (START | {"chunk_duration_millis": 0}, "chunk_duration_millis must be > 0 and <= 1000"),
        (START | {"chunk_duration_millis": 1001}, "chunk_duration_millis must be > 0 and <= 1000"),
        (START | {"audio_format": None}, "audio_format must be an object"),
        (START | {"audio_format": FORMAT | {"encoding": "opus"}}, "audio_format.encoding must be pcm_s16le or pcm_f32le"),
        (START | {"audio_format": FORMAT | {"encoding": []}}, "audio_format.encoding must be pcm_s16le or pcm_f32le"),
        (START | {"audio_format": FORMAT | {"sample_rate_hz": 48000}}, "audio_format.sample_rate_hz must be 16000"),
        (START | {"audio_format": FORMAT | {"channels": 2}}, "audio_format.channels must be 1"),
        (START | {"language": 7}, "language must be a string"),
    ],
)  # fmt: skip
def test_wrong_starts_are_refused_in_the_words_that_clients_know(message, words):
    text = message if message is None or isinstance(message, str) else json.dumps(message)
    assert refused(twin_messages.started, text) == words


def test_only_finish_comes_behind_the_start():
    twin_messages.check_finish('{"type": "finish"}')
    words = "Only a finish event is allowed after the start message"
    assert refused(twin_messages.check_finish, json.dumps(START)) == words
    assert refused(twin_messages.check_finish, "{}") == words
    assert refused(twin_messages.check_finish, "nonsense") == "Text frames must contain valid JSON messages"


def test_audio_is_no_longer_than_the_start_says_and_of_whole_samples():
    rules = twin_messages.started(json.dumps(START)).rules
    twin_messages.check_audio(rules, bytes(16_000))
    words = "Audio frame exceeds the configured chunk_duration_millis"
    assert refused(twin_messages.check_audio, rules, bytes(16_002)) == words
    words = "Audio frames must match the encoding declared in the start event"
    assert refused(twin_messages.check_audio, rules, b"\0\0\0") == words


def test_transcript_leaves_out_what_there_is_not():
    confirmed, interim = Piece(0, 900, " Grüße"), Piece(900, 1200, " my")
    said = twin_messages.transcript(Update(confirmed, interim))
    assert json.loads(said) == {
        "type": "transcript",
        "confirmed": {"start_time_millis": 0, "end_time_millis": 900, "text": " Grüße"},
        "interim": {"start_time_millis": 900, "end_time_millis": 1200, "text": " my"},
    }
    assert "interim" not in json.loads(twin_messages.transcript(Update(confirmed, None)))
    assert "confirmed" not in json.loads(twin_messages.transcript(Update(None, interim)))


def test_ends_are_said_in_json():
    assert json.loads(twin_messages.completed()) == {"type": "completed"}
    said = twin_messages.error("invalid_argument", "no")
    assert json.loads(said) == {"type": "error", "code": "invalid_argument", "message": "no"}
