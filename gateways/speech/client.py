"""A client of this wire, of either generation: pieces of audio in, updates out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc import aio

from gateways.speech.messages import PACKAGE, generation
from gateways.speech.pieces import Piece, Update
from gateways.speech.ports import Name
from gateways.speech.servicer import CONSENT, LANGUAGE

OPEN_WITHIN_S: Final = 2.0  # servers before us say nothing before their first text


class ClientRefused(Exception):
    """The server ended the stream; the message is its status."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How to speak. `speed`: times real time; 0: as fast as the server takes it. `lang` "": the server's."""

    target: str
    generation: Name = "current"
    with_hypothesis: bool = False
    chunk_ms: int = 1000
    speed: float = 1.0
    lang: str = ""
    consent: bool = False


async def recognise(chunks: Iterable[bytes], options: ClientOptions) -> AsyncGenerator[Update, None]:
    """`chunks`: mono s16le at 16 kHz, each of `chunk_ms`. Raises ClientRefused."""
    dialect = _Current(options) if options.generation == "current" else _Older(options)
    metadata = [(CONSENT, "1")] if options.consent else []
    if options.lang:
        metadata.append((LANGUAGE, options.lang))
    async with aio.insecure_channel(options.target) as channel:
        opened = asyncio.Event()
        call = channel.stream_stream(f"/{PACKAGE}.{dialect.method}")(
            _requests(dialect, chunks, options, opened), metadata=metadata
        )
        waiting = asyncio.create_task(_wait_until_open(call, opened))
        try:
            async for answer in call:
                yield dialect.update(answer)
        except grpc.RpcError as error:
            raise ClientRefused(f"{error.code().name}: {error.details()}") from error
        finally:
            waiting.cancel()


async def _wait_until_open(call: Any, opened: asyncio.Event) -> None:
    """Whoever writes on while the server refuses reads "Internal error from Core" instead of its reason."""
    with contextlib.suppress(TimeoutError, grpc.RpcError):
        async with asyncio.timeout(OPEN_WITHIN_S):
            await call.initial_metadata()
    opened.set()


async def _requests(
    dialect: _Current | _Older, chunks: Iterable[bytes], options: ClientOptions, opened: asyncio.Event
) -> AsyncIterator[bytes]:
    """A chunk is sent when it would have been spoken; the second message once the server has taken the first."""
    began = time.monotonic()
    for first in dialect.first():
        yield first
        await opened.wait()
    number, pieces = 0, iter(chunks)
    while (chunk := await asyncio.to_thread(next, pieces, None)) is not None:  # a microphone waits
        number += 1
        if options.speed:
            due = began + number * options.chunk_ms / 1000 / options.speed
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        yield dialect.chunk(chunk)
        await opened.wait()


class _Current:
    method = "SpeechToText/StreamingRecognize"

    def __init__(self, options: ClientOptions) -> None:
        messages = generation("current")
        self._request = messages.message("StreamingRecognizeRequest")
        self._response = messages.message("StreamingRecognizeResponse")
        self._chunk_ms = options.chunk_ms

    def first(self) -> list[bytes]:
        encoding = "AUDIO_ENCODING_PCM_S16LE"
        config = {"chunk_duration_millis": self._chunk_ms, "encoding": encoding}
        return [self._request(config=config).SerializeToString()]

    def chunk(self, data: bytes) -> bytes:
        return bytes(self._request(audio_chunk={"audio_bytes": data}).SerializeToString())

    def update(self, answer: bytes) -> Update:
        found = self._response.FromString(answer)
        return Update(_piece(found, "confirmed"), _piece(found, "interim"))


class _Older:
    def __init__(self, options: ClientOptions) -> None:
        messages = generation("older")
        self._with_hypothesis = options.with_hypothesis
        self.method = "SpeechToText/StreamingRecognize"
        answer = "Transcript"
        if options.with_hypothesis:
            self.method = "SpeechToTextWithHypothesis/StreamingRecognizeWithHypothesis"
            answer = "TranscriptWithHypothesis"
        self._chunk = messages.message("AudioChunk")
        self._answer = messages.message(answer)

    def first(self) -> list[bytes]:
        return []

    def chunk(self, data: bytes) -> bytes:
        samples = memoryview(data).cast("h")
        return bytes(self._chunk(samples=[sample / 32768 for sample in samples]).SerializeToString())

    def update(self, answer: bytes) -> Update:
        found = self._answer.FromString(answer)
        if self._with_hypothesis:
            return Update(_piece(found, "confirmed"), _piece(found, "hypothesis"))
        return Update(_made(found), None)


def _piece(message: Any, name: str) -> Piece | None:
    return _made(getattr(message, name)) if message.HasField(name) else None


def _made(transcript: Any) -> Piece:
    return Piece(transcript.start_time_millis, transcript.end_time_millis, transcript.text)
