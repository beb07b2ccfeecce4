"""A file's sound through a session of its own: fed as fast as it is taken, bounded; read to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing
from typing import BinaryIO, Final

from django.db import Error as DatabaseError

from asr import streams
from asr.audio.files import NotAudio, TooLong, pcm_pieces
from asr.audio.pcm import RawFormat
from asr.models import Session
from asr.recognise.recogniser import Word
from asr.stream_options import StreamOptions
from gateways.common import background
from gateways.common.speech import SpeechSession
from gateways.openai.formats import Transcript
from gateways.openai.limits import FILE_S
from gateways.openai.refusals import Refusal
from rooms.database_threads import stream_rows
from rooms.errors import DomainError

# so much is fed beyond what is recognised: what a client that goes away leaves behind
AHEAD_MS: Final = 60_000
LOOK_EVERY_S: Final = 0.5
FORMAT: Final = RawFormat()
logger = logging.getLogger(__name__)


async def transcribe(file: BinaryIO, *, source_lang: str, options: StreamOptions) -> Transcript:
    """All that is said in it. Cancelled when its client goes: the slot is given back.

    Raises Refusal (`invalid_file_format`, `audio_too_long`), NoCapacity, DomainError (`not_ready`, `transcription_failed`).
    """
    async with aclosing(_pieces(file)) as pieces:
        first = await anext(pieces, None)  # before a slot is taken
        if first is None:
            raise Refusal("invalid_file_format", param="file")
        speech = await SpeechSession.open(kind=Session.Kind.STREAM, source_lang=source_lang, options=options)
        reading = asyncio.create_task(_read(speech))
        try:
            fed_bytes = await _feed(speech, first, pieces, reading)
            speech.finish()
            words, lang = await asyncio.shield(reading)
        finally:
            reading.cancel()
            await speech.close()
    return Transcript(words, lang or source_lang, fed_bytes / FORMAT.second_bytes)


async def _feed(
    speech: SpeechSession,
    first: bytes,
    pieces: AsyncIterator[bytes],
    reading: asyncio.Future[tuple[list[Word], str]],
) -> int:
    """Bytes that were fed."""
    fed_bytes = 0
    piece: bytes | None = first
    while piece is not None:
        while not await speech.feed_file(FORMAT.kind, piece):
            if reading.done():
                await reading
            await asyncio.sleep(LOOK_EVERY_S)
        fed_bytes += len(piece)
        while fed_bytes * 1000 // FORMAT.second_bytes - AHEAD_MS > await _recognised_ms(speech.session_id):
            if reading.done():  # the session is over, which it says
                await reading
            await asyncio.wait({reading}, timeout=LOOK_EVERY_S)
        piece = await anext(pieces, None)
    return fed_bytes


async def _recognised_ms(session_id: int) -> int:
    try:
        found: int = await stream_rows(streams.recognised_ms)(session_id)
    except DatabaseError:
        return 0
    return found


async def _read(speech: SpeechSession) -> tuple[list[Word], str]:
    """Its words, and the language that they are in. Raises DomainError."""
    words: list[Word] = []
    lang = ""
    async for text in speech.texts():
        if text.kind == "words":
            words += [Word(*row) for row in text.data["words"]]
            lang = text.data.get("lang") or lang
        elif text.kind == "gap" or (text.kind == "closed" and text.data.get("state") != Session.State.CLOSED):
            raise DomainError("transcription_failed")
    return words, lang


async def _pieces(file: BinaryIO) -> AsyncGenerator[bytes]:
    """Decoded in a thread, a piece at a time. Raises Refusal."""
    found = pcm_pieces(file, longest_s=FILE_S)
    decoding: asyncio.Task[bytes | None] | None = None
    try:
        while True:
            decoding = asyncio.create_task(asyncio.to_thread(next, found, None))
            piece = await asyncio.shield(decoding)
            if piece is None:
                return
            yield piece
    except NotAudio:
        raise Refusal("invalid_file_format", param="file") from None
    except TooLong:
        raise Refusal("audio_too_long", param="file", limit_s=FILE_S) from None
    finally:
        if decoding is not None:
            background.spawn(_end(decoding, found))


async def _end(decoding: asyncio.Task[bytes | None], found: Iterator[bytes]) -> None:
    """A piece may be under way in its thread, whose file may be closed by now."""
    await asyncio.wait({decoding})
    if not decoding.cancelled():
        decoding.exception()
    if isinstance(found, Generator):
        await asyncio.to_thread(found.close)
