"""The echo under many clients, and what the captions of the same web process notice of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from websockets.asyncio.client import ClientConnection, connect

from ops.bench.end_to_end import quantile
from ops.bench.servers import cpu_s_of
from ops.faults.stack import BASE_DIR, Stack

READERS, PING_EVERY_S = 10, 0.6  # of captions; they may ask twice a second
ROOM = "ECHO"
NOBODY: dict[str, Any] = {"sent": 0, "lost": 0, "in_order": True} | dict.fromkeys(
    ("p50_ms", "p95_ms", "p99_ms", "max_ms"), math.nan
)


@dataclass(frozen=True, slots=True)
class EchoRow:
    """One load. `cores`: of the web process. `captions_*`: from a reader's ping to the pong, beside the load."""

    suppressor: str
    clients: int
    sent: int
    lost: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    cores: float
    captions_p50_ms: float
    captions_p99_ms: float


async def measure_echo(
    stack: Stack, suppressor: str, *, clients: int, seconds: float, frame_ms: float
) -> EchoRow:
    """`clients` speak for so long; with none, what the captions' readers see alone."""
    web = psutil.Process(stack.pid("web"))
    async with _readers(stack) as sockets:
        crowd = await _start_crowd(stack, clients, seconds, frame_ms) if clients else None
        before_s, began_s = cpu_s_of(web), time.monotonic()
        asking = asyncio.create_task(_pongs(sockets, until_s=began_s + seconds))
        said = (await crowd.communicate())[0] if crowd is not None else b""
        pongs_ms = await asking
        cores = (cpu_s_of(web) - before_s) / (time.monotonic() - began_s)
    if crowd is not None and crowd.returncode:
        raise RuntimeError("the clients failed")
    came = json.loads(said) if said else NOBODY
    if not came["in_order"]:
        raise RuntimeError("answers out of their order")
    return EchoRow(
        suppressor,
        clients,
        **{name: value for name, value in came.items() if name != "in_order"},
        cores=cores,
        captions_p50_ms=quantile(pongs_ms, 0.50),
        captions_p99_ms=quantile(pongs_ms, 0.99),
    )


async def _start_crowd(
    stack: Stack, clients: int, seconds: float, frame_ms: float
) -> asyncio.subprocess.Process:
    url = f"ws://127.0.0.1:{stack.port}/ws-audio"
    command = ["-m", "ops.bench.echo_crowd", url, str(clients), str(seconds), str(frame_ms)]
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=BASE_DIR, stdout=subprocess.PIPE
    )


@contextlib.asynccontextmanager
async def _readers(stack: Stack) -> AsyncIterator[Sequence[ClientConnection]]:
    url = f"ws://127.0.0.1:{stack.port}/captions/{ROOM}?lang=en"
    async with contextlib.AsyncExitStack() as opened:
        sockets = [await opened.enter_async_context(connect(url)) for _ in range(READERS)]
        for socket in sockets:
            await _until(socket, "versions")
        yield sockets


async def _pongs(sockets: Sequence[ClientConnection], *, until_s: float) -> list[float]:
    found_ms: list[float] = []
    while time.monotonic() < until_s:
        for socket in sockets:
            began_s = time.perf_counter()
            await socket.send('{"type":"ping"}')
            await _until(socket, "pong")
            found_ms.append((time.perf_counter() - began_s) * 1000)
            await asyncio.sleep(PING_EVERY_S / len(sockets))
    return found_ms


async def _until(socket: ClientConnection, kind: str) -> None:
    while json.loads(await socket.recv())["type"] != kind:
        pass
