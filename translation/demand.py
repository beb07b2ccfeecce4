"""Which languages have readers: leases that a process renews, so that they expire with it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from weakref import WeakKeyDictionary

from django.db import Error as DatabaseError
from django.utils import timezone

from rooms.database_threads import reads
from translation.models import Demand, Job, PinnedLanguage
from translation.wake import wake_up

LEASE = timedelta(seconds=20)
RENEW_EVERY_S = 6.0
SCREENS_COUNT_FOR_S = 120.0
Demanded = tuple[int, str]  # room, language
logger = logging.getLogger(__name__)


def lease(
    holder: str,
    readers: Mapping[Demanded, int],
    drafts: Mapping[Demanded, int] = MappingProxyType({}),
    screens: Mapping[Demanded, float] = MappingProxyType({}),
) -> None:
    """Take or renew the leases of `holder`. Demand for languages that nobody else reads begins now.

    `drafts`: how many of the readers are shown drafts. `screens`: how late sentences are on readers' screens, seconds.
    """
    if not readers:
        return
    now = timezone.now()
    rooms = {room_id for room_id, _ in readers}
    demanded = set(Demand.objects.filter(room__in=rooms, expires_at__gt=now).values_list("room_id", "lang"))
    demanded |= set(PinnedLanguage.objects.filter(room__in=rooms).values_list("room_id", "lang"))
    Demand.objects.bulk_create(
        [
            Demand(
                room_id=room_id, lang=lang, holder=holder, readers=count,
                drafts=drafts.get((room_id, lang), 0), screen_s=screens.get((room_id, lang)), expires_at=now + LEASE,
            )
            for (room_id, lang), count in sorted(readers.items())
        ],
        update_conflicts=True,
        unique_fields=["room", "lang", "holder"],
        update_fields=["readers", "drafts", "screen_s", "expires_at"],
    )  # fmt: skip
    for room_id, lang in set(readers) - demanded:
        begin(room_id, lang)


def begin(room_id: int, lang: str) -> None:
    """Demand begins: delays count from here, and the newest sentences are translated at once."""
    if not Job.objects.filter(room_id=room_id, lang=lang, part=None).update(demanded_at=timezone.now()):
        Job.objects.bulk_create([Job(room_id=room_id, lang=lang)], ignore_conflicts=True)
    wake_up.notify()


def drop(holder: str, room_id: int, lang: str) -> None:
    """End a lease at once."""
    Demand.objects.filter(holder=holder, room_id=room_id, lang=lang).delete()


class Readers:
    """The readers of one process, counted; its leases are written when the first comes and the last goes."""

    def __init__(self) -> None:
        self._holder = f"{socket.gethostname()[:50]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._counts: Counter[Demanded] = Counter()
        self._drafts: Counter[Demanded] = Counter()  # those of them who are shown drafts
        self._screens: dict[Demanded, tuple[float, float]] = {}  # when it was said, monotonic; seconds
        self._lock = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None

    def note_screen(self, room_id: int, lang: str, delay_s: float) -> None:
        """So late are sentences on its readers' screens; others learn it with the next renewal."""
        self._screens[room_id, lang] = (time.monotonic(), delay_s)

    async def hold(self, room_id: int, lang: str, *, drafts: bool = False) -> None:
        """One more reader. Does not fail: what PostgreSQL misses now comes with the next renewal."""
        key = room_id, lang
        async with self._lock:
            self._counts[key] += 1
            self._drafts[key] += drafts
            if self._counts[key] == 1 or (drafts and self._drafts[key] == 1):
                await self._write({key: self._counts[key]})
            if self._renewal is None or self._renewal.done():
                self._renewal = asyncio.create_task(self._renew_forever())

    async def release(self, room_id: int, lang: str, *, drafts: bool = False) -> None:
        """One reader less; the last one ends the demand. That nobody is shown drafts any more is said with the next renewal."""
        key = room_id, lang
        async with self._lock:
            self._counts[key] -= 1
            self._drafts[key] -= drafts
            if self._counts[key] > 0:
                return
            del self._counts[key], self._drafts[key]
            try:
                await reads(drop)(self._holder, room_id, lang)
            except DatabaseError:
                logger.warning("demand not ended, it will expire", extra={"room": room_id, "lang": lang})

    async def _renew_forever(self) -> None:
        while self._counts:
            await asyncio.sleep(RENEW_EVERY_S)
            async with self._lock:
                await self._write(dict(self._counts))

    async def _write(self, readers: dict[Demanded, int]) -> None:
        try:
            since_s = time.monotonic() - SCREENS_COUNT_FOR_S
            self._screens = {key: said for key, said in self._screens.items() if said[0] > since_s}
            screens = {key: delay_s for key, (_, delay_s) in self._screens.items()}
            await reads(lease)(self._holder, readers, dict(self._drafts), screens)
        except DatabaseError:
            logger.warning("demand not written, will try again", extra={"languages": len(readers)})


_readers: WeakKeyDictionary[asyncio.AbstractEventLoop, Readers] = WeakKeyDictionary()


def readers() -> Readers:
    """The readers of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _readers:
        _readers[loop] = Readers()
    return _readers[loop]
