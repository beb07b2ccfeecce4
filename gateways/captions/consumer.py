"""A reader's WebSocket: `WS /captions/{room}?lang=de[&after=en:41,de:38]`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error as DatabaseError

from gateways.captions import messages, request, room
from gateways.captions.reader import Reader
from gateways.captions.room import RoomCaptions
from gateways.common import background
from gateways.common.limits import TokenBucket
from gateways.common.outbox import TRY_AGAIN_LATER, Close, Outbox
from rooms.errors import DomainError
from transcripts.selectors import sentences_before
from translation.demand import readers

POLICY_VIOLATION = 1008
MESSAGES_PER_S, MESSAGES_BURST = 2.0, 20.0
TOO_MANY_MESSAGES = Close(POLICY_VIOLATION, "too_many_messages")
NOT_NOW = Close(TRY_AGAIN_LATER, "not_now")
logger = logging.getLogger(__name__)


class CaptionsConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Accepted first and then refused, so that a page can read why: the close reason is an error's code."""

    channel_layer_alias = ""
    _outbox: Outbox

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reader: Reader | None = None
        self._room: RoomCaptions | None = None
        self._room_id = 0
        self._demanded = ""
        self._ended = False
        self._working: asyncio.Task[None] | None = None
        self._bucket = TokenBucket(rate_per_s=MESSAGES_PER_S, burst=MESSAGES_BURST)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """However it ends, nothing that it held outlives it."""
        self._outbox = Outbox(send)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._end()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As Channels does, without a turn in the database's thread for every message."""
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        """Accept, then join behind it."""
        await self.accept()
        self._work(self._join())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A request; one after the other."""
        if not self._bucket.consume():
            self._outbox.close(TOO_MANY_MESSAGES)
            return
        if self._working is not None:
            await asyncio.wait({self._working})
        if not self._ended and self._room is not None and text_data is not None:
            self._work(self._answer(text_data))

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        """The socket is gone."""
        self._end()
        raise StopConsumer

    async def _join(self) -> None:
        query = parse_qs(self.scope.get("query_string", b"").decode("ascii", "replace"))
        asked = await database_sync_to_async(request.parse)(
            self.scope["url_route"]["kwargs"]["room"], _one(query, "lang"), _one(query, "after")
        )
        self._room_id = asked.room_id
        self._reader = Reader(asked.lang, self._outbox, self._send_now, _frame)
        self._room = await room.read(asked.room_id, asked.room, self._reader, asked.after)
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
        if lang != self._demanded and not self._ended:
            before, self._demanded = self._demanded, lang
            await readers().hold(self._room_id, lang)
            if before:
                await readers().release(self._room_id, before)

    async def _send_now(self, text: str) -> None:
        await self.base_send({"type": "websocket.send", "text": text})

    def _work(self, work: Coroutine[Any, Any, None]) -> None:
        self._working = background.spawn(self._or_refuse(work))

    async def _or_refuse(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except DomainError as error:
            self._outbox.close(NOT_NOW if error.retry else Close(POLICY_VIOLATION, error.code))
        except (DatabaseError, OSError) as error:
            logger.warning("reader refused", extra={"error": type(error).__name__})
            self._outbox.close(NOT_NOW)
        except Exception:
            logger.exception("reader refused")
            self._outbox.close(NOT_NOW)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._outbox.stop()
            background.spawn(self._leave())

    async def _leave(self) -> None:
        if self._working is not None:
            await asyncio.wait({self._working})
        if self._room is not None and self._reader is not None:
            await room.leave(self._room, self._reader)
        if self._demanded:
            await readers().release(self._room_id, self._demanded)


def _frame(text: str, reached: Mapping[str, int]) -> str:
    return text


def _one(query: Mapping[str, list[str]], name: str) -> str:
    return query.get(name, [""])[0]
