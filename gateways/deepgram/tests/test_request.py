"""What may stand in the query, and what is said to what may not: pure."""

from __future__ import annotations

import pytest

from asr.audio.pcm import RawFormat
from gateways.deepgram import refusals
from gateways.deepgram.request import parse
from gateways.deepgram.results import ResultOptions
from rooms.errors import BadInput, DomainError, Forbidden, NoCapacity, Unauthenticated


def test_nothing_is_a_container_in_english():
    listen = parse(b"")
    assert (listen.lang, listen.raw, listen.opus_packets, listen.channels) == ("en", None, False, 1)
    assert listen.results == ResultOptions()


def test_everything_that_the_sdks_send_is_understood():
    listen = parse(
        b"model=nova-3&language=de-AT&encoding=linear16&sample_rate=48000&channels=2&interim_results=true&endpointing=500"
        b"&utterance_end_ms=1000&vad_events=true&smart_format=true&keywords=Souffleur%3A5&keywords=Prompter&keyterm=Wiener+Burg"
        b"&keywords=Unsinn%3A-3&diarize=true&numerals=true&tag=x&no_delay=true&consent=1"
    )
    assert listen.lang == "de"
    assert listen.raw == RawFormat("s16le", 48_000, 2)
    assert not listen.separate
    assert listen.terms == ("Souffleur", "Prompter", "Wiener Burg")
    assert listen.consent
    assert listen.results == ResultOptions(
        interim=True, utterance_end_ms=1000, vad_events=True, punctuated=True, pause_ms=500
    )


@pytest.mark.parametrize(
    ("query", "raw"),
    [
        (b"encoding=linear16&sample_rate=16000", RawFormat()),
        (b"encoding=linear32&sample_rate=44100", RawFormat("f32le", 44_100)),
        (b"encoding=mulaw", RawFormat("mulaw", 8_000)),
        (b"encoding=alaw&sample_rate=16000", RawFormat("alaw", 16_000)),
        (b"encoding=opus&sample_rate=48000", None),
        (b"encoding=ogg-opus", None),
    ],
)
def test_encodings(query, raw):
    listen = parse(query)
    assert listen.raw == raw
    assert listen.opus_packets == (b"=opus" in query)


@pytest.mark.parametrize(
    ("endpointing", "on", "pause_ms"),
    [
        ("true", True, 640), ("false", False, 640), ("", True, 640), ("10", True, 300), ("700", True, 700),
        ("5000", True, 2000),
    ],
)  # fmt: skip
def test_endpointing_is_a_switch_or_a_pause_that_recognition_can_bear(endpointing, on, pause_ms):
    found = parse(f"endpointing={endpointing}".encode()).results
    assert (found.endpointing, found.pause_ms) == (on, pause_ms)


def test_any_language_is_told_by_what_is_heard():
    for query in (b"language=multi", b"detect_language=true"):
        listen = parse(query)
        assert (listen.lang, listen.results.languages) == ("", True)


def test_channels_are_speakers_where_that_is_asked_for():
    listen = parse(b"encoding=linear16&sample_rate=16000&channels=2&multichannel=true")
    assert (listen.separate, listen.channels) == (True, 2)
    assert not parse(b"encoding=linear16&sample_rate=16000&channels=1&multichannel=true").separate


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (b"\xff=1", "The query cannot be read."),
        (b"a=1&" * 300, "The query cannot be read."),
        (b"encoding=g729&sample_rate=8000", "Unsupported encoding."),
        (b"encoding=linear16", "sample_rate is required with encoding."),
        (
            b"encoding=linear16&sample_rate=12345",
            "Unsupported sample_rate: one of 8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000.",
        ),
        (b"encoding=linear16&sample_rate=16000&channels=9", "Invalid value of channels."),
        (b"encoding=linear16&sample_rate=16000&channels=x", "Invalid value of channels."),
        (b"encoding=linear16&sample_rate=9999999999999999999999999", "Unsupported sample_rate:"),
        (b"multichannel=true", "multichannel requires encoding, sample_rate and channels."),
        (b"interim_results=perhaps", "Invalid value of interim_results."),
        (b"utterance_end_ms=-1", "Invalid value of utterance_end_ms."),
        (b"endpointing=-1", "Invalid value of endpointing."),
        (b"redact=pci", "redact is not supported."),
        (b"callback=https://a.test", "callback is not supported."),
        (b"profanity_filter=true", "profanity_filter is not supported."),
        (b"replace=a:b", "replace is not supported."),
    ],
)
def test_what_cannot_be_done_is_said(query, message):
    with pytest.raises(BadInput) as caught:
        parse(query)
    refusal = refusals.of_error(caught.value)
    assert (refusal.status, refusal.err_code) == (400, "Bad Request")
    assert refusal.message.startswith(message)


@pytest.mark.parametrize(
    ("error", "status", "err_code"),
    [
        (Unauthenticated("wrong_key"), 401, "INVALID_AUTH"),
        (Forbidden("consent_required"), 403, "FORBIDDEN"),
        (BadInput("source_lang"), 400, "Bad Request"),
        (BadInput("stream_options", option="keywords"), 400, "Bad Request"),
        (NoCapacity("capacity", slots=2), 429, "TOO_MANY_REQUESTS"),
        (DomainError("not_ready", retry=True), 503, "SERVICE_UNAVAILABLE"),
        (None, 500, "INTERNAL_SERVER_ERROR"),
    ],
)
def test_each_refusal_has_a_status_a_code_and_words(error, status, err_code):
    refusal = refusals.of_error(error)
    body = refusal.body("id")
    assert (refusal.status, body["err_code"], body["request_id"]) == (status, err_code, "id")
    assert " " in body["err_msg"]
    assert refusal.headers("id") == {"dg-request-id": "id", "dg-error": body["err_msg"]}


def test_every_reason_fits_into_a_close():
    closes = [close for close in vars(refusals).values() if isinstance(close, refusals.Close)]
    assert len(closes) >= 6
    assert all(len(close.reason.encode()) <= 123 for close in closes)
    assert all(len(words) <= 123 for words in refusals.WORDS.values())
