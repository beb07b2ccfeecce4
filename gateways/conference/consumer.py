"""Host and viewer sockets of a room (docs/wires/conference.md): parse, call services, encode."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from gateways.common import background
from gateways.common.consumer import SocketConsumer
from gateways.common.limits import TokenBucket
from gateways.common.outbox import Close
from gateways.conference import refusals
from gateways.conference.feed import Member, RoomFeed, follow, unfollow
from gateways.conference.host import HostSocket
from gateways.conference.refusals import Refusal, Refused
from gateways.conference.request import parse
from rooms.errors import DomainError
from rooms.models import ROOM_CODE, passes
from transcripts.events import Control, RoomClosed
from translation.demand import readers

VIEWER_MESSAGES_PER_S, VIEWER_BURST = 2.0, 20.0
logger = logging.getLogger(__name__)


class RoomConsumer(SocketConsumer):
    """One browser in a room."""

    expected = (Refused, DomainError)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._host: HostSocket | None = None
        self._feed: RoomFeed | None = None
        self._member: Member | None = None
        self._wanted: tuple[int, str] | None = None
        self._gone = False  # nothing is sent any more
        self._draining = False  # but what its browser sent before it knew is still processed
        self._closing = False
        self._bucket = TokenBucket(rate_per_s=VIEWER_MESSAGES_PER_S, burst=VIEWER_BURST)

    async def connect(self) -> None:
        """Nothing that it sends is looked at before it has joined."""
        await super().connect()
        if self._joining is not None:
            await asyncio.shield(self._joining)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A host's audio and signals; a viewer's messages are counted and ignored."""
        if self._gone and not self._draining:
            return
        if self._host is not None:
            await self._or_refuse(self._host.receive(text_data, bytes_data))
        elif not self._bucket.consume():
            await self.refuse(refusals.TOO_MANY_MESSAGES)

    async def refuse(self, refusal: Refusal, *, drain: bool = False) -> None:
        """Close with the wire's code and reason. `drain`: process what was sent before the browser read that."""
        self._draining = self._draining and drain
        if not self._gone:
            self._gone, self._draining = True, drain
            self._log_refusal(refusal)
            self._outbox.close(Close(refusal.code, refusal.reason, drain=drain))

    def _log_refusal(self, refusal: Refusal) -> None:
        """A host's at INFO; the ends of a whole hall's sockets, or of strangers', at DEBUG."""
        asked = self.scope["url_route"]["kwargs"]
        code = asked.get("room_code") or ""
        extra = {
            "room": code if passes(ROOM_CODE, code) else None, "code": refusal.code, "why": refusal.name,
        }  # fmt: skip
        logger.log(
            logging.INFO if asked.get("role") == "host" else logging.DEBUG, "socket closed", extra=extra
        )

    async def send_json_text(self, text: str) -> None:
        """Send one message as it is."""
        if not self._gone:
            self._outbox.put(text)

    async def send_present_chunk(self) -> None:
        """Once more what everybody has."""
        if self._feed is not None:
            await self._send_chunk(self._feed.chunk)

    async def _join(self) -> None:
        request = await parse(self.scope)
        if self._ended.is_set():
            return
        room_id, broadcast = request.room_id, request.broadcast
        if request.role == "host":
            self._host = HostSocket(self, request)
            host_lease = await self._host.join()
            room_id, broadcast = host_lease.room_id, host_lease.broadcast
        if self._ended.is_set():
            return
        self._member = Member(self._send_chunk, self._on_control, broadcast)
        self._feed = await follow(room_id, self._member)
        if self._host is None or request.target_lang != request.source_lang:
            self._wanted = (room_id, request.target_lang)  # a host who reads what it says is no reader
            await readers().hold(*self._wanted)
        if self._host is not None:
            await self._host.joined()

    def _end(self) -> None:
        self._gone = True
        if self._host is not None and not self._ended.is_set():
            # first of all: nobody renews the host lease of a socket that is gone
            background.spawn(self._host.leave())
        super()._end()

    async def _leave(self) -> None:
        if self._feed is not None and self._member is not None:
            await unfollow(self._feed, self._member)
        if self._wanted is not None:
            await readers().release(*self._wanted)

    async def _refuse(self, error: Exception | None) -> None:
        if isinstance(error, DomainError):
            await self.refuse(refusals.of_error(error))
        else:
            await self.refuse(error.refusal if isinstance(error, Refused) else refusals.INTERNAL)

    async def _send_chunk(self, chunk: str) -> None:
        if not self._gone and not self._closing:
            self._outbox.show(chunk)  # a whole state: a slow reader gets the newest, not all of them

    def _on_control(self, event: Control) -> None:
        if self._host is not None:
            self._work(self._host.on_control(event))
        if isinstance(event, RoomClosed):
            self._closing = True
            background.spawn(self.refuse(refusals.CLOSED))
