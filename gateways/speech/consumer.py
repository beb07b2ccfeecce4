"""The WebSocket twin, `WS /v1/transcribe`: parse, call the stream, encode."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import parse_qs

from django.conf import settings

from asr.stream_options import DEFAULTS
from gateways.common.consent import require_consent
from gateways.common.consumer import SocketConsumer
from gateways.common.limits import TokenBucket
from gateways.common.outbox import TRY_AGAIN_LATER, Close
from gateways.speech import twin_messages
from gateways.speech.refusals import (
    INTERNAL,
    RESTARTING,
    Code,
    Refusal,
    Refused,
    first_audio_late,
    of_error,
    paused,
    start_late,
)  # fmt: skip
from gateways.speech.rules import MAX_CHUNK_MS, PAUSE_WITHIN_S, first_audio_within_s
from gateways.speech.stream import SpeechStream
from gateways.speech.twin_messages import Started
from rooms.errors import DomainError

NORMAL, POLICY_VIOLATION, INTERNAL_ERROR = 1000, 1008, 1011
MESSAGES_PER_S, MESSAGES_BURST = 500.0, 5000.0  # 10 ms chunks five times as fast as they are spoken
SLOWED_S: Final = 0.02
SAID: Final = ("1", "true")
# A client of the server before us knows the first three codes, with these closes.
ENDS: Final[dict[Code, tuple[str, int]]] = {
    "invalid_argument": ("invalid_argument", POLICY_VIOLATION),
    "deadline_exceeded": ("deadline_exceeded", POLICY_VIOLATION),
    "internal_error": ("internal_error", INTERNAL_ERROR),
    "data_loss": ("internal_error", INTERNAL_ERROR),
    "failed_precondition": ("invalid_argument", POLICY_VIOLATION),
    "resource_exhausted": ("resource_exhausted", TRY_AGAIN_LATER),
    "unavailable": ("internal_error", TRY_AGAIN_LATER),
}


class TranscribeConsumer(SocketConsumer):
    """One client."""

    expected = (Refused, DomainError)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._started: Started | None = None
        self._stream: SpeechStream | None = None
        self._answering: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._why: Refusal | None = None  # the stream ends with it
        self._over = False  # nothing more is heard
        self._bucket = TokenBucket(rate_per_s=MESSAGES_PER_S, burst=MESSAGES_BURST)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """`start`, audio, `finish`."""
        if not self._over:
            await self._or_refuse(self._receive(text_data, bytes_data))

    async def _join(self) -> None:
        within_s = first_audio_within_s(MAX_CHUNK_MS)
        self._expect(within_s, start_late(within_s))

    async def _receive(self, text: str | None, data: bytes | None) -> None:
        self._expect(None)
        while not self._bucket.consume():  # noqa: ASYNC110  (time is all that it waits for)
            await asyncio.sleep(SLOWED_S)  # only this client waits
        if self._started is None:
            await self._start(text)
        elif data is None:
            twin_messages.check_finish(text or "")
            await self._hear_no_more(None)
        else:
            await self._hear(self._started, data)

    async def _start(self, text: str | None) -> None:
        asked = twin_messages.started(text)
        query = parse_qs(self.scope.get("query_string", b"").decode("ascii", "replace"))
        require_consent(said=asked.consent or query.get("consent", [""])[0] in SAID)
        lang = asked.lang or query.get("language", [""])[0] or settings.ENV.speech_lang
        self._stream = await SpeechStream.open(asked.rules.raw_format, lang=lang, options=DEFAULTS)
        self._started = asked
        self._answering = self._work(self._answer(self._stream))
        within_s = first_audio_within_s(asked.chunk_ms)
        self._expect(within_s, first_audio_late(within_s))

    async def _hear(self, started: Started, data: bytes) -> None:
        twin_messages.check_audio(started.rules, data)
        if self._stream is not None:
            await self._stream.feed(data)
        self._expect(PAUSE_WITHIN_S, paused(PAUSE_WITHIN_S))

    def _expect(self, within_s: float | None, refusal: Refusal = INTERNAL) -> None:
        """The next message, or else the stream ends. None: not now."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if within_s is not None and not self._over and not self._ended.is_set():
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(within_s, lambda: self._work(self._hear_no_more(refusal)))

    async def _hear_no_more(self, why: Refusal | None) -> None:
        """No more audio: what has come becomes text."""
        self._over, self._why = True, why
        if self._stream is not None:
            await self._stream.end()
        elif why is not None:
            raise Refused(why)

    async def _answer(self, stream: SpeechStream) -> None:
        """One message after the other, as its client reads them."""
        async with aclosing(stream.updates()) as updates:
            async for update in updates:
                self._outbox.put(twin_messages.transcript(update))
                await self._outbox.drained()
        if self._why is not None:
            raise Refused(self._why)
        if not self._over:
            raise Refused(INTERNAL)  # its session was closed by somebody else
        self._outbox.put(twin_messages.completed())
        self._outbox.close(Close(NORMAL, "completed"))

    async def _refuse(self, error: Exception | None) -> None:
        self._over = True
        self._expect(None)
        if isinstance(error, Refused):
            refusal = error.refusal
        else:
            refusal = of_error(error) if isinstance(error, DomainError) else INTERNAL
        code, close = ENDS[refusal.code]
        self._outbox.put(twin_messages.error(code, refusal.message))
        self._outbox.close(Close(close, refusal.message))
        await self._give_back()  # also where the client never answers the close

    async def _drain(self) -> None:
        self._expect(None)
        if not self._over:
            await self._hear_no_more(RESTARTING)

    async def _leave(self) -> None:
        self._expect(None)
        await self._give_back()

    async def _give_back(self) -> None:
        answering, stream, self._stream = self._answering, self._stream, None
        if answering is not None and answering is not asyncio.current_task():
            answering.cancel()
        if stream is not None:
            await stream.close()
