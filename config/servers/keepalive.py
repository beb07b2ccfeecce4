"""Pings for thousands of sockets by one timer.

uvicorn has two timers for each socket, a random payload, and parses every answer: with 1,000 viewers that is more CPU than their
captions. Here the sockets of a loop are spread over PING_EVERY_S slots; each second one slot is pinged, and one is looked at that was
pinged PONG_WITHIN_S before (or longer, where the peer's wire gives it more). Whatever comes from a peer is a sign of life.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from config.servers.limits import PING_EVERY_S, PONG_WITHIN_S

PING: Final = b"\x89\x00"
EMPTY_PONG, EMPTY_PONG_BYTES = b"\x8a\x80", 6  # and a mask of four


class Peer(Protocol):
    """A socket. `pinged_at`: the tick of the oldest ping since it last sent anything; `pong_within_s`: the least is PONG_WITHIN_S."""

    pinged_at: int | None
    pong_within_s: int

    def ping(self) -> None:
        """Send PING."""

    def keepalive_timeout(self) -> None:
        """It has not answered in time."""


class Keepalive:
    """The sockets of one event loop. `tick_s`: 1, but for tests."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, tick_s: float = 1.0) -> None:
        self._loop, self._tick_s = loop, tick_s
        self._slots: list[set[Peer]] = [set() for _ in range(PING_EVERY_S)]
        self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, peer: Peer) -> None:
        """Ping `peer` from now on."""
        min(self._slots, key=len).add(peer)
        if self._timer is None:
            self._timer = self._loop.call_later(self._tick_s, self._beat)

    def discard(self, peer: Peer) -> None:
        """Ping it no more."""
        for slot in self._slots:
            slot.discard(peer)

    def tick(self) -> None:
        """A second has gone by."""
        self._ticks += 1
        for peer in list(self._slots[(self._ticks - PONG_WITHIN_S) % PING_EVERY_S]):
            if peer.pinged_at is not None and self._ticks - peer.pinged_at >= peer.pong_within_s:
                peer.keepalive_timeout()
        for peer in list(self._slots[self._ticks % PING_EVERY_S]):
            if peer.pinged_at is None:
                peer.pinged_at = self._ticks
            peer.ping()

    def _beat(self) -> None:
        self._timer = None
        self.tick()
        if any(self._slots):
            self._timer = self._loop.call_later(self._tick_s, self._beat)


_keepalives: WeakKeyDictionary[asyncio.AbstractEventLoop, Keepalive] = WeakKeyDictionary()


def keepalive_of(loop: asyncio.AbstractEventLoop, *, tick_s: float = 1.0) -> Keepalive:
    """The loop's own."""
    if loop not in _keepalives:
        _keepalives[loop] = Keepalive(loop, tick_s=tick_s)
    return _keepalives[loop]


def is_empty_pong(data: bytes) -> bool:
    """Whether this, read where a frame begins, is the answer to PING and nothing else."""
    return len(data) == EMPTY_PONG_BYTES and data.startswith(EMPTY_PONG)


def ends_a_frame(data: bytes) -> bool:
    """Whether this, which begins with a client's frame, ends with one."""
    at = 0
    while at + 2 <= len(data):
        size = data[at + 1] & 0x7F
        at += 2
        if size >= 126:
            extended = 2 if size == 126 else 8
            size = int.from_bytes(data[at : at + extended], "big")
            at += extended
        at += 4 + size
    return at == len(data)
