"""One client's speech, for wires without a room: a session is opened, fed, read and given back, however the client ends.

speech = await SpeechSession.open(kind=Session.Kind.STREAM, source_lang="en")
try:
    speech.feed(pcm)                   # as it comes; never waits
    speech.finish()                    # nobody speaks any more
    async for text in speech.texts():  # until `closed`
        ...
finally:
    await speech.close()
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Self

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction

from asr import streams
from asr.audio.pcm import RawFormat
from asr.audio_log import AsyncAudioLog, AudioLogTaken, AudioLogUnavailable
from asr.session_keys import session_cipher
from asr.stream_options import DEFAULTS, StreamOptions
from asr.text_stream import AsyncTextStream, Text, TextGap, TextStreamUnavailable, new_token
from gateways.common import background
from rooms.cancellation import is_cancelled
from rooms.database_threads import stream_rows
from rooms.encryption import Cipher
from rooms.errors import DomainError

QUEUED_BYTES: Final = 20_000_000  # while Redis is away: as much as the log itself holds
ENTRY_BYTES: Final = 64_000  # of frames that were put together
GATHER_S: Final = 0.05  # frames that come faster than this are put together: the log counts its entries
RETRY_S: Final = 0.25
KEEP_OPEN_EVERY_S: Final = 2.0
DRAIN_WITHIN_S: Final = 60.0  # of what still waits when the client has gone
FINISHED_WITHIN_S: Final = 600.0
_SIGNALS: Final = ("end", "flush")  # what carries no sound
READ_BLOCK_MS: Final = 1000
CLOSED_WITHIN_READS: Final = 2
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Queued:
    """Sound of a channel, or (`kind` "end") that nobody speaks in it any more; without a channel, in any."""

    kind: str
    data: bytes
    channel: str
    taken: asyncio.Future[None] | None = None  # somebody waits until it is in the log


class SpeechSession:
    """The session of one client. Use it in one event loop; `close` in any case."""

    def __init__(self, session_id: int, cipher: Cipher) -> None:
        self.session_id = session_id
        self._cipher = cipher
        self._queue: asyncio.Queue[_Queued] = asyncio.Queue()
        self._queued_bytes = 0
        self._finished = False
        self.slot_free = asyncio.Event()
        self._ended = asyncio.Event()  # nothing more is asked of the session's row
        self._text = AsyncTextStream(settings.REDIS_URL, str(session_id), cipher=cipher)
        self._writing = background.spawn(self._write())
        self._staying = background.spawn(self._stay())

    @classmethod
    async def open(cls, *, kind: str, source_lang: str, options: StreamOptions = DEFAULTS) -> Self:
        """Take a slot. `kind`: Session.Kind.MEETING or STREAM; `source_lang`: also AUTO_LANG.

        Raises NoCapacity (`capacity`), BadInput (`source_lang`), and DomainError (`not_ready`) while PostgreSQL is away.
        """
        opening = asyncio.ensure_future(
            stream_rows(_open)(kind=kind, source_lang=source_lang, options=options)
        )
        try:
            return cls(*await asyncio.shield(opening))
        except asyncio.CancelledError:
            background.spawn(_give_back(opening))
            raise
        except DatabaseError as error:
            raise DomainError("not_ready", retry=True) from error

    async def join(self, channel: str, source_lang: str) -> None:
        """A participant of a meeting may speak: before its first sound. Raises as `streams.open_channel`, and `not_ready`."""
        try:
            await stream_rows(streams.open_channel)(self.session_id, key=channel, source_lang=source_lang)
        except DatabaseError as error:
            raise DomainError("not_ready", retry=True) from error

    def feed(self, data: bytes, raw_format: RawFormat = RawFormat(), channel: str = "") -> bool:  # noqa: B008
        """Sound as it came. False: too much waits already, or nobody may speak any more; it is lost."""
        return self._put(_Queued(raw_format.kind, data, channel))

    def feed_blob(self, kind: str, data: bytes, channel: str = "") -> bool:
        """The same of whatever `asr.audio.decode.Kind`: a piece of a container, too."""
        return self._put(_Queued(kind, data, channel))

    async def feed_file(self, kind: str, data: bytes) -> bool:
        """Sound that can wait, of whatever `asr.audio.decode.Kind`: until the log has taken it. False: see `feed`."""
        taken = asyncio.get_running_loop().create_future()
        if not self._put(_Queued(kind, data, "", taken)):
            return False
        await taken
        return not self._writing.done()

    def flush(self, channel: str = "") -> str:
        """All that was fed becomes text now, and speech may go on. `texts` answers with `flushed` {token}, perhaps twice."""
        token = new_token()
        self._put(_Queued("flush", token.encode(), channel))
        return token

    def leave(self, channel: str) -> None:
        """This participant has said everything: the last words are not waited for."""
        self._put(_Queued("end", b"", channel))

    def finish(self) -> None:
        """Nobody speaks any more: what has come becomes text, and `texts` goes on until it is."""
        if not self._finished:
            self._put(_Queued("end", b"", ""))
            self._finished = True
            background.spawn(self._close_row())

    async def texts(self) -> AsyncIterator[Text]:
        """Every entry in order (asr/sinks/stream.py), the last one is `closed`; `gap` {missed} where Redis lost some.

        Waits while Redis is away. For one reader.
        """
        over = 0
        while not is_cancelled():
            try:
                found = await self._text.read(block_ms=READ_BLOCK_MS)
            except TextGap as gap:
                yield Text(self._text.after, "", "gap", self._text.seq, {"missed": gap.missed})
                continue
            except TextStreamUnavailable:
                await asyncio.sleep(RETRY_S)
                continue
            for text in found:
                yield text
                if text.kind == "closed":
                    return
            # Its process says `closed` behind the end of its row, as well as Redis lets it.
            over = over + 1 if not found and not await self._is_running() else 0
            if over > CLOSED_WITHIN_READS:
                yield Text(self._text.after, "", "closed", self._text.seq, {"state": "closed"})
                return

    async def close(self) -> None:
        """Give everything back, behind what was said: the slot now, the rest in the background."""
        self.finish()
        background.spawn(self._clean_up())

    def _put(self, item: _Queued) -> bool:
        full = self._queued_bytes + len(item.data) > QUEUED_BYTES
        if self._finished or self._writing.done() or (full and item.kind not in _SIGNALS):
            return False
        self._queued_bytes += len(item.data)
        self._queue.put_nowait(item)
        return True

    async def _write(self) -> None:
        log = AsyncAudioLog(settings.REDIS_URL, str(self.session_id), cipher=self._cipher)
        ended = False
        while not ended and not is_cancelled():
            for item in _gathered(await self._queued()):
                try:
                    await self._append(log, item)
                finally:
                    self._queued_bytes -= len(item.data)
                ended |= item.kind == "end" and item.channel == ""
            if not ended:
                await asyncio.sleep(GATHER_S)

    async def _queued(self) -> list[_Queued]:
        """What waits; at least one."""
        found = [await self._queue.get()]
        while not self._queue.empty():
            found.append(self._queue.get_nowait())
        return found

    async def _append(self, log: AsyncAudioLog, item: _Queued) -> None:
        """Until Redis takes it. What can wait waits for a place in a full log, too."""
        try:
            while not is_cancelled():
                try:
                    taken = await log.append(item.kind, item.data, channel=item.channel)
                except AudioLogUnavailable:
                    await asyncio.sleep(RETRY_S)
                    continue
                except AudioLogTaken:
                    return
                if taken:
                    return
                if item.taken is None:
                    logger.warning("audio log full, audio lost", extra={"session": self.session_id})
                    return
                await asyncio.sleep(RETRY_S)
        finally:
            if item.taken is not None and not item.taken.done():
                item.taken.set_result(None)

    async def _stay(self) -> None:
        """Say that the client is there, until nobody speaks any more."""
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KEEP_OPEN_EVERY_S):
                    await self._ended.wait()
                    return
            with contextlib.suppress(DatabaseError):
                if not await stream_rows(streams.keep_open)(self.session_id):
                    return

    async def _close_row(self) -> None:
        """The slot is free from here on; while PostgreSQL is away the sweep sees to it."""
        self._ended.set()
        await self._staying
        try:
            await stream_rows(streams.close_session)(self.session_id)
        except DatabaseError:
            logger.warning("session not closed, it will be", extra={"session": self.session_id})
        self.slot_free.set()

    async def _clean_up(self) -> None:
        """What was said reaches the log; the text goes once nobody writes it any more."""
        await asyncio.wait({self._writing}, timeout=DRAIN_WITHIN_S)
        self._writing.cancel()
        with contextlib.suppress(TimeoutError, TextStreamUnavailable):  # then it expires
            async with asyncio.timeout(FINISHED_WITHIN_S):
                async for _ in self.texts():
                    pass
            await self._text.delete()

    async def _is_running(self) -> bool:
        """Whether text may still come; where PostgreSQL does not say, it may."""
        try:
            running: bool = await stream_rows(streams.is_running)(self.session_id)
        except DatabaseError:
            return True
        return running


def _gathered(items: list[_Queued]) -> list[_Queued]:
    """Neighbours of one channel and format as one; what somebody waits for stays as it is."""
    found: list[_Queued] = []
    for item in items:
        last = found[-1] if found else None
        if (
            last is not None
            and (last.kind, last.channel, last.taken, item.taken) == (item.kind, item.channel, None, None)
            and item.kind not in _SIGNALS
            and len(last.data) + len(item.data) <= ENTRY_BYTES
        ):
            found[-1] = _Queued(last.kind, last.data + item.data, last.channel)
        else:
            found.append(item)
    return found


@transaction.atomic
def _open(*, kind: str, source_lang: str, options: StreamOptions) -> tuple[int, Cipher]:
    """A session and its key."""
    session_id = streams.open_session(kind=kind, source_lang=source_lang, options=options)
    return session_id, session_cipher(session_id)


async def _give_back(opening: asyncio.Future[tuple[int, Cipher]]) -> None:
    """A session that was opened for somebody who had gone."""
    await asyncio.wait({opening})
    if opening.exception() is None:
        speech = SpeechSession(*opening.result())
        await speech.close()
        await speech.slot_free.wait()
