"""One client of each wire without a room, as raw as they come: sound goes out in real time, and what is told is noted with its time.

A wire's client says how it begins, how sound is wrapped, how it ends, and what of a message is text. Text is `final` where the
wire promises never to change it, and `shown` behind that.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import grpc
import numpy as np
from grpc import aio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from asr.audio.samples import SAMPLE_RATE_HZ
from gateways.speech.messages import generation
from ops.measure.score import Seen

CHUNK_S = 0.1
SECOND_BYTES = 2 * SAMPLE_RATE_HZ
OPENS_WITHIN_S = 60.0
LAST_WORDS_S = 60.0  # behind the end of the sound
SILENCE_S = 3.0  # where a wire knows no end, its client falls silent, and goes when
QUIET_S = 5.0  # nothing has come for so long


@dataclass(frozen=True, slots=True)
class Place:
    """Where the wires are served, and by what right."""

    web_port: int
    speech_ports: tuple[int, int]  # of the current generation, of the older one
    key: str
    lang: str
    meeting_token: str = ""  # none where the stack bypasses authorisation


@dataclass(slots=True)
class Notes:
    """What one speaker was told. Times are monotonic. `refused`: how the wire said no; `ended`: how it broke off."""

    chunk_s: float = CHUNK_S
    sent_s: list[float] = field(default_factory=list)  # when each chunk was sent
    final: str = ""
    seen: list[Seen] = field(default_factory=list)  # `at_s` since the first chunk
    refused: str = ""
    ended: str = ""
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, *, final: str = "", tentative: str = "") -> None:
        """Text that is appended for good, and what stands behind it now."""
        self.final += final
        shown = f"{self.final} {tentative}".strip()
        if not self.seen or (self.seen[-1].final, self.seen[-1].shown) != (self.final, shown):
            began_s = self.sent_s[0] if self.sent_s else time.monotonic()
            self.seen.append(Seen(time.monotonic() - began_s, self.final, shown))
            self.heard.set()


async def in_real_time(sound: bytes, notes: Notes) -> AsyncIterator[bytes]:
    """Chunks, each when it has been spoken."""
    size = int(notes.chunk_s * SAMPLE_RATE_HZ) * 2
    began_s = time.monotonic()
    for number, at in enumerate(range(0, len(sound), size), 1):
        await asyncio.sleep(began_s + number * notes.chunk_s - time.monotonic())
        notes.sent_s.append(time.monotonic())
        yield sound[at : at + size]


def noise(seconds: float) -> bytes:
    """What the scripted recogniser hears words in."""
    samples = np.random.default_rng(5).normal(0, 0.1, int(seconds * SAMPLE_RATE_HZ))
    return (samples * 32767).astype("<i2").tobytes()


class SocketClient:
    """Over a WebSocket; its one speaker's sound is s16le, mono, 16 kHz."""

    name: ClassVar[str]
    path: ClassVar[str]
    chunk_s: ClassVar[float] = CHUNK_S
    silence_s: ClassVar[float] = 0.0

    def __init__(self, place: Place, number: int = 0) -> None:
        self.place, self.number = place, number
        self.over = False

    def headers(self) -> Mapping[str, str]:
        """Of the handshake."""
        return {}

    async def begin(self, socket: ClientConnection) -> None:
        """Before the first sound."""

    def wrapped(self, sound: bytes, speaker: int) -> bytes | str:
        """A chunk as a message."""
        return sound

    async def end(self, socket: ClientConnection) -> None:
        """Behind the last sound. Here: the client goes when nothing has come for long enough."""

    def take(self, message: Any, notes: list[Notes]) -> None:
        """What a message says, JSON already parsed; sets `over` behind the last one."""
        raise NotImplementedError

    async def run(self, sounds: list[bytes], *, stalls: bool = False) -> list[Notes]:
        """Every speaker's sound, to its end. `stalls`: reads nothing."""
        notes = [Notes(self.chunk_s) for _ in sounds]
        url = f"ws://127.0.0.1:{self.place.web_port}{self.path}"
        try:
            async with connect(
                url,
                additional_headers=self.headers(),
                compression=None,
                max_size=None,
                open_timeout=OPENS_WITHIN_S,
            ) as socket:
                await self.begin(socket)
                if stalls:
                    socket.transport.pause_reading()
                speaking = asyncio.create_task(self._speak(socket, sounds, notes))
                try:
                    within_s = max(map(len, sounds)) / SECOND_BYTES + self.silence_s + LAST_WORDS_S
                    await (speaking if stalls else self._listen(socket, notes, within_s))
                finally:
                    speaking.cancel()
                if stalls:
                    socket.transport.abort()
        except InvalidStatus as error:
            body = (error.response.body or b"").decode("utf-8", "replace")
            _all_refused(notes, f"HTTP {error.response.status_code} {body[:80]}")
        except ConnectionClosed as error:
            _all_ended(notes, _close_of(error))
        return notes

    async def _listen(self, socket: ClientConnection, notes: list[Notes], within_s: float) -> None:
        """Until the wire says that all was said, or it is time."""
        try:
            async with asyncio.timeout(within_s):
                async for message in socket:
                    if isinstance(message, str):
                        self.take(json.loads(message), notes)
                    if self.over:
                        return
        except TimeoutError:
            return

    async def _speak(self, socket: ClientConnection, sounds: list[bytes], notes: list[Notes]) -> None:
        async def one(speaker: int) -> None:
            sound = sounds[speaker] + b"\0" * int(self.silence_s * SECOND_BYTES)
            async for chunk in in_real_time(sound, notes[speaker]):
                await socket.send(self.wrapped(chunk, speaker))

        try:
            await asyncio.gather(*map(one, range(len(sounds))))
            await self.end(socket)
        except ConnectionClosed:
            return  # the listener says why


