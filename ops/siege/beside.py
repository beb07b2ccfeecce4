"""What is measured while an attack runs: the delay of a viewer beside, and the memory of the servers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import psutil

from ops.bench.end_to_end import quantile
from ops.bench.fanout_served import LineProcess
from ops.faults.stack import Stack

SAMPLED_EVERY_S = 0.1
TAIL_S = 2.0  # said behind an attack: what it holds up comes late
MEMORY_MOST_MB, DELAY_MOST_S = 100.0, 0.5


@dataclass(frozen=True, slots=True)
class AttackRow:
    """One attack. `viewer_p99_s`: from a text's commit to the viewer; `lost`: texts that never came to it; `answer`: what the attacker got."""

    name: str
    memory_mb: float
    viewer_p99_s: float
    lost: int
    answer: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """What an attack got, and whether that is what it should."""

    text: str
    right: bool


class Beside:
    """A speaker in a room, its viewer, and the memory of the processes that strangers reach."""

    def __init__(self, stack: Stack, room: str, speaker: LineProcess, viewer: LineProcess) -> None:
        self._room, self._speaker, self._viewer = room, speaker, viewer
        viewer.ask(url=f"ws://127.0.0.1:{stack.port}/captions/{room}?lang=en")
        self._processes = [psutil.Process(stack.pid(name)) for name in ("web", "speech")]

    async def measure(
        self, name: str, attack: Callable[[], Awaitable[Answered]], *, seconds: float
    ) -> AttackRow:
        """Speak for `seconds` and TAIL_S, attack meanwhile."""
        await asyncio.to_thread(self._viewed)
        before, peak, over = self._memory_mb(), [0.0], threading.Event()

        def sample() -> None:
            while not over.wait(SAMPLED_EVERY_S):
                peak[0] = max(peak[0], self._memory_mb())

        sampler = threading.Thread(target=sample)
        sampler.start()
        self._speaker.ask(room=self._room, langs=["en"], seconds=seconds + TAIL_S, groups=False)
        try:
            answered = await attack()
            said = await asyncio.to_thread(self._speaker.answer)
        finally:
            over.set()
            sampler.join()
        await asyncio.sleep(TAIL_S / 2)
        seen, broke = await asyncio.to_thread(self._viewed)
        late_s = sorted(max(0.0, seen[one["marker"]] - one["at_s"]) for one in said if one["marker"] in seen)
        # Of unfinished words only the newest need come.
        lost = sum(one["durable"] and one["marker"] not in seen for one in said)
        memory_mb = max(0.0, max(peak[0], self._memory_mb()) - before)
        p99_s = quantile(late_s, 0.99) if late_s else float("inf")
        fine = memory_mb <= MEMORY_MOST_MB and p99_s < DELAY_MOST_S and not lost and not broke
        return AttackRow(
            name, round(memory_mb, 1), round(p99_s, 3), lost, answered.text, fine and answered.right
        )

    def _viewed(self) -> tuple[dict[int, float], int]:
        self._viewer.ask()
        found: Any = self._viewer.answer()
        return {int(marker): at_s for marker, at_s in found["seen"].items()}, found["broke"]

    def _memory_mb(self) -> float:
        return sum(float(process.memory_info().rss) for process in self._processes) / 1e6
