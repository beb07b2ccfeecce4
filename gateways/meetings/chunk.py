"""What a client sends: 60 bytes that say who speaks and in which language, then sound. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rooms.errors import BadInput

HEADER_BYTES: Final = 60
END: Final = b"\0"  # this message alone: the meeting is over
SAMPLE_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """Sound of one participant: s16le, mono, 16 kHz, whole samples. `lang`: without its region, maybe ""."""

    participant_id: str
    lang: str
    audio: bytes


def parse(message: bytes) -> Chunk:
    """Raises BadInput (`header_malformed`): no `|`, or no UTF-8."""
    try:
        header = message[:HEADER_BYTES].decode()
    except UnicodeDecodeError:
        raise BadInput("header_malformed") from None
    participant_id, bar, rest = header.strip("\0 ").partition("|")
    if not bar:
        raise BadInput("header_malformed")
    audio = message[HEADER_BYTES:]
    return Chunk(participant_id, _language(rest), audio[: len(audio) - len(audio) % SAMPLE_BYTES])


def _language(rest: str) -> str:
    """`en-US` is English."""
    return rest.partition("|")[0].strip("\0 ").replace("_", "-").partition("-")[0].lower()
