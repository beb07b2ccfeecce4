"""A room whose unfinished sentence is drafted: the newest words alone count, and its languages take turns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError

from transcripts import live
from transcripts.events import Draft, Event, Partial
from transcripts.hub import hub
from transcripts.text import joined
from translation import selectors
from translation.context import Context
from translation.drafting import Drafting, DraftText
from translation.engines.base import Engine
from translation.engines.hints import TakesHints
from translation.fragments import is_unfinished
from translation.selectors import SaidBefore

BUSY_RETRY_S = 0.1
LINE_PAUSE_MS = 3000  # as a recogniser begins another line: what is said behind that does not go on with what was said before
Place = tuple[int, int]  # part, index
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """Where the drafts of a language come from."""

    engine: Engine
    context: Context


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a call gave, in the order of its texts (empty: nothing), and how long it took."""

    texts: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Begun:
    """The sentence that is being said: the place and the time of its first piece, and the text of those that are stored.

    `before`: the sentence before it, where that has no end: then they are translated together.
    """

    place: Place
    start_ms: int
    stored: str
    before: str = ""


# Texts, source, target; None: not now.
Call = Callable[[Route, Sequence[str], str, str], Awaitable[Drafted | None]]


class DraftedRoom:
    """Hears what is being said, and publishes its translation into the languages that it serves."""

    def __init__(self, room_id: int, call: Call) -> None:
        self._room_id, self._call = room_id, call
        self._source_lang = ""
        self._routes: dict[str, Route] = {}
        self._partial: Partial | None = None
        self._begun: tuple[Place, Begun] | None = None  # by the place of the partial
        self._reading: asyncio.Task[None] | None = None
        self._draftings: dict[str, tuple[Place, Drafting]] = {}  # by language: of which sentence
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()  # a room's share: one call at a time, whoever has waited longest

    async def start(self) -> None:
        """Begin to hear."""
        await hub().subscribe(live.room_group(self._room_id), self._on_event)

    async def stop(self) -> None:
        """Hear nothing more; what is under way is dropped."""
        await hub().unsubscribe(live.room_group(self._room_id), self._on_event)
        tasks = [*self._tasks.values(), *([self._reading] if self._reading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def serve(self, source_lang: str, routes: Mapping[str, Route]) -> None:
        """From now on these languages."""
        self._source_lang, self._routes = source_lang, dict(routes)

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, Partial) or event.lang != self._source_lang:
            return
        self._partial = event
        if self._begun is not None and self._begun[0] == (event.part, event.index):
            self._draft_all()
        elif self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_begun())

    def _draft_all(self) -> None:
        for lang in self._routes:
            if lang not in self._tasks or self._tasks[lang].done():
                self._tasks[lang] = asyncio.create_task(self._draft(lang))

    async def _read_begun(self) -> None:
        """What is stored of the newest sentence already."""
        while (partial := self._partial) is not None:
            place = (partial.part, partial.index)
            try:
                read = database_sync_to_async(selectors.said_before)
                said = await read(self._room_id, part=partial.part, index=partial.index)
            except DatabaseError:
                return  # with the next words
            begun = _begun(partial, said)
            self._begun = (place, begun)
            if self._partial is not None and place == (self._partial.part, self._partial.index):
                self._draft_all()
                return

    async def _draft(self, lang: str) -> None:
        """One language: call after call as long as there is something new to translate."""
        try:
            while (said := self._said()) is not None and lang in self._routes:
                begun, partial = said
                if self._drafting(lang, begun).due(*_halves(begun, partial)) is None:
                    return
                async with self._turn:
                    rest_s = await self._draft_newest(lang)
                await asyncio.sleep(rest_s)
        except Exception:
            logger.exception("draft failed", extra={"room": self._room_id})

    async def _draft_newest(self, lang: str) -> float:
        """Returns for how long this language is to leave the engine to others: as long as the call took."""
        said, route = self._said(), self._routes.get(lang)
        if said is None or route is None:
            return 0.0
        begun, partial = said
        drafting = self._drafting(lang, begun)
        wanted = drafting.due(*_halves(begun, partial))
        if wanted is None:
            return 0.0
        drafted = await self._call(route, wanted.versions, partial.lang, lang)
        if drafted is None:
            return BUSY_RETRY_S
        before = drafting.shown
        drafting.take(wanted, drafted.texts)
        logger.debug("drafted", extra={"room": self._room_id, "lang": lang, "of_chars": wanted.chars})
        if drafting.shown != before and self._goes_on(begun):
            self._publish(lang, begun, drafting.shown, partial.broadcast)
        return drafted.seconds

    def _said(self) -> tuple[Begun, Partial] | None:
        """The sentence that is being said; None where its beginning is not known yet."""
        partial = self._partial
        if partial is None or self._begun is None or self._begun[0] != (partial.part, partial.index):
            return None
        return self._begun[1], partial

    def _goes_on(self, begun: Begun) -> bool:
        said = self._said()
        return said is not None and said[0].place == begun.place and bool(said[1].text)

    def _drafting(self, lang: str, begun: Begun) -> Drafting:
        """Of this sentence."""
        if lang not in self._draftings or self._draftings[lang][0] != begun.place:
            takes_hints = isinstance(self._routes[lang].engine, TakesHints)
            self._draftings[lang] = (begun.place, Drafting("" if takes_hints else begun.before))
        return self._draftings[lang][1]

    def _publish(self, lang: str, begun: Begun, shown: DraftText, broadcast: int) -> None:
        """All of it may still be said otherwise: none of it is confirmed."""
        part, index = begun.place
        live.publish_draft(
            self._room_id,
            Draft(lang, part, index, begun.start_ms, shown.of_chars, shown.text, broadcast=broadcast),
        )


def _begun(partial: Partial, said: SaidBefore) -> Begun:
    first, stored = (partial.index, partial.start_ms), ""
    if said.pieces:
        first = said.pieces[0].index, said.pieces[0].start_ms
        stored = joined((piece.text for piece in said.pieces), partial.lang)
    before = joined((piece.text for piece in said.sentence), partial.lang)
    is_near = bool(said.sentence) and first[1] - said.sentence[-1].end_ms < LINE_PAUSE_MS
    return Begun(
        (partial.part, first[0]), first[1], stored, before if is_near and is_unfinished(before) else ""
    )


def _halves(begun: Begun, partial: Partial) -> tuple[str, str]:
    """What is confirmed of the sentence, and what is not."""
    confirmed, tentative = partial.text[: partial.confirmed_chars], partial.text[partial.confirmed_chars :]
    if not begun.stored:
        return confirmed, tentative
    whole = joined((begun.stored, confirmed), partial.lang)
    return whole, joined((whole, tentative.lstrip()), partial.lang)[len(whole) :]
