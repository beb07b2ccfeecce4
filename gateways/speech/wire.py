"""The messages of the WebSocket twin (docs/wires/speech.md), as types: what comes is read with them, the AsyncAPI document is made of them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Message(BaseModel):
    """One JSON text."""

    model_config = ConfigDict(frozen=True)


# --- from the server


class Transcript(Message):
    """A piece of text, its leading space included. Times since the first sample."""

    start_time_millis: int
    end_time_millis: int
    text: str


class TranscriptMessage(Message):
    """New text. `confirmed` is final; `interim` is what is heard beyond, and replaces the one before."""

    type: Literal["transcript"] = "transcript"
    confirmed: Transcript | None = None
    interim: Transcript | None = None


class Completed(Message):
    """Everything was said; the close, 1000, follows."""

    type: Literal["completed"] = "completed"


class Error(Message):
    """The stream ends; the close follows."""

    type: Literal["error"] = "error"
    code: str = Field(
        description="invalid_argument, deadline_exceeded, internal_error; resource_exhausted: no free slot"
    )
    message: str


# --- from a client


class Query(Message):
    """What a client that cannot change its first message may say in the address."""

    consent: Literal["", "1", "true"] = Field("", description="Who speaks agreed to being recognised.")
    language: str = Field("", description="The spoken language.")


class AudioFormat(Message):
    """Mono, 16 kHz."""

    encoding: Literal["pcm_s16le", "pcm_f32le"]
    sample_rate_hz: Literal[16000]
    channels: Literal[1]


class Start(Message):
    """First of all, within two seconds."""

    type: Literal["start"]
    chunk_duration_millis: int = Field(ge=1, le=1000, description="A binary message is no longer than this.")
    audio_format: AudioFormat
    language: str = Field("", description="The spoken language; SPEECH_LANG where it is not said.")
    consent: bool = Field(False, description="Who speaks agreed to being recognised.")


class Finish(Message):
    """No more audio: what has come becomes text."""

    type: Literal["finish"]


FROM_SERVER = (TranscriptMessage, Completed, Error)
FROM_CLIENT = (Start, Finish)
