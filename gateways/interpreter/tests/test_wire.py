"""The messages to the letter, and what is none of them."""

import json

import pytest

from gateways.interpreter import wire
from gateways.interpreter.limits import TEXT_CHARS
from rooms.errors import BadInput

PAGES_OWN = '{"type":"config","sampleRate":48000,"frameSize":320,"targetLang":"de","roomId":"default"}'


def test_config_of_the_page_is_understood():
    config = wire.parse(PAGES_OWN)
    assert isinstance(config, wire.Config)
    assert (config.sample_rate_hz, config.target_lang, config.room_id) == (48_000, "de", "default")
    assert (config.source_lang, config.consent) == ("auto", False)


def test_start_is_a_config_and_everything_in_it_has_a_default():
    config = wire.parse('{"type":"start"}')
    assert isinstance(config, wire.Config)
    assert (config.sample_rate_hz, config.target_lang, config.room_id) == (16_000, "en", "default")
    assert wire.parse('{"type":"start","sample_rate":48000}').sample_rate_hz == 48_000
    assert wire.parse('{"type":"config","sampleRate":"32000","consent":true,"x":1}').consent


@pytest.mark.parametrize("stamp", ["1710001234567", "1710001234567.25", "null"])
def test_heartbeat_comes_back_as_it_was(stamp):
    asked = wire.parse(f'{{"type":"heartbeat","ts_ms":{stamp}}}')
    assert wire.encode(wire.Pong(ts_ms=asked.ts_ms)) == f'{{"type": "pong", "ts_ms": {stamp}}}'


def test_history_is_asked_for():
    assert isinstance(wire.parse('{"type":"history_request"}'), wire.HistoryRequest)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "nonsense", "[]", "5", "null", '"config"', "NaN", '{"type":"config"', "\0", "[" * 4000,
        '{"type":"heartbeat","ts_ms":Infinity}',
        '{"type":"config","x":"' + "x" * TEXT_CHARS + '"}',
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_invalid_json(text):
    with pytest.raises(BadInput, match=r"^invalid_json$"):
        wire.parse(text)


@pytest.mark.parametrize(
    "text", ["{}", '{"type":"audio_chunk"}', '{"type":5}', '{"type":null}', '{"type":[]}']
)
def test_other_objects_are_unknown(text):
    with pytest.raises(BadInput, match=r"^unknown_text_message$"):
        wire.parse(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"sampleRate": "fast"}, {"sampleRate": None}, {"sampleRate": 1e300}, {"targetLang": 5}, {"targetLang": "x" * 17},
        {"roomId": ""}, {"roomId": "x" * 129}, {"roomId": 5}, {"consent": "yes"}, {"consent": 1}, {"sourceLang": []},
    ],
)  # fmt: skip
def test_config_with_a_wrong_value_is_invalid(fields):
    with pytest.raises(BadInput, match=r"^invalid_config$"):
        wire.parse(json.dumps({"type": "config", **fields}))


def test_messages_of_the_server_to_the_letter():
    text = {"text": "Olá.", "lang": "pt", "translation": "Hi.", "target_lang": "en"}
    said = [
        wire.Ack(),
        wire.Partial(**text),
        wire.Final(**text),
        wire.History(items=[wire.HistoryItem(**text, ts=1.5)]),
        wire.NoAudio(),
        wire.Error(message="invalid_json"),
    ]
    assert [json.loads(wire.encode(message)) for message in said] == [
        {"type": "ack"},
        {"type": "partial", **text},
        {"type": "final", **text},
        {"type": "history", "items": [{"type": "final", **text, "ts": 1.5}]},
        {
            "type": "warning",
            "code": "NO_AUDIO",
            "message": "No audio received yet. Check mic permission/input device.",
        },
        {"type": "error", "message": "invalid_json"},
    ]
    assert "Olá" in wire.encode(wire.Final(**text))
