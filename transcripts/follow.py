"""A room, followed once per process: what reads it gets every durable change once, in order, whatever hints are lost.

Subscribe first, then read; a hint whose version does not follow the last one is dropped and PostgreSQL is read instead,
and every CHECK_EVERY_S anyway. Versions are read first, text only where they differ: a comparison costs one query, two
where something changed. Anything that shows the room (a chunk, events, a screen) is a `Renderer` (renderers.py) on top of this.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import replace

from django.db import Error as DatabaseError
from django.utils import timezone

from rooms.cancellation import is_cancelled
from rooms.database_threads import reads, room_writes
from rooms.metric_labels import lang_label
from rooms.models import Room
from transcripts.events import (
    Durable,
    Event,
    LanguageAdded,
    PartDeleted,
    RoomClosed,
    SentenceChanged,
    SentenceRemoved,
    SessionReplaced,
    StateChanged,
)
from transcripts.hub import hub
from transcripts.live import room_group, track_group
from transcripts.metrics import CHANGES_READ
from transcripts.renderers import Renderer, Renderers, implied
from transcripts.replay import Replay, lacks_removals, read_changes
from transcripts.selectors import RoomNow, room_now
from transcripts.shared import PerLoop, Shared
from transcripts.signals import viewers_due

CHECK_EVERY_S = 3.0
logger = logging.getLogger(__name__)


class Follower(Shared[Renderer]):
    """Follows one room as long as it has renderers."""

    def __init__(self, room_id: int) -> None:
        super().__init__()
        self._room_id = room_id
        self._room: RoomNow | None = None
        self._versions: dict[str, int] = {}  # all up to these was given
        self._renderers = Renderers(room_id)
        self._langs: set[str] = set()
        self._stale = asyncio.Event()
        self._due_at: float | None = None  # everybody is to go then, whatever is still to come
        self._task: asyncio.Task[None] | None = None
        self._reading = asyncio.Lock()  # of what is read to be given

    async def resume(self, after: Mapping[str, int]) -> Replay:
        """The changes of these tracks behind the versions `after`, up to what was given when this is called.

        Who takes what is given from the call on, and this before it, has everything once.
        """
        if any(version > self._versions.get(lang, 0) for lang, version in after.items()):
            await self.compare()  # another process published first; or it is no version of ours
        upto = {lang: self._versions.get(lang, 0) for lang in after}
        events = await read_changes(
            self._room_id, {lang: min(after[lang], upto[lang]) for lang in after}, upto
        )
        now = await reads(room_now)(self._room_id)
        return Replay(events, upto, whole=not lacks_removals(after, now))

    async def compare(self) -> None:
        """Read PostgreSQL and give what hints did not."""
        async with self._reading:
            room = await self._read()
            old, anew = self._known(), lacks_removals(self._versions, room)
            await self._catch_up(room)
            self._room = room
            self._note_end(room)
            if room.state.broadcast != old.state.broadcast:
                if old.state.broadcast:  # its lines are counted anew: who saw the old ones must begin anew
                    self._renderers.give(RoomClosed(old.state.broadcast))
                anew = True
            if anew:
                self._renderers.restart()
            await self._renderers.begin(self._present())
            if (
                None not in (old.state.session, room.state.session)
                and old.state.session != room.state.session
            ):
                self._renderers.give(SessionReplaced(old.state.session or 0, room.state.session or 0))
            for event in implied(room):
                self._renderers.give(event)
            self._renderers.compared(room)

    async def _admit(self, member: Renderer) -> None:
        async with self._reading:
            self._renderers.add(member)
            await self._renderers.begin(self._present())

    def _dismiss(self, member: Renderer) -> None:
        self._renderers.remove(member)

    async def _start(self) -> None:
        # Subscribe first, then read: what is committed in between comes twice and is known by its version.
        try:
            await hub().subscribe(room_group(self._room_id), self._on_event)
            self._room = await self._read()
        except BaseException:
            await self._stop()
            raise
        self._versions = dict(self._room.versions)
        self._note_end(self._room)
        self._task = asyncio.create_task(self._compare_forever())

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await hub().unsubscribe(room_group(self._room_id), self._on_event)
        for lang in self._langs:
            await hub().unsubscribe(track_group(self._room_id, lang), self._on_event)
        self._langs.clear()
        self._room, self._versions = None, {}

    async def _read(self) -> RoomNow:
        """The room as it is, all of its tracks subscribed before."""
        room: RoomNow = await reads(room_now)(self._room_id)
        new_langs = set(room.versions) - self._langs
        for lang in new_langs:
            await hub().subscribe(track_group(self._room_id, lang), self._on_event)
            self._langs.add(lang)
        if new_langs:
            room = await reads(room_now)(self._room_id)
        return room

    def _on_event(self, event: Event) -> None:
        if isinstance(event, SentenceChanged | SentenceRemoved):
            known = self._versions.get(event.lang)
            if known is None or event.version > known + 1:
                self._stale.set()  # hints were lost, or come in another order
            elif event.version == known + 1:
                self._give_durable(event)
        elif isinstance(event, StateChanged | PartDeleted) or (
            isinstance(event, LanguageAdded) and event.lang not in self._langs
        ):
            self._stale.set()
        else:
            self._renderers.give(event)

    def _give_durable(self, event: Durable) -> None:
        self._versions[event.lang] = event.version
        if isinstance(event, SentenceChanged) and event.broadcast > self._known().state.broadcast:
            self._stale.set()
        self._renderers.give(event)

    async def _catch_up(self, room: RoomNow) -> None:
        """Give what is new in PostgreSQL. Hints go on meanwhile; what came by both ways is known by its version."""
        events = await read_changes(self._room_id, self._versions, room.versions)
        for event in events:
            if event.version > self._versions.get(event.lang, 0):
                CHANGES_READ.labels(lang_label(event.lang)).inc()
                self._give_durable(event)
        for lang, version in room.versions.items():
            self._versions[lang] = max(version, self._versions.get(lang, 0))

    async def _compare_forever(self) -> None:
        while not is_cancelled():
            due_in_s = math.inf if self._due_at is None else self._due_at - time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(CHECK_EVERY_S, due_in_s))):
                    await self._stale.wait()
            self._stale.clear()
            due, self._due_at = self._due_at, None
            try:
                if due is not None and due <= time.monotonic():
                    await room_writes.of(self._room_id)(viewers_due.send)(Room, room_id=self._room_id)
                await self.compare()
            except DatabaseError:
                logger.warning("PostgreSQL is away, captions go on", extra={"room": self._room_id})
            except Exception:
                logger.exception("room not compared", extra={"room": self._room_id})

    def _note_end(self, room: RoomNow) -> None:
        leave_at, self._due_at = room.state.leave_at, None
        if leave_at is not None:
            left_s = (leave_at - timezone.now()).total_seconds()
            self._due_at = time.monotonic() + max(0.0, left_s)

    def _present(self) -> RoomNow:
        """The room, with the versions up to which its changes were given."""
        return replace(self._known(), versions=dict(self._versions))

    def _known(self) -> RoomNow:
        if self._room is None:
            raise RuntimeError("not started")
        return self._room


_followers: PerLoop[int, Follower] = PerLoop(Follower)


async def attach(room_id: int, renderer: Renderer) -> Follower:
    """Have `renderer` follow the room, by this process's follower, started if need be."""
    return await _followers.join(room_id, renderer)


async def detach(follower: Follower, renderer: Renderer) -> None:
    """Take `renderer` off a follower; the last one stops it."""
    await _followers.leave(follower, renderer)
