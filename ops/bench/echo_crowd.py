"""Many clients of the echo in a process of their own: how long is each frame under way?

python -m ops.bench.echo_crowd WS_URL CLIENTS SECONDS FRAME_MS      prints one JSON line

Raw sockets and frames that are hardly parsed, as in fanout_crowd: a client must cost less than what it measures. The time that a
frame carries is this process's own clock when it was written; the clients speak evenly spread, as they do who know nothing of each other.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import struct
import sys
from array import array
from time import perf_counter

import numpy as np

from ops.bench.fanout_crowd import PING, PONG, client_frame, frames, handshake

RATE_HZ = 48_000
HEADER = struct.Struct("<Id")
BINARY, TEXT = 0x82, 0x81
WARM_UP_S, COMES_WITHIN_S = 2.0, 2.0
TICK_S = 0.0005


class EchoClient(asyncio.Protocol):
    """One socket. `late_ms`: of the frames that came back, by number."""

    def __init__(self, url: str, frame_ms: float) -> None:
        self._url = url
        self._rest = b""
        self._upgraded = False
        samples = np.random.default_rng(1).normal(0, 3000, int(RATE_HZ * frame_ms / 1000)).astype("<i2")
        self._samples = samples.tobytes()
        self._frame_samples = len(samples)
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent = 0
        self.late_ms = array("d")
        self.in_order = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for a WebSocket."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        transport.write(handshake(self._url)[2])

    def data_received(self, data: bytes) -> None:
        """What has come: each answer's way is over now."""
        now_ms = perf_counter() * 1000
        data = self._rest + data if self._rest else data
        if not self._upgraded:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found or b" 101 " not in head.partition(b"\r\n")[0]:
                raise RuntimeError(f"refused: {head[:100]!r}")
            self._upgraded = True
            config = {"type": "config", "sampleRate": RATE_HZ, "frameSize": self._frame_samples}
            self._transport.write(client_frame(TEXT, json.dumps(config).encode()))
        taken = 0
        for first, begin, end in frames(data):
            taken = end
            if first == BINARY:
                number, at_ms = HEADER.unpack_from(data, begin)
                self.in_order = self.in_order and number == len(self.late_ms)
                self.late_ms.append(now_ms - at_ms)
            elif first == PING:
                self._transport.write(client_frame(PONG, data[begin:end]))
            elif not self.ready.done():
                self.ready.set_result(None)
        self._rest = data[taken:]

    def connection_lost(self, error: Exception | None) -> None:
        """A client that is sent away measures nothing any more."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed before its config was taken"))

    def speak(self) -> None:
        """One frame."""
        payload = HEADER.pack(self.sent, perf_counter() * 1000) + self._samples
        self._transport.write(client_frame(BINARY, payload))
        self.sent += 1


async def measure(url: str, count: int, seconds: float, frame_ms: float) -> dict[str, object]:
    """All speak for so long; the first seconds do not count."""
    host, port, _ = handshake(url)
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(count):
        _, client = await loop.create_connection(lambda: EchoClient(url, frame_ms), host, port)
        await client.ready
        clients.append(client)
    await _speak(clients, WARM_UP_S, frame_ms)
    await _all_back(clients)
    warm = [len(client.late_ms) for client in clients]
    await _speak(clients, seconds, frame_ms)
    await _all_back(clients)
    late_ms = [
        late for client, skipped in zip(clients, warm, strict=True) for late in client.late_ms[skipped:]
    ]
    sent = sum(client.sent for client in clients) - sum(warm)
    cuts = (
        statistics.quantiles(late_ms, n=1000, method="inclusive")
        if len(late_ms) > 1
        else [float("nan")] * 999
    )
    return {
        "sent": sent, "lost": sent - len(late_ms), "in_order": all(client.in_order for client in clients),
        "p50_ms": cuts[499], "p95_ms": cuts[949], "p99_ms": cuts[989], "max_ms": max(late_ms, default=float("nan")),
    }  # fmt: skip


async def _speak(clients: list[EchoClient], seconds: float, frame_ms: float) -> None:
    """Each every `frame_ms`, one after the other."""
    began_s, every_s = perf_counter(), frame_ms / 1000 / len(clients)
    due = 0
    while (now_s := perf_counter() - began_s) < seconds:
        while due * every_s <= now_s:
            clients[due % len(clients)].speak()
            due += 1
        await asyncio.sleep(TICK_S)


async def _all_back(clients: list[EchoClient]) -> None:
    until_s = perf_counter() + COMES_WITHIN_S
    while perf_counter() < until_s and any(  # noqa: ASYNC110
        client.sent > len(client.late_ms) for client in clients
    ):
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    address, clients_wanted, seconds_wanted, frame_wanted = sys.argv[1:5]
    found = asyncio.run(measure(address, int(clients_wanted), float(seconds_wanted), float(frame_wanted)))
    print(json.dumps(found))
