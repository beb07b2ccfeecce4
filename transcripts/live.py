"""Group names and publish: the only sender to the channel layer.

A published event is a hint that may be lost; PostgreSQL is the record. Publishing therefore never raises and never
waits: a thread of the process sends what was published, in order, and what Redis does not take in time is dropped.
"""

import asyncio
import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby

from channels.layers import get_channel_layer

from transcripts.events import Draft, Event, SentenceChanged, encode
from transcripts.metrics import EVENTS_LOST, passed

TIMEOUT_S = 2.0  # for all that waits to be sent, not for each
QUEUED_MOST = 10_000
Outlet = Callable[[int, Sequence[Event]], None]  # of a room's id and what was published
_outlets: list[Outlet] = []
logger = logging.getLogger(__name__)


def room_group(room_id: int) -> str:
    """Everything about a room that is not a durable change of one track."""
    return f"room.{room_id}"


def track_group(room_id: int, lang: str) -> str:
    """The durable changes of one track."""
    return f"track.{room_id}.{lang}"


def publish_through(outlet: Outlet) -> Callable[[], None]:
    """Give everything that is published to `outlet`, too, which neither waits nor raises. Returns what ends that."""
    _outlets.append(outlet)
    return lambda: _outlets.remove(outlet)


def publish_room(room_id: int, event: Event) -> None:
    """Tell everybody in the room, in every process. Call in `on_commit` if the event speaks of rows."""
    _publish(room_id, room_group(room_id), [event])


def publish_draft(room_id: int, draft: Draft) -> None:
    """Show the readers of a language the translation of what is not finished yet. Nothing stores it; the newest counts."""
    publish_room(room_id, draft)


def publish_track(room_id: int, lang: str, events: Sequence[Event]) -> None:
    """Tell everybody who follows this track, in order and in one message."""
    _publish(room_id, track_group(room_id, lang), events)


def _publish(room_id: int, group: str, events: Sequence[Event]) -> None:
    _publisher.put(group, events)
    for outlet in _outlets:
        outlet(room_id, events)


def flush() -> None:
    """Wait until what was published is sent or given up. For a process that ends."""
    _publisher.flush()


class _Publisher:
    """A queue and the thread that empties it. One a process: a fork begins with an empty one."""

    _condition: threading.Condition
    _queue: deque[tuple[str, Event]]
    _sending: bool
    _thread: threading.Thread | None

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def put(self, group: str, events: Sequence[Event]) -> None:
        """Have these events sent to the group after all that was put before. The oldest go where too many wait."""
        with self._condition:
            if (lost := len(self._queue) + len(events) - QUEUED_MOST) > 0:
                EVENTS_LOST.labels("queue_full").inc(lost)
            self._queue.extend((group, event) for event in events)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="publish", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def flush(self) -> None:
        """Wait for the thread: for the batch that it sends, and for the one that waits."""
        with self._condition:
            self._condition.wait_for(lambda: not self._queue and not self._sending, 2 * TIMEOUT_S)

    def _reset(self) -> None:
        self._condition = threading.Condition()
        self._queue = deque(maxlen=QUEUED_MOST)
        self._sending = False
        self._thread = None

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            while True:
                with self._condition:
                    self._sending = False
                    self._condition.notify_all()
                    self._condition.wait_for(lambda: self._queue)
                    batch = list(self._queue)
                    self._queue.clear()
                    self._sending = True
                runner.run(_send(batch))


async def _send(batch: Sequence[tuple[str, Event]]) -> None:
    """Events of one group that follow each other are one message: a commit is one for each of its tracks."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            for group, items in groupby(batch, key=lambda item: item[0]):
                events = [event for _, event in items]
                message = {
                    "type": "hub.events",
                    "group": group,
                    "events": [encode(event) for event in events],
                }
                await get_channel_layer().group_send(group, message)
                for event in events:
                    if isinstance(event, SentenceChanged):
                        passed("published", event.lang, event.spoken_s)
    except Exception:
        # Whatever the transport raises: the rows are committed and every viewer notices by version.
        EVENTS_LOST.labels("not_sent").inc(len(batch))
        logger.warning("events not published", extra={"events": len(batch), "first_group": batch[0][0]})


_publisher = _Publisher()
atexit.register(flush)
