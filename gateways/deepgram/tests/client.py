"""A raw client of this wire; notes every message and checks it against the wire's document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import numpy as np
import requests
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateways.common.tests.documented import check_message
from ops.faults.stack import HOST_PASSWORD, Stack

WITHIN_S = 60.0  # nothing is timed here: a busy machine may take its time
RATE_HZ = 16_000
RAW = {"encoding": "linear16", "sample_rate": RATE_HZ}


def key_of(stack: Stack) -> str:
    """A key for this wire."""
    answer = requests.post(f"{stack.url}/login", json={"password": HOST_PASSWORD, "role": "host"}, timeout=30)
    return str(answer.json()["key"])


def noise(seconds: float, rate_hz: int = RATE_HZ) -> bytes:
    """What the scripted recogniser takes for speech."""
    samples = np.random.default_rng(5).normal(0, 3000, int(seconds * rate_hz))
    return samples.clip(-32768, 32767).astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(int(seconds * RATE_HZ) * 2)


class Client:
    """One stream."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def speak(self, data: bytes, *, piece_bytes: int = 3200) -> None:
        for at in range(0, len(data), piece_bytes):
            await self.socket.send(data[at : at + piece_bytes])

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """As clients do that wait."""

        async def keep() -> None:
            while True:
                await self.send(type="KeepAlive")
                await asyncio.sleep(3)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def read(self) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN_S):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        check_message("deepgram", "listen", message)
        self.messages.append(message)
        return message

    async def until(self, holds: Any) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN_S):
            while not holds(message := await self.read()):
                pass
        return message

    async def end(self) -> tuple[int, str]:
        """Read to the end: code and reason of the close."""
        try:
            while True:
                await self.read()
        except ConnectionClosed:
            return self.socket.close_code or 0, self.socket.close_reason or ""

    async def finished(self) -> dict[str, Any]:
        """Say that nothing more comes; the Metadata."""
        await self.send(type="CloseStream")
        assert await self.end() == (1000, "")
        assert self.messages[-1]["type"] == "Metadata"
        return self.messages[-1]

    def finals(self, channel: int = 0) -> list[dict[str, Any]]:
        return [
            message
            for message in self.messages
            if message.get("is_final") and message["channel_index"][0] == channel
        ]

    def text(self, channel: int = 0) -> str:
        """As clients put it together."""
        said = [message["channel"]["alternatives"][0]["transcript"] for message in self.finals(channel)]
        return " ".join(filter(None, said))

    def assert_tiles(self, duration_s: float, channel: int = 0) -> None:
        """The final Results are the whole audio, each part of it once, and their words are in them."""
        at_s = 0.0
        for message in self.finals(channel):
            assert abs(message["start"] - at_s) < 0.002
            at_s = message["start"] + message["duration"]
            words = message["channel"]["alternatives"][0]["words"]
            assert all(message["start"] <= word["start"] <= word["end"] <= at_s + 0.002 for word in words)
        assert abs(at_s - duration_s) < 0.002


@asynccontextmanager
async def listening(stack: Stack, key: str, *, subprotocols: list[str] | None = None, **query: Any):
    """An accepted stream. Raises InvalidStatus where it is refused."""
    url = f"ws://127.0.0.1:{stack.port}/v1/listen?{urlencode(query, doseq=True)}"
    headers = {} if subprotocols else {"Authorization": f"Token {key}"}
    async with connect(
        url, additional_headers=headers, subprotocols=subprotocols, max_size=None, compression=None,
        open_timeout=WITHIN_S,
    ) as socket:  # fmt: skip
        yield Client(socket)


def spoken(first_s: float, last_s: float) -> str:
    """What the scripted recogniser makes of sound in this stretch of whole sentences."""
    sentences = range(int(first_s // 2) + 1, int(last_s // 2) + 1)
    return " ".join(f"S{n:04}w1 s{n:04}w2 s{n:04}w3 s{n:04}w4." for n in sentences)
