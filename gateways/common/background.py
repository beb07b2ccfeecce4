"""Work that must end in its own time, whatever becomes of the socket or the request that began it.

A server cancels the coroutine of a socket that takes long to go (Daphne after 10 s, and then every second). What a
socket holds is given back by a task of its own, which nobody cancels and which is referenced until it is done.
It has a context of its own, too: that of a request names the request's thread for its queries, which ends with the request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

_tasks: set[asyncio.Task[None]] = set()
logger = logging.getLogger(__name__)


def spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run `work` to its end."""
    task = asyncio.get_running_loop().create_task(work, context=Context())
    _tasks.add(task)
    task.add_done_callback(_done)
    return task


def running() -> list[asyncio.Task[None]]:
    """What this event loop has not finished yet."""
    loop = asyncio.get_running_loop()
    return [task for task in _tasks if task.get_loop() is loop]


def _done(task: asyncio.Task[None]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("work of a socket failed", exc_info=error)
