"""Work that outlives what began it."""

from __future__ import annotations

import asyncio

from asgiref.sync import async_to_sync, sync_to_async

from gateways.common import background


async def test_work_goes_on_asking_when_the_thread_of_the_request_that_began_it_has_ended() -> None:
    answers: list[str] = []
    request_over = asyncio.Event()

    async def work() -> None:
        await request_over.wait()
        answers.append(await sync_to_async(lambda: "answer")())

    async def view() -> None:
        background.spawn(work())

    # as Django runs it behind a middleware that knows no coroutines
    await sync_to_async(async_to_sync(view))()
    request_over.set()
    await asyncio.wait(background.running())
    assert answers == ["answer"]
