"""One room, once per process: follow its events, render its chunk once per change, hand it to all sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError

from asr.rooms.ending import close_to_viewers
from asr.selectors import RoomEnd, open_session, room_end
from gateways.conference.background import is_cancelled
from gateways.conference.chunk import Window
from gateways.conference.delay import said_delay_s, waiting_s
from transcripts import selectors
from transcripts.events import (
    Delays,
    EngineReady,
    Event,
    HostError,
    HostReplaced,
    Partial,
    RoomClosed,
    SentenceChanged,
    SentenceRemoved,
    SessionClosing,
    SessionReplaced,
    StateChanged,
)
from transcripts.hub import hub
from transcripts.live import room_group, track_group

CHECK_EVERY_S = 3.0
DELAY_MOVES_S = 1.0
Control = EngineReady | SessionClosing | SessionReplaced | HostReplaced | HostError | RoomClosed
logger = logging.getLogger(__name__)


@dataclass(eq=False, frozen=True, slots=True)
class Member:
    """A socket: `send` takes a rendered chunk, `control` an event that is not text. Neither may block.

    `opening`: the one it came to; the end of an older one is not its end.
    """

    send: Callable[[str], Awaitable[None]]
    control: Callable[[Control], None]
    opening: int


@dataclass(frozen=True, slots=True)
class _Record:
    """What PostgreSQL says about a room."""

    session_id: int | None
    ready: bool
    end: RoomEnd
    opening: int
    first_part: int
    source_lang: str
    delay_s: float | None
    snapshot: selectors.Snapshot


class RoomFeed:
    """Follows one room's tracks and events as long as it has members.

    The channel layer may lose messages; every CHECK_EVERY_S the tracks' versions and the session are compared
    with PostgreSQL, so that a lost hint costs seconds and never a sentence.
    """

    def __init__(self, room_id: int) -> None:
        self.users = 0  # sockets that follow or are about to
        self.chunk = ""
        self._room_id = room_id
        self._members: list[Member] = []
        self._window = Window(settings.ENV.newest_sentences)
        self._versions: dict[str, int] = {}
        self._opening = 0
        self._session_id: int | None = None
        self._langs: set[str] = set()
        self._meanwhile: list[SentenceChanged | SentenceRemoved] | None = None
        self._outbox: deque[str | Control] = deque()
        self._changed = asyncio.Event()
        self._stale = asyncio.Event()
        self._end_due_at: float | None = None  # everybody is to go then, whatever is still to come
        self._tasks: list[asyncio.Task[None]] = []
        self._lock = asyncio.Lock()

    async def add(self, member: Member) -> None:
        """Give `member` the present chunk, then every change."""
        async with self._lock:
            if not self._tasks:
                await self._start()
            sent = self.chunk
            await member.send(sent)
            self._members.append(member)
            if self.chunk != sent:
                await member.send(self.chunk)

    async def remove(self, member: Member) -> None:
        """Forget `member`; when nobody is left the feed stops."""
        async with self._lock:
            with contextlib.suppress(ValueError):
                self._members.remove(member)
            if not self.users:
                await self._stop()

    async def _start(self) -> None:
        # Subscribe first, then read: what is committed in between comes twice and is known by its version.
        try:
            await hub().subscribe(room_group(self._room_id), self._on_event)
            await self._refresh()
        except BaseException:
            await self._stop()
            raise
        self.chunk = self._window.render()
        self._tasks = [
            asyncio.create_task(self._deliver_forever()),
            asyncio.create_task(self._check_forever()),
        ]

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await hub().unsubscribe(room_group(self._room_id), self._on_event)
        for lang in self._langs:
            await hub().unsubscribe(track_group(self._room_id, lang), self._on_event)
        self._langs.clear()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, SentenceChanged | SentenceRemoved):
            self._take(event)
            if self._meanwhile is not None:
                self._meanwhile.append(event)
        elif isinstance(event, Partial | Delays) and event.opening not in (0, self._opening):
            return  # an older opening is still being finished
        elif isinstance(event, Partial):
            self._window.show_partial(event)
        elif isinstance(event, Delays):
            self._note_delays(event)
        elif isinstance(event, StateChanged):
            another = event.opening != self._opening or event.source_lang not in self._langs
            if another or event.state in ("closing", "closed"):
                self._stale.set()
        else:
            self._put_out(event)
        self._changed.set()

    def _take(self, event: SentenceChanged | SentenceRemoved) -> None:
        if isinstance(event, SentenceRemoved):
            self._window.remove(event)
        elif event.opening == self._opening:
            self._window.apply(event)
        elif event.opening > self._opening:
            self._stale.set()
        known = self._versions.get(event.lang, 0)
        if event.version == known + 1:
            self._versions[event.lang] = event.version
        elif event.version > known:
            self._stale.set()  # it does not follow the last one: a hint was lost

    def _note_delays(self, event: Delays) -> None:
        if event.transcription_s is not None:
            self._window.transcription_delay_s = event.transcription_s
        if event.translation_s is not None:
            self._window.translation_delay_s = event.translation_s

    def _put_out(self, event: Control) -> None:
        """Behind the text that came before it: last sentences reach everybody before the room's end does."""
        if isinstance(event, SessionReplaced):
            self._session_id = event.new_id
        elif isinstance(event, RoomClosed):
            self._outbox.append(self._window.render())
        self._outbox.append(event)
        self._changed.set()

    async def _deliver_forever(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._outbox:
                item = self._outbox.popleft()
                if isinstance(item, str):
                    await self._send_to_all(item)
                else:
                    self._tell_all(item)
            await self._send_to_all(self._window.render())

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

    def _tell_all(self, event: Control) -> None:
        for member in list(self._members):
            if not isinstance(event, RoomClosed) or member.opening <= event.opening:
                member.control(event)

    async def _check_forever(self) -> None:
        while not is_cancelled():
            due_in_s = math.inf if self._end_due_at is None else self._end_due_at - time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(CHECK_EVERY_S, due_in_s))):
                    await self._stale.wait()
            self._stale.clear()
            due, self._end_due_at = self._end_due_at, None
            try:
                if due is not None and due <= time.monotonic():
                    await database_sync_to_async(close_to_viewers)(self._room_id)
                await self._refresh()
            except DatabaseError:
                logger.warning("PostgreSQL is away, captions go on", extra={"room": self._room_id})
            except Exception:
                logger.exception("room not compared", extra={"room": self._room_id})

    async def _refresh(self) -> None:
        """Read PostgreSQL; what comes meanwhile is newer and is applied once more."""
        self._meanwhile = []
        try:
            record = await database_sync_to_async(_read)(self._room_id)
            new_langs = set(record.snapshot.versions) - self._langs
            for lang in new_langs:
                await hub().subscribe(track_group(self._room_id, lang), self._on_event)
                self._langs.add(lang)
            if new_langs:
                record = await database_sync_to_async(_read)(self._room_id)
            self._compare_text(record, self._meanwhile)
        finally:
            self._meanwhile = None
        self._compare_session(record)
        self._changed.set()
        await self._compare_delay(record)

    def _compare_text(self, record: _Record, meanwhile: list[SentenceChanged | SentenceRemoved]) -> None:
        if record.opening != self._opening:
            if self._opening:  # its lines are counted anew: who saw the old ones must begin anew
                self._put_out(RoomClosed(self._opening))
            self._opening, self._versions = record.opening, {}
            self._window = Window(settings.ENV.newest_sentences, first_part=record.first_part)
        if record.snapshot.versions != self._versions:
            self._versions = dict(record.snapshot.versions)
            self._window.replace(record.snapshot.sentences)
            for event in meanwhile:
                self._take(event)

    def _compare_session(self, record: _Record) -> None:
        """What a lost hint would have said about the session."""
        old, self._session_id = self._session_id, record.session_id
        due_in_s = record.end.due_in_s
        self._end_due_at = None if due_in_s is None else time.monotonic() + due_in_s
        if record.end.over:
            self._put_out(RoomClosed(record.opening))
        elif record.session_id is not None and old is not None and old != record.session_id:
            self._put_out(SessionReplaced(old, record.session_id))
        if record.ready and record.session_id is not None:
            self._put_out(EngineReady(record.session_id))

    async def _compare_delay(self, record: _Record) -> None:
        """Where no process says how late it is: how long audio waits for one."""
        delay_s = record.delay_s
        if delay_s is None and record.session_id is not None:
            delay_s = await waiting_s(record.session_id)
        if delay_s is not None and abs(delay_s - self._window.transcription_delay_s) >= DELAY_MOVES_S:
            self._window.transcription_delay_s = round(delay_s, 2)
            self._changed.set()