class Meetings(SocketClient):
    """Skynet's: all speakers of a meeting in one socket, a second in each message, as its clients send it."""

    name, chunk_s = "meetings", 1.0

    @property
    def path(self) -> str:  # type: ignore[override]
        """A meeting of its own."""
        return f"/streaming-whisper/ws/bench{self.number}?consent=1&auth_token={self.place.meeting_token}"

    def wrapped(self, sound: bytes, speaker: int) -> bytes:
        """Behind its header."""
        return f"voice{speaker}|{self.place.lang}".encode().ljust(60, b"\0") + sound

    async def end(self, socket: ClientConnection) -> None:
        """The meeting is over."""
        await socket.send(b"\0")

    def take(self, message: Any, notes: list[Notes]) -> None:
        """Interims and finals of a participant."""
        of = notes[int(message["participant_id"].removeprefix("voice"))]
        if message["type"] == "final":
            of.tell(final=f" {message['text']}")
        else:
            of.tell(tentative=message["text"])


class Twin(SocketClient):
    """Speech's WebSocket."""

    name, path = "transcribe", "/v1/transcribe?consent=1"

    async def begin(self, socket: ClientConnection) -> None:
        """Says the format."""
        sound = {"encoding": "pcm_s16le", "sample_rate_hz": SAMPLE_RATE_HZ, "channels": 1}
        start = {"type": "start", "chunk_duration_millis": int(CHUNK_S * 1000), "audio_format": sound}
        await socket.send(json.dumps(start))

    async def end(self, socket: ClientConnection) -> None:
        """No more sound."""
        await socket.send('{"type":"finish"}')

    def take(self, message: Any, notes: list[Notes]) -> None:
        """Confirmed pieces and the interim."""
        self.over = message["type"] == "completed"
        if message["type"] == "error":
            _all_refused(notes, f"{message['code']}: {message['message']}")
        elif message["type"] == "transcript":
            confirmed, interim = message.get("confirmed") or {}, message.get("interim") or {}
            notes[0].tell(final=confirmed.get("text", ""), tentative=interim.get("text", ""))


class Interpreter(SocketClient):
    """Speech in, text out; what is spoken back is not looked at."""

    name, path, silence_s = "interpreter", "/ws/audio", SILENCE_S

    def __init__(self, place: Place, number: int = 0) -> None:
        super().__init__(place, number)
        self._told_s = 0.0

    async def begin(self, socket: ClientConnection) -> None:
        """A room of its own, and no translation."""
        self._told_s = time.monotonic()
        config = {
            "type": "config", "sampleRate": SAMPLE_RATE_HZ, "frameSize": 1600, "targetLang": self.place.lang,
            "roomId": f"bench{self.number}", "consent": True,
        }  # fmt: skip
        await socket.send(json.dumps(config))

    async def end(self, socket: ClientConnection) -> None:
        """The wire has no end."""
        while (quiet_s := time.monotonic() - self._told_s) < QUIET_S:  # noqa: ASYNC110
            await asyncio.sleep(QUIET_S - quiet_s)
        await socket.close()

    def take(self, message: Any, notes: list[Notes]) -> None:
        """Partials and finals."""
        self._told_s = time.monotonic()
        if message["type"] == "final":
            notes[0].tell(final=f" {message['text']}")
        elif message["type"] == "partial":
            notes[0].tell(tentative=message["text"])
        elif message["type"] == "error":
            _all_refused(notes, message["message"])


class Realtime(SocketClient):
    """OpenAI's shape. The sound is announced as what it is."""

    name, path = "realtime", "/v1/realtime?intent=transcription&consent=1"

    def headers(self) -> Mapping[str, str]:
        """A key of ours."""
        return {"Authorization": f"Bearer {self.place.key}"}

    async def begin(self, socket: ClientConnection) -> None:
        """One item for all: nobody looks for pauses."""
        sound = {"format": {"type": "audio/pcm", "rate": SAMPLE_RATE_HZ}, "turn_detection": None}
        chosen = {"input": {**sound, "transcription": {"language": self.place.lang}}}
        update = {"type": "session.update", "session": {"type": "transcription", "audio": chosen}}
        await socket.send(json.dumps(update))

    def wrapped(self, sound: bytes, speaker: int) -> str:
        """In an event."""
        audio = base64.b64encode(sound).decode()
        return json.dumps({"type": "input_audio_buffer.append", "audio": audio})

    async def end(self, socket: ClientConnection) -> None:
        """What is left becomes text now."""
        await socket.send('{"type":"input_audio_buffer.commit"}')

    def take(self, message: Any, notes: list[Notes]) -> None:
        """Deltas: none is taken back."""
        kind = message["type"].rpartition(".")[2]
        self.over = kind in ("completed", "failed")
        if kind == "delta":
            notes[0].tell(final=message["delta"])
        elif kind == "error":
            _all_refused(notes, f"{message['error']['code']}: {message['error']['message']}")


