"""The host's half of a room socket: presence, audio, signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError

from asr import services
from asr.audio_log import AsyncAudioLog, AudioLogUnavailable
from asr.engine.decode import classify
from gateways.conference import refusals
from gateways.conference.feed import Control
from gateways.conference.limits import TokenBucket
from gateways.conference.request import SocketRequest
from rooms.errors import DomainError
from transcripts.events import EngineReady, HostError, HostReplaced, SessionReplaced
from transcripts.services import PartTerms

if TYPE_CHECKING:
    from gateways.conference.consumer import RoomConsumer

PRESENCE_EVERY_S = 2.0
# A browser sends 4 blobs a second of about 4 kB; raw PCM is 32 kB/s. A file streamed at ten times
# its speed must pass, a flood must not.
MESSAGES_PER_S, MESSAGES_BURST = 100.0, 500.0
BYTES_PER_S, BYTES_BURST = 1_000_000.0, 8_000_000.0
QUEUED_BLOBS = 512  # while Redis is away; two minutes of a browser's audio
REDIS_RETRY_S = 0.25
RESTART_EVERY_S = 2.0
LEAVE_WITHIN_S = 8.0  # Daphne ends a closed socket's application after 10 s
RESTART = "restart_backend_engine"
logger = logging.getLogger(__name__)


class HostSocket:
    """One host's connection: it holds the seat, writes its audio into the session's log, and tells it things."""

    def __init__(self, consumer: RoomConsumer, request: SocketRequest) -> None:
        self._consumer = consumer
        self._request = request
        self._seat: services.HostSeat | None = None
        self._session_id = 0
        self._ready_said_for = 0
        self._blobs: asyncio.Queue[bytes] = asyncio.Queue(QUEUED_BLOBS)
        self._messages = TokenBucket(rate_per_s=MESSAGES_PER_S, burst=MESSAGES_BURST)
        self._bytes = TokenBucket(rate_per_s=BYTES_PER_S, burst=BYTES_BURST)
        self._restarts = TokenBucket(rate_per_s=1 / RESTART_EVERY_S, burst=1)
        self._tasks: list[asyncio.Task[None]] = []
        self._first = True
        self._odd_text_logged = False
        self._told: set[str] = set()

    async def join(self) -> int:
        """Take the seat; returns the room's id. Raises DomainError."""
        request = self._request
        terms = PartTerms(request.source_lang, request.store, request.public, request.owner)
        self._seat = await database_sync_to_async(services.join_as_host)(
            services.HostRequest(request.room_code, terms, request.connection_id)
        )
        self._session_id = self._seat.session_id
        await self._info({"connection_id": self._seat.connection_id})
        return self._seat.room_id

    async def joined(self) -> None:
        """The chunk has been sent: begin to work, and say so when the engine hears already."""
        seat = self._expect_seat()
        self._tasks = [asyncio.create_task(self._write_audio()), asyncio.create_task(self._stay())]
        if seat.ready:
            await self._say_ready(self._session_id)

    async def receive(self, text: str | None, blob: bytes | None) -> None:
        """A message of the browser."""
        if not self._messages.take() or not self._bytes.take(len(blob or text or "")):
            await self._error("too_many_messages", "More messages or bytes than any recorder sends")
            await self._consumer.refuse(refusals.TOO_MANY_MESSAGES)
        elif blob is not None:
            await self._take_audio(blob)
        else:
            await self._take_text(text or "")

    async def on_control(self, event: Control) -> None:
        """What the room says to its host."""
        seat = self._expect_seat()
        if isinstance(event, HostReplaced):
            if event.connection_id != seat.connection_id:
                await self._consumer.refuse(refusals.Refusal(refusals.NORMAL, ""))
        elif isinstance(event, SessionReplaced):
            if event.old_id == self._session_id:
                self._session_id = event.new_id
        elif isinstance(event, EngineReady):
            if event.session_id >= self._session_id:
                await self._say_ready(event.session_id)
        elif isinstance(event, HostError):
            await self._error(event.code, event.message)

    async def leave(self) -> None:
        """The socket is gone: finish writing what it sent, then begin the grace period."""
        if self._seat is None:
            return
        for task in self._tasks[1:]:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await self._blobs.join()
                await self._give_up_seat(self._seat)
        for task in self._tasks:
            task.cancel()

    async def _give_up_seat(self, seat: services.HostSeat) -> None:
        left = await database_sync_to_async(services.leave_as_host)(
            session_id=self._session_id, connection_id=seat.connection_id
        )
        if left:  # nobody else speaks: what was said need not wait for more
            log = AsyncAudioLog(settings.REDIS_URL, str(self._session_id))
            await self._append(log, "end", b"")

    async def _take_audio(self, blob: bytes) -> None:
        if not blob:
            return
        try:
            self._blobs.put_nowait(blob)
        except asyncio.QueueFull:
            await self._error("audio_lost", "Audio could not be stored and was lost")

    async def _take_text(self, text: str) -> None:
        if _signal(text) != RESTART:
            if not self._odd_text_logged:
                self._odd_text_logged = True
                logger.warning("unknown text from a host", extra={"room": self._request.room_code})
            return
        if not self._restarts.take():
            await self._error("too_many_restarts", "The engine is being restarted already")
            return
        try:
            await self._blobs.join()  # what was said before the signal belongs to the part before it
            self._session_id = await database_sync_to_async(services.restart_session)(
                session_id=self._session_id, connection_id=self._expect_seat().connection_id
            )
        except DomainError as error:
            await self._error(error.code, error.reason)

    async def _write_audio(self) -> None:
        """Blobs → the session's log, in order, as long as it takes."""
        log, log_id = AsyncAudioLog(settings.REDIS_URL, str(self._session_id)), self._session_id
        while True:
            blob = await self._blobs.get()
            try:
                if log_id != self._session_id:
                    log, log_id = AsyncAudioLog(settings.REDIS_URL, str(self._session_id)), self._session_id
                await self._append(log, self._kind(blob), blob)
            finally:
                self._blobs.task_done()

    def _kind(self, blob: bytes) -> str:
        if self._request.raw_pcm:
            return "pcm"
        first, self._first = self._first, False
        return classify(blob, first_of_socket=first)

    async def _append(self, log: AsyncAudioLog, kind: str, blob: bytes) -> None:
        while True:
            try:
                accepted = await log.append(kind, blob)
            except AudioLogUnavailable:
                await asyncio.sleep(REDIS_RETRY_S)
                continue
            if accepted:
                self._told.discard("audio_backlog")
            elif "audio_backlog" not in self._told:
                self._told.add("audio_backlog")
                await self._error("audio_backlog", "10 minutes of audio wait; what comes now is lost")
            return

    async def _stay(self) -> None:
        """Renew the seat; notice when it is somebody else's."""
        connection_id = self._expect_seat().connection_id
        while True:
            await asyncio.sleep(PRESENCE_EVERY_S)
            with contextlib.suppress(DatabaseError):
                session_id = await database_sync_to_async(services.keep_seat)(
                    room_id=self._expect_seat().room_id, connection_id=connection_id
                )
                if session_id == services.TAKEN:
                    await self._consumer.refuse(refusals.Refusal(refusals.NORMAL, ""))
                elif session_id:
                    self._session_id = session_id

    async def _say_ready(self, session_id: int) -> None:
        if self._ready_said_for < session_id:
            self._ready_said_for = session_id
            await self._info({"ready_to_recieve_audio": True})

    async def _info(self, info: dict[str, object]) -> None:
        await self._consumer.send_json_text(json.dumps({"info": info}))

    async def _error(self, code: str, message: str) -> None:
        await self._consumer.send_json_text(json.dumps({"error": {"code": code, "message": message}}))

    def _expect_seat(self) -> services.HostSeat:
        if self._seat is None:
            raise RuntimeError("join() comes first")
        return self._seat


def _signal(text: str) -> str | None:
    try:
        message = json.loads(text[:1000])
    except ValueError:
        return None
    signal = message.get("signal") if isinstance(message, dict) else None
    return signal if isinstance(signal, str) else None
