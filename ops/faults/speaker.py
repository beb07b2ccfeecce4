"""Somebody who speaks over gRPC without end, to whichever process takes them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from asr.audio.samples import SAMPLE_RATE_HZ
from gateways.speech.client import ClientOptions, ClientRefused, recognise
from ops.faults.speech import WORD_MS, scripted_words
from ops.wire_clients import noise

CHUNK_MS = WORD_MS
BACK_AFTER_S = 0.05
SECONDS = 60.0  # of sound, said again and again


@dataclass
class Speaker:
    """`targets`: host:port of speech servers, tried in turn. Times are monotonic seconds."""

    targets: Sequence[str]
    moments: list[float] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    _over: bool = False
    _sent: int = 0  # words, on the stream that is open

    async def run(self) -> None:
        """Until `stop`."""
        for target in itertools.cycle(self.targets):
            await self._speak(target)
            if self._over:
                return
            await asyncio.sleep(BACK_AFTER_S)

    def stop(self) -> None:
        """They have said everything; what was heard is still confirmed."""
        self._over = True

    async def _speak(self, target: str) -> None:
        """One stream: its words are numbered from its own beginning, so none may be missing up to the last one.

        Whoever has said everything is told all of it.
        """
        text, self._sent, whole = "", 0, False
        try:
            async for update in recognise(
                self._chunks(), ClientOptions(target, chunk_ms=CHUNK_MS, lang="en")
            ):
                self.moments.append(time.monotonic())
                text += update.confirmed.text if update.confirmed else ""
            whole = self._over
        except ClientRefused:
            pass
        words = scripted_words(text)
        self.doubled += len(words) - len(set(words))
        expected = self._sent if whole else max(words, default=-1) + 1
        self.lost += expected - len(set(words))

    def _chunks(self) -> Iterator[bytes]:
        size = CHUNK_MS * SAMPLE_RATE_HZ // 1000 * 2
        sound = noise(SECONDS)
        for at in itertools.cycle(range(0, len(sound), size)):
            if self._over:
                return
            self._sent += 1
            yield sound[at : at + size]
