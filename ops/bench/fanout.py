"""What one delivered message costs each server, and how late it is: a room's captions to a crowd, twice a second.

All servers run at once, each with a crowd and a room of its own, and are measured in turn, round by round, so that all have the
same noise; what is told of one is the median of its rounds. The baseline is plain Channels groups (fanout_groups.py).
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ops.bench.end_to_end import quantile
from ops.bench.fanout_served import ServedCrowd, Slice, langs_of, line_process
from ops.bench.servers import PYTHON_M, SERVERS, running_server
from ops.faults.stack import Stack

BASELINE, DEFAULT = "baseline", "uvicorn"
STEADY = "steady"

FANOUT_SERVERS: dict[str, Callable[[int], list[str]]] = {
    BASELINE: lambda port: [
        *PYTHON_M, "daphne", "ops.bench.fanout_groups:application", "-b", "127.0.0.1", "-p", str(port),
        "--access-log", os.devnull, "--verbosity", "0",
    ],
    **{name: SERVERS[name] for name in ("daphne", "uvicorn", "granian")},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FanoutLoad:
    """How long each server is measured, and by how many joiners it is disturbed."""

    viewers: int
    seconds: float = 10.0
    rounds: int = 3
    rush_viewers: int = 1000
    rush_s: float = 10.0


@dataclass(frozen=True, slots=True)
class FanoutRow:
    """One server under one load. Times are from a commit to each viewer's socket; `lost`: durable events that a viewer never got."""

    server: str
    viewers: int
    load: str
    deliveries: int
    cpu_ms_per_delivery: float
    p50_ms: float
    p99_ms: float
    idle_kb: float
    lost: int
    repeats: int


def installed_for_fanout() -> list[str]:
    """Names in FANOUT_SERVERS whose package is there."""
    return [name for name in FANOUT_SERVERS if name == BASELINE or importlib.util.find_spec(name)]


def rooms_for(names: Sequence[str]) -> dict[str, str]:
    """A room for each server."""
    return {name: f"FAN{number}" for number, name in enumerate(names)}


def measure_fanout(
    stack: Stack, names: Sequence[str], load: FanoutLoad, progress: Callable[[str], object]
) -> Iterator[FanoutRow]:
    """Rows of each server with so many viewers, then of the default server beside one that stalls and in a rush."""
    with contextlib.ExitStack() as started:
        speaker = started.enter_context(line_process("ops.bench.fanout_speaker", stack))
        crowds = []
        for name, room in rooms_for(names).items():
            running = started.enter_context(running_server(name, stack, FANOUT_SERVERS))
            crowd = started.enter_context(line_process("ops.bench.fanout_crowd", stack))
            crowds.append(ServedCrowd(name, room, running, crowd, groups=name == BASELINE))
            speaker.do(room=room, langs=langs_of(load.viewers), seconds=1, groups=name == BASELINE)
        for served in crowds:
            progress(f"{load.viewers} viewers come to {served.name}")
            served.gather(load.viewers)
        slices: dict[str, list[Slice]] = {served.name: [] for served in crowds}
        for number in range(load.rounds):
            for served in crowds:
                progress(f"round {number + 1}: {served.name}")
                slices[served.name].append(served.listen(speaker, load.seconds))
        for served in crowds:
            yield _row(served, STEADY, slices[served.name])
        for served in crowds:
            if served.name == DEFAULT:
                progress("one reads nothing")
                served.stall_one()
                yield _row(served, "one reads nothing", [served.listen(speaker, load.seconds)])
                progress(f"{load.rush_viewers} more join")
                rush = served.rush(speaker, load.rush_viewers, load.rush_s)
                yield _row(served, f"{load.rush_viewers} join in {load.rush_s:.0f} s", [rush])


def ratio_of(rows: Sequence[FanoutRow]) -> float:
    """The baseline's cost over the default server's, with the fewest viewers that were measured."""
    cost = {(row.server, row.viewers): row.cpu_ms_per_delivery for row in rows if row.load == STEADY}
    fewest = min((viewers for _, viewers in cost), default=0)
    return cost.get((BASELINE, fewest), math.nan) / cost.get((DEFAULT, fewest), math.nan)


def _row(served: ServedCrowd, load: str, slices: Sequence[Slice]) -> FanoutRow:
    """The median of the slices' costs and latencies; the sums of what must not be."""
    return FanoutRow(
        served.name, served.viewers, load, sum(one.deliveries for one in slices),
        statistics.median(1000 * one.cpu_s / one.deliveries if one.deliveries else math.nan for one in slices),
        1000 * statistics.median(quantile(one.late_s, 0.50) for one in slices),
        1000 * statistics.median(quantile(one.late_s, 0.99) for one in slices),
        served.idle_kb, sum(one.lost for one in slices), sum(one.repeats for one in slices),
    )  # fmt: skip
