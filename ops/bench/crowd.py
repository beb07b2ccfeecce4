"""Many viewers of one room in a process of their own: when did each sentence reach each of them?

python -m ops.bench.crowd WS_URL COUNT      prints "connected"; ends with the room and prints one JSON line
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

CONNECT_AT_ONCE = 20
ENDS_WITHIN_S = 30.0  # after its room; some servers do not close
BASE_DIR = Path(__file__).resolve().parent.parent.parent


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
    """Connect `count` viewers and read until the room closes, or until SIGTERM."""
    crowd = Crowd()
    gate = asyncio.Semaphore(CONNECT_AT_ONCE)
    all_here = asyncio.Barrier(count + 1)
    viewers = [asyncio.create_task(_viewer(url, crowd, gate, all_here)) for _ in range(count)]
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _cancel, viewers)
    await all_here.wait()
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    for ended in await asyncio.gather(*viewers, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    return crowd


def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


async def _viewer(url: str, crowd: Crowd, gate: asyncio.Semaphore, all_here: asyncio.Barrier) -> None:
    seen: set[str] = set()
    async with gate:
        socket = await connect(url, compression=None, open_timeout=60, ping_interval=None, max_size=2**22)
    crowd.connected += 1
    with contextlib.suppress(ConnectionClosed):
        async with socket:
            crowd.on_chunk(seen, _text(await socket.recv()))  # what there is already
            await all_here.wait()
            async for message in socket:
                crowd.on_chunk(seen, _text(message))


def _text(message: str | bytes) -> str:
    return message if isinstance(message, str) else message.decode()


def start_crowd(url: str, viewers: int) -> subprocess.Popen[str]:
    """A crowd in a process of its own; `await_crowd` and `facts_of` speak to it."""
    # os.nice: the crowd stands for other people's phones and must not slow the server down
    return subprocess.Popen(
        [sys.executable, "-m", "ops.bench.crowd", url, str(viewers)],
        cwd=BASE_DIR, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.nice(5),
    )  # fmt: skip


def await_crowd(crowd: subprocess.Popen[str]) -> None:
    """Until every viewer has its first chunk. Raises RuntimeError when it ends instead."""
    if crowd.stdout is None or crowd.stdout.readline().strip() != "connected":
        raise RuntimeError("not every viewer could connect")


def facts_of(crowd: subprocess.Popen[str]) -> dict[str, Any]:
    """What it says when the room is closed: `connected`, `chunks`, `arrivals`."""
    try:
        said = crowd.communicate(timeout=ENDS_WITHIN_S)[0]
    except subprocess.TimeoutExpired:
        crowd.terminate()
        said = crowd.communicate()[0]
    facts: dict[str, Any] = json.loads(said)
    return facts


def fan_out_s(facts: dict[str, Any], committed: Mapping[str, float]) -> list[float]:
    """Seconds from a sentence's row to each viewer; what stood there when a viewer came does not count."""
    return [
        at - committed[key]
        for key, arrivals in facts.get("arrivals", {}).items()
        if key in committed
        for at in arrivals
    ]


def main() -> None:
    """The command line."""
    crowd = asyncio.run(watch_as_crowd(sys.argv[1], int(sys.argv[2])))
    facts = {"connected": crowd.connected, "chunks": crowd.chunks, "arrivals": crowd.arrivals}
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
