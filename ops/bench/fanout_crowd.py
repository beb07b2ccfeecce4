"""Viewers by the thousand, as cheap as they can be: raw sockets, frames that are compared and never decoded.

python -m ops.bench.fanout_crowd      reads commands, a JSON line each, and answers each with a JSON line

join     {"url", "viewers", "within_s", "name"} connects them, evenly over that time, until each has its beginning
stall    {"url"} one more, which asks for much and never reads
settle   {} answers when nothing more comes
collect  {} what came since the last one, by name: {marker: [times of receipt]}, and how many came twice to one viewer

Times are CLOCK_MONOTONIC's, which all processes of a machine share. A marker is the "#n#" that the speaker puts into each text.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from ops.bench.limits import raise_open_files

CONNECT_AT_ONCE = 50
MARKER = re.compile(rb"#(\d+)#")
PING, CLOSE = 0x89, 0x88
MASK = b"\0\0\0\0"  # a mask that changes nothing
HISTORIES = 20  # as many as may be asked for at once
QUIET_S, SETTLED_WITHIN_S = 0.5, 10.0


@dataclass
class Arrivals:
    """One text at one batch of viewers."""

    at_s: array[float] = field(default_factory=lambda: array("d"))
    viewers: set[int] = field(default_factory=set)
    repeats: int = 0


@dataclass
class Batch:
    """Viewers that joined by one command."""

    by_frame: dict[bytes, Arrivals] = field(default_factory=dict)
    closed: int = 0
    last_at_s: float = 0.0

    def collect(self) -> dict[str, Any]:
        """What came, and forget it."""
        found: dict[str, list[float]] = {}
        repeats = 0
        for payload, arrivals in self.by_frame.items():
            if marker := MARKER.search(payload):
                found.setdefault(marker[1].decode(), []).extend(arrivals.at_s)
                repeats += arrivals.repeats
        self.by_frame = {}
        return {"arrivals": found, "repeats": repeats, "closed": self.closed}


class Viewer(asyncio.Protocol):
    """One socket that reads."""

    __slots__ = ("_batch", "_buffer", "_number", "_request", "_transport", "ready")

    def __init__(self, batch: Batch, number: int, request: bytes) -> None:
        self._batch, self._number, self._request = batch, number, request
        self._buffer: bytes | None = None  # None: the handshake's answer is still to come
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        at_s = monotonic()
        if self._buffer is None:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found or b" 101 " not in head.partition(b"\r\n")[0]:
                self._transport.abort()  # type: ignore[attr-defined]
                return
            self._buffer = b""
        if self._buffer:
            data = self._buffer + data
        taken = 0
        for opcode, begin, end in frames(data):
            taken = end
            payload = data[begin:end]
            if opcode == 0x81:
                self._take(payload, at_s)
            elif opcode == PING:
                self._transport.write(client_frame(0x8A, payload))  # type: ignore[attr-defined]
        self._buffer = data[taken:] if taken < len(data) else b""

    def _take(self, payload: bytes, at_s: float) -> None:
        arrivals = self._batch.by_frame.get(payload)
        if arrivals is None:
            arrivals = self._batch.by_frame[payload] = Arrivals()
        if self._number in arrivals.viewers:
            arrivals.repeats += 1
            return
        arrivals.viewers.add(self._number)
        arrivals.at_s.append(at_s)
        self._batch.last_at_s = at_s
        if not self.ready.done() and payload.startswith(b'{"type":"versions"'):
            self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._batch.closed += 1
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed before it had begun"))


def frames(data: bytes) -> Iterator[tuple[int, int, int]]:
    """First byte, and where the payload begins and ends, of each whole frame of a server."""
    at, length = 0, len(data)
    while length - at >= 2:
        size, begin = data[at + 1], at + 2
        if size == 126:
            size, begin = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
        elif size == 127:
            size, begin = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
        if begin + size > length:
            return
        yield data[at], begin, begin + size
        at = begin + size


def client_frame(first: int, payload: bytes) -> bytes:
    """A client's frame, which must be masked."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + MASK + payload


def handshake(url: str) -> tuple[str, int, bytes]:
    """Host, port and the request of a WebSocket."""
    parts = urlsplit(url)
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    return parts.hostname or "", parts.port or 80, request.encode()


class FanoutCrowd:
    """All viewers of one server."""

    def __init__(self) -> None:
        self._batches: dict[str, Batch] = {}
        self._stalled: list[asyncio.Transport] = []
        self._count = 0

    async def do(self, command: dict[str, Any]) -> object:
        """One command."""
        match command["do"]:
            case "join":
                return await self._join(command)
            case "stall":
                await self._stall(command["url"])
                return None
            case "settle":
                await self._settle()
                return None
            case "collect":
                return {name: batch.collect() for name, batch in self._batches.items()}
        raise ValueError(command["do"])

    async def _settle(self) -> None:
        until_s = monotonic() + SETTLED_WITHIN_S
        while monotonic() < until_s:
            quiet_s = monotonic() - max((batch.last_at_s for batch in self._batches.values()), default=0.0)
            if quiet_s >= QUIET_S:
                return
            await asyncio.sleep(QUIET_S - quiet_s)

    async def _join(self, command: dict[str, Any]) -> float:
        """Seconds until all were there."""
        batch = self._batches.setdefault(command["name"], Batch())
        gate = asyncio.Semaphore(CONNECT_AT_ONCE)
        began, count = monotonic(), command["viewers"]
        every_s = command["within_s"] / count

        async def one(number: int) -> None:
            await asyncio.sleep(began + every_s * number - monotonic())
            async with gate:
                await self._connect(command["url"], batch)

        await asyncio.gather(*(one(number) for number in range(count)))
        return monotonic() - began

    async def _connect(self, url: str, batch: Batch) -> None:
        host, port, request = handshake(url)
        self._count += 1
        number = self._count
        loop = asyncio.get_running_loop()
        _, viewer = await loop.create_connection(lambda: Viewer(batch, number, request), host, port)
        await viewer.ready

    async def _stall(self, url: str) -> None:
        """Its buffers are full at once: it has asked for history again and again."""
        host, port, request = handshake(url)
        viewer = Viewer(Batch(), 0, request)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: viewer, host, port)
        await viewer.ready
        transport.pause_reading()
        asked = {"type": "history", "before": {"part": 2**31 - 1, "index": 2**31 - 1}, "count": 100}
        for _ in range(HISTORIES):
            transport.write(client_frame(0x81, json.dumps(asked).encode()))
        self._stalled.append(transport)


async def main() -> None:
    """Until there are no more commands."""
    raise_open_files()
    crowd = FanoutCrowd()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        sys.stdout.write(json.dumps(await crowd.do(json.loads(line))) + "\n")
        sys.stdout.flush()
    os._exit(0)  # thousands of sockets are closed by the kernel


if __name__ == "__main__":
    asyncio.run(main())
