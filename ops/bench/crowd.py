"""Many viewers of one room in a process of their own: when did each sentence reach each of them?

python -m ops.bench.crowd WS_URL COUNT      ends with the room; prints one JSON line
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

CONNECT_AT_ONCE = 20


@dataclass
class Crowd:
    """Arrival times (seconds since the epoch) by line and sentence; each chunk is parsed once, whichever viewer got it."""

    arrivals: dict[str, list[float]] = field(default_factory=dict)
    connected: int = 0
    chunks: int = 0
    _sentences: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def on_chunk(self, seen: set[str], message: str) -> None:
        """Record one chunk at one viewer, which has `seen` these sentences before."""
        at_s = time.time()
        self.chunks += 1
        for key in self._keys(message):
            if key not in seen:
                seen.add(key)
                self.arrivals.setdefault(key, []).append(at_s)

    def _keys(self, message: str) -> tuple[str, ...]:
        if message not in self._sentences:
            if len(self._sentences) > 1000:
                self._sentences.clear()
            self._sentences[message] = tuple(_sentence_keys(message))
        return self._sentences[message]


def _sentence_keys(message: str) -> Iterator[str]:
    for line in json.loads(message).get("last_n_sents", []):
        for sentence in line["sentences"]:
            yield f"{line['line_idx']}.{sentence['sent_idx']}"


async def watch_as_crowd(url: str, count: int) -> Crowd:
    """Connect `count` viewers and read until the room closes."""
    crowd = Crowd()
    gate = asyncio.Semaphore(CONNECT_AT_ONCE)
    await asyncio.gather(*(_viewer(url, crowd, gate) for _ in range(count)))
    return crowd


async def _viewer(url: str, crowd: Crowd, gate: asyncio.Semaphore) -> None:
    seen: set[str] = set()
    async with gate:
        socket = await connect(url, compression=None, open_timeout=60, ping_interval=None, max_size=2**22)
    crowd.connected += 1
    with contextlib.suppress(ConnectionClosed):
        async with socket:
            async for message in socket:
                crowd.on_chunk(seen, message if isinstance(message, str) else message.decode())


def main() -> None:
    """The command line."""
    crowd = asyncio.run(watch_as_crowd(sys.argv[1], int(sys.argv[2])))
    facts = {"connected": crowd.connected, "chunks": crowd.chunks, "arrivals": crowd.arrivals}
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
