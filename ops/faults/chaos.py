"""Random faults under one talk, one after another: a host and viewers that reconnect, real speech."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from psycopg import Error as DatabaseError

from asr.audio.recorder import Blob
from gateways.conference.client.host import Host, HostLostError, HostRefusedError
from ops.faults.scenarios import all_text, fill_redis, kill_asr_child, kill_program, stop_asr_child, until
from ops.faults.speech import RealSpeech
from ops.faults.stack import Stack
from ops.faults.viewer import ReconnectingViewer

EVERY_S = 20.0
FIRST_AFTER_S = 10.0
HEARD_WITHIN_MS, HELD_AT_MOST_S = 300, 15.0
FROZEN_S = 4.0  # how long a server is stopped
VIEWERS = 3
BACK_AFTER_S = 0.25
FINISHED_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class ChaosRow:
    """What a run of faults cost: words, but for `gaps`, sentences that some viewer never got; `wer` as a share."""

    seed: int
    faults: int
    missing: int
    doubled: int
    rewritten: int
    gaps: int
    wer: float
    still_s: float


class PersistentHost:
    """A host that keeps what could not be sent and sends it when it is back."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._waiting: deque[Blob] = deque()
        self._connected = True
        self._holds = False
        self.sent_ms = 0  # of the talk

    def hold(self, holds: bool) -> None:
        """Keep everything back for a while."""
        self._holds = holds

    async def play(self, blobs: Iterable[Blob], *, over: Callable[[], bool] = lambda: False) -> None:
        """Send each blob when a recorder would have it, or as soon as there is a connection; until the last one, or until `over`."""
        began = time.monotonic()
        for blob in blobs:
            if over():
                break
            await asyncio.sleep(max(0.0, began + blob.end_ms / 1000 - time.monotonic()))
            self._waiting.append(blob)
            await self._send()
        while self._waiting:
            await asyncio.sleep(BACK_AFTER_S)
            await self._send()

    async def connect(self) -> None:
        """Open the room. Raises HostRefusedError, HostLostError."""
        await self._host.connect()
        await self._host.wait_ready()

    async def drop(self) -> None:
        """The network fails."""
        await self._host.drop()

    async def leave(self) -> None:
        """Close the socket."""
        await self._host.leave()

    async def _send(self) -> None:
        """All that waits; a lost connection is opened again at the next call."""
        try:
            if not self._connected:
                await self.connect()
                self._connected = True
            while self._waiting and not self._holds:
                await self._host.send(self._waiting[0].data)
                self.sent_ms = self._waiting.popleft().end_ms
        except (HostLostError, HostRefusedError):
            self._connected = False


Fault = Callable[[Stack, str, PersistentHost, Sequence[ReconnectingViewer]], Awaitable[None]]


def _process(breaker: Callable[[Stack, str], None]) -> Fault:
    async def fault(
        stack: Stack, room: str, host: PersistentHost, watches: Sequence[ReconnectingViewer]
    ) -> None:
        await asyncio.to_thread(breaker, stack, room)

    return fault


def _frozen(program: str) -> Fault:
    """A server that answers nothing for FROZEN_S, with all its processes."""

    async def fault(
        stack: Stack, room: str, host: PersistentHost, watches: Sequence[ReconnectingViewer]
    ) -> None:
        frozen = await asyncio.to_thread(stack.freeze, program)
        try:
            await asyncio.sleep(FROZEN_S)
        finally:
            stack.thaw(frozen)

    return fault


async def _drop_host(
    stack: Stack, room: str, host: PersistentHost, watches: Sequence[ReconnectingViewer]
) -> None:
    await host.drop()


async def _drop_viewer(
    stack: Stack, room: str, host: PersistentHost, watches: Sequence[ReconnectingViewer]
) -> None:
    watches[-1].drop_at = time.monotonic()


async def _kill_web(
    stack: Stack, room: str, host: PersistentHost, watches: Sequence[ReconnectingViewer]
) -> None:
    """Nothing is acknowledged on the wire, so what is on it when the process dies is lost: it is emptied before.

    What was held back is sent over the next connection: written at once, all of it could go into the dead one.
    """
    host.hold(True)
    try:
        await until(
            lambda: bool(stack.session(room)["heard_ms"] >= host.sent_ms - HEARD_WITHIN_MS), HELD_AT_MOST_S
        )
        await asyncio.to_thread(kill_program("web"), stack, room)
        await host.drop()
    finally:
        host.hold(False)


