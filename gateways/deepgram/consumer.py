"""`WS /v1/listen`: speech in, words out, in the shape of Deepgram's (docs/wires/ecosystem.md)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from asr.models import Session
from asr.stream_options import AUTO_LANG, StreamOptions
from gateways.common import keys
from gateways.common.consent import require_consent
from gateways.common.consumer import SocketConsumer
from gateways.common.denial import deny
from gateways.common.limits import TokenBucket
from gateways.common.outbox import RESTARTS, Close
from gateways.common.speech import SpeechSession
from gateways.deepgram import refusals, wire
from gateways.deepgram.request import Listen, parse
from gateways.deepgram.stream import Stream
from rooms.access import identify_in_use
from rooms.errors import BadInput, DomainError, Unauthenticated

# clients wait for ten; while PostgreSQL is away each question to it takes seconds
READY_WITHIN_S: Final = 8.0
IDLE_S: Final = 10.0  # without audio or a message
LOOK_EVERY_S: Final = 0.2
# A browser sends 4 to 50 messages a second, a file that is sent at once many more.
MESSAGES_PER_S, MESSAGES_BURST = 200.0, 2000.0
BYTES_PER_S, BYTES_BURST = 2_000_000.0, 16_000_000.0
NORMAL: Final = 1000
TEXT_CHARS_MOST: Final = 200  # of a message that is sent back
SUBPROTOCOLS: Final = ("token", "bearer")
logger = logging.getLogger(__name__)


class ListenConsumer(SocketConsumer):
    """One client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request_id = str(uuid.uuid4())
        self._accepted = False
        self._speech: SpeechSession | None = None
        self._stream: Stream | None = None
        self._closing = False  # the client has said everything
        self._last_close = Close(NORMAL, "")
        self._heard_at_s = time.monotonic()
        self._messages = TokenBucket(rate_per_s=MESSAGES_PER_S, burst=MESSAGES_BURST)
        self._bytes = TokenBucket(rate_per_s=BYTES_PER_S, burst=BYTES_BURST)
        self._working: list[asyncio.Task[None]] = []

    async def connect(self) -> None:
        """Accepted when there is a session: until then a client can be refused by HTTP."""
        self._joining = self._work(self._join())
        await asyncio.shield(self._joining)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Audio, or a message."""
        if self._speech is None or self._stream is None or self._closing:
            return
        self._heard_at_s = time.monotonic()
        if not self._messages.consume():
            self._outbox.close(refusals.TOO_MANY_MESSAGES)
        elif bytes_data is None:
            await self._or_refuse(self._message(self._speech, self._stream, text_data or ""))
        elif not bytes_data:
            self._close_stream(self._speech)
        elif not self._bytes.consume(len(bytes_data)):
            self._outbox.close(refusals.TOO_MUCH_AUDIO)
        else:
            await self._or_refuse(self._audio(self._speech, self._stream, bytes_data))

    async def _join(self) -> None:
        listen = parse(self.scope["query_string"])
        subprotocol, key = self._credentials()
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                identity = await keys.identified(key)
                speech, stream = await self._open(listen)
        except TimeoutError:
            raise DomainError("not_ready", retry=True) from None
        if self._ended.is_set():
            return
        await self.accept(subprotocol, headers=[(b"dg-request-id", self._request_id.encode())])
        self._accepted = True
        self._heard_at_s = time.monotonic()
        self._working = [
            self._work(self._read(speech, stream)),
            self._work(self._watch(stream)),
            self._work(self._watch_login(partial(identify_in_use, identity.key))),
        ]

    async def _open(self, listen: Listen) -> tuple[SpeechSession, Stream]:
        require_consent(said=listen.consent)
        self._stream = stream = Stream(listen, self._request_id)
        kind = Session.Kind.MEETING if listen.separate else Session.Kind.STREAM
        options = StreamOptions(keywords=listen.terms, pause_ms=listen.results.pause_ms)
        lang = listen.lang or AUTO_LANG
        self._speech = speech = await SpeechSession.open(kind=kind, source_lang=lang, options=options)
        for channel in range(listen.channels) if listen.separate else ():
            await speech.join(str(channel), lang)
        return speech, stream

    async def _leave(self) -> None:
        for task in self._working:
            task.cancel()
        if self._speech is not None:
            await self._speech.close()

    async def _drain(self) -> None:
        """As if the client had asked for the end of its stream, but for the close's code."""
        if self._speech is not None and not self._closing:
            self._last_close = RESTARTS
            self._close_stream(self._speech)

    async def _refuse(self, error: Exception | None) -> None:
        if self._accepted:
            self._outbox.close(refusals.close_of(error))
            if isinstance(error, Unauthenticated) and self._speech is not None:
                self._close_stream(self._speech)  # also where the client never answers the close
            return
        refusal = refusals.of_error(error)
        logger.info("stream refused", extra={"why": error.code if isinstance(error, DomainError) else None})
        with contextlib.suppress(OSError):  # gone meanwhile
            body, headers = refusal.body(self._request_id), refusal.headers(self._request_id)
            await deny(self.scope, self.base_send, refusal.status, body, headers)

    def _credentials(self) -> tuple[str | None, str]:
        """The subprotocol to answer with, and the key: of the header, or of the subprotocols, which browsers can set."""
        offered = self.scope.get("subprotocols") or []
        if len(offered) == 2 and offered[0].lower() in SUBPROTOCOLS:
            return offered[0], offered[1]
        return None, keys.key_in(self.scope["headers"])

    # --- what comes

    async def _audio(self, speech: SpeechSession, stream: Stream, data: bytes) -> None:
        for blob in stream.audio.feed(data):
            if not speech.feed_blob(blob.kind, blob.data, blob.channel):
                self._outbox.close(refusals.AUDIO_LOST)
                return

    async def _message(self, speech: SpeechSession, stream: Stream, text: str) -> None:
        try:
            asked = wire.ASKED.validate_json(text)
        except ValidationError:
            self._send(
                wire.Error(
                    variant="SchemaError",
                    description="The message is none of KeepAlive, Finalize, CloseStream, Configure.",
                    message=text[:TEXT_CHARS_MOST],
                )
            )
            return
        match asked:
            case wire.Finalize(channel=channel):
                for key in stream.to_finalize(channel):
                    stream.finalize(key, speech.flush(key))
            case wire.CloseStream():
                self._close_stream(speech)
            case wire.Configure():
                self._send(
                    wire.ConfigureFailure(
                        request_id=self._request_id, description="Terms are given when the stream is opened."
                    )
                )

    def _close_stream(self, speech: SpeechSession) -> None:
        self._closing = True
        speech.finish()

    # --- what goes

    async def _read(self, speech: SpeechSession, stream: Stream) -> None:
        """Text until its end."""
        async for text in speech.texts():
            if text.kind == "error":
                raise BadInput(text.data["code"])
            for message in stream.take(text):
                self._send(message)
        if stream.failed or not self._closing:
            self._outbox.close(refusals.FAILED)
            return
        for message in stream.finish():
            self._send(message)
        self._outbox.close(self._last_close)

    async def _watch(self, stream: Stream) -> None:
        """What is due because nothing came."""
        while not self._ended.is_set():
            await asyncio.sleep(LOOK_EVERY_S)
            if self._closing:
                return
            for message in stream.look():
                self._send(message)
            if time.monotonic() - self._heard_at_s >= IDLE_S:
                self._outbox.close(refusals.SILENT)
                return

    def _send(self, message: wire.Message) -> None:
        text = message.model_dump_json(exclude_none=True)
        if isinstance(message, wire.Results) and not message.is_final:
            self._outbox.show(text, slot=f"interim {message.channel_index[0]}")
        else:
            self._outbox.put(text)
