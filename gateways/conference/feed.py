"""A room's chunk, once per process: rendered once per change (on transcripts/follow.py), handed to all sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from django.conf import settings

from gateways.conference.chunk import CaptionWindow
from gateways.conference.delay import said_delay_s, waiting_s
from rooms.cancellation import is_cancelled
from transcripts.events import (
    Control,
    Delays,
    Event,
    Partial,
    RoomClosed,
    SentenceChanged,
    SentenceRemoved,
)
from transcripts.follow import Follower, attach, detach
from transcripts.metrics import passed
from transcripts.selectors import RoomNow
from transcripts.shared import PerLoop, Shared

DELAY_MOVES_S = 1.0
logger = logging.getLogger(__name__)


@dataclass(eq=False, frozen=True, slots=True)
class Member:
    """A socket: `send` takes a rendered chunk, `control` an event that is not text. Neither may block.

    `broadcast`: the one it came to; the end of an older one is not its end.
    """

    send: Callable[[str], Awaitable[None]]
    control: Callable[[Control], None]
    broadcast: int


class RoomFeed(Shared[Member]):
    """The renderer of one room's chunk, as long as the room has members."""

    def __init__(self, room_id: int) -> None:
        super().__init__()
        self.chunk = ""
        self.newest: int = settings.ENV.newest_sentences
        self._room_id = room_id
        self._follower: Follower | None = None
        self._members: list[Member] = []
        self._window = CaptionWindow(self.newest)
        self._broadcast = 0
        self._room: RoomNow | None = None
        self._outbox: deque[str | Control] = deque()
        self._changed = asyncio.Event()
        self._compared = asyncio.Event()
        self._spoken: list[tuple[str, float | None]] = []  # of the sentences of the next chunk
        self._unserved: int | None = None  # the session whose audio waits for a process
        self._tasks: list[asyncio.Task[None]] = []

    async def _admit(self, member: Member) -> None:
        """Give `member` the present chunk, then every change."""
        sent = self.chunk
        await member.send(sent)
        self._members.append(member)
        if self.chunk != sent:
            await member.send(self.chunk)

    def _dismiss(self, member: Member) -> None:
        with contextlib.suppress(ValueError):
            self._members.remove(member)

    def begin(self, room: RoomNow, sentences: Sequence[SentenceChanged]) -> None:
        """Another broadcast: its lines are counted anew."""
        self._broadcast = room.state.broadcast
        self._window = CaptionWindow(self.newest, first_part=room.state.first_part)
        self._window.replace(sentences)
        self.compared(room)
        self._changed.set()

    def on_event(self, event: Event) -> None:
        """What changes the chunk, and what goes on to each socket."""
        if isinstance(event, SentenceRemoved):
            self._window.remove(event)
        elif isinstance(event, SentenceChanged | Partial | Delays) and event.broadcast not in (
            0,
            self._broadcast,
        ):
            return  # an older broadcast is still being finished
        elif isinstance(event, SentenceChanged):
            self._window.apply(event)
            self._spoken.append((event.lang, event.spoken_s))
        elif isinstance(event, Partial):
            self._window.show_partial(event)
        elif isinstance(event, Delays):
            self._note_delays(event)
        elif isinstance(event, Control):
            self._put_out(event)
        self._changed.set()

    def compared(self, room: RoomNow) -> None:
        """How late text is may be known only by asking."""
        self._room = room
        self._compared.set()

    async def _start(self) -> None:
        self._follower = await attach(self._room_id, self)
        self.chunk = self._window.render()
        self._tasks = [
            asyncio.create_task(self._deliver_forever()),
            asyncio.create_task(self._ask_delay_forever()),
        ]

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        follower, self._follower = self._follower, None
        if follower is not None:
            await detach(follower, self)

    def _note_delays(self, event: Delays) -> None:
        if event.transcription_s is not None:
            self._unserved = None
            self._window.transcription_delay_s = event.transcription_s
        if event.translation_s is not None:
            self._window.translation_delay_s = event.translation_s

    def _put_out(self, event: Control) -> None:
        """Behind the text that came before it: last sentences reach everybody before the room's end does."""
        if isinstance(event, RoomClosed):
            self._outbox.append(self._window.render())
        self._outbox.append(event)

    async def _deliver_forever(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._outbox:
                item = self._outbox.popleft()
                if isinstance(item, str):
                    await self._send_to_all(item)
                else:
                    self._control_all(item)
            spoken, self._spoken = self._spoken, []
            await self._send_to_all(self._window.render())
            for lang, spoken_s in spoken if self._members else ():
                passed("sent", lang, spoken_s)

    async def _send_to_all(self, chunk: str) -> None:
        if chunk == self.chunk:
            return
        self.chunk = chunk
        for member in list(self._members):
            try:
                await member.send(chunk)
            except Exception:
                # one socket's end must not be the end of all
                logger.exception("socket cannot be written", extra={"room": self._room_id})

    def _control_all(self, event: Control) -> None:
        for member in list(self._members):
            if not isinstance(event, RoomClosed) or member.broadcast <= event.broadcast:
                member.control(event)

    async def _ask_delay_forever(self) -> None:
        """Where no process says how late it is: how long audio waits for one, asked again as that grows."""
        while not is_cancelled():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if self._unserved is None else DELAY_MOVES_S):
                    await self._compared.wait()
            delay_s = None
            if self._compared.is_set() and self._room is not None:
                delay_s = said_delay_s(self._room.state)
                self._unserved = self._room.state.session if delay_s is None else None
            self._compared.clear()
            if self._unserved is not None:
                delay_s = await waiting_s(self._unserved)
            if delay_s is not None and abs(delay_s - self._window.transcription_delay_s) >= DELAY_MOVES_S:
                self._window.transcription_delay_s = round(delay_s, 2)
                self._changed.set()


_feeds: PerLoop[int, RoomFeed] = PerLoop(RoomFeed)


async def follow(room_id: int, member: Member) -> RoomFeed:
    """Add `member` to the room's feed in this process, started if need be."""
    return await _feeds.join(room_id, member)


def followed_rooms() -> list[int]:
    """Rooms that sockets of the running event loop follow."""
    return _feeds.keys()


async def unfollow(feed: RoomFeed, member: Member) -> None:
    """Take `member` off a feed that it follows; the last one stops it."""
    await _feeds.leave(feed, member)
