"""A process loads its model before it serves a room: no task that has nothing to serve may cost one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
from celery import Celery
from redis import Redis

from asr.host import Host
from asr.placement import QUEUE, TASK
from config import embedded
from config.drill.stack import Stack, running_stack

pytestmark = pytest.mark.stack
LOAD_S = 8  # longer than a lost task goes unnoticed
WITHIN_S = 120.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """One slot and no spare: one process, whose successor takes LOAD_S to load."""
    with running_stack(
        rooms=["R1", "R2"], ASR_SLOTS="1", ASR_SPARES="0", ASR_SCRIPTED_LOAD_S=str(LOAD_S)
    ) as running:
        yield running


@pytest.fixture
def broker(stack: Stack) -> Iterator[Redis]:
    with Redis.from_url(embedded.layout(stack.folder).redis_url) as client:
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
    with Celery(broker=embedded.celery_url(embedded.layout(stack.folder).redis_url)) as sender:
        task_id = f"session-{session_id}-{generation}"
        sender.send_task(TASK, (session_id, generation), task_id=task_id, queue=QUEUE)


@asynccontextmanager
async def hosted(stack: Stack, room: str) -> AsyncIterator[list[dict[str, Any]]]:
    """A host is in the room; yields what it was told, as it comes. The room is closed afterwards."""
    told: list[dict[str, Any]] = []
    async with Host(stack.host_options(room), on_message=told.append):
        yield told
    await asyncio.to_thread(stack.close_room, room)
    await until(lambda: stack.session(room)["state"] == "closed")


async def test_tasks_that_are_not_due_cost_no_process(stack: Stack, broker: Redis) -> None:
    warm = await until(lambda: processes(stack))
    for generation in range(5):
        await asyncio.to_thread(send_task, stack, 999_000, generation)
    async with hosted(stack, "R1"):
        session = await until(lambda: served(stack, "R1"))
        assert {session["pid"]} == warm
        await asyncio.to_thread(
            send_task, stack, session["id"], session["generation"]
        )  # it is served already
    await until(lambda: broker.llen(QUEUE) == 0)
    assert stack.session("R1")["generation"] == 1


async def test_a_killed_process_is_back_after_one_load_though_the_broker_lost_its_task(
    stack: Stack, broker: Redis
) -> None:
    async with hosted(stack, "R2") as told:
        killed = (await until(lambda: served(stack, "R2")))["pid"]
        stack.kill(killed)
        await until(lambda: broker.llen(QUEUE) == 1)
        broker.delete(QUEUE)
        [successor] = await until(lambda: processes(stack) - {killed})
        session = await until(lambda: served(stack, "R2", not_by=killed) or broker.llen(QUEUE) > 1)
        assert session is not True, "two tasks of one session wait"
        assert (session["pid"], session["generation"]) == (successor, 2)
        assert [message["error"]["code"] for message in told if "error" in message] == ["waiting_for_engine"]
