"""How each generation's client begins, sends audio and is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from google.protobuf.message import DecodeError

from asr.audio.pcm import RawFormat
from gateways.speech.messages import generation
from gateways.speech.pieces import Piece, Update
from gateways.speech.refusals import invalid
from gateways.speech.rules import MAX_CHUNK_MS, PAUSE_WITHIN_S, AudioRules, first_audio_within_s

CURRENT, OLDER = generation("current"), generation("older")
_ENCODINGS: Final = {0: RawFormat("f32le"), 1: RawFormat("f32le"), 2: RawFormat("s16le")}
_PROBLEMS: Final = {
    "too_long": "Audio chunk exceeds the configured chunk_duration_ms",
    "not_whole": "Audio chunk encoding does not match the accepted stream config",
}


@dataclass(frozen=True, slots=True)
class Start:
    """What the first message says: how its audio is, by when it must come, and the audio that it holds itself."""

    raw_format: RawFormat
    first_audio_within_s: float
    audio: bytes = b""


class Dialog(Protocol):
    """One stream's. Methods raise Refused."""

    def begin(self, message: bytes) -> Start:
        """The first message."""

    def audio(self, message: bytes) -> bytes:
        """Any later one."""

    def answer(self, update: Update) -> bytes | None:
        """What the client is sent, if anything."""


class CurrentDialog:
    """A config, then audio; confirmed and interim text."""

    _request = CURRENT.message("StreamingRecognizeRequest")
    _response = CURRENT.message("StreamingRecognizeResponse")
    _transcript = CURRENT.message("Transcript")

    def __init__(self) -> None:
        self._rules = AudioRules(RawFormat("f32le"), MAX_CHUNK_MS)

    def begin(self, message: bytes) -> Start:
        """The config."""
        request = _parsed(self._request, message)
        if request.WhichOneof("payload") != "config":
            raise invalid("The first streaming message must be a config")
        chunk_ms = request.config.chunk_duration_millis
        if not 0 < chunk_ms <= MAX_CHUNK_MS:
            raise invalid(f"chunk_duration_millis must be > 0 and <= {MAX_CHUNK_MS}")
        raw_format = _ENCODINGS.get(request.config.encoding)
        if raw_format is None:
            raise invalid("encoding must be one of: AUDIO_ENCODING_PCM_F32LE, AUDIO_ENCODING_PCM_S16LE")
        self._rules = AudioRules(raw_format, chunk_ms)
        return Start(raw_format, first_audio_within_s(chunk_ms))

    def audio(self, message: bytes) -> bytes:
        """A chunk."""
        request = _parsed(self._request, message)
        if request.WhichOneof("payload") != "audio_chunk":
            raise invalid("Only audio_chunk messages are allowed after the initial config")
        data: bytes = request.audio_chunk.audio_bytes
        if problem := self._rules.problem(data):
            raise invalid(_PROBLEMS[problem])
        return data

    def answer(self, update: Update) -> bytes | None:
        """Both, or one of them."""
        found = self._response()
        for name, piece in (("confirmed", update.confirmed), ("interim", update.interim)):
            if piece is not None:
                _fill(getattr(found, name), piece)
        return bytes(found.SerializeToString())


class OlderDialog:
    """Audio from the first message on; confirmed text."""

    _chunk = OLDER.message("AudioChunk")
    _transcript = OLDER.message("Transcript")

    def begin(self, message: bytes) -> Start:
        """The first chunk."""
        return Start(RawFormat("f32le"), PAUSE_WITHIN_S, self.audio(message))

    def audio(self, message: bytes) -> bytes:
        """A chunk."""
        samples = np.asarray(_parsed(self._chunk, message).samples, "<f4")
        return samples.tobytes()

    def answer(self, update: Update) -> bytes | None:
        """What is confirmed."""
        if update.confirmed is None:
            return None
        found = self._transcript()
        _fill(found, update.confirmed)
        return bytes(found.SerializeToString())


class OlderDialogWithHypothesis(OlderDialog):
    """The hypothesis beside it; both are always set, as clients expect."""

    _both = OLDER.message("TranscriptWithHypothesis")

    def answer(self, update: Update) -> bytes | None:
        """Where there is nothing, an empty text."""
        found, nothing = self._both(), Piece(0, 0, "")
        _fill(found.confirmed, update.confirmed or nothing)
        _fill(found.hypothesis, update.interim or nothing)
        return bytes(found.SerializeToString())


DIALOGS: Final[dict[tuple[str, str], type[Dialog]]] = {
    ("current", "SpeechToText"): CurrentDialog,
    ("older", "SpeechToText"): OlderDialog,
    ("older", "SpeechToTextWithHypothesis"): OlderDialogWithHypothesis,
}  # by generation and service


def _parsed(message_class: Any, message: bytes) -> Any:
    try:
        return message_class.FromString(message)
    except DecodeError:
        raise invalid("The message cannot be parsed") from None


def _fill(transcript: Any, piece: Piece) -> None:
    transcript.SetInParent()
    transcript.start_time_millis, transcript.end_time_millis = piece.start_ms, piece.end_ms
    transcript.text = piece.text
