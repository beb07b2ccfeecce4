"""A client of `WS /v1/realtime` that says what a test wants and notes what it is told."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import requests
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from asr.audio.pcm import RawFormat
from asr.tests.gateway import noise, spoken
from gateways.common.tests.documented import check_message
from ops.faults.stack import HOST_PASSWORD, Stack

WITHIN_S = 60.0  # nothing is timed here: a busy machine may take its time
PCM = RawFormat("s16le", 24_000)
SAID = "conversation.item.input_audio_transcription."


def sound(seconds: float) -> bytes:
    """Noise, which the scripted recogniser takes for words."""
    found: bytes = noise(seconds, PCM)
    return found


def silence(seconds: float) -> bytes:
    return b"\0" * (2 * int(seconds * PCM.rate_hz))


def key_of(stack: Stack) -> str:
    """A fresh login key."""
    answer = requests.post(
        f"{stack.url}/login", json={"password": HOST_PASSWORD, "role": "host"}, timeout=WITHIN_S
    )
    return str(answer.json()["key"])


def until(holds: Callable[[], Any]) -> None:
    """Ask until it holds."""
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def open_sessions(stack: Stack) -> int:
    return len(stack.query("SELECT 1 FROM asr_session WHERE state IN ('starting', 'live')"))


def folded(text: str) -> list[str]:
    """Words to compare."""
    return [word.strip(".").casefold() for word in text.split()]


def said(seconds: float) -> list[str]:
    """What the scripted recogniser says to so much sound."""
    return [word.casefold() for word in spoken(seconds)]


class Talker:
    """One socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def update(self, *, include: list[str] | None = None, **fields: Any) -> dict[str, Any]:
        """Set the session; what it is then."""
        session: dict[str, Any] = {"type": "transcription", "audio": {"input": fields}}
        if include:
            session["include"] = include
        await self.send("session.update", session=session)
        updated = await self.until("session.updated")
        return dict(updated["session"])

    async def speak(self, *pieces: bytes) -> None:
        for piece in pieces:
            await self.send("input_audio_buffer.append", audio=base64.b64encode(piece).decode())

    async def read(self) -> dict[str, Any]:
        """The next event. Raises ConnectionClosed."""
        async with asyncio.timeout(WITHIN_S):
            event: dict[str, Any] = json.loads(await self.socket.recv())
        check_message("openai", "realtime", event)
        self.events.append(event)
        return event

    async def until(self, *kinds: str, holds: Callable[[dict[str, Any]], Any] = bool) -> dict[str, Any]:
        """Read on until an event of these kinds is what the test waits for."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                event = await self.read()
                if event["type"] in kinds and holds(event):
                    return event

    async def error(self) -> dict[str, Any]:
        return dict((await self.until("error"))["error"])

    async def end(self) -> tuple[int, str]:
        """Read to the end: code and reason of the close."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    await self.read()
        except ConnectionClosed:
            return self.socket.close_code or 0, self.socket.close_reason or ""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def said(self) -> str:
        """All deltas in a row."""
        return "".join(event["delta"] for event in self.of(f"{SAID}delta"))


@asynccontextmanager
async def talker(stack: Stack, key: str, query: str = "", **options: Any) -> AsyncIterator[Talker]:
    url = f"ws://127.0.0.1:{stack.port}/v1/realtime{query}"
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with connect(url, additional_headers=headers, open_timeout=WITHIN_S, **options) as socket:
        found = Talker(socket)
        yield found


@asynccontextmanager
async def transcriber(stack: Stack, key: str, **fields: Any) -> AsyncIterator[Talker]:
    """One that has said what it speaks; with `turn_detection=None` it cuts by hand."""
    async with talker(stack, key) as found:
        await found.until("session.created")
        fields = {"transcription": {"model": "whisper-1", "language": "en"}, **fields}
        await found.update(**fields)
        yield found
