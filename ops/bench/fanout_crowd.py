"""Viewers by the thousand, as cheap as they can be: one loop over raw sockets, frames that are compared and never decoded.

python -m ops.bench.fanout_crowd      reads commands, a JSON line each, and answers each with a JSON line

join     {"url", "viewers", "within_s", "name"} connects them, evenly over that time, until each has its beginning
stall    {"url"} one more, which asks for much and never reads
collect  {} what came since the last one, by name: {marker: [times of receipt]}, and how many came twice to one viewer
settle   {"deliveries"} answers when so many have come since `collect`, or when nothing has come for long

Times are CLOCK_MONOTONIC's, which all processes of a machine share. A marker is the "#n#" that the speaker puts into each text.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import socket
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
TEXT, PING, PONG = 0x81, 0x89, 0x8A
MASK = b"\0\0\0\0"  # a mask that changes nothing
HISTORIES = 20  # as many as may be asked for at once
QUIET_S, SETTLED_WITHIN_S = 10.0, 60.0  # a server that cannot keep up is given its time
READ_BYTES = 1 << 18
POLL_S = 0.01  # while something is due by the clock


@dataclass(slots=True)
class Arrivals:
    """One text at one batch of viewers."""

    at_s: array[float] = field(default_factory=lambda: array("d"))
    viewers: set[int] = field(default_factory=set)
    repeats: int = 0


@dataclass(slots=True)
class Batch:
    """Viewers that joined by one command."""

    by_frame: dict[bytes, Arrivals] = field(default_factory=dict)
    ready: int = 0
    closed: int = 0

    def take(self, viewer: int, payload: bytes, at_s: float) -> None:
        """A text came."""
        arrivals = self.by_frame.get(payload)
        if arrivals is None:
            arrivals = self.by_frame[payload] = Arrivals()
        if viewer in arrivals.viewers:
            arrivals.repeats += 1
        else:
            arrivals.viewers.add(viewer)
            arrivals.at_s.append(at_s)

    def deliveries(self) -> int:
        """Of texts with a marker."""
        return sum(
            len(arrivals.at_s) for payload, arrivals in self.by_frame.items() if MARKER.search(payload)
        )

    def last_arrival_s(self) -> float:
        """When something came last."""
        return max((arrivals.at_s[-1] for arrivals in self.by_frame.values()), default=0.0)

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


class Viewer:
    """One socket that reads."""

    __slots__ = ("_batch", "_number", "_rest", "ready", "socket")

    def __init__(self, batch: Batch, number: int, url: str) -> None:
        self._batch, self._number = batch, number
        self._rest: bytes | None = None  # None: the handshake's answer is still to come
        self.ready = False
        host, port, request = handshake(url)
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request)
        self.socket.setblocking(False)

    def read(self, buffer: memoryview) -> bool:
        """What has come; False at its end."""
        try:
            size = self.socket.recv_into(buffer)
        except BlockingIOError:
            return True
        except ConnectionError:
            size = 0
        if not size:
            self._batch.closed += 1
            return False
        self._take(bytes(buffer[:size]), monotonic())
        return True

    def _take(self, data: bytes, at_s: float) -> None:
        if self._rest is None:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found or b" 101 " not in head.partition(b"\r\n")[0]:
                raise RuntimeError(f"refused: {head[:100]!r}")
            self._rest = b""
        if self._rest:
            data = self._rest + data
        taken = 0
        for first, begin, end in frames(data):
            taken, payload = end, data[begin:end]
            if first == TEXT:
                self._batch.take(self._number, payload, at_s)
                if not self.ready and payload.startswith(b'{"type":"versions"'):
                    self.ready = True
                    self._batch.ready += 1
            elif first == PING:
                self.socket.sendall(client_frame(PONG, payload))
        self._rest = data[taken:]

    def ask_for_much(self) -> None:
        """So that what it does not read fills its buffers at once."""
        self.socket.setblocking(True)
        asked = {"type": "history", "before": {"part": 2**31 - 1, "index": 2**31 - 1}, "count": 100}
        self.socket.sendall(client_frame(TEXT, json.dumps(asked).encode()) * HISTORIES)


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


@dataclass(slots=True)
class Joining:
    """A command that is not done yet."""

    url: str
    batch: Batch
    began_s: float
    due_s: list[float]  # the last one first
    stalls: bool = False
    waits: set[Viewer] = field(default_factory=set)


class FanoutCrowd:
    """All viewers of one server."""

    def __init__(self) -> None:
        self._batches: dict[str, Batch] = {}
        self._viewers: dict[int, Viewer] = {}
        self._epoll = select.epoll()
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._count = 0
        self._joining: Joining | None = None
        self._settling: tuple[int, float] | None = None  # the deliveries that are awaited, and since when

    def run(self) -> None:
        """Until there are no more commands."""
        commands = sys.stdin.fileno()
        self._epoll.register(commands, select.EPOLLIN)
        while True:
            busy = self._joining is not None or self._settling is not None
            for number, _ in self._epoll.poll(POLL_S if busy else None):
                if number != commands:
                    self._read(number)
                elif line := sys.stdin.readline():  # the next one comes behind this one's answer
                    self._begin(json.loads(line))
                else:
                    return
            self._go_on()

    def _read(self, number: int) -> None:
        viewer = self._viewers[number]
        if not viewer.read(self._buffer):
            self._epoll.unregister(number)
            del self._viewers[number]

    def _begin(self, command: dict[str, Any]) -> None:
        now_s = monotonic()
        match command["do"]:
            case "join":
                batch = self._batches.setdefault(command["name"], Batch())
                every_s = command["within_s"] / max(1, command["viewers"])
                due_s = [now_s + every_s * place for place in reversed(range(command["viewers"]))]
                self._joining = Joining(command["url"], batch, now_s, due_s)
            case "stall":
                self._joining = Joining(command["url"], Batch(), now_s, [now_s], stalls=True)
            case "settle":
                self._settling = (command["deliveries"], now_s)
            case "collect":
                _answer({name: batch.collect() for name, batch in self._batches.items()})

    def _go_on(self) -> None:
        """What is due by the clock."""
        now_s = monotonic()
        if self._joining is not None:
            self._join(self._joining, now_s)
        if self._settling is not None:
            expected, began_s = self._settling
            batches = self._batches.values()
            last_s = max(began_s, *(batch.last_arrival_s() for batch in batches))
            too_late = now_s - last_s > QUIET_S or now_s - began_s > SETTLED_WITHIN_S
            if too_late or sum(batch.deliveries() for batch in batches) >= expected:
                self._settling = None
                _answer(None)

    def _join(self, joining: Joining, now_s: float) -> None:
        joining.waits = {viewer for viewer in joining.waits if not viewer.ready}
        while joining.due_s and joining.due_s[-1] <= now_s and len(joining.waits) < CONNECT_AT_ONCE:
            joining.due_s.pop()
            self._count += 1
            viewer = Viewer(joining.batch, self._count, joining.url)
            self._viewers[viewer.socket.fileno()] = viewer
            self._epoll.register(viewer.socket.fileno(), select.EPOLLIN)
            joining.waits.add(viewer)
            if joining.stalls:
                self._epoll.unregister(viewer.socket.fileno())
                viewer.ready = True
                viewer.ask_for_much()
        if not joining.due_s and all(viewer.ready for viewer in joining.waits):
            self._joining = None
            _answer(now_s - joining.began_s)


def _answer(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise_open_files()
    FanoutCrowd().run()
    os._exit(0)  # the kernel closes thousands of sockets faster
