"""What every loop of a task asks."""

from __future__ import annotations

import asyncio


def is_cancelled() -> bool:
    """Whether the running task was cancelled.

    redis-py may swallow the cancellation of the task that awaits its answer; a loop that asks here ends all the same.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
