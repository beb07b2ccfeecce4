"""One client's stream, for both forms of this wire: audio in at the pace at which it can be taken, updates out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final, Self

from asr.audio.pcm import RawFormat
from asr.models import Session
from asr.stream_options import StreamOptions
from gateways.common.speech import SpeechSession
from gateways.speech.pieces import Pieces, Update
from gateways.speech.refusals import INTERNAL, RECOGNISER_FAILED, TEXT_LOST, Refused

PENDING_BYTES: Final = 4_000_000  # while Redis is away or its log is full; then the client has to wait
ENTRY_BYTES: Final = 64_000
WORDS_WAITING: Final = 2000  # of a client that does not read; then they wait in Redis


class SpeechStream:
    """Use it in one event loop; `close` in any case."""

    def __init__(self, session: SpeechSession, raw_format: RawFormat) -> None:
        self._session = session
        self._kind = raw_format.kind
        self._pending = bytearray()
        self._ended = False
        self._room = asyncio.Event()  # words were taken
        self._changed = asyncio.Condition()
        self._feeding = asyncio.create_task(self._feed())

    @classmethod
    async def open(cls, raw_format: RawFormat, *, lang: str, options: StreamOptions) -> Self:
        """Take a slot. Raises DomainError as SpeechSession.open."""
        session = await SpeechSession.open(kind=Session.Kind.STREAM, source_lang=lang, options=options)
        return cls(session, raw_format)

    async def feed(self, data: bytes) -> None:
        """Audio; waits while too much of it waits. Raises Refused where nobody takes it any more."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._pending) < PENDING_BYTES or self._feeding.done())
            if self._feeding.done():
                raise Refused(INTERNAL)
            self._pending += data
            self._changed.notify_all()

    async def end(self) -> None:
        """No more audio: what has come becomes text, then `updates` ends."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def updates(self) -> AsyncGenerator[Update, None]:
        """Until everything was said. Raises Refused where it cannot be."""
        pieces, news = Pieces(), asyncio.Event()
        reading = asyncio.create_task(self._read(pieces, news))
        try:
            while True:
                over = reading.done()
                news.clear()
                while update := pieces.take():
                    self._room.set()
                    yield update
                if over:
                    reading.result()
                    return
                await news.wait()
        finally:
            reading.cancel()

    async def close(self) -> None:
        """Gives the slot back; what was not fed yet is nobody's."""
        self._feeding.cancel()
        await self._session.close()

    async def _feed(self) -> None:
        try:
            while data := await self._next_data():
                await self._session.feed_file(self._kind, data)
                async with self._changed:
                    del self._pending[: len(data)]
                    self._changed.notify_all()
        finally:
            self._session.finish()

    async def _next_data(self) -> bytes:
        """b"": no more comes."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._pending or self._ended)
            return bytes(self._pending[:ENTRY_BYTES])

    async def _read(self, pieces: Pieces, news: asyncio.Event) -> None:
        """Everything that one answer of Redis holds is added in one step: words and the hypothesis beside them."""
        try:
            async for text in self._session.texts():
                if text.kind == "gap":
                    raise Refused(TEXT_LOST)
                if text.kind == "closed":
                    if text.data.get("state") == Session.State.FAILED:
                        raise Refused(RECOGNISER_FAILED)
                    return
                pieces.add(text.kind, text.data)
                news.set()
                if pieces.words_waiting > WORDS_WAITING:
                    self._room.clear()
                    await self._room.wait()
        finally:
            news.set()