FAULTS: dict[str, Fault] = {
    "asr-child-killed": _process(kill_asr_child),
    "asr-child-stopped": _process(stop_asr_child),
    "celery-parent-killed": _process(kill_program("asr")),
    "redis-killed": _process(kill_program("redis")),
    "redis-frozen": _frozen("redis"),
    "redis-full": _process(fill_redis),
    "postgres-restarted": _process(kill_program("postgres", signal.SIGINT)),
    "postgres-killed": _process(kill_program("postgres")),
    "postgres-frozen": _frozen("postgres"),
    "web-killed": _kill_web,
    "translation-killed": _process(kill_program("translation")),
    "sweeps-killed": _process(kill_program("sweeps")),
    "host-dropped": _drop_host,
    "viewer-dropped": _drop_viewer,
}


class FaultInjector:
    """Injects a fault every EVERY_S: each once in a random order, then all of them again."""

    def __init__(
        self,
        stack: Stack,
        room: str,
        host: PersistentHost,
        watches: Sequence[ReconnectingViewer],
        *,
        seed: int,
    ) -> None:
        self.count = 0
        self._where = (stack, room, host, watches)
        self._random = random.Random(seed)  # noqa: S311
        self._names: list[str] = []

    async def run(self, say: Callable[[str], None]) -> None:
        """Until it is cancelled."""
        began = time.monotonic()
        due = began + FIRST_AFTER_S
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += EVERY_S
            name = self._next()
            say(f"{time.monotonic() - began:6.1f} s  {name}")
            try:
                await FAULTS[name](*self._where)
                self.count += 1
            except (LookupError, OSError, TypeError, DatabaseError) as error:
                say(f"          not now: {type(error).__name__}")  # its target is down already

    def _next(self) -> str:
        if not self._names:
            self._names = self._random.sample(list(FAULTS), len(FAULTS))
        return self._names.pop()


async def chaos(
    stack: Stack, room: str, speech: RealSpeech, *, seed: int, say: Callable[[str], None]
) -> ChaosRow:
    """Stream all of `speech` in real time with a random fault every EVERY_S."""
    host = PersistentHost(stack.host(room, lang=speech.language, target=speech.language))
    await host.connect()
    watches = [ReconnectingViewer(stack, room, speech.language) for _ in range(VIEWERS)]
    watching = [asyncio.create_task(watch.run()) for watch in watches]
    injector = FaultInjector(stack, room, host, watches, seed=seed)
    breaking = asyncio.create_task(injector.run(say))
    try:
        await host.play(speech.blobs())
        breaking.cancel()
        await asyncio.wait({breaking})
        ended_at = time.monotonic()
        await host.leave()
        await until(lambda: all_text(stack, room, speech), FINISHED_WITHIN_S)
        await asyncio.to_thread(stack.close_room, room)
        await until(lambda: all(watch.closed_reason for watch in watches))
        await until(lambda: stack.session(room)["state"] in ("closed", "failed"), FINISHED_WITHIN_S)
    finally:
        for task in [*watching, breaking]:
            task.cancel()
    stored = [text for *_, text in stack.sentences(room)]
    for stretch in speech.missing_at(" ".join(stored)):
        say(stretch)
    return _row(seed, injector.count, speech, stored, watches, ended_at)


def _row(
    seed: int,
    faults: int,
    speech: RealSpeech,
    stored: Sequence[str],
    watches: Sequence[ReconnectingViewer],
    ended_at: float,
) -> ChaosRow:
    comparison = speech.compare(" ".join(stored))
    return ChaosRow(
        seed=seed,
        faults=faults,
        missing=comparison.missing,
        doubled=comparison.doubled,
        rewritten=sum(watch.viewer.rewrites for watch in watches),
        gaps=sum(text not in set(watch.texts()) for watch in watches for text in stored),
        wer=round(speech.word_error_rate(" ".join(stored)), 4),
        still_s=round(max(watch.still_s(ended_at) for watch in watches), 1),
    )
