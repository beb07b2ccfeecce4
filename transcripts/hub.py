"""One subscription per process and group, fanned out to this process's listeners.

A socket of its own in every channel group costs 0.39 ms of CPU for each delivery; one subscription per
process and a loop over local listeners costs a third of that and one PUBLISH per event.
Listeners are plain callables on the event loop; they must not block. The layer is at-most-once: who needs
more (transcripts/follow.py) compares with PostgreSQL now and then.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer

from transcripts.events import Event, decode

T = TypeVar("T")
RETRY_S = 0.5
logger = logging.getLogger(__name__)


class Hub(Generic[T]):
    """The listeners of one event loop, by group. `decoded`: makes of a message what they get; None, or TypeError: not theirs."""

    def __init__(self, decoded: Callable[[Any], T | None]) -> None:
        self._layer = get_channel_layer()
        self._decoded = decoded
        self._listeners: dict[str, list[Callable[[T], None]]] = {}
        self._lock = asyncio.Lock()
        self._channel = ""
        self._reader: asyncio.Task[None] | None = None

    async def subscribe(self, group: str, listener: Callable[[T], None]) -> None:
        """Deliver the group's events to `listener` from the moment this returns. Retries until Redis answers."""
        async with self._lock:
            if group not in self._listeners:
                await self._join(group)
            self._listeners.setdefault(group, []).append(listener)

    async def unsubscribe(self, group: str, listener: Callable[[T], None]) -> None:
        """Stop delivering. Unknown listeners are ignored."""
        async with self._lock:
            listeners = self._listeners.get(group, [])
            with contextlib.suppress(ValueError):
                listeners.remove(listener)
            if not listeners and self._listeners.pop(group, None) is not None:
                with contextlib.suppress(Exception):  # a dead Redis has lost the subscription anyway
                    await self._layer.group_discard(group, self._channel)

    async def _join(self, group: str) -> None:
        while True:
            try:
                if not self._channel:
                    self._channel = await self._layer.new_channel("hub")
                    self._reader = asyncio.create_task(self._read())
                await self._layer.group_add(group, self._channel)
                return
            except Exception:
                # Redis is away: any of a dozen transport errors. Viewers wait; their snapshot has come.
                logger.warning("subscription waits for Redis", extra={"group": group})
                await asyncio.sleep(RETRY_S)

    async def _read(self) -> None:
        while True:
            message: dict[str, Any] = await self._layer.receive(self._channel)
            for encoded in message.get("events", []):
                try:
                    event = self._decoded(encoded)
                except TypeError:  # an older process speaks, which does not know a field
                    event = None
                if event is not None:
                    self._deliver(self._listeners.get(message.get("group", ""), []), event)

    @staticmethod
    def _deliver(listeners: list[Callable[[T], None]], event: T) -> None:
        for listener in list(listeners):
            try:
                listener(event)
            except Exception:
                logger.exception("listener failed", extra={"event_type": type(event).__name__})


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub[Event]] = WeakKeyDictionary()


def hub() -> Hub[Event]:
    """The running event loop's, for what is published by transcripts/live.py."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(decode)
    return _hubs[loop]
