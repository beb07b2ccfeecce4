"""The host of each talk: opens the room, speaks as long as the talk lasts, and notes when what was spoken."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from asr.audio.recorder import Blob
from ops.faults.speech import RealSpeech, sound
from ops.faults.stack import Stack
from ops.rehearsal.page_host import PageHost
from ops.rehearsal.programme import Talk

LEAD_S = 1.5  # the page is opened so long before the talk
SENDS_LAST_S = 75.0  # behind the end of a talk: what the page keeps
RELOADS_S = 1.5
REFUSED_WITHIN_S = 60.0  # who tries to open a room that must not be opened
DO_NOT_RECORD = "Audio recording not allowed"


class Sound(Protocol):
    """What a talk sounds like; the same for every talk in a language."""

    def blobs(self, start_ms: int) -> Iterable[Blob]:
        """Of a recorder that is started at `start_ms` of the talk; its times count from there."""


class Noise:
    """For the scripted recogniser: every half second is a word, wherever it is taken from."""

    def __init__(self, seconds: float, *, blob_ms: int) -> None:
        self._blobs = sound(seconds, blob_ms=blob_ms)

    def blobs(self, start_ms: int) -> Iterable[Blob]:
        """From the beginning: its words are those of the part's time."""
        return self._blobs


class Spoken:
    """A talk with known words."""

    def __init__(self, speech: RealSpeech) -> None:
        self._speech = speech

    def blobs(self, start_ms: int) -> Iterable[Blob]:
        """From there."""
        return self._speech.recording(start_ms)


@dataclass
class Spoke:
    """What a host did; times are seconds since the epoch.

    `heard`: when each blob ended and how much had been recorded by then, in ms; `stretches`: of the talk, that were recorded;
    `given_up`: blobs that the page had to forget.
    """

    talk: Talk
    heard: list[tuple[float, int]] = field(default_factory=list)
    stretches: list[tuple[int, int]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    given_up: int = 0

    @property
    def recorded_ms(self) -> int:
        """All of it."""
        return self.heard[-1][1] if self.heard else 0


class TalkHost:
    """`find`: the talk as the schedule has it now. `over_s`, `forgotten_s`: it goes on, its page stays open."""

    def __init__(
        self, stack: Stack, find: Callable[[], Talk], sound: Sound, *, began_s: float, speed: float
    ) -> None:
        self.over_s = self.forgotten_s = 0.0
        self.page: PageHost | None = None
        self.spoke = Spoke(find())
        self._stack, self._find, self._sound = stack, find, sound
        self._began_s, self._speed = began_s, speed
        self._loaded = asyncio.Event()
        self._loaded.set()

    async def run(self) -> None:
        """From before the talk until its page is closed."""
        talk = self.spoke.talk = await self._begins()
        lang = talk.language if talk.language in ("en", "de") else "en"
        self.page = PageHost(self._stack.host_options(talk.code, lang=lang, target=lang))
        connected = asyncio.create_task(self.page.run())
        try:
            if talk.recorded:
                await self._speak(self.page, talk)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.page.drained(), SENDS_LAST_S)
                await asyncio.sleep(self.forgotten_s)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.page.refused.wait(), REFUSED_WITHIN_S)
        finally:
            await self.page.close()
            self.spoke.refusals, self.spoke.given_up = self.page.refusals, self.page.given_up
            connected.cancel()
            (ended,) = await asyncio.gather(connected, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended

    async def _begins(self) -> Talk:
        """The talk, LEAD_S before its start."""
        while True:
            talk = self._find()  # it may be moved meanwhile
            wait_s = self._at(talk.starts_s) - LEAD_S - time.time()
            if wait_s <= 0:
                return talk
            await asyncio.sleep(min(wait_s, 1.0))

    async def reload(self) -> None:
        """The page is loaded anew; nobody records meanwhile."""
        if self.page is not None:
            self._loaded.clear()
            await self.page.reload(RELOADS_S)
            await asyncio.sleep(RELOADS_S)
            self._loaded.set()

    async def _speak(self, page: PageHost, talk: Talk) -> None:
        begins_s = self._at(talk.starts_s)
        await asyncio.sleep(max(0.0, begins_s - time.time()))
        start_ms = 0
        while not self._is_over(talk):
            if not await self._record(page, talk, self._sound.blobs(start_ms), start_ms):
                return  # there is no more of it
            await self._loaded.wait()
            start_ms = round((time.time() - begins_s) * 1000 * self._speed)

    async def _record(self, page: PageHost, talk: Talk, blobs: Iterable[Blob], start_ms: int) -> bool:
        """One recorder, until the talk is over or the page is loaded anew; whether there was anything to record."""
        began_s, before_ms = time.time(), self.spoke.recorded_ms
        ended_ms, is_any = 0, False
        for blob in blobs:
            is_any = True
            due_s = began_s + blob.end_ms / 1000 / self._speed
            await asyncio.sleep(max(0.0, due_s - time.time()))
            if not self._loaded.is_set() or self._is_over(talk):
                break
            page.push(blob.data)
            ended_ms = blob.end_ms
            self.spoke.heard.append((due_s, before_ms + ended_ms))
        self.spoke.stretches.append((start_ms, start_ms + ended_ms))
        return is_any

    def _is_over(self, talk: Talk) -> bool:
        return time.time() >= self._at(talk.ends_s) + self.over_s

    def _at(self, seconds: float) -> float:
        return self._began_s + seconds
