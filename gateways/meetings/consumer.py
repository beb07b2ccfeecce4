"""A meeting's WebSocket: `WS /streaming-whisper/ws/{meeting_id}?auth_token=…`."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.conf import settings

from asr.models import Session
from asr.stream_options import StreamOptions
from gateways.common.consumer import SocketConsumer
from gateways.common.denial import deny
from gateways.common.outbox import RESTARTS, Close
from gateways.common.speech import SpeechSession
from gateways.meetings import admission, chunk, limits, metrics, refusals
from gateways.meetings.meeting import Meeting
from rooms.errors import BadInput, DomainError, NoCapacity, Unauthenticated

LOOK_EVERY_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class _Begun:
    """A meeting that was accepted. `reading`: of its text, until the last."""

    speech: SpeechSession
    meeting: Meeting
    reading: asyncio.Task[None]


class MeetingConsumer(SocketConsumer):
    """All participants of one meeting. It is accepted when it has a slot, and refused with a status where it has none."""

    connected: ClassVar[set[MeetingConsumer]] = set()  # of this process
    queued_events = limits.QUEUED_REPLIES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._speech: SpeechSession | None = None
        self._begun: _Begun | None = None
        self._is_over = False

    async def connect(self) -> None:
        """Accepted behind the checks; what they took is known, whoever goes meanwhile."""
        self._joining = self._work(self._join())
        await asyncio.wait({self._joining})

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Sound of a participant, or the end."""
        if self._begun is None or self._is_over:
            return
        if bytes_data is None:
            self._finish(self._begun, refusals.NOT_BINARY)
        elif bytes_data == chunk.END:
            self._finish(self._begun, refusals.OVER)
        else:
            try:
                heard = chunk.parse(bytes_data)
            except BadInput:
                self._finish(self._begun, refusals.NO_HEADER)
            else:
                self._begun.meeting.hear(heard)

    async def _join(self) -> None:
        try:
            async with asyncio.timeout(limits.TOKEN_WITHIN_S):
                login_holds = await admission.admit(self.scope)
        except TimeoutError:
            raise DomainError("not_ready", retry=True) from None
        if len(self.connected) >= settings.ENV.whisper_max_connections:
            raise NoCapacity("connections")
        self.connected.add(self)
        self._speech = await SpeechSession.open(
            kind=Session.Kind.MEETING,
            source_lang=settings.ENV.default_source_lang,
            options=StreamOptions(shared_prompt=True),
        )
        await self.accept()
        metrics.CONNECTIONS_COUNTER.inc()
        _measure()
        meeting = Meeting(self._speech, self._outbox)
        self._begun = _Begun(self._speech, meeting, self._work(self._read(self._speech, meeting)))
        self._work(self._look(meeting))
        if login_holds is not None:
            self._work(self._watch_login(login_holds))

    async def _read(self, speech: SpeechSession, meeting: Meeting) -> None:
        async for text in speech.texts():
            meeting.take(text)
        if not self._is_over:  # the recogniser has given up: the client comes back for another
            self._is_over = True
            meeting.end()
            self._outbox.close(refusals.FAILED)

    async def _look(self, meeting: Meeting) -> None:
        while not self._is_over and not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._ended.wait()
            meeting.look()

    def _finish(self, begun: _Begun, close: Close) -> None:
        self._is_over = True
        self._work(self._finish_and_close(begun, close))

    async def _finish_and_close(self, begun: _Begun, close: Close) -> None:
        """What was said until now becomes final, as much as there is time for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.FLUSHED_WITHIN_S):
                await begun.meeting.heard()
                begun.speech.finish()
                await asyncio.wait({begun.reading})
        begun.meeting.end()
        self._outbox.close(close)

    async def _drain(self) -> None:
        if self._begun is not None and not self._is_over:
            self._finish(self._begun, RESTARTS)

    async def _refuse(self, error: Exception | None) -> None:
        if self._begun is not None:
            self._is_over = True
            is_signed_out = isinstance(error, Unauthenticated)
            self._outbox.close(refusals.SIGNED_OUT if is_signed_out else refusals.FAILED)
            self._begun.speech.finish()
            return
        why = refusals.refusal(error)
        headers = {"retry-after": str(why.retry_after_s)} if why.retry_after_s else {}
        with contextlib.suppress(OSError):  # whoever asked has gone
            await deny(self.scope, self.base_send, why.status, {"detail": why.detail}, headers)

    async def _leave(self) -> None:
        self._is_over = True
        if self._begun is not None:
            self._begun.reading.cancel()
            self._begun.meeting.end()
        if self._speech is not None:
            await self._speech.close()
        self.connected.discard(self)
        _measure()


def _measure() -> None:
    metrics.CONNECTIONS.set(len(MeetingConsumer.connected))
    metrics.STRESS.set(len(MeetingConsumer.connected) / settings.ENV.whisper_max_connections)