class Listen(SocketClient):
    """Deepgram's shape."""

    name = "listen"

    @property
    def path(self) -> str:  # type: ignore[override]
        """What is asked for stands in the query."""
        wanted = f"encoding=linear16&sample_rate={SAMPLE_RATE_HZ}&language={self.place.lang}"
        return f"/v1/listen?{wanted}&interim_results=true&punctuate=true&consent=1"

    def headers(self) -> Mapping[str, str]:
        """A key of ours."""
        return {"Authorization": f"Token {self.place.key}"}

    async def end(self, socket: ClientConnection) -> None:
        """No more sound."""
        await socket.send('{"type":"CloseStream"}')

    def take(self, message: Any, notes: list[Notes]) -> None:
        """Results, final or not."""
        self.over = message["type"] == "Metadata"
        if message["type"] == "Results":
            text = message["channel"]["alternatives"][0]["transcript"]
            notes[0].tell(final=f" {text}") if message["is_final"] else notes[0].tell(tentative=text)


class Grpc:
    """The current generation over gRPC; one speaker."""

    name: ClassVar[str] = "grpc"
    older: ClassVar[bool] = False

    def __init__(self, place: Place, number: int = 0) -> None:
        self.place = place

    async def run(self, sounds: list[bytes], *, stalls: bool = False) -> list[Notes]:
        """As SocketClient's."""
        notes = Notes()
        port = self.place.speech_ports[self.older]
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            method, response = self._method()
            call = channel.stream_stream(f"/speech.{method}")(metadata=[("x-consent", "1")])
            speaking = asyncio.create_task(self._speak(call, sounds[0], notes))
            try:
                async with asyncio.timeout(len(sounds[0]) / SECOND_BYTES + LAST_WORDS_S):
                    if stalls:
                        await speaking
                        return [notes]
                    async for answer in call:
                        self._take(response.FromString(answer), notes)
            except TimeoutError:
                notes.ended = "no end"
            except grpc.aio.AioRpcError as error:
                notes.refused = f"{error.code().name} {error.details()}"
            finally:
                speaking.cancel()
        return [notes]

    async def _speak(self, call: Any, sound: bytes, notes: Notes) -> None:
        try:
            for message in self._beginning():
                await call.write(message)
            async for chunk in in_real_time(sound, notes):
                await call.write(self._audio(chunk))
            await call.done_writing()
        except (grpc.RpcError, asyncio.InvalidStateError, aio.UsageError):
            return  # the reader says why

    def _method(self) -> tuple[str, Any]:
        return "SpeechToText/StreamingRecognize", generation("current").message("StreamingRecognizeResponse")

    def _beginning(self) -> list[bytes]:
        request = generation("current").message("StreamingRecognizeRequest")
        config = {"chunk_duration_millis": int(CHUNK_S * 1000), "encoding": "AUDIO_ENCODING_PCM_S16LE"}
        return [request(config=config).SerializeToString()]

    def _audio(self, chunk: bytes) -> bytes:
        request = generation("current").message("StreamingRecognizeRequest")
        data: bytes = request(audio_chunk={"audio_bytes": chunk}).SerializeToString()
        return data

    def _take(self, answer: Any, notes: Notes) -> None:
        notes.tell(final=answer.confirmed.text, tentative=answer.interim.text)


class OlderGrpc(Grpc):
    """The older generation, with its hypothesis."""

    name, older = "grpc older", True

    def _method(self) -> tuple[str, Any]:
        method = "SpeechToTextWithHypothesis/StreamingRecognizeWithHypothesis"
        return method, generation("older").message("TranscriptWithHypothesis")

    def _beginning(self) -> list[bytes]:
        return []

    def _audio(self, chunk: bytes) -> bytes:
        samples = np.frombuffer(chunk, "<i2").astype(np.float32) / 32768
        data: bytes = generation("older").message("AudioChunk")(samples=samples).SerializeToString()
        return data

    def _take(self, answer: Any, notes: Notes) -> None:
        notes.tell(final=answer.confirmed.text, tentative=answer.hypothesis.text)


def _close_of(error: ConnectionClosed) -> str:
    return f"{error.rcvd.code} {error.rcvd.reason}".strip() if error.rcvd else "no close"


def _all_refused(notes: list[Notes], how: str) -> None:
    for each in notes:
        each.refused = each.refused or how


def _all_ended(notes: list[Notes], how: str) -> None:
    for each in notes:
        each.ended = how


WIRES: dict[str, Callable[[Place, int], Any]] = {
    wire.name: wire for wire in (Meetings, Grpc, OlderGrpc, Twin, Interpreter, Realtime, Listen)
}
