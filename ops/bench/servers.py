"""ASGI servers side by side: each serves a crowd of the same room at the same time, so that all have the same noise."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import psutil

from asr.audio.recorder import Blob
from gateways.conference.client.host import Host
from ops.bench.crowd import await_crowd, facts_of, fan_out_s, start_crowd
from ops.bench.end_to_end import quantile
from ops.faults.stack import BASE_DIR, Stack, free_port

ROOM = "CROWD"
APPLICATION = "config.asgi:application"
LISTENS_WITHIN_S = 60.0
PYTHON_M = [sys.executable, "-m"]

# By name: the command for a port. "alone" is the server without this project's protocol classes, for comparison.
SERVERS: dict[str, Callable[[int], list[str]]] = {
    "daphne": lambda port: [*PYTHON_M, "config.servers", "--server", "daphne", "--port", str(port)],
    "uvicorn": lambda port: [*PYTHON_M, "config.servers", "--server", "uvicorn", "--port", str(port)],
    "uvicorn alone": lambda port: [
        *PYTHON_M, "uvicorn", APPLICATION, "--port", str(port), "--ws", "websockets-sansio", "--http", "h11",
        "--loop", "asyncio", "--ws-per-message-deflate", "false", "--no-access-log", "--log-level", "warning",
    ],
    "granian": lambda port: [
        *PYTHON_M, "granian", APPLICATION, "--port", str(port), "--interface", "asgi", "--loop", "asyncio",
        "--log-level", "warning",
    ],
}  # fmt: skip


def cpu_s_of(process: psutil.Process) -> float:
    """CPU seconds that a process and its children have spent."""
    times = [each.cpu_times() for each in _family(process)]
    return sum(spent.user + spent.system for spent in times)


def rss_kb_of(process: psutil.Process) -> float:
    """Resident memory of a process and its children, kB."""
    return sum(each.memory_info().rss for each in _family(process)) / 1024


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """One server's. `cpu_ms`: of the server's processes for each chunk that reached a viewer."""

    server: str
    viewers: int
    deliveries: int
    cpu_ms: float
    fan_out_p50_s: float
    fan_out_p99_s: float
    memory_per_viewer_kb: float


def installed() -> list[str]:
    """Names in SERVERS whose package is there."""
    return [name for name in SERVERS if importlib.util.find_spec(name.partition(" ")[0])]


async def measure_servers(
    stack: Stack, blobs: Iterable[Blob], viewers: int, names: Iterable[str]
) -> list[ServerFigures]:
    """A host speaks `blobs` through the stack's own web process; each of the others has `viewers`."""
    with contextlib.ExitStack() as started:
        servers = [_Measured(name, started.enter_context(running_server(name, stack))) for name in names]
        async with Host(stack.host_options(ROOM)) as host:
            await host.wait_ready()
            for server in servers:  # one crowd after the other: they would slow each other down
                await asyncio.to_thread(server.gather, viewers)
            await host.play(blobs)
        spent_s = [server.spent_s() for server in servers]
        rows = stack.query(
            "SELECT p.number - 1, s.index, extract(epoch from s.created_at) FROM transcripts_sentence s "
            "JOIN transcripts_part p ON p.id = s.part_id JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s",
            ROOM,
        )
        await asyncio.to_thread(stack.close_room, ROOM)
        committed = {f"{line}.{index}": float(at) for line, index, at in rows}
        return [server.figures(cpu_s, committed) for server, cpu_s in zip(servers, spent_s, strict=True)]


class _Measured:
    """One running server and its crowd."""

    def __init__(self, name: str, running: tuple[psutil.Process, int]) -> None:
        self._name = name
        self._process, self._port = running
        self._viewers = 0
        self._before_s = self._memory_kb = 0.0
        self._crowd: subprocess.Popen[str] | None = None

    def gather(self, viewers: int) -> None:
        before_kb = rss_kb_of(self._process)
        self._viewers = viewers
        self._crowd = start_crowd(f"ws://127.0.0.1:{self._port}/room/{ROOM}/client/undefined/en", viewers)
        await_crowd(self._crowd)
        self._memory_kb = (rss_kb_of(self._process) - before_kb) / viewers
        self._before_s = cpu_s_of(self._process)

    def spent_s(self) -> float:
        return cpu_s_of(self._process) - self._before_s

    def figures(self, cpu_s: float, committed: dict[str, float]) -> ServerFigures:
        if self._crowd is None:
            raise RuntimeError("gather() comes first")
        facts = facts_of(self._crowd)
        deliveries = facts["chunks"] - facts["connected"]  # each had one when it came
        spread_s = fan_out_s(facts, committed)
        return ServerFigures(
            self._name, self._viewers, deliveries, 1000 * cpu_s / deliveries if deliveries else math.nan,
            quantile(spread_s, 0.50), quantile(spread_s, 0.99), self._memory_kb,
        )  # fmt: skip


@contextlib.contextmanager
def running_server(
    name: str, stack: Stack, servers: Mapping[str, Callable[[int], list[str]]] = SERVERS
) -> Iterator[tuple[psutil.Process, int]]:
    """A web process more, of another server: its process and its port."""
    port = free_port()
    with (stack.folder / "run" / f"bench-{name.replace(' ', '-')}.log").open("w") as log:
        child = subprocess.Popen(
            servers[name](port), cwd=BASE_DIR, env=os.environ | stack.environment, stdout=log, stderr=log
        )
    try:
        _until_it_listens(child, port)
        yield psutil.Process(child.pid), port
    finally:
        child.terminate()
        child.wait()


def _until_it_listens(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + LISTENS_WITHIN_S
    while child.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), LISTENS_WITHIN_S).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"no server listens: {' '.join(map(str, child.args))}")  # type: ignore[arg-type]
