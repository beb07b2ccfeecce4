"""Each fault as a scenario: stream a talk of known words, inject the fault in the middle, compare what is left."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from psycopg import Error as DatabaseError

from asr.audio.recorder import Blob
from gateways.conference.client.host import Host, HostLostError
from ops.faults.speech import Speech, Unsent
from ops.faults.stack import Queries, Stack
from ops.faults.viewer import ReconnectingViewer

DONE_WITHIN_S = 60.0
POLL_S = 0.05
TAIL_MS = 1500  # of silence, and of progress that no heart-beat has reported yet
FROZEN_S = 16.0  # longer than the web server waits for a socket's application to go
UNSENT_S = 2.0  # of the talk, while the host has no socket
FULL_S = 8.0

Break = Callable[[Stack, str], None]


@dataclass(frozen=True, slots=True)
class FaultRow:
    """What a fault cost; words, but for the sentences before and after it.

    `seconds_until_next`: until the next sentence reached the viewer; `still_s`: the longest time without any new
    caption at the viewer while somebody spoke.
    """

    name: str
    fault: str
    sentences_before: int
    sentences_after: int
    seconds_until_next: float
    still_s: float
    lost: int
    doubled: int
    rewritten: int
    missing: int

    @property
    def harmless(self) -> bool:
        """Nothing lost, nothing doubled, nothing rewritten, nothing missing, and the room went on."""
        harm = self.lost or self.doubled or self.rewritten or self.missing
        return not harm and self.sentences_after > self.sentences_before


Scenario = Callable[[Stack, str, Speech], Coroutine[Any, Any, FaultRow]]


async def play_through(stack: Stack, room: str, speech: Speech, fault: str, breaker: Break) -> FaultRow:
    """Inject the fault while the host goes on streaming."""
    before, after = _halves(speech)

    async def talk(host: Host) -> float:
        await host.play(before, speed=speech.speed)
        broke_at = time.monotonic()
        breaking = asyncio.to_thread(breaker, stack, room)
        await asyncio.gather(breaking, host.play(after, speed=speech.speed))
        return broke_at

    return await scenario(stack, room, speech, fault, talk)


async def drop_host(stack: Stack, room: str, speech: Speech, fault: str, *, new_recorder: bool) -> FaultRow:
    """The host's network fails; it comes back within the grace period, UNSENT_S of audio gone with the old socket."""
    before, after = _halves(speech)
    lost_ms = round(UNSENT_S * 1000)
    rest = [blob for blob in after if blob.start_ms >= after[0].start_ms + lost_ms]
    unsent = Unsent(after[0].start_ms, rest[0].start_ms, new_recorder)
    if new_recorder:
        rest = list(speech.blobs(unsent.end_ms))

    async def talk(host: Host) -> float:
        await host.play(before, speed=speech.speed)
        await all_heard(stack, room, before[-1].end_ms)
        await host.drop()
        broke_at = time.monotonic()
        await asyncio.sleep(UNSENT_S / speech.speed)
        await come_back(host)
        await host.play(rest, speed=speech.speed)
        return broke_at

    return await scenario(stack, room, speech, fault, talk, unsent=unsent)


async def drop_viewer(stack: Stack, room: str, speech: Speech, fault: str) -> FaultRow:
    """A viewer's network fails; it comes back and reads on."""
    watch = ReconnectingViewer(stack, room, speech.language)

    async def talk(host: Host) -> float:
        at = time.monotonic() + speech.break_after_s / speech.speed
        watch.drop_at = at
        await host.play(speech.blobs(), speed=speech.speed)
        return at

    return await scenario(stack, room, speech, fault, talk, watch=watch)


async def kill_web(stack: Stack, room: str, speech: Speech, fault: str) -> FaultRow:
    """The web process dies: host and viewers come back to its successor; what was on the wire is gone with it."""
    before, after = _halves(speech)

    async def talk(host: Host) -> float:
        await host.play(before, speed=speech.speed)
        await all_heard(stack, room, before[-1].end_ms)
        broke_at = time.monotonic()
        stack.kill(stack.pid("web"))
        await come_back(host)
        await host.play(after, speed=speech.speed)
        return broke_at

    return await scenario(stack, room, speech, fault, talk)


