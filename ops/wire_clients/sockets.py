"""Clients over WebSockets."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from asr.audio.samples import SAMPLE_RATE_HZ
from ops.wire_clients.notes import (
    CHUNK_S,
    LAST_WORDS_S,
    SECOND_BYTES,
    Notes,
    Place,
    all_ended,
    all_refused,
    in_real_time,
)

OPENS_WITHIN_S = 60.0
SILENCE_S = 3.0  # where a wire knows no end, its client falls silent, and goes when
QUIET_S = 5.0  # nothing has come for so long


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
            all_refused(notes, f"HTTP {error.response.status_code} {body[:80]}")
        except ConnectionClosed as error:
            all_ended(notes, _close_of(error))
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
            all_refused(notes, f"{message['code']}: {message['message']}")
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
            all_refused(notes, message["message"])


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
            all_refused(notes, f"{message['error']['code']}: {message['error']['message']}")


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


def _close_of(error: ConnectionClosed) -> str:
    return f"{error.rcvd.code} {error.rcvd.reason}".strip() if error.rcvd else "no close"
