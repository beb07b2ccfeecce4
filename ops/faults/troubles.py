"""Troubles that a stack's alerts are for; each begins with its context, and ends with it (alerts.py)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests

from asr.audio.recorder import Blob
from config.layout import layout
from gateways.conference.client.host import Host, HostLostError, HostRefusedError
from ops import embedded
from ops.faults.speech import OPUS_RATE_HZ, recorded, sound
from ops.faults.stack import Stack, free_port

WORDLESS_S = 180.0  # as pages/live_levels.py has it
SLOW_COMMITS = (
    "CREATE FUNCTION drill_slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3); RETURN NULL; END $$",
    "CREATE TRIGGER drill_slowly AFTER INSERT ON transcripts_sentence FOR EACH ROW WHEN (NEW.of_version IS NULL) "
    "EXECUTE FUNCTION drill_slowly()",
)
QUICK_COMMITS = "DROP FUNCTION drill_slowly() CASCADE"
ENGINE_AWAY_S = 40.0
SLOW_S = 20.0
FAILS_WITHIN_S = 90.0


@dataclass(slots=True)
class Audience:
    """Readers of the talk; lines are on their screens so much later than they come."""

    shows_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Drill:
    """What a trouble may use."""

    stack: Stack
    engine: Engine
    disk: Path | None
    audience: Audience


Trouble = Callable[[Drill], AbstractAsyncContextManager[None]]


class Engine:
    """A LibreTranslate of a few lines, which can be away."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _Translates)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Nobody listens any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Translates(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Quietly."""

    def do_GET(self) -> None:
        """The languages."""
        self._answer([{"code": code, "name": code, "targets": ["de", "en"]} for code in ("de", "en")])

    def do_POST(self) -> None:
        """The texts, marked."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = asked["q"] if isinstance(asked["q"], list) else [asked["q"]]
        self._answer({"translatedText": [f"[{asked['target']}] {text}" for text in texts]})

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.asynccontextmanager
async def all_taken(drill: Drill) -> AsyncIterator[None]:
    """As many hosts as slots, and one more who tries again and again."""

    async def try_again() -> None:
        while True:
            with contextlib.suppress(HostRefusedError, HostLostError):
                async with drill.stack.host("FAILS") as host:
                    await host.wait_ready()
            await asyncio.sleep(1)

    async with contextlib.AsyncExitStack() as hosts:
        for room in ("BUSY", "AWAY", "SILENT"):
            with contextlib.suppress(HostRefusedError):  # all are taken
                await hosts.enter_async_context(hosting(drill, room))
        trying = asyncio.create_task(try_again())
        try:
            yield
        finally:
            trying.cancel()
            await asyncio.gather(trying, return_exceptions=True)


@contextlib.asynccontextmanager
async def silent_host(drill: Drill) -> AsyncIterator[None]:
    """A host who sends nothing."""
    async with hosting(drill, "SILENT"):
        yield


@contextlib.asynccontextmanager
async def host_away(drill: Drill) -> AsyncIterator[None]:
    """A host's network breaks, and they do not come back."""
    async with hosting(drill, "AWAY") as host:
        await host.play(sound(2.0))
        await host.drop()
        yield


@contextlib.asynccontextmanager
async def worker_stopped(drill: Drill) -> AsyncIterator[None]:
    """The worker's parent process stands still."""
    worker = psutil.Process(drill.stack.pid("asr"))
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def program_away(program: str) -> Trouble:
    """A program is stopped."""

    @contextlib.asynccontextmanager
    async def trouble(drill: Drill) -> AsyncIterator[None]:
        await asyncio.to_thread(drill.stack.stop_program, program)
        try:
            yield
        finally:
            await asyncio.to_thread(drill.stack.start_program, program)

    return trouble


def server_frozen(program: str) -> Trouble:
    """A server stands still with all of its processes."""

    @contextlib.asynccontextmanager
    async def trouble(drill: Drill) -> AsyncIterator[None]:
        frozen = drill.stack.freeze(program)
        try:
            yield
        finally:
            drill.stack.thaw(frozen)

    return trouble


@contextlib.asynccontextmanager
async def killed_again_and_again(drill: Drill) -> AsyncIterator[None]:
    """The processes of one room are killed until it is given up; then it is opened again."""
    async with hosting(drill, "FAILS"):
        killed = set()
        deadline = time.monotonic() + FAILS_WITHIN_S
        while time.monotonic() < deadline:
            row = await asyncio.to_thread(drill.stack.session, "FAILS")
            if row["state"] == "failed":
                break
            if row["pid"] and row["pid"] not in killed:
                killed.add(row["pid"])
                with contextlib.suppress(ProcessLookupError):
                    os.kill(row["pid"], signal.SIGKILL)
            await asyncio.sleep(0.2)
        yield
    async with hosting(drill, "FAILS"):
        pass


