"""`WS /v1/realtime` (docs/wires/ecosystem.md): parse, feed the session, encode."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from asr.models import Session
from asr.recognise.recogniser import Word
from asr.selectors import live_models
from asr.text_stream import Text
from gateways.common import background
from gateways.common.consent import require_consent
from gateways.common.consumer import SocketConsumer
from gateways.common.keys import identified
from gateways.common.limits import TokenBucket
from gateways.common.outbox import RESTARTS, Close
from gateways.common.speech import SpeechSession
from gateways.openai import models, refusals, request, settings, wire
from gateways.openai.items import Items
from gateways.openai.limits import MESSAGES_BURST, MESSAGES_PER_S
from gateways.openai.refusals import Refusal
from gateways.openai.speech import chosen
from rooms.access import identify_in_use
from rooms.database_threads import handshakes
from rooms.errors import DomainError, Unauthenticated

logger = logging.getLogger(__name__)


class RealtimeConsumer(SocketConsumer):
    """One client. Its session begins with its first audio: until then everything may still be set."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings = settings.SessionSettings(wire.new_id("sess"))
        self._items = Items()
        self._speech: SpeechSession | None = None
        self._reading: asyncio.Task[None] | None = None
        self._position_ms = 0.0  # of audio that was taken
        self._joined = self._over = self._drains = False
        self._bucket = TokenBucket(rate_per_s=MESSAGES_PER_S, burst=MESSAGES_BURST)

    async def connect(self) -> None:
        """Nothing that it sends is looked at before it is known."""
        self._headers = request.headers_of(self.scope["headers"])
        self._protocols: list[str] = self.scope.get("subprotocols") or []
        await self.accept(request.chosen_protocol(self._protocols))
        self._joining = self._work(self._join())
        await asyncio.shield(self._joining)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One event after the other."""
        if self._over or self._drains or not self._joined:
            return
        if not self._bucket.consume():
            await self._refuse(Refusal("too_many_messages"))
        else:
            await self._or_refuse(self._take(text_data))

    async def _join(self) -> None:
        key = request.key_of(self._headers, self._protocols)
        if not key:
            raise Unauthenticated("no_credentials")
        identity = await identified(key)
        require_consent(said=request.said_consent(self.scope["query_string"]))
        self._joined = True
        self._work(self._watch_login(partial(identify_in_use, identity.key)))
        if request.is_beta(self._headers, self._protocols):
            self._say(wire.TranscriptionSessionCreated(session=self._settings.shown_as_before()))
        else:
            self._say(wire.SessionCreated(session=self._settings.shown()))

    async def _take(self, text: str | None) -> None:
        """What a client does wrong is told, and the session goes on."""
        event: settings.Event | None = None
        try:
            if text is None:
                raise Refusal("text_only")
            event = settings.client_event(text)
            await self._do(event)
        except Refusal as refusal:
            refusal.event_id = refusal.event_id or (None if event is None else event.event_id)
            self._say(wire.Error(error=refusals.problem(refusal)))

    async def _do(self, event: settings.Event) -> None:
        match event:
            case wire.Append():
                await self._append(event)
            case wire.Commit():
                self._say(*self._items.commit(int(self._position_ms)))
                self._mark()
            case wire.Clear():
                if self._items.clear(int(self._position_ms)):
                    self._mark()
                self._say(wire.Cleared())
            case _:
                await self._update(event)

    async def _update(self, event: settings.Update) -> None:
        changed = self._settings.updated(event, has_audio=self._speech is not None)
        model = changed.transcription.model
        if model is not None and model not in models.VENDOR_NAMES:
            served = await handshakes(live_models)()
            models.check(model, served=served, param="session.audio.input.transcription.model")
        chosen(changed)
        self._settings = changed
        self._items.turn_detection = changed.input.turn_detection is not None
        self._items.with_logprobs = changed.with_logprobs
        if isinstance(event, wire.TranscriptionSessionUpdate):
            self._say(wire.TranscriptionSessionUpdated(session=changed.shown_as_before()))
        else:
            self._say(wire.SessionUpdated(session=changed.shown()))

    async def _append(self, event: wire.Append) -> None:
        data, raw_format = settings.audio_bytes(event), self._settings.raw_format
        if data and self._speech is None:
            self._joining = self._work(self._open())
            await asyncio.shield(self._joining)
        if not data or self._speech is None:
            return
        if not self._speech.feed(data, raw_format):
            raise Refusal("input_audio_buffer_full")
        self._position_ms += len(data) * 1000 / raw_format.second_bytes

    async def _open(self) -> None:
        lang, options = chosen(self._settings)
        speech = await SpeechSession.open(kind=Session.Kind.STREAM, source_lang=lang, options=options)
        self._speech = speech
        self._reading = background.spawn(self._or_refuse(self._read(speech)))

    def _mark(self) -> None:
        if self._speech is not None:
            self._items.mark(self._speech.flush())

    async def _read(self, speech: SpeechSession) -> None:
        async for text in speech.texts():
            if text.kind == "closed":
                break
            self._say(*self._events(text))
        failed = text.data.get("state") != Session.State.CLOSED
        self._say(*(self._items.fail("transcription_failed") if failed else self._items.finish()))
        raise DomainError("transcription_failed" if failed else "not_ready", retry=True)

    def _events(self, text: Text) -> list[wire.FromServer]:
        match text.kind:
            case "words":
                words = [Word(*row) for row in text.data["words"]]
                return self._items.words(words, text.data.get("lang", ""))
            case "speech":
                return self._items.speech(text.data["state"], text.data["ms"])
            case "flushed":
                return self._items.reached(text.data["token"])
            case "gap":
                logger.warning("text lost", extra={"session": self._speech and self._speech.session_id})
                lost = wire.Error(error=refusals.problem(Refusal("text_lost")))
                return [*self._items.fail("text_lost"), lost]
        return []

    def _say(self, *events: wire.FromServer) -> None:
        for event in events:
            self._outbox.put(event.model_dump_json())

    async def _refuse(self, error: Exception | None) -> None:
        if self._over:
            return
        self._over = True
        found = refusals.problem(error if isinstance(error, DomainError) else None)
        logger.debug("socket closed", extra={"why": found.code})
        self._say(wire.Error(error=found))
        self._outbox.close(Close(refusals.kind(found.code).close, found.code))
        if self._speech is not None:
            self._speech.finish()  # also where the client never answers the close

    async def _drain(self) -> None:
        """Its last item is completed, then the client is told to try again."""
        self._drains = True
        if self._speech is not None:
            self._speech.finish()
        else:
            self._outbox.close(RESTARTS)

    async def _leave(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        if self._speech is not None:
            await self._speech.close()
