"""Drafts: what was confirmed of unfinished sentences, translated behind everything that is finished, for whoever is shown it.

A lane of its own in a translation worker: an event loop in a thread hears what is being said in the rooms that it serves
(translation/drafted_room.py), a few threads call the engines. Which worker serves a room is a lease in Redis. Nothing here is
stored, and nothing is waited for: a draft that is not made is made of the next words, or the finished sentence takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from channels.db import database_sync_to_async
from django.conf import settings
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connections
from redis.exceptions import RedisError

from translation import chain, circuit, selectors
from translation.circuit import EngineChoice
from translation.dispatcher import Slot
from translation.drafted_room import Drafted, DraftedRoom, Route
from translation.engines.base import Engine, EngineError
from translation.engines.pivot import Pivot
from translation.room_settings import room_settings
from translation.selectors import DraftsWanted
from translation.translate import TranslationCache, translate

LOOK_EVERY_S = 1.0
LEASE_S = 10
TAKEN_AT_ONCE = 4  # rooms that a worker begins to serve in one look: others may be faster with the next ones
PAUSE_S = 5.0  # an engine that failed makes no drafts for so long
COSTLY = frozenset({"chat"})
NOT_KEPT = TranslationCache(most=0)  # a draft's text does not come again
logger = logging.getLogger(__name__)


class DraftLane:
    """One worker's. `spare` and `spared`: a slot that finished sentences do not need, and its return (dispatcher.py)."""

    def __init__(
        self, worker: str, *, spare: Callable[[str], Slot | None], spared: Callable[[Slot], None]
    ) -> None:
        self._worker, self._spare, self._spared = worker, spare, spared
        self._stopped = threading.Event()
        self._rooms: dict[int, DraftedRoom] = {}
        self._threads = ThreadPoolExecutor(settings.ENV.translation_concurrency, "draft")
        self._paused_until: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="drafts", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        if any(map(may_draft, chain.engines())):
            self._thread.start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped.set()

    def join(self) -> None:
        """Wait until it has ended."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    await self._look()
                except (DatabaseError, RedisError, OSError):
                    logger.warning("rooms of drafts not read")
                    await self._serve_rooms({})
                except Exception:
                    # The edge of a thread: finished sentences go on whatever becomes of drafts.
                    logger.exception("rooms of drafts not read")
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await asyncio.to_thread(self._release, list(self._rooms))
            await self._serve_rooms({})
            self._threads.shutdown(wait=False)
            await database_sync_to_async(connections.close_all)()

    async def _look(self) -> None:
        """Which rooms are whose, and which engines may be asked."""
        wanted = await database_sync_to_async(selectors.drafts_wanted)()
        leased = await asyncio.to_thread(self._leased, wanted) if wanted or self._rooms else set()
        routes = await database_sync_to_async(self._routes)({room_id: wanted[room_id] for room_id in leased})
        await self._serve_rooms(routes)

    def _leased(self, wanted: Mapping[int, DraftsWanted]) -> set[int]:
        """The rooms that are this worker's, for LEASE_S from now on."""
        keys = {_key(room_id): room_id for room_id in wanted}
        holders = cache.get_many(keys)
        mine = {key for key, holder in holders.items() if holder == self._worker}
        cache.set_many(dict.fromkeys(mine, self._worker), LEASE_S)
        free = sorted(keys.keys() - holders.keys())[:TAKEN_AT_ONCE]
        return {keys[key] for key in [*mine, *(key for key in free if cache.add(key, self._worker, LEASE_S))]}

    def _release(self, room_ids: Iterable[int]) -> None:
        """Others need not wait until the leases end."""
        with contextlib.suppress(RedisError, OSError):
            cache.delete_many([_key(room_id) for room_id in room_ids])

    async def _serve_rooms(self, routes: Mapping[int, tuple[str, dict[str, Route]]]) -> None:
        for room_id in self._rooms.keys() - routes.keys():
            await self._rooms.pop(room_id).stop()
        for room_id, (source_lang, langs) in routes.items():
            if room_id not in self._rooms:
                self._rooms[room_id] = DraftedRoom(room_id, self._call)
                await self._rooms[room_id].start()
            self._rooms[room_id].serve(source_lang, langs)

    @staticmethod
    def _routes(wanted: Mapping[int, DraftsWanted]) -> dict[int, tuple[str, dict[str, Route]]]:
        """Of each room its spoken language, and where the drafts come from; without what is given up now."""
        found: dict[int, tuple[str, dict[str, Route]]] = {}
        if not wanted:
            return found
        known = circuit.Known()
        for room_id, drafts in wanted.items():
            room, langs = room_settings(room_id), dict[str, Route]()
            for lang in () if room.chars_per_day else sorted(drafts.langs):  # a quota is for what is finished
                engine = circuit.engine_in_order(drafts.source_lang, lang, engines=room.chain(), known=known)
                if engine is not None and may_draft(engine):
                    langs[lang] = Route(engine, room.context)
            found[room_id] = (drafts.source_lang, langs)
        return found

    async def _call(self, route: Route, texts: Sequence[str], source: str, target: str) -> Drafted | None:
        """Translate now; None: the engine has better things to do."""
        name = route.engine.name
        if time.monotonic() < self._paused_until.get(name, 0.0):
            return None
        slot = self._spare(name)
        if slot is None:
            return None
        try:
            work = partial(self._translated, route, texts, source, target)
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._spared(slot)

    def _translated(self, route: Route, texts: Sequence[str], source: str, target: str) -> Drafted:
        """In a thread. A failure is nobody's business but a time that the engine names: then nobody is to call it."""
        began = time.monotonic()
        outcome = translate(route.engine, texts, source, target, cache=NOT_KEPT, context=route.context)
        if outcome.error is not None and not outcome.answered:
            self._paused_until[route.engine.name] = time.monotonic() + PAUSE_S
            self._note_named_time(EngineChoice(route.engine, source, target), outcome.error)
        return Drafted(tuple(text or "" for text in outcome.texts), time.monotonic() - began)

    @staticmethod
    def _note_named_time(choice: EngineChoice, error: EngineError) -> None:
        if error.retry_after_s is None:
            return
        try:
            circuit.failed(choice, error)
        except DatabaseError:
            logger.warning("pause of an engine not noted", extra={"engine": choice.engine.name})
        finally:
            connections.close_all()


def _key(room_id: int) -> str:
    return f"translation:drafts:{room_id}"


def may_draft(engine: Engine) -> bool:
    """Whether this engine makes drafts."""
    if named := settings.ENV.translation_draft_engines:
        return engine.name in named
    return not _costs(engine)


def _costs(engine: Engine) -> bool:
    if isinstance(engine, Pivot):
        return any(_costs(each) for each in engine.engines)
    return engine.name in COSTLY