async def ghost_host(stack: Stack, room: str, speech: Speech, fault: str) -> FaultRow:
    """PostgreSQL is frozen while the host's machine dies: its host lease must not stay held; its next machine goes on."""
    before, after = _halves(speech)
    at_ms = after[0].start_ms

    async def talk(host: Host) -> float:
        await host.play(before, speed=speech.speed)
        await all_heard(stack, room, before[-1].end_ms)
        with frozen_postgres(stack):
            broke_at = time.monotonic()
            await asyncio.sleep(1.0)
            await host.drop()
            await asyncio.sleep(FROZEN_S - 1.0)
        await until(lambda: bool(stack.session(room)["grace_until"]))
        again = stack.host(room, lang=speech.language, target=speech.language, password=host.key)
        async with again:
            await again.wait_ready()
            await again.play(speech.blobs(at_ms), speed=speech.speed)
        return broke_at

    return await scenario(stack, room, speech, fault, talk, unsent=Unsent(at_ms, at_ms, new_recorder=True))


async def scenario(
    stack: Stack,
    room: str,
    speech: Speech,
    fault: str,
    talk: Callable[[Host], Awaitable[float]],
    *,
    unsent: Unsent | None = None,
    watch: ReconnectingViewer | None = None,
) -> FaultRow:
    """Host and viewer through `talk`, which returns when it injected the fault; the room is closed afterwards."""
    watch = watch or ReconnectingViewer(stack, room, speech.language)
    host = stack.host(room, lang=speech.language, target=speech.language)
    await host.connect()
    await host.wait_ready()
    watching = asyncio.create_task(watch.run())
    try:
        broke_at = await talk(host)
        ended_at = time.monotonic()
        await host.leave()
        await until(lambda: speech.complete(watch.text(), unsent) or all_text(stack, room, speech, unsent))
        await asyncio.to_thread(stack.close_room, room)
        await until(lambda: bool(watch.closed_reason))
        await until(lambda: stack.session(room)["state"] in ("closed", "failed"))
    finally:
        watching.cancel()
    stored = [text for _, _, text in stack.sentences(room)]
    comparison = speech.compare(" ".join(stored), unsent)
    later = [at for at, _ in watch.arrivals if at > broke_at]
    return FaultRow(
        name="",
        fault=fault,
        sentences_before=sum(at <= broke_at for at, _ in watch.arrivals),
        sentences_after=len(stored),
        seconds_until_next=round(later[0] - broke_at, 1) if later else float("inf"),
        still_s=round(watch.still_s(ended_at), 1),
        lost=comparison.lost + unread_words(stored, watch) + vanished_words(stored, watch),
        doubled=comparison.doubled,
        rewritten=watch.viewer.rewrites,
        missing=comparison.missing,
    )


def unread_words(stored: Sequence[str], watch: ReconnectingViewer) -> int:
    """Words of stored sentences that the viewer never got."""
    read = set(watch.texts())
    return sum(len(text.split()) for text in stored if text not in read)


def vanished_words(stored: Sequence[str], watch: ReconnectingViewer) -> int:
    """Words of sentences that the viewer has, so they were committed, and that are stored no more."""
    kept = set(stored)
    return sum(len(text.split()) for text in watch.texts() if text not in kept)


async def all_heard(stack: Stack, room: str, heard_ms: int) -> None:
    """Until the recogniser has been fed this much of the talk."""
    await until(lambda: stack.session(room)["heard_ms"] >= heard_ms - 100)


def all_text(stack: Queries, room: str, speech: Speech, unsent: Unsent | None = None) -> bool:
    """Whether all audio sent was fed and is text, according to the session's row."""
    session = stack.session(room)
    sent_ms = speech.seconds * 1000
    if unsent is not None and unsent.new_recorder:
        sent_ms -= unsent.end_ms - unsent.start_ms
    return bool(min(session["heard_ms"], session["committed_ms"]) >= sent_ms - TAIL_MS)


async def come_back(host: Host) -> None:
    """Connect again, as often as it takes. Raises HostLostError after DONE_WITHIN_S."""
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


