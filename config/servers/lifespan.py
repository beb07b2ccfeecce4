"""A web process's end: what its sockets leave behind is finished first, where the server tells of it (uvicorn does)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

FINISHED_WITHIN_S = 5.0


class Lifespan:
    """The application of ASGI's lifespan; `running` gives the tasks that are to be finished, `started` is called first."""

    def __init__(
        self,
        running: Callable[[], list[asyncio.Task[None]]],
        *,
        started: Callable[[], None] = lambda: None,
    ) -> None:
        self._running, self._started = running, started

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Once a process."""
        await receive()
        self._started()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if tasks := self._running():
            await asyncio.wait(tasks, timeout=FINISHED_WITHIN_S)
        await send({"type": "lifespan.shutdown.complete"})
