"""A meeting's client, as Jigasi and Skynet's page are: raw messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateways.common.tests.documented import check_message
from gateways.meetings.tests.signed import token
from ops.faults.stack import Stack

WITHIN_S = 60.0  # nothing is timed here: a busy machine may take its time
RATE_HZ = 16_000


def noise(seconds: float) -> bytes:
    """What the scripted recogniser hears words in."""
    samples = np.random.default_rng(5).normal(0, 0.1, int(seconds * RATE_HZ))
    return (samples * 32767).astype("<i2").tobytes()


def said(seconds: float, *, after_s: float = 0) -> list[str]:
    """What it says to so much sound, two words a second, behind what a participant said before."""
    return [f"{n // 4 + 1:04d}w{n % 4 + 1}" for n in range(int(after_s * 2), int((after_s + seconds) * 2))]


class Client:
    """One socket; notes what comes."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []

    async def speak(self, participant: str, audio: bytes, *, lang: str = "en-US", pad: bytes = b" ") -> None:
        await self.socket.send(f"{participant}|{lang}".encode().ljust(60, pad) + audio)

    async def read(self) -> dict[str, Any]:
        """The next message. Raises ConnectionClosed."""
        async with asyncio.timeout(WITHIN_S):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        check_message("meetings", "meeting", message)
        self.messages.append(message)
        return message

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self.read()

    async def end(self) -> tuple[int, str]:
        """Read to the end: code and reason of the close."""
        try:
            while True:
                await self.read()
        except ConnectionClosed:
            return self.socket.close_code or 0, self.socket.close_reason or ""

    def of(self, participant: str, kind: str = "final") -> list[dict[str, Any]]:
        """Its messages of this type."""
        return [
            each for each in self.messages if (each["participant_id"], each["type"]) == (participant, kind)
        ]

    def words(self, participant: str) -> list[str]:
        """Of its finals."""
        return [
            word.strip(".").lower().removeprefix("s")
            for each in self.of(participant)
            for word in each["text"].split()
        ]


def address(stack: Stack, meeting: str = "standup", query: str = "") -> str:
    return f"ws://127.0.0.1:{stack.port}/streaming-whisper/ws/{meeting}{query}"


@asynccontextmanager
async def connected(stack: Stack, **claims: Any) -> AsyncIterator[Client]:
    """With a token in the query, as Jigasi sends it."""
    url = address(stack, query=f"?auth_token={token(**claims)}")
    async with connect(url, compression=None, open_timeout=WITHIN_S, max_size=None) as socket:
        yield Client(socket)


async def refused(url: str, **headers: str) -> tuple[int, str]:
    """Status and body of a handshake that fails."""
    try:
        async with connect(url, additional_headers=headers, open_timeout=WITHIN_S) as socket:
            return 101, str(socket.protocol.state)
    except InvalidStatus as error:
        return error.response.status_code, (error.response.body or b"").decode()