def _read(room_id: int) -> _Record:
    session = open_session(room_id)
    part = session.part if session and session.part else selectors.current_part(room_id)
    opening = part.opening if part else 0
    return _Record(
        session_id=session.pk if session else None,
        ready=bool(session and session.state == "live"),
        end=room_end(room_id),
        opening=opening,
        first_part=selectors.first_part(room_id, opening),
        source_lang=part.source_lang if part else "",
        delay_s=said_delay_s(session),
        snapshot=selectors.snapshot(room_id, opening=opening, newest=settings.ENV.newest_sentences),
    )


_feeds: dict[tuple[asyncio.AbstractEventLoop, int], RoomFeed] = {}


async def follow(room_id: int, member: Member) -> RoomFeed:
    """Add `member` to the room's feed in this process, started if need be."""
    key = (asyncio.get_running_loop(), room_id)
    feed = _feeds.setdefault(key, RoomFeed(room_id))
    feed.users += 1
    try:
        await feed.add(member)
    except BaseException:
        await unfollow(feed, member)
        raise
    return feed


def followed_rooms() -> list[int]:
    """Rooms that sockets of the running event loop follow."""
    loop = asyncio.get_running_loop()
    return [room_id for known, room_id in _feeds if known is loop]


async def unfollow(feed: RoomFeed, member: Member) -> None:
    """Take `member` off a feed that it follows; the last one stops it."""
    feed.users -= 1
    if not feed.users:  # nobody new may come to a feed that stops
        key = next((key for key, known in _feeds.items() if known is feed), None)
        if key is not None:
            del _feeds[key]
    await feed.remove(member)