async def until(holds: Callable[[], bool], within_s: float = DONE_WITHIN_S) -> bool:
    """Wait for it; False: it did not come, and the row shows what is missing."""
    deadline = time.monotonic() + within_s
    while not await asyncio.to_thread(_holds, holds):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_S)
    return True


def _holds(condition: Callable[[], bool]) -> bool:
    """False while PostgreSQL is away, which is what some faults are."""
    try:
        return condition()
    except DatabaseError:
        return False


def kill_asr_child(stack: Stack, room: str) -> None:
    """SIGKILL the room's ASR process."""
    stack.kill(int(stack.session(room)["pid"]))


def stop_asr_child(stack: Stack, room: str) -> None:
    """SIGSTOP the room's ASR process: it lives and does nothing."""
    stack.kill(int(stack.session(room)["pid"]), signal.SIGSTOP)


def kill_program(name: str, number: signal.Signals = signal.SIGKILL) -> Break:
    """Signal a supervised program."""
    return lambda stack, room: stack.kill(stack.pid(name), number)


def fill_redis(stack: Stack, room: str) -> None:
    """Redis has no memory left for FULL_S: it answers, but takes nothing."""
    with stack.redis() as redis:
        redis.config_set("maxmemory", 1)
        try:
            time.sleep(FULL_S)
        finally:
            redis.config_set("maxmemory", 0)


def stop_redis_saving(stack: Stack, room: str) -> None:
    """Redis cannot write its snapshot for FULL_S: it refuses everything that changes something (MISCONF)."""
    with stack.redis() as redis, tempfile.TemporaryDirectory() as folder:
        before = str(redis.config_get("dir")["dir"])
        gone = Path(folder) / "gone"
        gone.mkdir()
        redis.config_set("dir", str(gone))
        gone.rmdir()
        redis.config_set("save", "3600 1")
        redis.bgsave()
        try:
            time.sleep(FULL_S)
        finally:
            redis.config_set("save", "")
            redis.config_set("dir", before)


@contextlib.contextmanager
def frozen_postgres(stack: Stack) -> Iterator[None]:
    """Every process of PostgreSQL lives and does nothing."""
    server = psutil.Process(stack.pid("postgres"))
    frozen = [server, *server.children(recursive=True)]
    for process in frozen:
        process.suspend()
    try:
        yield
    finally:
        for process in frozen:
            process.resume()


def _halves(speech: Speech) -> tuple[list[Blob], list[Blob]]:
    """The blobs before and after the moment at which something breaks."""
    blobs = speech.blobs()
    before = list(itertools.takewhile(lambda blob: blob.end_ms < speech.break_after_s * 1000, blobs))
    return [*before, blobs[len(before)]], list(blobs[len(before) + 1 :])


def _through(fault: str, breaker: Break) -> Scenario:
    return lambda stack, room, speech: play_through(stack, room, speech, fault, breaker)


SCENARIOS: dict[str, Scenario] = {
    "asr-child-killed": _through("SIGKILL ASR child", kill_asr_child),
    "asr-child-stopped": _through("SIGSTOP ASR child", stop_asr_child),
    "celery-parent-killed": _through("SIGKILL Celery parent", kill_program("asr")),
    "redis-restarted": _through("SIGKILL Redis", kill_program("redis")),
    "redis-full": _through("Redis full for 8 s", fill_redis),
    "redis-cannot-save": _through("Redis cannot save for 8 s", stop_redis_saving),
    "postgres-restarted": _through("fast restart PostgreSQL", kill_program("postgres", signal.SIGINT)),
    "postgres-killed": _through("SIGKILL PostgreSQL", kill_program("postgres")),
    "web-killed": lambda stack, room, speech: kill_web(stack, room, speech, "SIGKILL web"),
    "host-dropped": lambda stack, room, speech: drop_host(
        stack, room, speech, "host's socket dropped, same recorder", new_recorder=False
    ),
    "host-new-recorder": lambda stack, room, speech: drop_host(
        stack, room, speech, "host's socket dropped, new recorder", new_recorder=True
    ),
    "ghost-host": lambda stack, room, speech: ghost_host(
        stack, room, speech, "PostgreSQL frozen, host's machine dead"
    ),
    "viewer-dropped": lambda stack, room, speech: drop_viewer(stack, room, speech, "viewer's socket dropped"),
}
