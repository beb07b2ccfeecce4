"""A raw client of the interpreter's wire: notes what comes, waits for what a test wants to see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateways.common.tests.documented import check_message

WITHIN_S = 60.0  # nothing is timed here: a busy machine may take its time
CHUNK_S = 0.1
Said = dict[str, Any] | bytes


def noise(seconds: float, rate_hz: int = 16_000) -> bytes:
    """Sound, which the scripted recogniser gives a word for each half second."""
    samples = np.random.default_rng(5).normal(0, 0.1, int(seconds * rate_hz))
    return bytes((samples * 32767).astype("<i2").tobytes())


def scripted_words(first: int, last: int) -> list[str]:
    """What it says in sentences `first` to `last`, two seconds each."""
    return [
        f"S{number:04d}w1 s{number:04d}w2 s{number:04d}w3 s{number:04d}w4."
        for number in range(first, last + 1)
    ]


class Client:
    """One socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.said: list[Said] = []

    @property
    def finals(self) -> list[str]:
        return [each["text"] for each in self.of("final")]

    @property
    def speeches(self) -> list[bytes]:
        return [each for each in self.said if isinstance(each, bytes)]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.said if isinstance(each, dict) and each["type"] == kind]

    async def send(self, **fields: Any) -> None:
        await self.socket.send(json.dumps(fields))

    async def configured(self, **fields: Any) -> Client:
        await self.send(
            **{"type": "config", "sampleRate": 16_000, "frameSize": 320, "targetLang": "de", **fields}
        )
        await self.until(lambda said: said == {"type": "ack"})
        return self

    async def speak(self, seconds: float, rate_hz: int = 16_000) -> None:
        data, size = noise(seconds, rate_hz), int(rate_hz * CHUNK_S) * 2
        for begin in range(0, len(data), size):
            await self.socket.send(data[begin : begin + size])

    @asynccontextmanager
    async def talking(self, *, silent: bool = False) -> AsyncIterator[None]:
        """Somebody speaks, as fast as people do; or their microphone is muted."""

        async def talk() -> None:
            while True:
                await (self.socket.send(bytes(3200)) if silent else self.speak(CHUNK_S))
                await asyncio.sleep(CHUNK_S)

        talks = asyncio.create_task(talk())
        try:
            yield
        finally:
            talks.cancel()

    async def read(self) -> Said:
        """The next message. Raises ConnectionClosed."""
        async with asyncio.timeout(WITHIN_S):
            came = await self.socket.recv()
        said: Said = came if isinstance(came, bytes) else json.loads(came)
        if isinstance(said, dict):
            check_message("interpreter", "audio", said)
        self.said.append(said)
        return said

    async def until(self, holds: Callable[[Said], Any]) -> Said:
        """Read on until a message is what the test waits for."""
        while not holds(said := await self.read()):
            pass
        return said

    async def until_finals(self, *texts: str) -> None:
        while not set(texts) <= set(self.finals):
            await self.read()

    async def error(self) -> str:
        said = await self.until(lambda said: isinstance(said, dict) and said["type"] == "error")
        assert isinstance(said, dict)
        return str(said["message"])

    async def end(self) -> tuple[int, str]:
        """Read to the end: code and reason of the close."""
        try:
            while True:
                await self.read()
        except ConnectionClosed:
            return self.socket.close_code or 0, self.socket.close_reason or ""


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Client]:
    async with connect(f"ws://127.0.0.1:{port}/ws/audio", max_size=None, open_timeout=WITHIN_S) as socket:
        yield Client(socket)
