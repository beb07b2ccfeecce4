"""The messages of this wire (docs/wires/ecosystem.md), as types: the AsyncAPI document is made of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from asr.audio.pcm import MAX_CHANNELS

Channel = Annotated[list[int], Field(description="Which channel, of how many.", examples=[[0, 1]])]


class Message(BaseModel):
    """One JSON text. What has no value is left out."""

    model_config = ConfigDict(frozen=True)


# --- from the server


class Word(Message):
    """A word and when it was said."""

    word: str = Field(description="In lower case, without punctuation.")
    start: float = Field(description="Seconds since the stream's first sample.")
    end: float
    confidence: float = Field(description="The recogniser's own probability.")
    punctuated_word: str | None = Field(None, description="With `punctuate` or `smart_format`.")
    language: str | None = Field(None, description="With `language=multi`.")


class Alternative(Message):
    """There is one."""

    transcript: str
    confidence: float = Field(description="The mean of its words'; 0 without words.")
    languages: list[str] | None = Field(None, description="With `language=multi`, most words first.")
    words: list[Word]


class Alternatives(Message):
    """What was said in a channel."""

    alternatives: list[Alternative]


class ModelInfo(Message):
    """What recognises."""

    name: str
    version: str
    arch: str


class ResultsMetadata(Message):
    """Of the stream."""

    request_id: str
    model_info: ModelInfo
    model_uuid: str


class Results(Message):
    """Words. Final ones tile a channel's audio: each starts where the one before ends, and never changes."""

    type: Literal["Results"] = "Results"
    channel_index: Channel
    duration: float
    start: float
    is_final: bool = Field(description="False: replaced by what comes next.")
    speech_final: bool = Field(description="The speaker paused, or the client said that it is done.")
    channel: Alternatives
    metadata: ResultsMetadata
    from_finalize: bool = Field(description="The answer to a `Finalize`.")


class SpeechStarted(Message):
    """With `vad_events`: somebody speaks."""

    type: Literal["SpeechStarted"] = "SpeechStarted"
    channel: Channel
    timestamp: float


class UtteranceEnd(Message):
    """With `utterance_end_ms`: so long no word has come behind the last final one."""

    type: Literal["UtteranceEnd"] = "UtteranceEnd"
    channel: Channel
    last_word_end: float


class Metadata(Message):
    """The last message, behind all words."""

    type: Literal["Metadata"] = "Metadata"
    transaction_key: Literal["deprecated"] = "deprecated"
    request_id: str
    sha256: str = Field(description="Of all audio bytes as they came.")
    created: str
    duration: float
    channels: int
    models: list[str]
    model_info: dict[str, ModelInfo]


class Error(Message):
    """Something that does not end the stream: a text that is no message (`SchemaError`), or words that were lost."""

    type: Literal["Error"] = "Error"
    variant: Literal["SchemaError", "WordsLost"]
    description: str
    message: str | None = Field(default=None, description="The text that could not be read.")


class ConfigureFailure(Message):
    """The answer to `Configure`: terms are given at the start."""

    type: Literal["ConfigureFailure"] = "ConfigureFailure"
    request_id: str
    code: Literal["CONFIGURE_KEYTERMS_NOT_SUPPORTED"] = "CONFIGURE_KEYTERMS_NOT_SUPPORTED"
    description: str


FROM_SERVER: tuple[type[Message], ...] = (
    Results, SpeechStarted, UtteranceEnd, Metadata, Error, ConfigureFailure,
)  # fmt: skip

# --- from the client


class ListenQuery(Message):
    """How a client asks. Other parameters are left out, but `callback`, `profanity_filter`, `redact` and `replace` are refused."""

    model: str = Field("", description="Anything: this server has one.")
    language: str = Field("", description="`en` if empty; `en-US` is `en`; `multi`: what is heard.")
    detect_language: bool = Field(False, description="Without `language`: as `multi`.")
    encoding: Literal["linear16", "linear32", "mulaw", "alaw", "opus", "ogg-opus"] | None = Field(
        None, description="None: WebM or Ogg with Opus, or WAV. `opus`: each message is a packet."
    )
    sample_rate: int | None = Field(None, description="With a raw encoding; 8000 for mulaw and alaw.")
    channels: int = Field(1, ge=1, le=MAX_CHANNELS)
    multichannel: bool = Field(False, description="Each channel is a speaker. Else they are mixed.")
    interim_results: bool = False
    endpointing: bool | Annotated[int, Field(ge=0)] = Field(
        True, description="Silence in ms that ends speech, 300 to 2000; false: no `speech_final`."
    )
    utterance_end_ms: int = Field(0, ge=0, le=60_000)
    vad_events: bool = False
    punctuate: bool = False
    smart_format: bool = Field(False, description="As `punctuate`.")
    dictation: bool = Field(False, description="As `punctuate`.")
    keywords: list[str] = Field([], description="Words to be expected; a boost behind a colon is ignored.")
    keyterm: list[str] = Field([], description="Terms to be expected.")
    consent: bool = Field(False, description="Who speaks has agreed.")


class KeepAlive(Message):
    """No audio for now, but the stream goes on."""

    type: Literal["KeepAlive"]


class Finalize(Message):
    """What was heard so far is final: answered by `Results` with `from_finalize`."""

    type: Literal["Finalize"]
    channel: int | None = Field(None, ge=0, description="Only this one of several.")


class CloseStream(Message):
    """No more audio: everything becomes text, then comes `Metadata`, then the close."""

    type: Literal["CloseStream"]


class Configure(Message):
    """Other terms in mid-stream: refused by `ConfigureFailure`."""

    type: Literal["Configure"]


FROM_CLIENT: tuple[type[Message], ...] = (KeepAlive, Finalize, CloseStream, Configure)
Asked = KeepAlive | Finalize | CloseStream | Configure
ASKED: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="type")])
