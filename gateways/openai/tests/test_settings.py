"""What clients set, of both generations, and everything that they may get wrong."""

import base64
import json

import pytest

from asr.audio.pcm import RawFormat
from gateways.openai import settings
from gateways.openai.refusals import Refusal, problem
from gateways.openai.settings import SessionSettings, audio_bytes, client_event

FRESH = SessionSettings("sess_1")


def event(kind, **fields):
    return client_event(json.dumps({"type": kind, **fields}))


def update(has_audio=False, before=FRESH, include=None, **fields):
    session = {"type": "transcription", "audio": {"input": fields}}
    if include is not None:
        session["include"] = include
    return before.updated(event("session.update", session=session), has_audio=has_audio)


def refused(act):
    with pytest.raises(Refusal) as found:
        act()
    return problem(found.value)


def test_session_is_shown_as_the_vendor_shows_it():
    assert json.loads(FRESH.shown().model_dump_json()) == {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "turn_detection": {"type": "server_vad"},
            }
        },
        "id": "sess_1",
        "object": "realtime.transcription_session",
    }


def test_what_an_update_leaves_out_stays():
    first = update(transcription={"model": "whisper-1", "language": "en"}, turn_detection=None)
    second = update(before=first, transcription={"prompt": "names"})
    shown = json.loads(second.shown().model_dump_json())["audio"]["input"]
    assert shown["transcription"] == {"model": "whisper-1", "language": "en", "prompt": "names"}
    assert shown["turn_detection"] is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"type": "audio/pcm", "rate": 24000}, RawFormat("s16le", 24_000)),
        ({"type": "audio/pcm"}, RawFormat("s16le", 24_000)),
        ({"type": "audio/pcm", "rate": 16000}, RawFormat("s16le", 16_000)),
        ({"type": "audio/pcmu"}, RawFormat("mulaw", 8_000)),
        ({"type": "audio/pcma"}, RawFormat("alaw", 8_000)),
    ],
)
def test_formats_are_what_the_audio_log_takes(said, expected):
    assert update(format=said).raw_format == expected


def test_event_of_the_beta_sets_the_same():
    found = FRESH.updated(
        event(
            "transcription_session.update",
            session={
                "input_audio_format": "g711_ulaw",
                "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "de", "prompt": "p"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
                "include": ["item.input_audio_transcription.logprobs"],
                "client_secret": {"unknown": 1},
            },
        ),
        has_audio=False,
    )
    assert found.raw_format == RawFormat("mulaw", 8_000)
    assert (found.transcription.language, found.transcription.prompt) == ("de", "p")
    assert found.input.turn_detection.silence_duration_ms == 300
    assert found.with_logprobs
    assert json.loads(found.shown_as_before().model_dump_json()) == {
        "input_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "de", "prompt": "p"},
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
        "include": ["item.input_audio_transcription.logprobs"],
        "id": "sess_1",
        "object": "realtime.transcription_session",
    }


def test_language_and_prompt_stay_once_audio_has_come_and_the_rest_may_change():
    before = update(transcription={"language": "en"})
    assert update(True, before, transcription={"model": "whisper-1", "language": "en"})
    assert update(True, before, turn_detection=None).input.turn_detection is None
    found = refused(lambda: update(True, before, transcription={"language": "de"}))
    assert (found.code, found.param) == ("invalid_value", "session.audio.input.transcription")
    assert found.message == "Cannot update 'session.audio.input.transcription' once audio has come."


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("", "invalid_json", None),
        ("{", "invalid_json", None),
        ("[]", "invalid_json", None),
        ("[" * 100_000, "invalid_json", None),
        ("{}", "missing_required_parameter", "type"),
        ('{"type": 1}', "invalid_value", "type"),
        ('{"type": "response.create"}', "invalid_value", "type"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": 1}', "invalid_value", "audio"),
        ('{"type": "session.update"}', "missing_required_parameter", "session"),
        ('{"type": "session.update", "session": []}', "invalid_value", "session"),
        ('{"type": "session.update", "session": {"type": "realtime"}}', "invalid_value", "session.type"),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/opus"}}}}}',
            "invalid_value",
            "session.audio.input.format",
        ),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/pcm", "rate": "x"}}}}}',
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"transcription": {"prompt": "%s"}}}}}'
            % ("x" * 3000),
            "invalid_value",
            "session.audio.input.transcription.prompt",
        ),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"turn_detection": {"type": "none"}}}}}',
            "invalid_value",
            "session.audio.input.turn_detection.type",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text, code, param):
    found = refused(lambda: client_event(text))
    assert (found.type, found.code, found.param) == ("invalid_request_error", code, param)


def test_error_says_which_event_was_at_fault():
    found = refused(lambda: event("conversation.item.create", event_id="mine"))
    assert found.event_id == "mine"
    assert found.message.startswith(
        "Invalid value: 'conversation.item.create'. Supported values are: 'session.update', "
    )


@pytest.mark.parametrize("rate", [0, -1, 12_345, 2**40])
def test_rate_off_the_list_is_refused_with_the_list(rate):
    found = refused(lambda: update(format={"type": "audio/pcm", "rate": rate}))
    assert (found.code, found.param) == ("invalid_value", "session.audio.input.format.rate")
    assert "24000" in found.message


@pytest.mark.parametrize("audio", ["%", "AAA", "AA=A", "ä", " AAAA"])
def test_what_is_no_base64_is_refused(audio):
    found = refused(lambda: audio_bytes(event("input_audio_buffer.append", audio=audio)))
    assert (found.code, found.param) == ("invalid_value", "audio")


def test_audio_comes_as_it_was_sent():
    audio = base64.b64encode(b"\x00\xff\x01").decode()
    assert audio_bytes(event("input_audio_buffer.append", audio=audio)) == b"\x00\xff\x01"


def test_every_event_that_clients_may_send_is_known():
    assert sorted(settings._EVENTS) == [
        "input_audio_buffer.append", "input_audio_buffer.clear", "input_audio_buffer.commit", "session.update",
        "transcription_session.update",
    ]  # fmt: skip
