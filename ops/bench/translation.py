"""Translation through a whole stack of its own: delay from commit to viewer, fairness, overload, faults."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from asr.audio.recorder import Blob
from gateways.conference.client.host import Host
from gateways.conference.client.viewer import Key, Viewer, captions
from ops.faults.stack import Stack

QUIET_S = 6.0
COMMITTED = (
    "SELECT p.number, s.index, p.number - 1, s.index, extract(epoch FROM s.created_at) FROM transcripts_sentence s "
    "JOIN transcripts_part p ON p.id = s.part_id JOIN transcripts_track t ON t.id = s.track_id "
    "JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s AND t.lang = p.source_lang"
)


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from a sentence's commit to its translation at a viewer, over all languages of one room."""

    case: str
    languages: int
    sentences: int
    translated: float  # share of sentences and languages that arrived while the talk went on
    p50_s: float
    p95_s: float
    worst_s: float
    last_third_p95_s: float


@dataclass
class Reader:
    """A viewer of one language: when each translation came, seconds since the epoch."""

    lang: str
    arrived: dict[Key, float] = field(default_factory=dict)

    async def read(self, url: str) -> None:
        """Until the room closes, or this is cancelled."""
        with contextlib.suppress(ConnectionClosed):
            async with connect(url, compression=None, max_size=2**22) as socket:
                async for caption in captions(socket, Viewer()):
                    if caption.lang == self.lang and caption.key is not None:
                        self.arrived.setdefault(caption.key, time.time())


async def talk(
    stack: Stack, room: str, langs: Sequence[str], blobs: Sequence[Blob], speed: float, case: str
) -> Delays:
    """One host streams `blobs` at `speed`; one viewer a language reads along."""
    readers = [Reader(lang) for lang in langs]
    async with Host(stack.host_options(room)) as host:
        await host.wait_ready()
        reading = [
            asyncio.create_task(reader.read(stack.viewer_url(room, reader.lang))) for reader in readers
        ]
        await host.play(blobs, speed=speed)
        await asyncio.sleep(QUIET_S)
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    rows = await asyncio.to_thread(stack.query, COMMITTED, room)
    await asyncio.to_thread(stack.close_room, room)
    return summarised(case, readers, rows)


def summarised(case: str, readers: Sequence[Reader], rows: Sequence[tuple[Any, ...]]) -> Delays:
    """The figures of one room; `rows` as COMMITTED gives them."""
    committed = {(int(row[2]), int(row[3])): float(row[4]) for row in rows}
    order = sorted(committed)
    delays = {
        (key, reader.lang): at_s - committed[key]
        for reader in readers
        for key, at_s in reader.arrived.items()
        if key in committed
    }
    late = [delay for (key, _), delay in delays.items() if key in set(order[2 * len(order) // 3 :])]
    return Delays(
        case, len(readers), len(committed), len(delays) / max(1, len(committed) * len(readers)),
        *_percentiles(list(delays.values())), _percentiles(late)[1],
    )  # fmt: skip


def _percentiles(values: list[float]) -> tuple[float, float, float]:
    if not values:
        return float("nan"), float("nan"), float("nan")
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], ordered[-1]
