"""One room, once per process: follow its events, render its chunk once per change, hand it to all sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError

from asr.selectors import is_running, open_session
from gateways.conference.chunk import Window
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
    SessionReplaced,
    StateChanged,
)
from transcripts.hub import hub
from transcripts.live import room_group, track_group

CHECK_EVERY_S = 3.0
ROOM_CLOSED = RoomClosed("Room closed")
Control = EngineReady | SessionReplaced | HostReplaced | HostError | RoomClosed
logger = logging.getLogger(__name__)


@dataclass(eq=False, frozen=True, slots=True)
class Member:
    """A socket: `send` takes a rendered chunk, `control` an event that is not text. Neither may block."""

    send: Callable[[str], Awaitable[None]]
    control: Callable[[Control], None]


@dataclass(frozen=True, slots=True)
class _Record:
    """What PostgreSQL says about a room."""

    session_id: int | None
    ready: bool
    finished: bool
    opening: int
    source_lang: str
    snapshot: selectors.Snapshot


class RoomFeed:
    """Follows one room's tracks and events as long as it has members.

    The channel layer may lose messages; every CHECK_EVERY_S the tracks' versions and the session are compared
    with PostgreSQL, so that a lost hint costs seconds and never a sentence.
    """

    def __init__(self, room_id: int) -> None:
        self._room_id = room_id
        self._members: list[Member] = []
        self._window = Window(settings.ENV.newest_sentences)
        self._versions: dict[str, int] = {}
        self._opening = 0
        self._session_id: int | None = None
        self._langs: set[str] = set()
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._lock = asyncio.Lock()
        self.chunk = ""

    async def add(self, member: Member) -> None:
        """Give `member` the present chunk, then every change."""
        async with self._lock:
            if not self._tasks:
                await self._start()
            await member.send(self.chunk)
            self._members.append(member)

    async def remove(self, member: Member) -> None:
        """Forget `member`; when nobody is left the feed stops."""
        async with self._lock:
            with contextlib.suppress(ValueError):
                self._members.remove(member)
            if self.idle:
                await self._stop()

    @property
    def idle(self) -> bool:
        """Nobody is here."""
        return not self._members

    async def _start(self) -> None:
        # Subscribe first, then read: what is committed in between comes twice and is known by its version.
        await hub().subscribe(room_group(self._room_id), self._on_event)
        try:
            await self._refresh()
        except BaseException:
            await self._stop()
            raise
        self.chunk = self._window.render()
        self._tasks = [
            asyncio.create_task(self._render_forever()),
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
        if isinstance(event, SentenceChanged):
            if event.opening == self._opening:
                self._window.apply(event)
            self._note_version(event)
        elif isinstance(event, SentenceRemoved):
            self._window.remove(event)
            self._note_version(event)
        elif isinstance(event, Partial):
            self._window.incomplete = event.text
        elif isinstance(event, Delays):
            self._note_delays(event)
        elif isinstance(event, StateChanged):
            self._on_state(event)
        else:
            self._control(event)
            return
        self._changed.set()

    def _note_version(self, event: SentenceChanged | SentenceRemoved) -> None:
        """A version that does not follow the last one: a hint was lost."""
        known = self._versions.get(event.lang, 0)
        if event.version == known + 1:
            self._versions[event.lang] = event.version
        elif event.version > known:
            self._refresh_soon()

    def _on_state(self, event: StateChanged) -> None:
        if event.opening != self._opening or event.source_lang not in self._langs:
            self._refresh_soon()

    def _refresh_soon(self) -> None:
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(self._refresh_quietly()))

    def _note_delays(self, event: Delays) -> None:
        if event.transcription_s is not None:
            self._window.transcription_delay_s = event.transcription_s
        if event.translation_s is not None:
            self._window.translation_delay_s = event.translation_s

    def _control(self, event: Control) -> None:
        if isinstance(event, SessionReplaced):
            self._session_id = event.new_id
        for member in list(self._members):
            member.control(event)

    async def _render_forever(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            chunk = self._window.render()
            if chunk == self.chunk:
                continue
            self.chunk = chunk
            for member in list(self._members):
                await member.send(chunk)

    async def _check_forever(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            await self._refresh_quietly()

    async def _refresh_quietly(self) -> None:
        try:
            await self._refresh()
        except DatabaseError:
            logger.warning("PostgreSQL is away, captions go on", extra={"room": self._room_id})

    async def _refresh(self) -> None:
        record = await database_sync_to_async(_read)(self._room_id)
        for lang in set(record.snapshot.versions) - self._langs:
            await hub().subscribe(track_group(self._room_id, lang), self._on_event)
            self._langs.add(lang)
            record = await database_sync_to_async(_read)(self._room_id)
        if record.opening != self._opening:
            self._opening, self._versions = record.opening, {}
            self._window = Window(settings.ENV.newest_sentences)
        if record.snapshot.versions != self._versions:
            self._versions = dict(record.snapshot.versions)
            for event in record.snapshot.sentences:
                self._window.apply(event)
        self._compare_session(record)
        self._changed.set()

    def _compare_session(self, record: _Record) -> None:
        """What a lost hint would have said about the session."""
        old, self._session_id = self._session_id, record.session_id
        if record.finished:
            self._control(ROOM_CLOSED)
        elif record.session_id is not None and old is not None and old != record.session_id:
            self._control(SessionReplaced(old, record.session_id))
        if record.ready and record.session_id is not None:
            self._control(EngineReady(record.session_id))


def _read(room_id: int) -> _Record:
    session = open_session(room_id)
    part = session.part if session and session.part else selectors.current_part(room_id)
    opening = part.opening if part else 0
    return _Record(
        session_id=session.pk if session else None,
        ready=bool(session and session.state == "live"),
        finished=not is_running(room_id),
        opening=opening,
        source_lang=part.source_lang if part else "",
        snapshot=selectors.snapshot(room_id, opening=opening, newest=settings.ENV.newest_sentences),
    )


_feeds: dict[tuple[asyncio.AbstractEventLoop, int], RoomFeed] = {}


async def follow(room_id: int, member: Member) -> RoomFeed:
    """Add `member` to the room's feed in this process, started if need be."""
    key = (asyncio.get_running_loop(), room_id)
    feed = _feeds.setdefault(key, RoomFeed(room_id))
    await feed.add(member)
    return feed


async def unfollow(room_id: int, member: Member) -> None:
    """Take `member` off the room's feed; the last one stops it."""
    key = (asyncio.get_running_loop(), room_id)
    feed = _feeds.get(key)
    if feed is None:
        return
    await feed.remove(member)
    if feed.idle:
        _feeds.pop(key, None)
