"""What a client of the WebSocket twin says, read with the words of the server before us; what it is told, as JSON. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from asr.audio.pcm import RawFormat
from gateways.speech.pieces import Piece, Update
from gateways.speech.refusals import invalid
from gateways.speech.rules import MAX_CHUNK_MS, AudioRules
from gateways.speech.wire import Completed, Error, Transcript, TranscriptMessage

_ENCODINGS: Final = {"pcm_s16le": RawFormat("s16le"), "pcm_f32le": RawFormat("f32le")}
_PROBLEMS: Final = {
    "too_long": "Audio frame exceeds the configured chunk_duration_millis",
    "not_whole": "Audio frames must match the encoding declared in the start event",
}


@dataclass(frozen=True, slots=True)
class Started:
    """What the first message says."""

    rules: AudioRules
    chunk_ms: int
    lang: str
    consent: bool


def started(text: str | None) -> Started:
    """The first message. Raises Refused."""
    if text is None:
        raise invalid("The first websocket message must be a JSON start event")
    message = _json(text)
    if message.get("type") != "start":
        raise invalid("The first websocket message must be a start event")
    chunk_ms = message.get("chunk_duration_millis")
    if not isinstance(chunk_ms, int) or isinstance(chunk_ms, bool):
        raise invalid("chunk_duration_millis must be an integer")
    if not 0 < chunk_ms <= MAX_CHUNK_MS:
        raise invalid(f"chunk_duration_millis must be > 0 and <= {MAX_CHUNK_MS}")
    lang = message.get("language", "")
    if not isinstance(lang, str):
        raise invalid("language must be a string")
    raw_format = _raw_format(message.get("audio_format"))
    return Started(AudioRules(raw_format, chunk_ms), chunk_ms, lang, message.get("consent") is True)


def check_finish(text: str) -> None:
    """The only text behind the first. Raises Refused."""
    if _json(text).get("type") != "finish":
        raise invalid("Only a finish event is allowed after the start message")


def check_audio(rules: AudioRules, data: bytes) -> None:
    """Raises Refused."""
    if problem := rules.problem(data):
        raise invalid(_PROBLEMS[problem])


def transcript(update: Update) -> str:
    """What is missing is left out."""
    message = TranscriptMessage(confirmed=_transcript(update.confirmed), interim=_transcript(update.interim))
    return message.model_dump_json(exclude_none=True)


def completed() -> str:
    """Behind the last text."""
    return Completed().model_dump_json()


def error(code: str, message: str) -> str:
    """Before the close."""
    return Error(code=code, message=message).model_dump_json()


def _transcript(piece: Piece | None) -> Transcript | None:
    if piece is None:
        return None
    return Transcript(start_time_millis=piece.start_ms, end_time_millis=piece.end_ms, text=piece.text)


def _json(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid("Text frames must contain valid JSON messages") from None
    if not isinstance(message, dict):
        raise invalid("Text frames must contain a JSON object")
    return message


def _raw_format(audio_format: object) -> RawFormat:
    if not isinstance(audio_format, dict):
        raise invalid("audio_format must be an object")
    encoding = audio_format.get("encoding")
    raw_format = _ENCODINGS.get(encoding) if isinstance(encoding, str) else None
    if raw_format is None:
        raise invalid("audio_format.encoding must be pcm_s16le or pcm_f32le")
    if audio_format.get("sample_rate_hz") != raw_format.rate_hz:
        raise invalid("audio_format.sample_rate_hz must be 16000")
    if audio_format.get("channels") != raw_format.channels:
        raise invalid("audio_format.channels must be 1")
    return raw_format
