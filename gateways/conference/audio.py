"""From a host's socket into its session's audio log: in order, patiently, bounded, headers kept."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import Error as DatabaseError

from asr.audio.decode import classify
from asr.audio_log import AsyncAudioLog, AudioLogTaken, AudioLogUnavailable
from asr.session_keys import SessionOver, session_cipher
from gateways.conference.recorder import RecorderHeader, remember_header
from rooms.cancellation import is_cancelled
from rooms.database_threads import reads
from rooms.encryption import Cipher

QUEUED_BLOBS = 512  # while Redis is away
BLOB_EVERY_S = 0.25  # what a browser's recorder is asked for; it sends no more often
HELD_FOR_S = QUEUED_BLOBS * BLOB_EVERY_S  # so long a host's audio waits here and none is lost (GET /health)
QUEUED_BYTES = 20_000_000  # as much as the log itself holds
RETRY_S = 0.25
REPORT_AFTER_S = 1.0  # a host need not know of a Redis that was away for a moment
PREDECESSOR_WITHIN_S = 8.0  # its closing handshake may take 5 (config/websockets.py)
Report = Callable[[str], Awaitable[None]]  # an error's code, for the host
Ciphers = Callable[[int], Awaitable[Cipher]]  # of sessions; raises SessionOver
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Queued:
    """A blob, or (empty) the end of a log: of the session that the host had when it came, whatever happens later.

    `number`: the recorder's, where it counts.
    """

    session_id: int
    blob: bytes
    number: int | None = None


class AudioWriter:
    """Blobs → the log of the session that this host had when they came."""

    def __init__(
        self,
        session_id: int,
        *,
        fence: int,
        fresh: bool,
        header: RecorderHeader,
        raw_pcm: bool,
        recorder: str = "",
        cipher: Cipher | None = None,
        ciphers: Ciphers | None = None,
    ) -> None:
        """`fresh`: the session's log is empty, so a stream that goes on there needs its header first.

        `recorder`: who numbers the blobs; what was taken from it before is left out. `cipher`: what the session's log is encrypted by, as far as it is known; `ciphers`: where to ask for it.
        """
        self._known_ciphers = {session_id: cipher} if cipher is not None else {}
        self._ciphers = ciphers or reads(session_cipher)
        self.session_id = session_id
        self.received: int | None = None  # everything before this number was taken; None: not known yet
        self._recorder = recorder
        self._fence = fence
        self._header = header
        self._raw_pcm = raw_pcm
        self._needs_header = fresh
        self._first = True
        self._blobs: asyncio.Queue[_Queued] = asyncio.Queue()
        self._queued_bytes = 0
        self._ended = False
        self._dropped = False
        self._reported: set[str] = set()
        self._predecessor: AudioWriter | None = None
        self._predecessor_within_s = PREDECESSOR_WITHIN_S
        self.finished = asyncio.Event()

    def after(self, predecessor: AudioWriter | None, *, within_s: float = PREDECESSOR_WITHIN_S) -> None:
        """What another socket was still writing into this log comes first, however long Redis takes nothing.

        `within_s`: a socket of which nothing waits may take this long to go.
        """
        if predecessor is not None and predecessor.session_id == self.session_id:
            self._predecessor, self._predecessor_within_s = predecessor, within_s

    def enqueue(self, blob: bytes, number: int | None = None) -> bool:
        """Queue a blob; False: too much waits, it is lost."""
        if self._blobs.qsize() >= QUEUED_BLOBS or self._queued_bytes + len(blob) > QUEUED_BYTES:
            return False
        self._ended = False
        self._queue(blob, number)
        return True

    def end_log(self) -> None:
        """Nobody speaks into this log any more: behind what waits, say that nothing comes."""
        if not self._ended:
            self._ended = True
            self._queue(b"")

    def switch(self, session_id: int) -> None:
        """This host's audio goes to a newer session from now on; the log so far has its end."""
        if session_id > self.session_id:
            self.end_log()
            self.session_id, self._ended = session_id, False

    async def drained(self) -> None:
        """Until everything that was taken is in the log."""
        await self._blobs.join()

    def drop(self) -> None:
        """Discard what waits and what may still come."""
        self._dropped = True
        while not self._blobs.empty():
            self._done(self._blobs.get_nowait())

    async def run(self, connection_id: str, report: Report) -> None:
        """Write, as long as it takes."""
        await self._let_predecessors_finish(report)
        if self._recorder:
            await self._learn_what_was_received(report)
        log, log_of = None, self.session_id
        while not is_cancelled():
            item = await self._blobs.get()
            try:
                if log is None or log_of != item.session_id:
                    self._needs_header |= log_of != item.session_id
                    log, log_of = await self._log(item.session_id, report), item.session_id
                if item.blob:
                    await self._write(log, item, connection_id, report)
                else:
                    await self._append(log, "end", b"")
            except AudioLogTaken:
                logger.warning("audio of a host that lost its lease dropped", extra={"session": log_of})
                self.drop()
            except SessionOver:
                logger.info("audio behind a session's end dropped", extra={"session": item.session_id})
            finally:
                self._done(item)

    async def _let_predecessors_finish(self, report: Report) -> None:
        while (before := self._predecessor) is not None and not is_cancelled():
            try:
                async with asyncio.timeout(self._predecessor_within_s):
                    await before.finished.wait()
            except TimeoutError:
                if before._queued_bytes:  # written behind this host's audio it would be out of its order
                    await self._tell_that_audio_waits(report)
                    continue
            self._predecessor = before._predecessor  # one that went before it could write waited for another

    async def delete_log(self) -> None:
        """Drop the session's log."""
        try:
            await AsyncAudioLog(settings.REDIS_URL, str(self.session_id)).delete()
        except AudioLogUnavailable:
            logger.warning("audio log not deleted, it expires", extra={"session": self.session_id})

    def _queue(self, blob: bytes, number: int | None = None) -> None:
        if not self._dropped:
            self._queued_bytes += len(blob)
            self._blobs.put_nowait(_Queued(self.session_id, blob, number))

    def _done(self, item: _Queued) -> None:
        self._queued_bytes -= len(item.blob)
        self._blobs.task_done()

    async def _log(self, session_id: int, report: Report) -> AsyncAudioLog:
        """With the session's key, as soon as PostgreSQL gives it. Raises SessionOver."""
        if session_id in self._known_ciphers:
            return self._log_with(session_id, self._known_ciphers[session_id])
        while not is_cancelled():
            try:
                cipher = await self._ciphers(session_id)
            except DatabaseError:
                await self._tell_that_audio_waits(report)
                await asyncio.sleep(RETRY_S)
            else:
                self._reported.discard("audio_waits")
                return self._log_with(session_id, cipher)
        raise asyncio.CancelledError

    def _log_with(self, session_id: int, cipher: Cipher | None = None) -> AsyncAudioLog:
        return AsyncAudioLog(
            settings.REDIS_URL, str(session_id), cipher=cipher, fence=self._fence, recorder=self._recorder
        )

    async def _learn_what_was_received(self, report: Report) -> None:
        while not self._dropped:
            try:
                self.received = await self._log_with(self.session_id).received()
            except AudioLogUnavailable:
                await self._tell_that_audio_waits(report)
                await asyncio.sleep(RETRY_S)
            else:
                self._reported.discard("audio_waits")
                return

    async def _write(self, log: AsyncAudioLog, item: _Queued, connection_id: str, report: Report) -> None:
        blob, number = item.blob, item.number
        known = number is not None and self.received is not None and number < self.received
        kind = self._kind(blob, number)
        carried = self._header.carried
        if kind != "pcm" and self._header.note(kind, blob):
            await remember_header(connection_id, self._header.whole)
        if known:
            return
        if self._needs_header and kind in ("more", "join") and self._header.whole:
            await self._append(log, "head", self._header.whole, report)
            kind, blob = "join", carried + blob
        self._needs_header = False
        taken = await self._append(log, kind, blob, report, number=number)
        if number is not None:
            self.received = number + 1
        if taken:
            self._reported.discard("audio_backlog")
        elif "audio_backlog" not in self._reported:
            self._reported.add("audio_backlog")
            await report("audio_backlog")

    async def _append(
        self,
        log: AsyncAudioLog,
        kind: str,
        blob: bytes,
        report: Report | None = None,
        *,
        number: int | None = None,
    ) -> bool:
        """Try until Redis accepts it, or says that too much waits. Reported to the host once per outage."""
        began = time.monotonic()
        while not self._dropped:
            try:
                taken = await log.append(kind, blob, number=number)
            except AudioLogUnavailable:
                if report and time.monotonic() - began >= REPORT_AFTER_S:
                    await self._tell_that_audio_waits(report)
                await asyncio.sleep(RETRY_S)
            else:
                self._reported.discard("audio_waits")
                return taken
        return True  # nobody wants it any more

    async def _tell_that_audio_waits(self, report: Report) -> None:
        if "audio_waits" not in self._reported:
            self._reported.add("audio_waits")
            logger.warning("audio log takes nothing", extra={"session": self.session_id})
            await report("audio_waits")

    def _kind(self, blob: bytes, number: int | None) -> str:
        if self._raw_pcm:
            return "pcm"
        first, self._first = self._first, False
        return classify(blob, first_of_socket=first if number is None else number != self.received)
