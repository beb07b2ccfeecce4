"""What a meeting's client is sent."""

from __future__ import annotations

import secrets
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from gateways.meetings.phrases import Phrase

INTERIM_VARIANCE: Final = 0.5


class Transcription(BaseModel):
    """Words of one participant, which may change (`interim`) or stay (`final`). A final has the id of its interims."""

    id: str = Field(description="UUID version 7, by the time of the first word.")
    participant_id: str
    ts: int = Field(description="Milliseconds since the epoch at the first word.")
    text: str
    audio: str = Field(description="Where it is configured: a final's sound, a WAV file, base64. Else empty.")
    type: Literal["interim", "final"]
    variance: float = Field(
        description="A final's mean probability of its words; 0.5 in an interim. Has a decimal point."
    )


def transcription(phrase: Phrase, *, participant_id: str, epoch_ms: int, audio: str = "") -> str:
    """One message."""
    variance = INTERIM_VARIANCE if phrase.probability is None else round(phrase.probability, 4)
    return Transcription(
        id=phrase.phrase_id,
        participant_id=participant_id,
        ts=epoch_ms,
        text=phrase.text,
        audio=audio,
        type="final" if phrase.is_final else "interim",
        variance=float(variance),
    ).model_dump_json()


def uuid7(epoch_ms: int) -> str:
    """RFC 9562, 5.7: 48 bits of time, then chance."""
    value = (epoch_ms & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    return str(UUID(int=value))