@contextlib.asynccontextmanager
async def slow_commits(drill: Drill) -> AsyncIterator[None]:
    """PostgreSQL takes three seconds to store a sentence of two."""
    await asyncio.to_thread(_execute, drill.stack, *SLOW_COMMITS)
    try:
        yield
    finally:
        await asyncio.to_thread(_execute, drill.stack, QUICK_COMMITS)


def _execute(stack: Stack, *statements: str) -> None:
    with embedded.connect(layout(stack.folder), connect_timeout=3, autocommit=True) as db:
        for statement in statements:
            db.execute(statement)


@contextlib.asynccontextmanager
async def engine_away(drill: Drill) -> AsyncIterator[None]:
    """The translation engine ends."""
    drill.engine.stop()
    try:
        yield
    finally:
        drill.engine.start()


@contextlib.asynccontextmanager
async def slow_readers(drill: Drill) -> AsyncIterator[None]:
    """What readers get is on their screens much later."""
    drill.audience.shows_after_s = SLOW_S
    try:
        yield
    finally:
        drill.audience.shows_after_s = 0.0


@contextlib.asynccontextmanager
async def engine_was_away(drill: Drill) -> AsyncIterator[None]:
    """It translates what has waited for it."""
    drill.engine.stop()
    await asyncio.sleep(ENGINE_AWAY_S)
    drill.engine.start()
    yield


@contextlib.asynccontextmanager
async def nobody_says_a_word(drill: Drill) -> AsyncIterator[None]:
    """A host whose sound is silence, beside all the others, for three minutes."""
    silence = recorded(np.zeros(60 * OPUS_RATE_HZ, np.int16), OPUS_RATE_HZ)
    async with hosting(drill, "WORDLESS", silence):
        await asyncio.sleep(WORDLESS_S)
        yield


@contextlib.asynccontextmanager
async def disk_filled(drill: Drill) -> AsyncIterator[None]:
    """A small disk of its own is filled."""
    if drill.disk is None:
        raise NotHere("needs root: a small disk is mounted")
    file = drill.disk / "filler"
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filling:
        while filling.write(bytes(1 << 16)):
            pass
    try:
        yield
    finally:
        file.unlink()


class NotHere(Exception):
    """This machine does not allow it; the message says what it takes."""


TROUBLES: Sequence[tuple[str, Trouble, tuple[str, ...]]] = (
    ("more hosts than slots", all_taken, ("SouffleurNoSlot",)),
    ("a host who sends nothing", silent_host, ("SouffleurRoomSilent",)),
    ("a host's network breaks", host_away, ("SouffleurHostAway",)),
    ("a process killed six times", killed_again_and_again, ("SouffleurRecogniserDies", "SouffleurRoomFailed")),
    ("the worker stands still", worker_stopped, ("SouffleurWorkerGone",)),
    ("the worker is stopped", program_away("asr"), ("SouffleurNoWorker", "SouffleurRoomWaits")),
    ("3 s to store a sentence of 2 s", slow_commits, ("SouffleurCaptionsLate",)),
    ("lines take 20 s to their readers", slow_readers, ("SouffleurScreensLate",)),
    ("the engine is away", engine_away, ("SouffleurEngineDown",)),
    ("the engine is back after 40 s", engine_was_away, ("SouffleurTranslationsLate",)),
    ("sweeps are stopped", program_away("sweeps"), ("SouffleurSweepsStopped",)),
    ("Redis stands still", server_frozen("redis"), ("SouffleurRedisAway", "SouffleurEventsLost")),
    ("PostgreSQL stands still", server_frozen("postgres"), ("SouffleurDatabaseAway",)),
    ("a disk is full", disk_filled, ("SouffleurDiskFull",)),
    ("the web process is stopped", program_away("web"), ("SouffleurWebDown",)),
)  # fmt: skip
WORDLESS = ("sound without words for 3 min", nobody_says_a_word, ("SouffleurRoomWithoutWords",))


@contextlib.asynccontextmanager
async def hosting(drill: Drill, room: str, blobs: Sequence[Blob] = ()) -> AsyncIterator[Host]:
    """A host who speaks without an end, or not at all; the room is closed afterwards."""
    async with drill.stack.host(room) as host:
        await host.wait_ready()
        speaking = asyncio.create_task(_speak(host, blobs))
        try:
            yield host
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
    with contextlib.suppress(requests.RequestException):
        await asyncio.to_thread(drill.stack.close_room, room)


async def _speak(host: Host, blobs: Sequence[Blob]) -> None:
    """Again and again, each time with a new recorder; until its socket is gone."""
    with contextlib.suppress(HostRefusedError, HostLostError):
        while blobs:
            await host.play(blobs)
