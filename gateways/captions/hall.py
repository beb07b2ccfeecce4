"""What is on in a hall, once per process: asked every few seconds, for screens that stand there all day."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from gateways.captions.request import Place
from rooms.cancellation import is_cancelled
from rooms.database_threads import reads
from rooms.models import Hall
from rooms.selectors import ComingTalk, coming, next_in, room_on_now
from transcripts.models import RoomState
from transcripts.shared import PerLoop, Shared

CHECK_EVERY_S = 3.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HallNow:
    """The room that a screen there shows, if any, and what comes."""

    place: Place | None
    next: ComingTalk | None


Listener = Callable[[HallNow], None]  # must not block


class HallWatch(Shared[Listener]):
    """Tells its listeners again each time that it has asked: who could not follow tries again."""

    def __init__(self, slug: str) -> None:
        super().__init__()
        self._slug = slug
        self._now = HallNow(None, None)
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None

    async def _start(self) -> None:
        self._now = await reads(hall_now)(self._slug)
        self._task = asyncio.create_task(self._ask_forever())

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _admit(self, member: Listener) -> None:
        self._listeners.append(member)
        member(self._now)

    def _dismiss(self, member: Listener) -> None:
        self._listeners = [known for known in self._listeners if known != member]

    async def _ask_forever(self) -> None:
        while not is_cancelled():
            await asyncio.sleep(CHECK_EVERY_S)
            try:
                self._now = await reads(hall_now)(self._slug)
                for listener in list(self._listeners):
                    listener(self._now)
            except Exception as error:  # a screen stays for days: whatever it is, ask again
                logger.warning("hall not asked", extra={"hall": self._slug, "error": type(error).__name__})


def hall_now(slug: str) -> HallNow:
    """Up to four queries. A hall that is gone has nothing on."""
    hall = Hall.objects.filter(slug=slug).first()
    if hall is None:
        return HallNow(None, None)
    there = RoomState.objects.filter(room__hall=hall).exclude(state=RoomState.Name.CLOSED)
    room = room_on_now(hall, set(there.values_list("room_id", flat=True)))
    return HallNow(None if room is None else (room.pk, room.code), coming(next_in(hall)))


halls: PerLoop[str, HallWatch] = PerLoop(HallWatch)
