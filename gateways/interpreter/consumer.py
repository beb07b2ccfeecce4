"""The interpreter's WebSocket: `WS /ws/audio`."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

from django.conf import settings

from asr.audio.pcm import RawFormat
from asr.stream_options import AUTO_LANG
from gateways.common import background
from gateways.common.consent import require_consent
from gateways.common.consumer import SocketConsumer
from gateways.common.limits import TokenBucket
from gateways.common.outbox import RESTARTS, TRY_AGAIN_LATER, Close
from gateways.interpreter import limits, metrics, wire
from gateways.interpreter.interpreter import SPEECH_SLOT, Audience, Interpreter
from gateways.interpreter.room import InterpreterRoom, Shared
from gateways.interpreter.sound import SoundWatch, has_sound
from rooms.errors import BadInput, DomainError, NoCapacity
from translation.engines import codes

POLICY_VIOLATION, INTERNAL_ERROR = 1008, 1011
TOO_MANY_MESSAGES = Close(POLICY_VIOLATION, "too_many_messages")
TOO_MUCH_AUDIO = Close(POLICY_VIOLATION, "too_much_audio")
NOT_NOW = Close(TRY_AGAIN_LATER, "not_now")


class InterpreterConsumer(SocketConsumer):
    """One client. Its session is opened by its first sound: who only listens takes no slot."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._member = secrets.token_hex(8)
        self._texts = TokenBucket(rate_per_s=limits.TEXTS_PER_S, burst=limits.TEXTS_BURST)
        self._messages = TokenBucket(rate_per_s=limits.MESSAGES_PER_S, burst=limits.MESSAGES_BURST)
        self._seconds = TokenBucket(rate_per_s=limits.AUDIO_RATE, burst=limits.AUDIO_BURST_S)
        self._format: RawFormat | None = None  # None: no config yet
        self._source_lang = AUTO_LANG
        self._audience: Audience | None = None
        self._interpreter: Interpreter | None = None
        self._watch: SoundWatch | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._drains = False  # nothing more is heard
        self._told: set[str] = set()  # errors that are said once, until it is mended

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A text, or sound. Nothing here waits."""
        if self._ended.is_set():
            return
        if not (self._messages if text_data is None else self._texts).consume():
            self._outbox.close(TOO_MANY_MESSAGES)
        elif text_data is not None:
            try:
                self._answer(wire.parse(text_data))
            except DomainError as error:
                self._say(wire.Error(message=error.code))
        elif bytes_data:
            self._hear(bytes_data)

    async def _join(self) -> None:
        metrics.CONNECTIONS.inc()

    # --- texts
    def _answer(self, asked: wire.Asked) -> None:
        match asked:
            case wire.Config():
                self._configure(asked)
                self._say(wire.Ack())
            case wire.Heartbeat():
                self._outbox.show(wire.encode(wire.Pong(ts_ms=asked.ts_ms)), slot="pong")
            case wire.HistoryRequest():
                self._work(self._send_history())

    def _configure(self, config: wire.Config) -> None:
        """All of it or nothing. Raises DomainError."""
        require_consent(said=config.consent)
        if config.sample_rate_hz not in wire.RATES_HZ:
            raise BadInput("unsupported_sample_rate")
        source_lang, target_lang = _source(config.source_lang), _target(config.target_lang)
        if self._interpreter is not None and source_lang != self._source_lang:
            raise BadInput("source_lang_fixed")
        self._source_lang = source_lang
        self._format = RawFormat("s16le", config.sample_rate_hz)
        self._meet(config.room_id, target_lang)
        self._told.discard("config_missing")
        if self._watch is None:
            self._watch = SoundWatch(time.monotonic())
            self._await_silence()

    def _meet(self, name: str, target_lang: str) -> None:
        """Be in this room, and in no other."""
        if self._audience is None:
            self._audience = Audience(self._outbox, self._room(name), target_lang)
            return
        self._audience.target_lang = target_lang
        if self._audience.room.name != name:
            background.spawn(self._audience.room.leave())
            self._audience.room = self._room(name)

    def _room(self, name: str) -> InterpreterRoom:
        room = InterpreterRoom(name, self._member, self._pass_on)
        background.spawn(room.join())
        return room

    def _pass_on(self, shared: Shared) -> None:
        if isinstance(shared.payload, bytes):
            self._outbox.show(shared.payload, slot=f"{SPEECH_SLOT} of another")
        else:
            self._outbox.put(shared.payload)

    async def _send_history(self) -> None:
        room = (
            self._audience.room if self._audience else InterpreterRoom(wire.DEFAULT_ROOM, "", self._pass_on)
        )
        items = await room.history() if settings.ENV.store_transcripts else []
        self._say(wire.History(items=items))

    # --- sound
    def _hear(self, data: bytes) -> None:
        if self._drains:
            return
        if self._format is None or self._audience is None or self._watch is None:
            self._say_once("config_missing")
            return
        data = data[: len(data) // 2 * 2]  # half a sample is none
        if not self._seconds.consume(len(data) / self._format.second_bytes):
            self._outbox.close(TOO_MUCH_AUDIO)
            return
        if has_sound(data):
            self._watch.heard(time.monotonic())
            self._await_silence()
        if self._interpreter is None:
            self._interpreter = Interpreter(self._audience, self._source_lang)
            self._work(self._interpreter.run())
        if self._interpreter.feed(data, self._format):
            self._told.discard("audio_backlog")
        else:
            self._say_once("audio_backlog")

    def _await_silence(self) -> None:
        """One timer, which looks again when it is due: sound comes fifty times a second."""
        if self._silence is None and self._watch is not None and (due_s := self._watch.due_s()) is not None:
            delay_s = max(0.0, due_s - time.monotonic())
            self._silence = asyncio.get_running_loop().call_later(delay_s, self._on_silence)

    def _on_silence(self) -> None:
        self._silence = None
        if self._watch is not None and self._watch.warns(time.monotonic()):
            self._say(wire.NoAudio())
        self._await_silence()

    # --- its end
    async def _drain(self) -> None:
        """What was said is still for this client and its room, translated."""
        self._drains = True
        if self._interpreter is not None:
            await self._interpreter.leave()
        self._outbox.close(RESTARTS)

    async def _leave(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        if self._interpreter is not None:
            await self._interpreter.leave()
        if self._audience is not None:
            await self._audience.room.leave()

    async def _refuse(self, error: Exception | None) -> None:
        if isinstance(error, NoCapacity):
            self._say(wire.Error(message="capacity"))
            self._outbox.close(Close(TRY_AGAIN_LATER, "capacity"))
        elif isinstance(error, DomainError) and not error.retry:
            self._say(wire.Error(message=error.code))
            self._outbox.close(Close(INTERNAL_ERROR, error.code))
        else:
            self._outbox.close(NOT_NOW)

    def _say(self, message: wire.Message) -> None:
        self._outbox.put(wire.encode(message))

    def _say_once(self, error: str) -> None:
        if error not in self._told:
            self._told.add(error)
            self._say(wire.Error(message=error))


def _source(asked: str) -> str:
    """Raises BadInput."""
    lang = asked.partition("-")[0].lower()
    if lang not in (AUTO_LANG, *settings.ENV.source_langs):
        raise BadInput("unsupported_source_lang")
    return lang


def _target(asked: str) -> str:
    """Any language: where no engine makes it, finals come without a translation. Raises BadInput."""
    if not codes.is_code(asked):
        raise BadInput("unsupported_target_lang")
    return asked
