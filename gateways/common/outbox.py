"""What one peer is still to get: durable events in a bounded queue, and the newest of each state in a slot.

Whoever has something to say puts it here and goes on. Where the server can write at once (`writer_of`) and the peer reads, it is
written at once; otherwise a task of the peer's own sends it. So nobody waits for a peer that does not read, whichever ASGI server
runs, as long as that server's `send` waits until the peer reads.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateways.common import metrics
from gateways.common.draining import SERVICE_RESTART

QUEUED_EVENTS: Final = 256
CLOSE_WITHIN_S: Final = 5.0  # what waits may take this long before the close goes ahead of it
TRY_AGAIN_LATER: Final = 1013
WRITE: Final = "souffleur.write"
Send = Callable[[dict[str, Any]], Awaitable[None]]
Payload = str | bytes  # a text message, or a binary one
Write = Callable[[Payload], bool]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Close:
    """How a socket ends. `drain`: go on receiving until the peer has answered (config/sockets)."""

    code: int
    reason: str
    drain: bool = False

    def message(self) -> dict[str, Any]:
        """As ASGI says it, and `drain` beside it for servers that know it."""
        return {"type": "websocket.close", "code": self.code, "reason": self.reason, "drain": self.drain}


TOO_SLOW: Final = Close(TRY_AGAIN_LATER, "Too slow")
RESTARTS: Final = Close(SERVICE_RESTART, "")


def writer_of(scope: Mapping[str, Any]) -> Write | None:
    """What config/servers adds to ASGI: writes a message at once, or says that it cannot, and then nothing is written.

    None under servers that do not know it. Only behind everything that was sent before has been written.
    """
    write: Write | None = (scope.get("extensions") or {}).get(WRITE)
    return write


class Outbox:
    """One socket's. Use it in one event loop; no method waits.

    Events come in their order. A state takes the last place each time it changes: it is never older than the event before
    it. A peer that lets more than `queued_events` wait is closed with TOO_SLOW and may come back.
    """

    def __init__(
        self,
        send: Send,
        *,
        write: Write | None = None,
        queued_events: int = QUEUED_EVENTS,
        close_within_s: float = CLOSE_WITHIN_S,
        wire: str = "",
    ) -> None:
        self._write, self._wire = write, wire
        self._send, self._queued_events, self._close_within_s = send, queued_events, close_within_s
        self._waiting: OrderedDict[str | int, Payload] = OrderedDict()  # by slot; events by their number
        self._event_count = 0
        self._events_waiting = 0
        self._close: Close | None = None
        self._task: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._stopped = False

    def put(self, event: Payload) -> None:
        """Send `event`, which must not be lost."""
        if not self._takes() or self._written(event):
            return
        if self._events_waiting >= self._queued_events:
            self.close(TOO_SLOW, now=True)
            return
        self._event_count += 1
        self._events_waiting += 1
        self._waiting[self._event_count] = event
        self._wake()

    def show(self, state: Payload, *, slot: str = "state") -> None:
        """Send `state` instead of the one of its slot that may still wait."""
        if self._takes() and not self._written(state):
            self._waiting.pop(slot, None)
            self._waiting[slot] = state
            self._wake()

    def close(self, close: Close, *, now: bool = False) -> None:
        """Send what waits, then close; `now`, or after `close_within_s`, close without it. Only the first call counts."""
        if not self._takes():
            return
        self._close = close
        if close is TOO_SLOW:
            metrics.TOO_SLOW.labels(self._wire).inc()
        if now:
            self._close_now()
        else:
            self._deadline = asyncio.get_running_loop().call_later(self._close_within_s, self._close_now)
            self._wake()

    async def drained(self) -> None:
        """Until nothing waits."""
        while self._task is not None:
            await asyncio.wait({self._task})

    def stop(self) -> None:
        """The socket is gone: nothing is sent any more."""
        self._stopped = True
        self._waiting.clear()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._task is not None:
            self._task.cancel()

    def _takes(self) -> bool:
        return not self._stopped and self._close is None

    def _written(self, payload: Payload) -> bool:
        """Whether it went at once: it is text, nothing waits (it would have its task), and the peer reads."""
        if self._task is not None or self._write is None or isinstance(payload, bytes):
            return False
        return self._write(payload)

    def _wake(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._send_all())

    def _close_now(self) -> None:
        """Whatever is being sent is given up: its peer does not read."""
        if self._task is not None:
            self._task.cancel()
        self._waiting.clear()
        self._task = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        """Until nothing waits. A task ends then: thousands of peers that get nothing cost nothing."""
        try:
            while (payload := self._next()) is not None:
                kind = "bytes" if isinstance(payload, bytes) else "text"
                await self._send({"type": "websocket.send", kind: payload})
            if self._close is not None:
                if self._deadline is not None:
                    self._deadline.cancel()
                close, self._stopped = self._close, True
                await self._send(close.message())
        except OSError:
            self._stopped = True  # the peer is gone, which the server reports to its socket
        except Exception:
            self._stopped = True
            logger.exception("socket cannot be written")
        finally:
            if self._task is asyncio.current_task():
                self._task = None

    def _next(self) -> Payload | None:
        if not self._waiting:
            return None
        key, payload = self._waiting.popitem(last=False)
        self._events_waiting -= isinstance(key, int)
        return payload
