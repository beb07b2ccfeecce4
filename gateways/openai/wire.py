"""The events of `WS /v1/realtime` as types (docs/wires/ecosystem.md): the AsyncAPI document is made of them.

The names are the vendor's. What newer clients send besides is ignored.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

MAX_PROMPT_CHARS, MAX_KEYWORDS, MAX_KEYWORD_CHARS = 2000, 200, 100  # as a session's options
LOGPROBS: Literal["item.input_audio_transcription.logprobs"] = "item.input_audio_transcription.logprobs"


def new_id(kind: str) -> str:
    """`event_…`, `item_…`, `sess_…`."""
    return f"{kind}_{secrets.token_hex(11)}"


class Fields(BaseModel):
    """A part of a message. What has no value is left out, but for what `null` means something."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    nullable: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = dump(self)
        return {name: value for name, value in fields.items() if value is not None or name in self.nullable}


# --- the session, as it is set and shown


class Pcm(Fields):
    """s16le, mono."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: int = Field(default=24_000, description="Also 8000, 11025, 16000, 22050, 32000, 44100, 48000.")


class G711(Fields):
    """µ-law or A-law at 8 kHz, mono."""

    type: Literal["audio/pcmu", "audio/pcma"]


AudioFormat = Annotated[Pcm | G711, Field(discriminator="type")]


class Transcription(Fields):
    """What is spoken, and what helps to recognise it."""

    model: str | None = Field(default=None, max_length=100)
    language: str | None = Field(
        default=None,
        max_length=16,
        description="Left out: found from the first speech, where the server offers that.",
    )
    languages: list[Annotated[str, Field(max_length=16)]] | None = Field(
        default=None,
        max_length=20,
        description="Of one, it is taken; of several, it is found from the first speech.",
    )
    prompt: str | None = Field(default=None, max_length=MAX_PROMPT_CHARS)
    keywords: list[Annotated[str, Field(max_length=MAX_KEYWORD_CHARS)]] | None = Field(
        default=None, max_length=MAX_KEYWORDS
    )


class TurnDetection(Fields):
    """The server says where speech begins and ends. `semantic_vad` is taken as `server_vad`."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float | None = Field(default=None, ge=0, le=1, description="Shown, without effect.")
    prefix_padding_ms: int | None = Field(default=None, ge=0, le=10_000, description="Shown, without effect.")
    silence_duration_ms: int | None = Field(
        default=None, ge=0, le=10_000, description="The pause that ends an item; only before the first audio."
    )


class AudioInput(Fields):
    """What comes in."""

    nullable = frozenset({"turn_detection"})
    format: AudioFormat = Pcm()
    noise_reduction: dict[str, Any] | None = Field(default=None, description="Without effect.")
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = TurnDetection()


class Audio(Fields):
    """The input alone: nothing is spoken here."""

    input: AudioInput = AudioInput()


class SessionFields(Fields):
    """How a session is set."""

    type: Literal["transcription"] = "transcription"
    audio: Audio = Audio()
    include: list[Annotated[str, Field(max_length=100)]] | None = Field(default=None, max_length=20)


class SessionView(SessionFields):
    """How a session is shown."""

    id: str
    object: Literal["realtime.transcription_session"] = "realtime.transcription_session"


class OlderSessionFields(Fields):
    """The same, as clients of the beta said it."""

    nullable = frozenset({"turn_detection"})
    input_audio_format: Literal["pcm16", "g711_ulaw", "g711_alaw"] = "pcm16"
    input_audio_transcription: Transcription | None = None
    input_audio_noise_reduction: dict[str, Any] | None = None
    turn_detection: TurnDetection | None = TurnDetection()
    include: list[Annotated[str, Field(max_length=100)]] | None = Field(default=None, max_length=20)


class OlderSessionView(OlderSessionFields):
    """How it is shown to them."""

    id: str
    object: Literal["realtime.transcription_session"] = "realtime.transcription_session"


# --- from the client


class FromClient(Fields):
    """`event_id` comes back in an `error` about this event."""

    event_id: str | None = Field(default=None, max_length=512)


class SessionUpdate(FromClient):
    """Fields that are left out stay as they are."""

    type: Literal["session.update"]
    session: SessionFields


class TranscriptionSessionUpdate(FromClient):
    """What clients of the beta send."""

    type: Literal["transcription_session.update"]
    session: OlderSessionFields


class Append(FromClient):
    """Audio in the session's format, cut anywhere."""

    type: Literal["input_audio_buffer.append"]
    audio: str = Field(description="Base64.")


