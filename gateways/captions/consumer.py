"""A reader's WebSocket: `WS /captions/{room}?lang=de[&after=en:41,de:38]`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async

from gateways.captions import messages, request
from gateways.captions.reader import Reader
from gateways.captions.room import RoomCaptions, rooms
from gateways.common.consumer import SocketConsumer
from gateways.common.limits import TokenBucket
from gateways.common.outbox import TRY_AGAIN_LATER, Close
from rooms.errors import DomainError
from transcripts.selectors import sentences_before
from translation.demand import readers

POLICY_VIOLATION = 1008
MESSAGES_PER_S, MESSAGES_BURST = 2.0, 20.0
TOO_MANY_MESSAGES = Close(POLICY_VIOLATION, "too_many_messages")
NOT_NOW = Close(TRY_AGAIN_LATER, "not_now")


class CaptionsConsumer(SocketConsumer):
    """One reader. The close reason is an error's code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reader: Reader | None = None
        self._room: RoomCaptions | None = None
        self._room_id = 0
        self._demanded = ""
        self._bucket = TokenBucket(rate_per_s=MESSAGES_PER_S, burst=MESSAGES_BURST)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A request; one after the other."""
        if not self._bucket.consume():
            self._outbox.close(TOO_MANY_MESSAGES)
            return
        if self._joining is not None:
            await asyncio.wait({self._joining})
        if not self._ended.is_set() and self._room is not None and text_data is not None:
            self._joining = self._work(self._answer(text_data))

    async def _join(self) -> None:
        query = parse_qs(self.scope.get("query_string", b"").decode("ascii", "replace"))
        asked = await database_sync_to_async(request.parse)(
            self.scope["url_route"]["kwargs"]["room"], _one(query, "lang"), _one(query, "after")
        )
        self._room_id = asked.room_id
        self._reader = Reader(asked.lang, self._outbox, self._send_now, _frame)
        self._room = await rooms.join((asked.room_id, asked.room), self._reader)
        await self._room.replay(self._reader, asked.after)
        await self._demand(asked.lang)

    async def _answer(self, text: str) -> None:
        asked = await database_sync_to_async(request.message)(text)
        reader, captions = self._reader, self._room
        if reader is None or captions is None:
            return
        if isinstance(asked, request.Ping):
            self._outbox.show(messages.pong(), slot="pong")
        elif isinstance(asked, request.Language):
            reader.lang = asked.lang
            await captions.replay(reader, asked.after)
            await self._demand(asked.lang)
        elif isinstance(asked, request.Resume):
            await captions.replay(reader, asked.after)
        else:
            found = await database_sync_to_async(sentences_before)(
                self._room_id,
                before=(asked.part, asked.index),
                count=asked.count,
                langs=captions.tracks(reader.lang),
            )
            for event in found:
                await reader.send(messages.durable(event))
            await reader.send(messages.history_end(len(found)))

    async def _demand(self, lang: str) -> None:
        """Translations are made where somebody reads them."""
        if lang != self._demanded and not self._ended.is_set():
            before, self._demanded = self._demanded, lang
            await readers().hold(self._room_id, lang)
            if before:
                await readers().release(self._room_id, before)

    async def _send_now(self, text: str) -> None:
        await self.base_send({"type": "websocket.send", "text": text})

    async def _refuse(self, error: Exception | None) -> None:
        if isinstance(error, DomainError) and not error.retry:
            self._outbox.close(Close(POLICY_VIOLATION, error.code))
        else:
            self._outbox.close(NOT_NOW)

    async def _leave(self) -> None:
        if self._room is not None and self._reader is not None:
            await rooms.leave(self._room, self._reader)
        if self._demanded:
            await readers().release(self._room_id, self._demanded)


def _frame(text: str, reached: Mapping[str, int]) -> str:
    return text


def _one(query: Mapping[str, list[str]], name: str) -> str:
    return query.get(name, [""])[0]
