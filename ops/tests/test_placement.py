"""A process loads its model before it serves a room: no task that has nothing to serve may cost one."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
from celery import Celery
from redis import Redis

from asr.placement import QUEUE, TASK
from config.layout import celery_url, layout
from gateways.conference.client.host import Host
from ops.faults.stack import Stack, running_stack

pytestmark = pytest.mark.stack
LOAD_S = 8  # longer than a lost task goes unnoticed
PROCESSES = 2
WITHIN_S = 120.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """One slot and a spare: two processes, whose successors take LOAD_S to load."""
    with running_stack(
        rooms=["R1", "R2"], ASR_SLOTS="1", ASR_SPARES="1", ASR_SCRIPTED_LOAD_S=str(LOAD_S)
    ) as running:
        yield running


@pytest.fixture
def broker(stack: Stack) -> Iterator[Redis]:
    with Redis.from_url(layout(stack.folder).redis_url) as client:
        yield client


async def until(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while not (value := await asyncio.to_thread(holds)):
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.05)
    return value


def processes(stack: Stack) -> set[int]:
    """Pids of the processes that may serve a room."""
    return {child.pid for child in psutil.Process(stack.pid("asr")).children()}


def served(stack: Stack, room: str, *, not_by: int | None = None) -> dict[str, Any] | None:
    """The room's session once a process has it."""
    session = stack.session(room)
    return session if session.get("pid") not in (None, not_by) else None


def send_task(stack: Stack, session_id: int, generation: int) -> None:
    """What an earlier generation, or an impatient sweep, left in the queue."""
    with Celery(broker=celery_url(layout(stack.folder).redis_url)) as sender:
        task_id = f"session-{session_id}-{generation}"
        sender.send_task(TASK, (session_id, generation), task_id=task_id, queue=QUEUE)


@asynccontextmanager
async def hosted(stack: Stack, room: str) -> AsyncIterator[list[dict[str, Any]]]:
    """A host is in the room; yields what it received, as it comes. The room is closed afterwards."""
    received: list[dict[str, Any]] = []
    async with Host(stack.host_options(room), on_message=received.append):
        yield received
    await asyncio.to_thread(stack.close_room, room)
    await until(lambda: stack.session(room)["state"] == "closed")


async def test_tasks_that_are_not_due_cost_no_process(stack: Stack, broker: Redis) -> None:
    warm = await until(lambda: len(found := processes(stack)) == PROCESSES and found)
    for generation in range(5):
        await asyncio.to_thread(send_task, stack, 999_000, generation)
    async with hosted(stack, "R1"):
        session = await until(lambda: served(stack, "R1"))
        await asyncio.to_thread(send_task, stack, session["id"], session["generation"])  # its twin
        await until(lambda: broker.llen(QUEUE) == 0)
        assert processes(stack) == warm
        # The task is still known by its name: its process can be killed, and the spare one takes over.
        stack.kill(session["pid"], signal.SIGSTOP)
        await until(lambda: session["pid"] not in processes(stack))
        successor = await until(lambda: served(stack, "R1", not_by=session["pid"]))
        assert (successor["pid"] in warm, successor["generation"]) == (True, 2)


async def test_room_is_back_after_one_load_though_all_processes_died_and_the_broker_lost_its_task(
    stack: Stack, broker: Redis
) -> None:
    async with hosted(stack, "R2") as received:
        before = await until(lambda: served(stack, "R2"))
        killed = processes(stack)
        for pid in killed:
            stack.kill(pid)
        await until(lambda: broker.llen(QUEUE) == 1)
        broker.delete(QUEUE)
        successors = await until(lambda: len(new := processes(stack) - killed) == PROCESSES and new)
        session = await until(lambda: served(stack, "R2", not_by=before["pid"]) or broker.llen(QUEUE) > 1)
        assert session is not True, "two tasks of one session wait"
        assert session["pid"] in successors, "a process was used up before the room had one"
        assert session["generation"] == before["generation"] + 1
        codes = {message["error"]["code"] for message in received if "error" in message}
        assert codes == {"waiting_for_engine"}
