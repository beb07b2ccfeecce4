"""What shows a room: a chunk, events, a screen; and what each of them is given by the room's follower (follow.py)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rooms.database_threads import reads
from transcripts.events import EngineReady, Event, RoomClosed, SentenceChanged
from transcripts.models import RoomState
from transcripts.selectors import RoomNow, newest_sentences

logger = logging.getLogger(__name__)


class Renderer(Protocol):
    """Makes something readable of a room. Called on the event loop; nothing here may block."""

    @property
    def newest(self) -> int:
        """How many sentences it begins with."""

    def begin(self, room: RoomNow, sentences: Sequence[SentenceChanged]) -> None:
        """First of all, and again with each broadcast: its newest sentences as they are at `room.versions`."""

    def on_event(self, event: Event) -> None:
        """A durable change behind those versions, each once and in its track's order; or something that passes."""

    def compared(self, room: RoomNow) -> None:
        """PostgreSQL was read: every change up to `room.versions` has been given."""


@dataclass(eq=False, slots=True)
class _Begun:
    """A renderer; `waiting`: what came while its beginning is read, None once it has begun."""

    renderer: Renderer
    waiting: list[Event] | None

    def give(self, event: Event) -> None:
        """Now, or behind its beginning."""
        if self.waiting is not None:
            self.waiting.append(event)
            return
        try:
            self.renderer.on_event(event)
        except Exception:
            logger.exception("renderer failed", extra={"event_type": type(event).__name__})


class Renderers:
    """Those of one room. One that is new, or restarted, is given nothing until it has begun, and then all that came."""

    def __init__(self, room_id: int) -> None:
        self._room_id = room_id
        self._all: list[_Begun] = []

    def add(self, renderer: Renderer) -> None:
        """One more, which `begin` begins."""
        self._all.append(_Begun(renderer, []))

    def remove(self, renderer: Renderer) -> None:
        """One less."""
        self._all = [each for each in self._all if each.renderer is not renderer]

    def restart(self) -> None:
        """All begin anew with the next `begin`."""
        for each in self._all:
            each.waiting = []

    async def begin(self, now: RoomNow) -> None:
        """Give those that have not begun what there is; what comes meanwhile waits for that."""
        new = [each for each in self._all if each.waiting is not None]
        for each in new:
            each.waiting = []  # what came before `now` is in it
        for each in new:
            sentences = await reads(newest_sentences)(
                self._room_id, broadcast=now.state.broadcast, newest=each.renderer.newest, upto=now.versions
            )
            try:
                each.renderer.begin(now, sentences)
            except Exception:  # one's error must not keep the others from beginning
                logger.exception("renderer failed", extra={"event_type": "begin"})
            waiting, each.waiting = each.waiting or [], None
            for event in [*waiting, *implied(now)]:
                each.give(event)

    def give(self, event: Event) -> None:
        """To all."""
        for each in list(self._all):
            each.give(event)

    def compared(self, room: RoomNow) -> None:
        """PostgreSQL was read."""
        for each in list(self._all):
            each.renderer.compared(room)


def implied(room: RoomNow) -> list[Event]:
    """The events that lost hints about the room's state would have been."""
    state = room.state
    if state.state == RoomState.Name.CLOSED:
        return [RoomClosed(state.broadcast)]
    return [EngineReady(state.session)] if state.ready and state.session is not None else []
