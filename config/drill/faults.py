"""Each fault as a scenario: stream a talk of known words, break something in the middle, compare what is left.

The stack runs the scripted recogniser: every half second of sound is a word that its time alone decides, so a lost
or doubled word shows whatever was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from asr.host import Host, HostLostError
from asr.recorder import Blob, record
from config.drill.stack import Stack
from gateways.conference.client import Viewer, captions

RATE_HZ = 48_000
WORD = re.compile(r"s(\d{4})w(\d)", re.IGNORECASE)
WORDS_PER_SENTENCE, WORD_S = 4, 0.5
SPEED = 2.0
TALK_S = 24.0
BREAK_AFTER_S = 10.0  # audio seconds
DONE_WITHIN_S = 60.0
POLL_S = 0.05

Break = Callable[[Stack, str], None]


@dataclass(frozen=True, slots=True)
class FaultRow:
    """What a fault cost. Sentences before and after it; seconds until the next sentence reached the viewer."""

    fault: str
    sentences_before: int
    sentences_after: int
    seconds_until_next: float
    lost: int
    doubled: int
    rewritten: int

    @property
    def harmless(self) -> bool:
        """Nothing lost, nothing doubled, nothing rewritten, and the room went on."""
        return (
            not (self.lost or self.doubled or self.rewritten) and self.sentences_after > self.sentences_before
        )


@dataclass
class Watch:
    """A viewer that comes back whenever its socket breaks, and notes when each sentence came."""

    stack: Stack
    room: str
    viewer: Viewer = field(default_factory=Viewer)
    arrivals: list[tuple[float, str]] = field(default_factory=list)
    closed_reason: str = ""
    drop_at: float | None = None

    async def run(self) -> None:
        """Until the room closes."""
        while not self.closed_reason:
            with contextlib.suppress(OSError, TimeoutError, ConnectionClosed):
                await self._once()
            await asyncio.sleep(POLL_S)

    async def _once(self) -> None:
        async with connect(self.stack.viewer_url(self.room), compression=None) as socket:
            try:
                async for caption in captions(socket, self.viewer):
                    if caption.key is not None:
                        self.arrivals.append((caption.at_s, caption.text))
                    if self.drop_at is not None and time.monotonic() > self.drop_at:
                        self.drop_at = None
                        socket.transport.abort()
                        return
            finally:
                if socket.close_code == 1003:
                    self.closed_reason = socket.close_reason or "?"


@lru_cache(maxsize=4)
def sound(seconds: float) -> Sequence[Blob]:
    """A recorder's blobs of so much noise."""
    noise = np.random.default_rng(7).normal(0, 3000, int(seconds * RATE_HZ)).astype(np.int16)
    frames = []
    for start in range(0, len(noise), RATE_HZ // 10):
        frame = AudioFrame.from_ndarray(
            noise[None, start : start + RATE_HZ // 10], format="s16", layout="mono"
        )
        frame.sample_rate = RATE_HZ
        frames.append(frame)
    return list(record(iter(frames)))


def spoken_words(texts: Sequence[str]) -> list[int]:
    """Numbers of the scripted words in these texts, in order."""
    return [
        (int(sentence) - 1) * WORDS_PER_SENTENCE + int(word) - 1
        for text in texts
        for sentence, word in WORD.findall(text)
    ]


async def play_through(stack: Stack, room: str, fault: str, breaker: Break) -> FaultRow:
    """Break something while the host goes on as if nothing were."""
    blobs = sound(TALK_S)
    middle = next(index for index, blob in enumerate(blobs) if blob.end_ms >= BREAK_AFTER_S * 1000)

    async def talk(host: Host) -> float:
        await host.play(blobs[:middle], speed=SPEED)
        broke_at = time.monotonic()
        breaking = asyncio.to_thread(breaker, stack, room)
        await asyncio.gather(breaking, host.play(blobs[middle:], speed=SPEED))
        return broke_at

    return await _scenario(stack, room, fault, talk, expected=range(int(TALK_S / WORD_S)))


async def drop_host(stack: Stack, room: str, fault: str, *, new_recorder: bool, lost_s: float) -> FaultRow:
    """The host's network fails; it comes back within the grace period, `lost_s` of audio gone with the old socket."""
    blobs = sound(TALK_S)
    middle = next(index for index, blob in enumerate(blobs) if blob.end_ms >= BREAK_AFTER_S * 1000)
    resume = next(
        index for index, blob in enumerate(blobs) if blob.start_ms >= blobs[middle].start_ms + lost_s * 1000
    )
    rest = sound(TALK_S - BREAK_AFTER_S) if new_recorder else blobs[resume:]

    async def talk(host: Host) -> float:
        await host.play(blobs[:middle], speed=SPEED)
        await _all_heard(stack, room, blobs[middle - 1].end_ms)
        await host.drop()
        broke_at = time.monotonic()
        await asyncio.sleep(lost_s / SPEED)
        await host.connect()
        await host.wait_ready()
        await host.play(rest, speed=SPEED)
        return broke_at

    heard_ms = blobs[middle - 1].end_ms
    before = range(int(heard_ms / 1000 / WORD_S))
    if new_recorder:
        expected = range(int((heard_ms / 1000 + TALK_S - BREAK_AFTER_S) / WORD_S))
        return await _scenario(stack, room, fault, talk, expected=expected)
    after = range(-(-blobs[resume].start_ms // 500) + 1, int(TALK_S / WORD_S))
    return await _scenario(stack, room, fault, talk, expected=[*before, *after])


async def drop_viewer(stack: Stack, room: str, fault: str) -> FaultRow:
    """A viewer's network fails; it comes back and reads on."""
    blobs = sound(TALK_S)

    async def talk(host: Host) -> float:
        at = time.monotonic() + BREAK_AFTER_S / SPEED
        watch.drop_at = at
        await host.play(blobs, speed=SPEED)
        return at

    watch = Watch(stack, room)
    return await _scenario(stack, room, fault, talk, expected=range(int(TALK_S / WORD_S)), watch=watch)


async def kill_web(stack: Stack, room: str, fault: str) -> FaultRow:
    """The web process dies: host and viewers come back to its successor; what was on the wire is gone with it."""
    blobs = sound(TALK_S)
    middle = next(index for index, blob in enumerate(blobs) if blob.end_ms >= BREAK_AFTER_S * 1000)

    async def talk(host: Host) -> float:
        await host.play(blobs[:middle], speed=SPEED)
        await _all_heard(stack, room, blobs[middle - 1].end_ms)
        broke_at = time.monotonic()
        stack.kill(stack.pid("web"))
        await _come_back(host)
        await host.play(blobs[middle:], speed=SPEED)
        return broke_at

    return await _scenario(stack, room, fault, talk, expected=range(int(TALK_S / WORD_S)))


async def _scenario(
    stack: Stack,
    room: str,
    fault: str,
    talk: Callable[[Host], Awaitable[float]],
    *,
    expected: Sequence[int],
    watch: Watch | None = None,
) -> FaultRow:
    watch = watch or Watch(stack, room)
    host = stack.host(room)
    await host.connect()
    await host.wait_ready()
    watching = asyncio.create_task(watch.run())
    try:
        broke_at = await talk(host)
        await host.leave()
        await _until(lambda: set(spoken_words([text for _, text in watch.arrivals])) >= set(expected))
        await asyncio.to_thread(stack.close_room, room)
        await _until(lambda: bool(watch.closed_reason))
    finally:
        watching.cancel()
    return _row(stack, room, fault, watch, broke_at, expected)


def _row(
    stack: Stack, room: str, fault: str, watch: Watch, broke_at: float, expected: Sequence[int]
) -> FaultRow:
    stored = spoken_words([text for _, _, text in stack.sentences(room)])
    read = spoken_words([watch.viewer.sentences[key]["en"] for key in sorted(watch.viewer.sentences)])
    later = [at for at, _ in watch.arrivals if at > broke_at]
    lost = set(expected) - set(stored) | set(stored) - set(read)
    return FaultRow(
        fault=fault,
        sentences_before=sum(at <= broke_at for at, _ in watch.arrivals),
        sentences_after=len(stack.sentences(room)),
        seconds_until_next=round(later[0] - broke_at, 1) if later else float("inf"),
        lost=len(lost),
        doubled=len(stored) - len(set(stored)) + len(read) - len(set(read)),
        rewritten=watch.viewer.rewrites,
    )


async def _all_heard(stack: Stack, room: str, heard_ms: int) -> None:
    await _until(lambda: stack.session(room)["heard_ms"] >= heard_ms - 100)


async def _come_back(host: Host) -> None:
    deadline = time.monotonic() + DONE_WITHIN_S
    while True:
        try:
            await host.connect()
            await host.wait_ready()
            return
        except HostLostError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(POLL_S)


async def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DONE_WITHIN_S
    while not await asyncio.to_thread(holds):
        if time.monotonic() > deadline:
            return  # the row tells what is missing
        await asyncio.sleep(POLL_S)


def kill_asr_child(stack: Stack, room: str) -> None:
    """SIGKILL the room's ASR process."""
    stack.kill(int(stack.session(room)["pid"]))


def stop_asr_child(stack: Stack, room: str) -> None:
    """SIGSTOP the room's ASR process: it lives and does nothing."""
    stack.kill(int(stack.session(room)["pid"]), signal.SIGSTOP)


def kill_program(name: str, number: signal.Signals = signal.SIGKILL) -> Break:
    """Signal a supervised program."""
    return lambda stack, room: stack.kill(stack.pid(name), number)


Scenario = Callable[[Stack, str], Coroutine[Any, Any, FaultRow]]


def _through(fault: str, breaker: Break) -> Scenario:
    return lambda stack, room: play_through(stack, room, fault, breaker)


SCENARIOS: dict[str, Scenario] = {
    "asr-child-killed": _through("SIGKILL ASR child", kill_asr_child),
    "asr-child-stopped": _through("SIGSTOP ASR child", stop_asr_child),
    "celery-parent-killed": _through("SIGKILL Celery parent", kill_program("asr")),
    "redis-restarted": _through("SIGKILL Redis", kill_program("redis")),
    "postgres-restarted": _through("fast restart PostgreSQL", kill_program("postgres", signal.SIGINT)),
    "postgres-killed": _through("SIGKILL PostgreSQL", kill_program("postgres")),
    "web-killed": lambda stack, room: kill_web(stack, room, "SIGKILL web"),
    "host-dropped": lambda stack, room: drop_host(
        stack, room, "host's socket dropped, same recorder", new_recorder=False, lost_s=2.0
    ),
    "host-new-recorder": lambda stack, room: drop_host(
        stack, room, "host's socket dropped, new recorder", new_recorder=True, lost_s=2.0
    ),
    "viewer-dropped": lambda stack, room: drop_viewer(stack, room, "viewer's socket dropped"),
}
