"""The host's half of a room socket: presence, audio, signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError

from asr import services
from gateways.conference import refusals
from gateways.conference.audio import AudioWriter, RecorderHeader, recall_header, remember_header
from gateways.conference.feed import Control
from gateways.conference.limits import TokenBucket
from gateways.conference.request import SocketRequest
from rooms.errors import DomainError
from transcripts.events import EngineReady, HostError, HostReplaced, RoomClosed, SessionReplaced
from transcripts.services import PartTerms

if TYPE_CHECKING:
    from gateways.conference.consumer import RoomConsumer

PRESENCE_EVERY_S = 2.0
# A browser sends 4 blobs a second of about 4 kB; raw PCM is 32 kB/s. A file streamed at ten times
# its speed must pass, a flood must not.
MESSAGES_PER_S, MESSAGES_BURST = 100.0, 500.0
BYTES_PER_S, BYTES_BURST = 1_000_000.0, 8_000_000.0
RESTART_EVERY_S = 2.0
LEAVE_WITHIN_S = 8.0  # Daphne ends a closed socket's application after 10 s
REPLACED_CLOSES_AFTER_S = 0.5  # what is under way on the old socket still arrives
RESTART = "restart_backend_engine"
logger = logging.getLogger(__name__)
_writers: WeakValueDictionary[int, AudioWriter] = WeakValueDictionary()  # each room's newest of this process


class HostSocket:
    """One host's connection: it holds the seat, writes its audio into the session's log, and tells it things."""

    def __init__(self, consumer: RoomConsumer, request: SocketRequest) -> None:
        self._consumer = consumer
        self._request = request
        self._held: tuple[services.HostSeat, AudioWriter] | None = None
        self._ready_said_for = 0
        self._messages = TokenBucket(rate_per_s=MESSAGES_PER_S, burst=MESSAGES_BURST)
        self._bytes = TokenBucket(rate_per_s=BYTES_PER_S, burst=BYTES_BURST)
        self._restarts = TokenBucket(rate_per_s=1 / RESTART_EVERY_S, burst=1)
        self._writing: asyncio.Task[None] | None = None
        self._staying: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()
        self._closing = False
        self._losing = False
        self._odd_text_logged = False

    async def join(self) -> services.HostSeat:
        """Take the seat. Raises DomainError."""
        request = self._request
        terms = PartTerms(request.source_lang, request.store, request.public, request.owner)
        seat: services.HostSeat = await database_sync_to_async(services.join_as_host)(
            services.HostRequest(request.room_code, terms, request.connection_id)
        )
        header = RecorderHeader(await recall_header(request.connection_id))
        writer = AudioWriter(seat.session_id, fresh=seat.fresh, header=header, raw_pcm=request.raw_pcm)
        writer.after(_writers.get(seat.room_id))
        _writers[seat.room_id] = writer
        self._held = seat, writer
        if header.whole:
            await remember_header(seat.connection_id, header.whole)
        await self._info({"connection_id": seat.connection_id})
        return seat

    async def joined(self) -> None:
        """The chunk has been sent: begin to work, and say so when the engine hears already."""
        seat, writer = self._seat()
        self._writing = asyncio.create_task(self._at_work(writer.run(seat.connection_id, self._error)))
        self._staying = asyncio.create_task(self._at_work(self._stay()))
        # The room's events are followed by now: what is not in the row yet comes as an event.
        if seat.ready or await database_sync_to_async(services.engine_hears)(seat.session_id):
            await self._say_ready(seat.session_id)

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
        _, writer = self._seat()
        if isinstance(event, RoomClosed):
            self._close()
        elif isinstance(event, HostReplaced):
            if event.connection_id != self._seat()[0].connection_id:
                await self._renew()  # two who took over in a moment: the row says who it is
        elif isinstance(event, SessionReplaced):
            if event.old_id == writer.session_id:
                writer.session_id = event.new_id
        elif isinstance(event, EngineReady):
            if event.session_id >= writer.session_id:
                writer.session_id = event.session_id
                await self._say_ready(event.session_id)
        elif isinstance(event, HostError):
            await self._error(event.code, event.message)

    async def leave(self) -> None:
        """The socket is gone: finish writing what it sent, then begin the grace period."""
        if self._held is None:
            return
        self._leaving.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN_S):
                if self._staying is not None:
                    await asyncio.wait({self._staying})
                if self._writing is not None and not self._writing.done():
                    await self._held[1].drained()
                await self._give_up_seat()
        self._held[1].finished.set()
        for task in (self._writing, self._staying):
            if task is not None:
                task.cancel()

    async def _give_up_seat(self) -> None:
        seat, writer = self._seat()
        left = await database_sync_to_async(services.leave_as_host)(
            room_id=seat.room_id, connection_id=seat.connection_id
        )
        if left:
            await writer.end()
        elif await database_sync_to_async(services.is_over)(writer.session_id):
            await writer.forget()  # what came after the end is nobody's

    async def _take_audio(self, blob: bytes) -> None:
        if not blob or self._closing:
            return
        if self._seat()[1].take(blob):
            self._losing = False
        elif not self._losing:
            self._losing = True
            await self._error("audio_lost", "Audio could not be stored and was lost")

    async def _take_text(self, text: str) -> None:
        if _signal(text) == RESTART:
            await self._restart()
        elif not self._odd_text_logged:
            self._odd_text_logged = True
            logger.warning("unknown text from a host", extra={"room": self._seat()[0].room_id})

    async def _restart(self) -> None:
        seat, writer = self._seat()
        if not self._restarts.take():
            await self._error("too_many_restarts", "The engine is being restarted already")
            return
        try:
            await writer.drained()  # what was said before the signal belongs to the part before it
            writer.session_id = await database_sync_to_async(services.restart_session)(
                room_id=seat.room_id, connection_id=seat.connection_id
            )
        except DomainError as error:
            await self._error(error.code, error.reason)
        except DatabaseError:
            await self._error("not_ready", "The engine cannot be restarted now")

    async def _stay(self) -> None:
        """Renew the seat until the socket is gone."""
        while not self._leaving.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PRESENCE_EVERY_S):
                    await self._leaving.wait()
                    return
            await self._renew()

    async def _renew(self) -> None:
        """Notice when the seat is somebody else's, or the room is closing."""
        seat, writer = self._seat()
        with contextlib.suppress(DatabaseError):
            session_id = await database_sync_to_async(services.keep_seat)(
                room_id=seat.room_id, connection_id=seat.connection_id
            )
            if session_id == services.TAKEN:
                await asyncio.sleep(REPLACED_CLOSES_AFTER_S)
                await self._consumer.refuse(refusals.REPLACED)
            elif session_id is None:
                self._close()
            else:
                writer.session_id = session_id

    def _close(self) -> None:
        """The room ends: what comes now would keep it from ending."""
        self._closing = True
        self._seat()[1].drop()

    async def _at_work(self, work: Coroutine[None, None, None]) -> None:
        """A host whose audio goes nowhere must not think that all is well."""
        try:
            await work
        except Exception:
            logger.exception("host's socket failed", extra={"room": self._seat()[0].room_id})
            await self._consumer.refuse(refusals.INTERNAL)

    async def _say_ready(self, session_id: int) -> None:
        if self._ready_said_for < session_id:
            self._ready_said_for = session_id
            await self._info({"ready_to_recieve_audio": True})

    async def _info(self, info: dict[str, object]) -> None:
        await self._consumer.send_json_text(json.dumps({"info": info}))

    async def _error(self, code: str, message: str) -> None:
        await self._consumer.send_json_text(json.dumps({"error": {"code": code, "message": message}}))

    def _seat(self) -> tuple[services.HostSeat, AudioWriter]:
        if self._held is None:
            raise RuntimeError("join() comes first")
        return self._held


def _signal(text: str) -> str | None:
    try:
        message = json.loads(text[:1000])
    except (ValueError, RecursionError):
        return None
    signal = message.get("signal") if isinstance(message, dict) else None
    return signal if isinstance(signal, str) else None
