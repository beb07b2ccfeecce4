"""A reader's WebSocket: `WS /captions/{room}?lang=de[&after=en:41,de:38]`, and `WS /captions/hall/{hall}?…[&room=A1]`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from django.utils import timezone

from gateways.captions import messages, request, wire
from gateways.captions.reader import Reader
from gateways.captions.reading import Reading
from gateways.common.consumer import SocketConsumer
from gateways.common.limits import TokenBucket
from gateways.common.outbox import TRY_AGAIN_LATER, Close
from rooms.database_threads import handshakes
from rooms.errors import DomainError

POLICY_VIOLATION = 1008
MESSAGES_PER_S, MESSAGES_BURST = 2.0, 20.0
TOO_MANY_MESSAGES = Close(POLICY_VIOLATION, "too_many_messages")
NOT_NOW = Close(TRY_AGAIN_LATER, "not_now")


class CaptionsConsumer(SocketConsumer):
    """One reader. The close reason is an error's code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reading: Reading | None = None
        self._bucket = TokenBucket(rate_per_s=MESSAGES_PER_S, burst=MESSAGES_BURST)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A request; one after the other."""
        if not self._bucket.consume():
            self._outbox.close(TOO_MANY_MESSAGES)
            return
        if self._joining is not None:
            await asyncio.wait({self._joining})
        if not self._ended.is_set() and self._reading is not None and text_data is not None:
            self._joining = self._work(self._answer(self._reading, text_data))

    async def _join(self) -> None:
        asked = await handshakes(_asked)(self.scope)
        reader = Reader(asked.lang, self._outbox, self._send_now, _frame, may_report=True)
        self._reading = Reading(reader, asked)
        await self._reading.begin()

    async def _answer(self, reading: Reading, text: str) -> None:
        match request.message(text):
            case wire.ChangeLanguage() as asked:
                lang = await handshakes(request.language)(asked.lang)
                await reading.change_lang(lang, asked.after)
            case wire.Resume() as asked:
                await reading.resume(asked.after)
            case wire.AskHistory() as asked:
                await reading.history(asked)
            case wire.Shown() as told:
                reading.shown(told)
            case wire.Ping():
                self._outbox.show(messages.pong(timezone.now()), slot="pong")

    async def _send_now(self, text: str) -> None:
        await self.base_send({"type": "websocket.send", "text": text})

    async def _refuse(self, error: Exception | None) -> None:
        if isinstance(error, DomainError) and not error.retry:
            self._outbox.close(Close(POLICY_VIOLATION, error.code))
        else:
            self._outbox.close(NOT_NOW)

    async def _leave(self) -> None:
        if self._reading is not None:
            await self._reading.leave()


def _asked(scope: Mapping[str, Any]) -> request.CaptionsRequest:
    """Queries PostgreSQL. Raises DomainError."""
    query = parse_qs(scope.get("query_string", b"").decode("ascii", "replace"))
    lang, after, room = (query.get(name, [""])[0] for name in ("lang", "after", "room"))
    place = scope["url_route"]["kwargs"]
    if "hall" in place:
        return request.of_hall(place["hall"], lang=lang, after=after, room=room)
    return request.of_room(place["room"], lang=lang, after=after)


def _frame(text: str, reached: Mapping[str, int]) -> str:
    return text
