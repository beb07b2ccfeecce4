"""The messages of this wire (docs/wires/interpreter.md), as types: the AsyncAPI document is made of them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from asr.stream_options import AUTO_LANG
from gateways.interpreter.limits import TEXT_CHARS
from rooms.errors import BadInput

RATES_HZ = (16_000, 32_000, 44_100, 48_000)
DEFAULT_ROOM = "default"


class Message(BaseModel):
    """One JSON text. Fields that this server does not know are passed over: its clients send some."""

    model_config = ConfigDict(extra="ignore", frozen=True)


# --- from a client


class Config(Message):
    """How the sound will be, and what for. Before any sound; once more changes it."""

    type: Literal["config", "start"]
    sample_rate_hz: int = Field(
        16_000,
        alias="sampleRate",
        validation_alias=AliasChoices("sampleRate", "sample_rate"),
        description="16000, 32000, 44100 or 48000.",
    )
    target_lang: str = Field("en", alias="targetLang", max_length=16, description="Of the translation.")
    source_lang: str = Field(AUTO_LANG, alias="sourceLang", max_length=16, description="What is spoken.")
    room_id: str = Field(
        DEFAULT_ROOM,
        alias="roomId",
        min_length=1,
        max_length=128,
        description="Who shares finals and speech.",
    )
    consent: bool = Field(False, strict=True, description="Whoever speaks has agreed (CONSENT_REQUIRED).")


class Heartbeat(Message):
    """Asks for a `pong`."""

    type: Literal["heartbeat"]
    ts_ms: float | int | None = None


class HistoryRequest(Message):
    """Asks for the room's last finals."""

    type: Literal["history_request"]


FROM_CLIENT: tuple[type[Message], ...] = (Config, Heartbeat, HistoryRequest)
Asked = Config | Heartbeat | HistoryRequest
_ASKED: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="type")])

# --- from the server


class Ack(Message):
    """The config holds."""

    type: Literal["ack"] = "ack"


class Pong(Message):
    """What a heartbeat brought."""

    type: Literal["pong"] = "pong"
    ts_ms: float | int | None = None


class Text(Message):
    """What was spoken, and its translation; empty where there is none."""

    text: str
    lang: str
    translation: str
    target_lang: str


class Partial(Text):
    """The unfinished sentence; replaces the one before."""

    type: Literal["partial"] = "partial"


class Final(Text):
    """A sentence. Its translation as MP3 follows in a binary message, unless it would come too late."""

    type: Literal["final"] = "final"


class HistoryItem(Final):
    """A final, and when it was said."""

    ts: float = Field(description="Seconds since the epoch.")


class History(Message):
    """The room's finals of the last half hour, oldest first."""

    type: Literal["history"] = "history"
    items: list[HistoryItem]


class NoAudio(Message):
    """Nothing was heard for five seconds."""

    type: Literal["warning"] = "warning"
    code: Literal["NO_AUDIO"] = "NO_AUDIO"
    message: str = "No audio received yet. Check mic permission/input device."


class Error(Message):
    """Something was refused; where no close follows, the connection goes on as it was."""

    type: Literal["error"] = "error"
    message: str


FROM_SERVER: tuple[type[Message], ...] = (Ack, Pong, Partial, Final, History, NoAudio, Error)


def parse(text: str) -> Asked:
    """Raises BadInput: its code is the `message` of the error."""
    try:
        said: Any = json.loads(text, parse_constant=_no_number) if len(text) <= TEXT_CHARS else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise BadInput("invalid_json")
    try:
        return _ASKED.validate_python(said)
    except ValidationError as error:
        kinds = {each["type"] for each in error.errors()}
        unknown = kinds & {"union_tag_invalid", "union_tag_not_found"}
        raise BadInput("unknown_text_message" if unknown else "invalid_config") from None


def _no_number(word: str) -> float:
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError(word)


def encode(message: Message) -> str:
    """As it is sent."""
    return json.dumps(message.model_dump(mode="json"), ensure_ascii=False)
