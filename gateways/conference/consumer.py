"""Host and viewer sockets of a room (protocols.md 1.3): parse, call services, encode."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error as DatabaseError

from gateways.conference import refusals
from gateways.conference.feed import Control, Member, RoomFeed, follow, unfollow
from gateways.conference.host import HostSocket
from gateways.conference.limits import TokenBucket
from gateways.conference.refusals import Refusal
from gateways.conference.request import parse
from rooms.errors import DomainError
from transcripts.events import RoomClosed
from translation.demand import readers

VIEWER_MESSAGES_PER_S, VIEWER_BURST = 2.0, 20.0
logger = logging.getLogger(__name__)


class RoomConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One browser in a room. It is always accepted first and then refused, so that it can read why."""

    channel_layer_alias = ""  # the hub subscribes for all sockets of the process

    async def connect(self) -> None:
        """Accept, check in the wire's order, join."""
        self._host: HostSocket | None = None
        self._feed: RoomFeed | None = None
        self._member: Member | None = None
        self._wanted: tuple[int, str] | None = None
        self._gone = False
        self._closing = False
        self._bucket = TokenBucket(rate_per_s=VIEWER_MESSAGES_PER_S, burst=VIEWER_BURST)
        self._jobs: set[asyncio.Task[None]] = set()
        await self.accept()
        await self._or_refuse(self._join())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A host's audio and signals; a viewer's messages are counted and ignored."""
        if self._gone:
            return
        if self._host is not None:
            await self._or_refuse(self._host.receive(text_data, bytes_data))
        elif not self._bucket.take():
            await self.refuse(refusals.TOO_MANY_MESSAGES)

    async def disconnect(self, code: int) -> None:
        """Leave; a host's room begins its grace period."""
        self._gone = True
        if self._feed is not None and self._member is not None:
            await unfollow(self._feed, self._member)
        if self._wanted is not None:
            await readers().release(*self._wanted)
        if self._host is not None:
            await self._host.leave()

    async def refuse(self, refusal: Refusal) -> None:
        """Close with the wire's code and reason."""
        if not self._gone:
            self._gone = True
            await self.close(code=refusal.code, reason=refusal.reason)

    async def send_json_text(self, text: str) -> None:
        """Send one message as it is."""
        if not self._gone:
            await self.send(text_data=text)

    async def _join(self) -> None:
        request = await parse(self.scope)
        room_id, opening = request.room_id, request.opening
        if request.role == "host":
            self._host = HostSocket(self, request)
            seat = await self._host.join()
            room_id, opening = seat.room_id, seat.opening
        self._member = Member(self._send_chunk, self._on_control, opening)
        self._feed = await follow(room_id, self._member)
        self._wanted = (room_id, request.target_lang)
        await readers().hold(*self._wanted)
        if self._host is not None:
            await self._host.joined()

    async def _or_refuse(self, work: Coroutine[Any, Any, None]) -> None:
        """The edge: whatever happens, the browser is told, and everybody else goes on."""
        try:
            await work
        except Refusal as refusal:
            await self.refuse(refusal)
        except DomainError as error:
            await self.refuse(refusals.of_error(error))
        except DatabaseError as error:
            logger.warning("socket refused", extra={"error": type(error).__name__})
            await self.refuse(refusals.INTERNAL)
        except Exception:
            logger.exception("socket refused")
            await self.refuse(refusals.INTERNAL)

    async def _send_chunk(self, chunk: str) -> None:
        # `conflate`: a slow reader gets the newest whole state, not all of them (config/websockets.py)
        if not self._gone and not self._closing:
            await self.base_send({"type": "websocket.send", "text": chunk, "conflate": "chunk"})

    def _on_control(self, event: Control) -> None:
        if self._host is not None:
            self._spawn(self._or_refuse(self._host.on_control(event)))
        if isinstance(event, RoomClosed):
            self._closing = True
            self._spawn(self.refuse(refusals.CLOSED))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        job = asyncio.ensure_future(coroutine)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
