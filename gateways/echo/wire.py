"""The messages of the echo (docs/wires/interpreter.md), as types: the AsyncAPI document is made of them."""

from __future__ import annotations

import json
import struct
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from asr.audio.pcm import MAX_CHANNELS, RATES_HZ
from gateways.echo.limits import TEXT_CHARS

HEADER: Final = struct.Struct("<Id")  # a client's own number and time, which come back as they are
INVALID_JSON: Final = "invalid_json"
UNKNOWN_TEXT: Final = "unknown_text_message"
INVALID_CONFIG: Final = "invalid_config"
Wrong = Literal["invalid_json", "unknown_text_message", "invalid_config"]


class Config(BaseModel):
    """What the frames are: may come at any time, and again; without it, the defaults. Other fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    type: Literal["config"] = "config"
    rate_hz: int = Field(48_000, alias="sampleRate", description=f"One of {', '.join(map(str, RATES_HZ))}.")
    channels: int = Field(1, alias="channelCount", ge=1, le=MAX_CHANNELS)
    frame_samples: int = Field(
        480, alias="frameSize", ge=1, le=max(RATES_HZ), description="Samples of each channel in a frame."
    )
    format: Literal["s16le"] = "s16le"

    @field_validator("rate_hz")
    @classmethod
    def _known_rate(cls, value: int) -> int:
        if value not in RATES_HZ:
            raise ValueError("is not a rate on the list")
        return value


class Ack(BaseModel):
    """A config holds from the next frame on."""

    type: Literal["ack"] = "ack"


class Error(BaseModel):
    """A text that changed nothing. `invalid_config`: a value that cannot be; the config before it goes on."""

    type: Literal["error"] = "error"
    message: Wrong


FROM_SERVER, FROM_CLIENT = (Ack, Error), (Config,)
DEFAULTS: Final = Config.model_validate({})
ACK: Final = Ack().model_dump_json()


class BadText(Exception):
    """What a client wrote cannot be used; `message` is the wire's word for it."""

    def __init__(self, message: Wrong) -> None:
        super().__init__(message)
        self.answer = Error(message=message).model_dump_json()


def parse_config(text: str) -> Config:
    """Raises BadText."""
    if len(text) > TEXT_CHARS:
        raise BadText(INVALID_JSON)
    try:
        payload: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadText(INVALID_JSON) from error
    if not isinstance(payload, dict) or payload.get("type") != "config":
        raise BadText(UNKNOWN_TEXT)
    try:
        return Config.model_validate(payload)
    except ValidationError as error:
        raise BadText(INVALID_CONFIG) from error
