"""Raw clients of both forms of this wire, for tests: they say what they are told, right or wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
from grpc import aio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from asr.audio.pcm import RawFormat
from asr.tests.gateway import noise, spoken
from gateways.common.tests.documented import check_message
from gateways.speech.messages import generation

WITHIN_S = 180  # a recogniser's process that starts on a busy machine
S16, F32 = RawFormat("s16le"), RawFormat("f32le")
Request = generation("current").message("StreamingRecognizeRequest")
Response = generation("current").message("StreamingRecognizeResponse")
CURRENT = "SpeechToText/StreamingRecognize"


def config(chunk_ms=500, encoding=2):
    return Request(config={"chunk_duration_millis": chunk_ms, "encoding": encoding}).SerializeToString()


def audio(data):
    return Request(audio_chunk={"audio_bytes": data}).SerializeToString()


def halves(seconds, raw_format=S16):
    """Half-second chunks."""
    data, size = noise(seconds, raw_format), raw_format.second_bytes // 2
    return [data[at : at + size] for at in range(0, len(data), size)]


def told(seconds):
    """What the scripted recogniser says to so much sound, as the wire joins it."""
    words = spoken(seconds)
    last = len(words) - 1
    return "".join(f" {word}{'.' if n % 4 == 3 or n == last else ''}" for n, word in enumerate(words))


async def stay(send):
    with suppress(ConnectionClosed, grpc.RpcError, asyncio.InvalidStateError, aio.UsageError):
        while True:
            await asyncio.sleep(0.5)
            await send()


class Stream:
    """One call. Messages are bytes."""

    def __init__(self, call, response=Response):
        self._call = call
        self._response = response
        self._writing = asyncio.Lock()
        self._staying = None
        self.answers = []

    async def send(self, *messages):
        for message in messages:
            async with self._writing:
                await self._call.write(message)

    def stay(self):
        """Go on with empty audio, however slow the machine is."""
        self._staying = asyncio.create_task(stay(lambda: self.send(audio(b""))))

    async def hush(self):
        """No more audio, and no goodbye: a write that crosses the server's status becomes "Internal error from Core"."""
        async with self._writing:  # a write that is cancelled cancels the call
            if self._staying is not None:
                self._staying.cancel()

    async def finish(self):
        await self.hush()
        async with self._writing:
            await self._call.done_writing()

    async def read(self):
        """The next answer; None at the end."""
        try:
            async with asyncio.timeout(WITHIN_S):
                answer = await self._call.read()
        except grpc.RpcError:
            return None
        if answer is aio.EOF:
            return None
        self.answers.append(self._response.FromString(answer))
        return self.answers[-1]

    async def until(self, holds):
        while not holds():
            assert await self.read() is not None, await self.status()

    async def status(self):
        """All that is still said, then how it ended."""
        while await self.read() is not None:
            pass
        return (await self._call.code()).name, await self._call.details()

    @property
    def confirmed(self):
        return [answer.confirmed for answer in self.answers if answer.HasField("confirmed")]

    @property
    def text(self):
        return "".join(piece.text for piece in self.confirmed)

    def cancel(self):
        """Go, without a word; nothing more may be asked of it."""
        self._call.cancel()


@asynccontextmanager
async def stream(port, method=CURRENT, response=Response, **metadata) -> AsyncIterator[Stream]:
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        pairs = [(key.replace("_", "-"), value) for key, value in metadata.items()]
        call = channel.stream_stream(f"/speech.{method}")(metadata=pairs, wait_for_ready=True)
        try:
            yield Stream(call, response)
        finally:
            call.cancel()


class Twin:
    """One socket."""

    def __init__(self, socket):
        self.socket = socket
        self._staying = None
        self.messages = []

    def stay(self):
        """Go on with empty audio, however slow the machine is."""
        self._staying = asyncio.create_task(stay(lambda: self.send(b"")))

    async def finish(self):
        if self._staying is not None:
            self._staying.cancel()
        await self.send({"type": "finish"})

    async def send(self, *messages):
        for message in messages:
            await self.socket.send(message if isinstance(message, bytes | str) else json.dumps(message))

    async def read(self):
        """The next message; None at the end."""
        try:
            async with asyncio.timeout(WITHIN_S):
                message = json.loads(await self.socket.recv())
        except ConnectionClosed:
            return None
        check_message("speech", "transcribe", message)
        self.messages.append(message)
        return message

    async def end(self):
        """All that is still said; the last message, and the close."""
        while await self.read() is not None:
            pass
        last = self.messages[-1] if self.messages else None
        return last, self.socket.close_code, self.socket.close_reason

    @property
    def text(self):
        pieces = [message["confirmed"]["text"] for message in self.messages if "confirmed" in message]
        return "".join(pieces)


@asynccontextmanager
async def twin(url, query="") -> AsyncIterator[Twin]:
    async with connect(
        f"{url.replace('http', 'ws', 1)}/v1/transcribe{query}", max_size=None, open_timeout=WITHIN_S
    ) as socket:
        yield Twin(socket)


def start(chunk_ms=500, encoding="pcm_s16le", **more):
    audio_format = {"encoding": encoding, "sample_rate_hz": 16000, "channels": 1}
    return {"type": "start", "chunk_duration_millis": chunk_ms, "audio_format": audio_format} | more
