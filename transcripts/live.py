"""Group names and publish: the only sender to the channel layer.

A published event is a hint that may be lost; PostgreSQL is the record. Publishing therefore never raises
and never waits for a dead Redis longer than `TIMEOUT_S`.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Sequence
from typing import Any

from channels.layers import get_channel_layer

from transcripts.events import Event, encode

TIMEOUT_S = 2.0
logger = logging.getLogger(__name__)


def room_group(room_id: int) -> str:
    """Everything about a room that is not a durable change of one track."""
    return f"room.{room_id}"


def track_group(room_id: int, lang: str) -> str:
    """The durable changes of one track."""
    return f"track.{room_id}.{lang}"


def publish_room(room_id: int, event: Event) -> None:
    """Tell everybody in the room, in every process. Call in `on_commit` if the event speaks of rows."""
    _publish(room_group(room_id), event)


def publish_track(room_id: int, lang: str, events: Sequence[Event]) -> None:
    """Tell everybody who follows this track, in order."""
    for event in events:
        _publish(track_group(room_id, lang), event)


class _Loop:
    """One event loop in a thread: synchronous code publishes through one connection, not one a call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop

    def run(self, group: str, message: dict[str, Any]) -> None:
        with self._lock:
            if self._pid != os.getpid():  # first use, or after a fork: threads do not survive it
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="publish", daemon=True).start()
                self._pid = os.getpid()
        future = asyncio.run_coroutine_threadsafe(_send(group, message), self._loop)
        future.result(TIMEOUT_S)


async def _send(group: str, message: dict[str, Any]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        await get_channel_layer().group_send(group, message)


_loop = _Loop()


def _publish(group: str, event: Event) -> None:
    try:
        _loop.run(group, {"type": "hub.event", "group": group, **encode(event)})
    except Exception:
        # Whatever the transport raises: the row is committed and every viewer notices by version.
        logger.warning("event not published", extra={"group": group, "event_type": type(event).__name__})
