"""What every wire's client needs: where it goes, what its speakers were told and when, and sound in real time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np

from asr.audio.samples import SAMPLE_RATE_HZ
from ops.measure.score import Seen

CHUNK_S = 0.1
SECOND_BYTES = 2 * SAMPLE_RATE_HZ
LAST_WORDS_S = 60.0  # behind the end of the sound


@dataclass(frozen=True, slots=True)
class Place:
    """Where the wires are served, and by what right."""

    web_port: int
    speech_ports: tuple[int, int]  # of the current generation, of the older one
    key: str
    lang: str
    meeting_token: str = ""  # none where the stack bypasses authorisation


@dataclass(slots=True)
class Notes:
    """What one speaker was told. Times are monotonic. `refused`: how the wire said no; `ended`: how it broke off."""

    chunk_s: float = CHUNK_S
    sent_s: list[float] = field(default_factory=list)  # when each chunk was sent
    final: str = ""
    seen: list[Seen] = field(default_factory=list)  # `at_s` since the first chunk
    refused: str = ""
    ended: str = ""
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, *, final: str = "", tentative: str = "") -> None:
        """Text that is appended for good, and what stands behind it now."""
        self.final += final
        shown = f"{self.final} {tentative}".strip()
        if not self.seen or (self.seen[-1].final, self.seen[-1].shown) != (self.final, shown):
            began_s = self.sent_s[0] if self.sent_s else time.monotonic()
            self.seen.append(Seen(time.monotonic() - began_s, self.final, shown))
            self.heard.set()


async def in_real_time(sound: bytes, notes: Notes) -> AsyncIterator[bytes]:
    """Chunks, each when it has been spoken."""
    size = int(notes.chunk_s * SAMPLE_RATE_HZ) * 2
    began_s = time.monotonic()
    for number, at in enumerate(range(0, len(sound), size), 1):
        await asyncio.sleep(began_s + number * notes.chunk_s - time.monotonic())
        notes.sent_s.append(time.monotonic())
        yield sound[at : at + size]


def noise(seconds: float) -> bytes:
    """What the scripted recogniser hears words in."""
    samples = np.random.default_rng(5).normal(0, 0.1, int(seconds * SAMPLE_RATE_HZ))
    return (samples * 32767).astype("<i2").tobytes()


def all_refused(notes: list[Notes], how: str) -> None:
    """Each speaker, unless the wire had said no already."""
    for each in notes:
        each.refused = each.refused or how


def all_ended(notes: list[Notes], how: str) -> None:
    """Each speaker's wire broke off."""
    for each in notes:
        each.ended = how
