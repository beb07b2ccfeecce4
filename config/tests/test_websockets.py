"""What config/websockets.py adds to Daphne, on a real Daphne in a child process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from config.drill.stack import BASE_DIR, free_port
from config.tests.flooding import FEW, MESSAGES

pytestmark = pytest.mark.stack
WITHIN_S = 30
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def daphne() -> Iterator[tuple[str, psutil.Process]]:
    """A server of the flooding application: its URL and its process."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "daphne",
        "-p",
        str(port),
        "-v",
        "1",
        "config.tests.flooding:application",
    ]
    child = subprocess.Popen(command, cwd=BASE_DIR, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    try:
        for line in child.stderr:
            if "Listening on TCP" in line:
                break
        yield f"ws://127.0.0.1:{port}", psutil.Process(child.pid)
    finally:
        child.terminate()
        child.communicate()


@contextlib.asynccontextmanager
async def stalled(url: str):
    """A peer that has asked for the flood and reads nothing."""
    async with connect(url, max_size=None, max_queue=1, compression=None, close_timeout=1) as socket:
        await socket.send("go")
        socket.transport.pause_reading()
        yield socket


async def numbers(socket) -> list[int]:
    """Everything that still comes, by number, until the end or the last message."""
    read = []
    async with asyncio.timeout(WITHIN_S):
        with contextlib.suppress(ConnectionClosed):
            while not read or read[-1] != -1:
                read.append(json.loads(await socket.recv())["number"])
    return read


async def until_calm(process: psutil.Process) -> None:
    """Until the server has nothing to do."""
    async with asyncio.timeout(WITHIN_S):
        while process.cpu_percent() > 5:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_slow_reader_of_a_state_gets_the_newest_and_costs_no_memory(daphne):
    url, process = daphne
    before = process.memory_info().rss
    async with stalled(f"{url}/state") as socket:
        process.cpu_percent()
        await asyncio.sleep(0.2)
        await until_calm(process)
        assert process.memory_info().rss - before < 10 * MEGABYTE
        socket.transport.resume_reading()
        read = await numbers(socket)
    assert read == [*sorted(read[:-1]), -1]
    assert read[-2] == MESSAGES - 1
    assert len(read) < MESSAGES / 2


async def test_slow_reader_of_events_is_sent_away_and_may_come_back(daphne):
    url, process = daphne
    before = process.memory_info().rss
    async with stalled(f"{url}/events") as socket:
        process.cpu_percent()
        await asyncio.sleep(0.2)
        await until_calm(process)
        assert process.memory_info().rss - before < 40 * MEGABYTE
        socket.transport.resume_reading()
        read = await numbers(socket)
        assert (socket.close_code, socket.close_reason) == (1013, "Too slow")
    assert read == list(range(len(read)))
    assert len(read) < MESSAGES / 2


async def test_burst_that_fits_into_the_queue_comes_whole_though_the_reader_was_slow(daphne):
    url, _ = daphne
    async with stalled(f"{url}/few") as socket:
        socket.transport.resume_reading()
        assert await numbers(socket) == [*range(FEW), -1]