class Commit(FromClient):
    """What came since the last cut is an item."""

    type: Literal["input_audio_buffer.commit"]


class Clear(FromClient):
    """What came since the last cut is forgotten."""

    type: Literal["input_audio_buffer.clear"]


FROM_CLIENT = (SessionUpdate, TranscriptionSessionUpdate, Append, Commit, Clear)


# --- from the server


class FromServer(Fields):
    """One JSON text."""

    event_id: str = Field(default_factory=lambda: new_id("event"))


class SessionCreated(FromServer):
    """First of all."""

    type: Literal["session.created"] = "session.created"
    session: SessionView


class SessionUpdated(FromServer):
    """The whole session, as it is now."""

    type: Literal["session.updated"] = "session.updated"
    session: SessionView


class TranscriptionSessionCreated(FromServer):
    """First of all, to clients that say `OpenAI-Beta: realtime=v1`."""

    type: Literal["transcription_session.created"] = "transcription_session.created"
    session: OlderSessionView


class TranscriptionSessionUpdated(FromServer):
    """The answer to the older event."""

    type: Literal["transcription_session.updated"] = "transcription_session.updated"
    session: OlderSessionView


class SpeechStarted(FromServer):
    """Speech begins; an item with it."""

    type: Literal["input_audio_buffer.speech_started"] = "input_audio_buffer.speech_started"
    audio_start_ms: int
    item_id: str


class SpeechStopped(FromServer):
    """A pause ends the item."""

    type: Literal["input_audio_buffer.speech_stopped"] = "input_audio_buffer.speech_stopped"
    audio_end_ms: int
    item_id: str


class Committed(FromServer):
    """The item takes no more audio; what is left of its words still comes."""

    nullable = frozenset({"previous_item_id"})
    type: Literal["input_audio_buffer.committed"] = "input_audio_buffer.committed"
    previous_item_id: str | None
    item_id: str


class Cleared(FromServer):
    """The buffer is empty."""

    type: Literal["input_audio_buffer.cleared"] = "input_audio_buffer.cleared"


class LogProb(Fields):
    """A word, with its space, as the vendor has tokens."""

    token: str
    logprob: float
    bytes: list[int]


class Delta(FromServer):
    """Words that are final. An item's deltas in a row are its transcript."""

    type: Literal["conversation.item.input_audio_transcription.delta"] = (
        "conversation.item.input_audio_transcription.delta"
    )
    item_id: str
    content_index: Literal[0] = 0
    delta: str
    logprobs: list[LogProb] | None = None


class Segment(FromServer):
    """A sentence of an item, before its `completed`; seconds since the session's first sample."""

    type: Literal["conversation.item.input_audio_transcription.segment"] = (
        "conversation.item.input_audio_transcription.segment"
    )
    item_id: str
    content_index: Literal[0] = 0
    id: str
    speaker: str = Field(default="", description="Unknown.")
    start: float
    end: float
    text: str


class Usage(Fields):
    """How much audio the item has."""

    type: Literal["duration"] = "duration"
    seconds: float


class Completed(FromServer):
    """All of an item."""

    type: Literal["conversation.item.input_audio_transcription.completed"] = (
        "conversation.item.input_audio_transcription.completed"
    )
    item_id: str
    content_index: Literal[0] = 0
    transcript: str
    usage: Usage
    logprobs: list[LogProb] | None = None


class Problem(Fields):
    """`code` is for programs."""

    type: Literal["invalid_request_error", "rate_limit_error", "server_error"]
    code: str
    message: str
    param: str | None = None
    event_id: str | None = Field(default=None, description="Of the event that was at fault.")


class Failed(FromServer):
    """The rest of an item is lost."""

    type: Literal["conversation.item.input_audio_transcription.failed"] = (
        "conversation.item.input_audio_transcription.failed"
    )
    item_id: str
    content_index: Literal[0] = 0
    error: Problem


class Error(FromServer):
    """Something was not done; unless the socket is closed behind it, the session goes on."""

    type: Literal["error"] = "error"
    error: Problem


FROM_SERVER = (
    SessionCreated, SessionUpdated, TranscriptionSessionCreated, TranscriptionSessionUpdated, SpeechStarted,
    SpeechStopped, Committed, Cleared, Delta, Segment, Completed, Failed, Error,
)  # fmt: skip


class RealtimeQuery(Fields):
    """What the address may say; the vendor's `model` and others are ignored."""

    intent: str = Field(
        default="", description="`transcription`, from older clients; nothing else is served here."
    )
    consent: str = Field(default="", description="1: who speaks agrees; where the server asks for it.")
