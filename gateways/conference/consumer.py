"""Host and viewer sockets of a room (protocols.md 1.3): parse, call services, encode."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from asr.selectors import open_session
from asr.services import recordable_room
from gateways.conference import refusals
from gateways.conference.feed import Control, Member, follow, unfollow
from gateways.conference.host import HostSocket
from gateways.conference.limits import TokenBucket
from gateways.conference.refusals import Refusal
from gateways.conference.request import SocketRequest, parse
from rooms.errors import DomainError
from transcripts.events import RoomClosed

VIEWER_MESSAGES_PER_S, VIEWER_BURST = 2.0, 20.0
logger = logging.getLogger(__name__)


class RoomConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One browser in a room. It is always accepted first and then refused, so that it can read why."""

    channel_layer_alias = ""  # the hub subscribes for all sockets of the process

    async def connect(self) -> None:
        """Accept, check in the wire's order, join."""
        self._host: HostSocket | None = None
        self._room_id: int | None = None
        self._gone = False
        self._bucket = TokenBucket(rate_per_s=VIEWER_MESSAGES_PER_S, burst=VIEWER_BURST)
        self._member = Member(self._send_chunk, self._on_control)
        self._jobs: set[asyncio.Task[None]] = set()
        await self.accept()
        try:
            request = await parse(self.scope)
            if request.role == "host":
                self._host = HostSocket(self, request)
                self._room_id = await self._host.join()
                await follow(self._room_id, self._member)
                await self._host.joined()
            else:
                self._room_id = await database_sync_to_async(_active_room)(request)
                await follow(self._room_id, self._member)
        except Refusal as refusal:
            await self.refuse(refusal)
        except DomainError as error:
            await self.refuse(refusals.of_error(error))
        except Exception:
            logger.exception("socket refused")
            await self.refuse(refusals.INTERNAL)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A host's audio and signals; a viewer's messages are counted and ignored."""
        if self._gone:
            return
        if self._host is not None:
            await self._host.receive(text_data, bytes_data)
        elif not self._bucket.take():
            await self.refuse(refusals.TOO_MANY_MESSAGES)

    async def disconnect(self, code: int) -> None:
        """Leave; a host's room begins its grace period."""
        self._gone = True
        if self._room_id is not None:
            await unfollow(self._room_id, self._member)
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

    async def _send_chunk(self, chunk: str) -> None:
        # `conflate`: a slow reader gets the newest whole state, not all of them (config/websockets.py)
        if not self._gone:
            await self.base_send({"type": "websocket.send", "text": chunk, "conflate": "chunk"})

    def _on_control(self, event: Control) -> None:
        if isinstance(event, RoomClosed):
            self._spawn(self.refuse(refusals.CLOSED))
        elif self._host is not None:
            self._spawn(self._host.on_control(event))

    def _spawn(self, coroutine: Any) -> None:
        job = asyncio.ensure_future(coroutine)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)


def _active_room(request: SocketRequest) -> int:
    room = recordable_room(request.room_code)
    if open_session(room.pk) is None:
        raise refusals.NOT_ACTIVE
    return room.pk
