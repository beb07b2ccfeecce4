"""What an attacker sends, as raw as it comes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import requests
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from ops.faults.stack import ADMIN_PASSWORD, HOST_PASSWORD, Stack

WITHIN_S = 60.0
HELD, DROPPED = "held", "dropped"
ENDED_WITHIN_S = 45.0  # docs/bounds.md: a request within 20 s, a socket without a sign for 27; the rest is for a busy machine


def counted(answers: Iterable[str]) -> str:
    """How often each came, the most frequent first."""
    return ", ".join(f"{count}x {answer}" for answer, count in Counter(answers).most_common(3))


def login(stack: Stack, password: str = HOST_PASSWORD) -> str:
    """A key."""
    role = "admin" if password == ADMIN_PASSWORD else "host"
    answer = requests.post(f"{stack.url}/login", json={"password": password, "role": role}, timeout=WITHIN_S)
    return str(answer.json()["key"])


async def in_groups(count: int, at_once: int, one: Callable[[int], Awaitable[str]]) -> list[str]:
    """`count` clients, so many at a time."""
    places = asyncio.Semaphore(at_once)

    async def placed(number: int) -> str:
        async with places:
            return await one(number)

    return list(await asyncio.gather(*(placed(number) for number in range(count))))


async def socket_end(url: str, headers: dict[str, str] | None = None, message: Any = None) -> str:
    """Open a socket, say `message` (or each of several), and read how it ends."""
    ended = "no end"
    try:
        async with (
            asyncio.timeout(WITHIN_S),
            connect(
                url, additional_headers=headers, compression=None, max_size=None, open_timeout=WITHIN_S
            ) as socket,
        ):
            try:
                for each in message if isinstance(message, list) else [message] if message else []:
                    await socket.send(each)
                while True:
                    await socket.recv()
            except ConnectionClosed:
                ended = f"{socket.close_code} {socket.close_reason}".strip()
    except InvalidStatus as error:
        return f"HTTP {error.response.status_code}"
    except (OSError, InvalidHandshake, AttributeError) as error:
        # websockets stumbles over a transport that was lost while it writes; how it ended is known by then
        return ended if ended != "no end" else type(error).__name__
    return ended


class HalfMessage:
    """A socket that has said the greater part of a message. `end`: how the server ended it, once it has."""

    def __init__(self, port: int, path: str) -> None:
        self._port, self._path = port, path
        self._writer: asyncio.StreamWriter | None = None
        self.end: asyncio.Task[str] | None = None

    async def open(self) -> None:
        """The handshake; from then on what comes is read, but no ping is answered."""
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        key = base64.b64encode(os.urandom(16)).decode()
        self._writer.write(
            f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        if answer.split(b" ", 2)[1] != b"101":
            self._writer.transport.abort()
            raise ConnectionRefusedError(answer.split(b"\r\n", 1)[0].decode())
        self.end = asyncio.create_task(_close_code(reader))

    async def send(self, said_bytes: int, sent_bytes: int) -> None:
        """A frame's head, and less than it says."""
        if self._writer is None:
            return
        frame = b"\x82" + bytes([0x80 | 127]) + struct.pack("!Q", said_bytes) + b"\0\0\0\0"
        with contextlib.suppress(OSError, TimeoutError):
            self._writer.write(frame + bytes(sent_bytes))
            await asyncio.wait_for(self._writer.drain(), WITHIN_S)

    def ended(self) -> str:
        """The close's code, DROPPED without one, or HELD."""
        return self.end.result() if self.end is not None and self.end.done() else HELD

    def close(self) -> None:
        """Without a word."""
        if self.end is not None:
            self.end.cancel()
        if self._writer is not None:
            self._writer.transport.abort()


async def all_ended(sockets: list[HalfMessage]) -> list[str]:
    """How each was ended by the server, within ENDED_WITHIN_S."""
    await asyncio.wait([socket.end for socket in sockets if socket.end is not None], timeout=ENDED_WITHIN_S)
    return [socket.ended() for socket in sockets]


async def closed(connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> tuple[int, int]:
    """How many the server has closed by now, and within ENDED_WITHIN_S."""
    now = sum(reader.at_eof() for reader, _ in connections)
    reading = [asyncio.create_task(_to_end(reader)) for reader, _ in connections]
    ended, waiting = await asyncio.wait(reading, timeout=ENDED_WITHIN_S)
    for task in waiting:
        task.cancel()
    return now, len(ended)


async def _to_end(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        await reader.read()


async def _close_code(reader: asyncio.StreamReader) -> str:
    """Of a server's frames, whatever else they say."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            first, length = await reader.readexactly(2)
            for marker, size in ((126, 2), (127, 8)):
                if length == marker:
                    length = int.from_bytes(await reader.readexactly(size))
                    break
            payload = await reader.readexactly(length)
            if first & 15 == 8:
                return str(int.from_bytes(payload[:2]))
    return DROPPED


async def raw(port: int, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which this was said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    return reader, writer


async def posted(
    port: int, path: str, said_bytes: int, sent_bytes: int, kind: str = "application/json"
) -> str:
    """The status of a body that is longer than anybody reads."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {said_bytes}\r\n\r\n"
    reader, writer = await raw(port, head.encode())
    status = ""

    async def read() -> None:
        nonlocal status
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            status = (await reader.readuntil(b"\r\n")).decode().split(" ", 2)[1]

    reading = asyncio.create_task(read())
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(WITHIN_S):
            left = sent_bytes
            while left > 0 and not reading.done():
                writer.write(bytes(min(left, 65536)))
                left -= 65536
                await writer.drain()
            await reading
    reading.cancel()
    writer.transport.abort()
    return f"HTTP {status}" if status else "closed"
