"""Coroutines of tests that are not: what they leave running is awaited, and what they opened is closed."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from channels.db import database_sync_to_async
from django.db import connections

from asr.redis_clients import close_async_clients
from gateways.common import background

WITHIN_S = 180  # a recogniser's process that starts on a busy machine
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """In an event loop of its own."""

    async def whole() -> T:
        try:
            return await asyncio.wait_for(work, WITHIN_S)
        finally:
            if left := background.running():
                await asyncio.wait(left, timeout=WITHIN_S)
            await close_async_clients()
            await database_sync_to_async(connections.close_all)()

    return asyncio.run(whole())
