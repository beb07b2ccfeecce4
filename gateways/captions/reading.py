"""What one reader follows: a room, or from talk to talk what is on in a hall; and the demand for its language."""

from __future__ import annotations

import asyncio
import logging

from django.db import Error as DatabaseError
from django.utils import timezone

from gateways.captions import messages, wire
from gateways.captions.hall import HallNow, HallWatch, halls
from gateways.captions.reader import Reader
from gateways.captions.request import CaptionsRequest, Place
from gateways.captions.room import RoomCaptions, nothing_there, rooms
from gateways.common import background
from translation.demand import Demanded, readers

logger = logging.getLogger(__name__)


class Reading:
    """One reader's. What it does with the room excludes each other; `leave` gives back whatever was taken."""

    def __init__(self, reader: Reader, asked: CaptionsRequest) -> None:
        self._reader, self._asked = reader, asked
        self._after = asked.after  # until it has begun
        self._hall: HallWatch | None = None
        self._room: RoomCaptions | None = None
        self._place: Place | None = None
        self._demanded: Demanded | None = None
        self._shown: HallNow | None = None  # what the reader knows of its hall; None: it has to be begun
        self._moving: asyncio.Task[None] | None = None
        self._left = False
        self._lock = asyncio.Lock()

    @property
    def room(self) -> str:
        """The code of the room that is followed, empty where there is none."""
        return self._place[1] if self._place is not None else ""

    async def begin(self) -> None:
        """Join, and give what there is. Raises what PostgreSQL raises."""
        if self._asked.hall:
            self._hall = await halls.join(self._asked.hall, self._on_hall)
        else:
            await self._move(self._asked.place)

    async def change_lang(self, lang: str, after: dict[str, int]) -> None:
        """Go on in another language."""
        async with self._lock:
            self._reader.lang = lang
            await self._replay(after)
            await self._demand()

    async def resume(self, after: dict[str, int]) -> None:
        """Give what came behind these versions."""
        async with self._lock:
            await self._replay(after)

    async def history(self, asked: wire.AskHistory) -> None:
        """Give what was said before."""
        count = min(wire.HISTORY_MOST, asked.count)
        async with self._lock:
            if self._room is None:
                await self._reader.send(messages.history_end(0))
            else:
                before = (asked.before.part, asked.before.index)
                await self._room.history(self._reader, before=before, count=count)

    def shown(self, told: wire.Shown) -> None:
        """A sentence was on the reader's screen."""
        if self._room is not None and (delay_s := self._room.shown(self._reader, told)) is not None:
            readers().note_screen(self._room.room_id, told.lang, delay_s)

    async def leave(self) -> None:
        """The reader is gone. A replay that it does not take any more is cut off."""
        self._left = True
        if self._hall is not None:
            await halls.leave(self._hall, self._on_hall)
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.wait({self._moving})
        async with self._lock:
            await self._leave_room()
            await self._demand()

    def _on_hall(self, now: HallNow) -> None:
        if self._left or (self._moving is not None and not self._moving.done()):
            return  # it is told again
        if self._shown is None or now.place != self._place:
            self._moving = background.spawn(self._follow(now))
        elif now != self._shown and now.place is None:
            self._shown = now
            self._reader.show("state", messages.state(nothing_there(following=now.next), timezone.now()))

    async def _follow(self, now: HallNow) -> None:
        self._shown = None
        try:
            await self._move(now.place)
            if now.place is None:
                await self._begin_empty(now)
            self._shown = now
        except (DatabaseError, OSError) as error:
            logger.warning(
                "hall not followed", extra={"hall": self._asked.hall, "error": type(error).__name__}
            )

    async def _move(self, place: Place | None) -> None:
        async with self._lock:
            await self._leave_room()
            if place is not None and not self._left:
                self._room = await rooms.join(place, self._reader)
                self._place = place
                is_known = self._asked.room == self.room
                await self._replay(self._after if is_known else {})
                self._after = {}
            await self._demand()

    async def _replay(self, after: dict[str, int]) -> None:
        if self._room is not None:
            await self._room.replay(self._reader, after)

    async def _begin_empty(self, now: HallNow) -> None:
        there = nothing_there(following=now.next)
        hello = messages.hello(
            room="", title="", lang=self._reader.lang, there=there, versions={}, delays={},
            now=timezone.now(), resumed=False,
        )  # fmt: skip
        self._reader.begin(hello)
        self._reader.put(messages.versions({}))
        self._reader.go_on({})

    async def _leave_room(self) -> None:
        room, self._room, self._place = self._room, None, None
        if room is not None:
            await rooms.leave(room, self._reader)

    async def _demand(self) -> None:
        """Translations are made where somebody reads them, and drafts where they are shown."""
        wanted = None if self._place is None or self._left else (self._place[0], self._reader.lang)
        before, self._demanded = self._demanded, wanted
        if wanted != before:
            if wanted is not None:
                await asyncio.shield(background.spawn(readers().hold(*wanted, drafts=True)))
            if before is not None:
                await readers().release(*before, drafts=True)
