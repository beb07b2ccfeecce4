"""A participant's sound: when its samples were spoken, and the last of it, for finals that bring their own. Pure."""

from __future__ import annotations

import io
import wave
from bisect import bisect_right
from collections import deque
from typing import Final

from asr.audio.samples import SAMPLE_RATE_HZ

SAMPLE_BYTES: Final = 2
BYTES_PER_MS: Final = SAMPLE_BYTES * SAMPLE_RATE_HZ // 1000
# what comes later than this after what it follows was spoken later: a client left silence out
PAUSED_MS: Final = 500
PAUSES_KEPT: Final = 1000
AROUND_MS: Final = 200  # word times are not exact


class SpokenTimes:
    """Audio time → milliseconds since the epoch. Audio time stands still while nothing is sent."""

    def __init__(self) -> None:
        self._starts_ms: deque[int] = deque(maxlen=PAUSES_KEPT)  # audio time behind each pause
        self._offsets_ms: deque[int] = deque(maxlen=PAUSES_KEPT)  # from it to the epoch's
        self._bytes = 0

    @property
    def heard_ms(self) -> int:
        """Audio time of what comes next."""
        return self._bytes // BYTES_PER_MS

    def note(self, size_bytes: int, now_ms: int) -> None:
        """So much sound has come, and the last of it was spoken now."""
        start_ms = self.heard_ms
        self._bytes += size_bytes
        offset_ms = now_ms - self.heard_ms
        if not self._offsets_ms or offset_ms - self._offsets_ms[-1] > PAUSED_MS:
            self._starts_ms.append(start_ms)
            self._offsets_ms.append(offset_ms)

    def at(self, audio_ms: int) -> int:
        """When this was spoken. What was noted too long ago counts as later than it was."""
        index = max(0, bisect_right(self._starts_ms, audio_ms) - 1)
        return audio_ms + (self._offsets_ms[index] if self._offsets_ms else 0)


class KeptSound:
    """The newest sound, as much as one lets it keep."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._from = 0  # where the kept ones begin, in bytes since the first

    def __len__(self) -> int:
        return len(self._bytes)

    def append(self, data: bytes) -> None:
        """Keep this, too."""
        self._bytes += data

    def shorten(self, most_bytes: int) -> None:
        """Keep no more than so many bytes."""
        self._drop(len(self._bytes) - most_bytes)

    def forget_before(self, audio_ms: int) -> None:
        """Nobody will ask for what is older."""
        self._drop(audio_ms * BYTES_PER_MS - self._from)

    def wav(self, start_ms: int, end_ms: int) -> bytes:
        """A WAV file of this stretch, and a little around it; b"" where its beginning is gone."""
        begin = start_ms * BYTES_PER_MS - self._from
        if begin < 0:
            return b""
        around = AROUND_MS * BYTES_PER_MS
        end = end_ms * BYTES_PER_MS - self._from + around
        return wav_file(bytes(self._bytes[max(0, begin - around) : max(0, end)]))

    def _drop(self, count: int) -> None:
        dropped = min(max(0, count - count % SAMPLE_BYTES), len(self._bytes))
        del self._bytes[:dropped]
        self._from += dropped


def wav_file(samples: bytes) -> bytes:
    """s16le, mono, 16 kHz, with a header; b"" of nothing."""
    if not samples:
        return b""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(SAMPLE_BYTES)
        written.setframerate(SAMPLE_RATE_HZ)
        written.writeframes(samples)
    return file.getvalue()
