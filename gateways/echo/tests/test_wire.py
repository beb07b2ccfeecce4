"""What a client's text may say, to the letter."""

from __future__ import annotations

import json

import pytest

from gateways.echo.wire import ACK, HEADER, BadText, Config, parse_config

CLIENTS = {"type": "config", "sampleRate": 48000, "channelCount": 1, "frameSize": 480, "format": "s16le"}


def refusal(text):
    with pytest.raises(BadText) as error:
        parse_config(text)
    return error.value.answer


def test_the_config_of_the_clients_in_the_wild():
    assert parse_config(json.dumps(CLIENTS)) == Config() == parse_config('{"type":"config"}')
    stereo = parse_config(
        json.dumps(CLIENTS | {"sampleRate": "16000", "channelCount": 2.0, "frameSize": 160})
    )
    assert (stereo.rate_hz, stereo.channels, stereo.frame_samples) == (16_000, 2, 160)
    assert parse_config(json.dumps(CLIENTS | {"consent": True})) == Config()
    assert ACK == '{"type":"ack"}'
    assert HEADER.size == 12


@pytest.mark.parametrize("text", ["", "{", "config", "[" * 4000, "\0", '{"type":"config"' + " " * 5000 + "}"])
def test_text_that_is_no_json(text):
    assert refusal(text) == '{"type":"error","message":"invalid_json"}'


@pytest.mark.parametrize(
    "text", ["[]", "null", "3", '"config"', "{}", '{"type":"start"}', '{"type":["config"]}']
)
def test_json_that_is_no_config(text):
    assert refusal(text) == '{"type":"error","message":"unknown_text_message"}'


@pytest.mark.parametrize(
    "wrong",
    [
        {"sampleRate": 12345}, {"sampleRate": 0}, {"sampleRate": None}, {"sampleRate": 1e400}, {"sampleRate": "fast"},
        {"channelCount": 0}, {"channelCount": 9}, {"frameSize": 0}, {"frameSize": -480}, {"frameSize": 10**9},
        {"frameSize": 1.5}, {"format": "f32le"}, {"format": None},
    ],
)  # fmt: skip
def test_a_config_with_values_that_cannot_be(wrong):
    assert refusal(json.dumps(CLIENTS | wrong)) == '{"type":"error","message":"invalid_config"}'
