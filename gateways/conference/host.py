"""The host's half of a room socket: audio, signals, and what becomes of its lease."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from django.db import Error as DatabaseError

from asr.rooms import presence, services
from asr.rooms.last_error import note_error
from gateways.common import background
from gateways.common.limits import TokenBucket
from gateways.conference import refusals, wire, words
from gateways.conference.audio import AudioWriter
from gateways.conference.host_lease import HostLeaseHolder
from gateways.conference.recorder import RecorderHeader, recall_header, remember_header
from gateways.conference.request import SocketRequest
from gateways.conference.wire import HostInfo, HostProblem, Info
from rooms.database_threads import reads, room_writes
from rooms.errors import DomainError
from transcripts.events import (
    Control,
    EngineReady,
    HostError,
    HostReplaced,
    RoomClosed,
    SessionClosing,
    SessionReplaced,
)

if TYPE_CHECKING:
    from gateways.conference.consumer import RoomConsumer

PRESENCE_EVERY_S = 2.0
RECEIVED_SAID_EVERY_S = 1.0  # to recorders that count: what they need not keep any more
NUMBER_BYTES = 4  # in front of each of their blobs
# A browser sends 4 blobs a second of about 4 kB; raw PCM is 32 kB/s. A file streamed at ten times
# its speed must pass, a flood must not.
MESSAGES_PER_S, MESSAGES_BURST = 100.0, 500.0
BYTES_PER_S, BYTES_BURST = 1_000_000.0, 8_000_000.0
RESTART_EVERY_S = 2.0
DRAIN_WITHIN_S = 600.0  # while Redis is away or full; the host lease is given up before
LAST_AUDIO_WITHIN_S = 1.0  # in a room that is being closed: what is under way still arrives
RESTART = "restart_backend_engine"
logger = logging.getLogger(__name__)
_writers: WeakValueDictionary[int, AudioWriter] = WeakValueDictionary()  # each room's newest of this process


class HostSocket:
    """One host's connection: it holds the host lease, writes its audio into the session's log, and informs it."""

    def __init__(self, consumer: RoomConsumer, request: SocketRequest) -> None:
        self._consumer = consumer
        self._request = request
        self._host_lease = HostLeaseHolder(request)
        self._held: tuple[services.HostLease, AudioWriter] | None = None
        self._ready_sent_for = 0
        self._restarted_at = -RESTART_EVERY_S
        self._messages = TokenBucket(rate_per_s=MESSAGES_PER_S, burst=MESSAGES_BURST)
        self._bytes = TokenBucket(rate_per_s=BYTES_PER_S, burst=BYTES_BURST)
        self._writing: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()
        self._ending = False  # the room or this socket's place in it
        self._closing = False  # no more audio is taken
        self._losing = False
        self._odd_text_logged = False

    async def join(self) -> services.HostLease:
        """Take the host lease; nothing more where the socket is gone meanwhile. Raises DomainError."""
        request = self._request
        host_lease = await self._host_lease.acquire()
        header = RecorderHeader(await recall_header(request.connection_id))
        if self._leaving.is_set():
            return host_lease
        writer = AudioWriter(
            host_lease.session_id,
            fence=host_lease.fence,
            fresh=host_lease.fresh,
            header=header,
            raw_pcm=request.raw_pcm,
            recorder=request.recorder,
            cipher=self._host_lease.cipher,
        )
        writer.after(_writers.get(host_lease.room_id))
        _writers[host_lease.room_id] = writer
        self._held = host_lease, writer
        self._writing = background.spawn(
            self._at_work(writer.run(host_lease.connection_id, self._audio_error))
        )
        if header.whole:
            await remember_header(host_lease.connection_id, header.whole)
        await self._info({"connection_id": host_lease.connection_id})
        return host_lease

    async def joined(self) -> None:
        """The chunk has been sent: begin to work, and send that the engine is ready if it is already."""
        host_lease, _ = self._place()
        background.spawn(self._at_work(self._stay()))
        if self._request.recorder:
            background.spawn(self._at_work(self._say_what_was_received()))
        # The room's events are followed by now: what is not in the row yet comes as an event.
        if host_lease.ready or await reads(presence.engine_ready)(host_lease.session_id):
            await self._send_ready(host_lease.session_id)

    async def receive(self, text: str | None, blob: bytes | None) -> None:
        """A message of the browser."""
        if not self._messages.consume() or not self._bytes.consume(len(blob or text or "")):
            await self._error("too_many_messages")
            await self._consumer.refuse(refusals.TOO_MANY_MESSAGES)
        elif blob is not None:
            await self._receive_audio(blob)
        else:
            await self._receive_text(text or "")

    async def on_control(self, event: Control) -> None:
        """An event of the room for its host."""
        host_lease, writer = self._place()
        if isinstance(event, RoomClosed):
            if await self._host_lease.log_state(writer.session_id) == "over":
                self._stop_audio()
                writer.drop()
        elif isinstance(event, HostError):
            await self._error(event.code, event.parameters)
        elif isinstance(event, EngineReady) and event.session_id == writer.session_id:
            await self._send_ready(event.session_id)
        elif _concerns(event, host_lease, writer):
            # An event is a hint, and two may cross: the row says who the host is, and where.
            await self._renew()
            if isinstance(event, EngineReady) and event.session_id == writer.session_id:
                await self._send_ready(event.session_id)

    async def leave(self) -> None:
        """The socket is gone: give up the host lease at once, then finish writing what it sent."""
        self._leaving.set()
        await self._host_lease.release()
        if self._held is None:
            return
        try:
            async with asyncio.timeout(DRAIN_WITHIN_S):
                await self._finish_log()
        except TimeoutError:
            logger.error("a host's last audio was lost: no audio log", extra={"room": self._held[0].room_id})
        finally:
            self._held[1].finished.set()
            if self._writing is not None:
                self._writing.cancel()

    async def _finish_log(self) -> None:
        """Write what waits, then say that nothing more comes, unless somebody goes on there."""
        _, writer = self._place()
        await self._written()
        state = await self._host_lease.log_state(writer.session_id)
        if state == "own":
            writer.end_log()
            await self._written()
        elif state == "over":
            await writer.delete_log()  # what came after the end is nobody's

    async def _written(self) -> None:
        """Until the writer has written everything, or has failed."""
        drained = asyncio.ensure_future(self._place()[1].drained())
        tasks = {drained, self._writing} if self._writing is not None else {drained}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            drained.cancel()

    async def _receive_audio(self, blob: bytes) -> None:
        number = None
        if self._request.recorder:
            number, blob = int.from_bytes(blob[:NUMBER_BYTES], "big"), blob[NUMBER_BYTES:]
        if not blob or self._closing:
            return
        if self._place()[1].enqueue(blob, number):
            self._losing = False
        elif not self._losing:
            self._losing = True
            await self._audio_error("audio_lost")

    async def _receive_text(self, text: str) -> None:
        if _signal(text) == RESTART:
            await self._restart()
        elif not self._odd_text_logged:
            self._odd_text_logged = True
            logger.warning("unknown text from a host", extra={"room": self._place()[0].room_id})

    async def _restart(self) -> None:
        _, writer = self._place()
        starting = self._ready_sent_for < writer.session_id
        if starting or time.monotonic() - self._restarted_at < RESTART_EVERY_S:
            await self._error("too_many_restarts")
            return
        try:
            await self._host_lease.restart(writer.switch)  # earlier audio belongs to the earlier part
            self._restarted_at = time.monotonic()
        except DomainError as error:
            await self._error(error.code)
        except DatabaseError:
            await self._error("not_ready")

    async def _stay(self) -> None:
        """Renew the host lease until the socket is gone, or the host lease."""
        while not self._leaving.is_set() and not self._ending:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PRESENCE_EVERY_S):
                    await self._leaving.wait()
                    return
            await self._renew()

    async def _say_what_was_received(self) -> None:
        """Also a sign of life: the page keeps its audio, and comes back, when none comes."""
        while not self._leaving.is_set() and not self._ending:
            await self._info({"audio_received": self._place()[1].received})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RECEIVED_SAID_EVERY_S):
                    await self._leaving.wait()

    async def _renew(self) -> None:
        """Notice when the host lease is somebody else's, or the room is closing."""
        _, writer = self._place()
        now = await self._host_lease.renew()
        if now is None:
            return
        if now.state == "held" and now.session_id is not None:
            writer.switch(now.session_id)  # a restart of ours whose answer was lost
        elif now.state == "taken_over":
            self._ending = True
            await self._consumer.refuse(refusals.REPLACED, drain=True)
        elif now.state == "lost":
            self._stop_audio()
            if now.session_id == writer.session_id:
                writer.drop()  # the log is another's
            else:
                writer.end_log()
            await self._consumer.refuse(refusals.TAKEN_OVER)
        elif now.state == "signed_out":
            self._stop_audio()
            writer.drop()
            await self._consumer.refuse(refusals.NO_KEY)
        elif now.state == "over":
            await self._close()

    async def _close(self) -> None:
        """The room ends: what is under way is still processed; what comes later would keep it from ending."""
        if not self._ending:
            self._ending = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_AUDIO_WITHIN_S):
                    await self._leaving.wait()
            self._stop_audio()
            self._place()[1].end_log()

    def _stop_audio(self) -> None:
        self._ending = self._closing = True

    async def _at_work(self, work: Coroutine[None, None, None]) -> None:
        """A host whose audio is lost must not believe that all is well."""
        try:
            await work
        except Exception:
            logger.exception("host's socket failed", extra={"room": self._place()[0].room_id})
            await self._consumer.refuse(refusals.INTERNAL)

    async def _send_ready(self, session_id: int) -> None:
        if self._ready_sent_for < session_id:
            self._ready_sent_for = session_id
            await self._info({"ready_to_recieve_audio": True})

    async def _info(self, info: dict[str, object]) -> None:
        message = HostInfo(info=Info.model_validate(info))
        await self._consumer.send_json_text(json.dumps(message.model_dump(exclude_unset=True)))

    async def _error(self, code: str, parameters: dict[str, str] | None = None) -> None:
        problem = HostProblem(code=code, message=words.host_message(code, parameters or {}))
        await self._consumer.send_json_text(json.dumps(wire.HostError(error=problem).model_dump()))
        # A page takes anything without `info` for a chunk, this error too.
        await self._consumer.send_present_chunk()

    async def _audio_error(self, code: str) -> None:
        """What operators should know, too: it comes once per outage."""
        await self._error(code)
        await room_writes(note_error)(self._place()[1].session_id, code)

    def _place(self) -> tuple[services.HostLease, AudioWriter]:
        if self._held is None:
            raise RuntimeError("join() comes first")
        return self._held


def _concerns(event: Control, host_lease: services.HostLease, writer: AudioWriter) -> bool:
    """Whether the host must ask how it stands."""
    if isinstance(event, HostReplaced):
        return event.connection_id != host_lease.connection_id
    if isinstance(event, SessionClosing):
        return event.session_id == writer.session_id
    newest = event.new_id if isinstance(event, SessionReplaced) else getattr(event, "session_id", 0)
    return newest > writer.session_id


def _signal(text: str) -> str | None:
    try:
        message = json.loads(text[:1000])
    except (ValueError, RecursionError):
        return None
    signal = message.get("signal") if isinstance(message, dict) else None
    return signal if isinstance(signal, str) else None
