"""What both forms of this wire demand of a client's audio. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from asr.audio.pcm import RawFormat
from asr.audio.samples import SAMPLES_PER_MS

MAX_CHUNK_MS: Final = 1000
MIN_WAIT_S: Final = 1.0
FIRST_MESSAGE_WITHIN_S: Final = 30.0  # gRPC: a call that says nothing holds no slot
# In the middle of a stream: a hiccup of the network is no end, but whoever has vanished gives the slot back within 5 s.
PAUSE_WITHIN_S: Final = 4.0
AudioProblem = Literal["too_long", "not_whole"]


def first_audio_within_s(chunk_ms: int) -> float:
    """So long may a client take from its config to its first audio."""
    return max(2 * chunk_ms / 1000, MIN_WAIT_S)


@dataclass(frozen=True, slots=True)
class AudioRules:
    """Of one stream. `chunk_ms` None: the client does not say how long its chunks are."""

    raw_format: RawFormat
    chunk_ms: int | None

    def problem(self, data: bytes) -> AudioProblem | None:
        """Why a chunk cannot be taken."""
        if (
            self.chunk_ms is not None
            and len(data) > self.chunk_ms * SAMPLES_PER_MS * self.raw_format.frame_bytes
        ):
            return "too_long"
        return "not_whole" if len(data) % self.raw_format.frame_bytes else None
