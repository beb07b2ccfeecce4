"""The life of one gRPC stream: its client's first message, audio in, text out, and how it ends."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc import aio

from asr.stream_options import StreamOptions
from gateways.common.consent import require_consent
from gateways.speech.dialogs import Dialog, Start
from gateways.speech.refusals import (
    INTERNAL,
    NOT_NOW,
    RESTARTING,
    Code,
    Refusal,
    Refused,
    first_audio_late,
    not_read,
    of_error,
    paused,
)  # fmt: skip
from gateways.speech.rules import FIRST_MESSAGE_WITHIN_S, PAUSE_WITHIN_S
from gateways.speech.stream import SpeechStream
from rooms.errors import DomainError

CONSENT, LANGUAGE = "x-consent", "x-language"  # metadata
READ_WITHIN_S: Final = 60.0  # a client that does not read
OF_STRANGERS: Final[tuple[Code, ...]] = ("invalid_argument", "deadline_exceeded", "failed_precondition")
STATUS: Final[dict[Code, grpc.StatusCode]] = {
    "invalid_argument": grpc.StatusCode.INVALID_ARGUMENT,
    "deadline_exceeded": grpc.StatusCode.DEADLINE_EXCEEDED,
    "resource_exhausted": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "failed_precondition": grpc.StatusCode.FAILED_PRECONDITION,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "data_loss": grpc.StatusCode.DATA_LOSS,
    "internal_error": grpc.StatusCode.INTERNAL,
}
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all streams of a server."""

    max_workers: int
    lang: str
    options: StreamOptions
    drain_s: float = 3.0  # text of what was heard, when the server is to end


class Streams:
    """All streams of one server process."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._open = 0
        self._draining = asyncio.Event()
        self.unusable = ""  # why no stream may be opened

    def drain(self) -> None:
        """No more audio is taken: what has come becomes text, then each client is asked to come back."""
        self._draining.set()

    async def serve(self, dialog: Dialog, context: Any) -> None:
        """One call, whose messages are bytes."""
        try:
            await self._serve(dialog, context)
        except Refused as error:
            await self._abort(context, error.refusal)
        except DomainError as error:
            await self._abort(context, of_error(error))
        except (grpc.RpcError, aio.AbortError):
            raise
        except Exception:
            logger.exception("stream failed")
            await self._abort(context, INTERNAL)

    async def _serve(self, dialog: Dialog, context: Any) -> None:
        metadata = {str(key).lower(): str(value) for key, value in context.invocation_metadata() or ()}
        require_consent(said=metadata.get(CONSENT, "") in ("1", "true"))
        try:
            message = await _next_message(context, FIRST_MESSAGE_WITHIN_S)
        except TimeoutError:
            raise Refused(paused(FIRST_MESSAGE_WITHIN_S)) from None
        if message is None:
            return
        start = dialog.begin(message)
        if self._draining.is_set():
            raise Refused(RESTARTING)
        if self.unusable:
            raise Refused(Refusal("failed_precondition", self.unusable))
        if self._open >= self._terms.max_workers:
            raise Refused(
                Refusal("resource_exhausted", f"No free worker: all {self._terms.max_workers} are taken")
            )
        self._open += 1
        try:
            lang = metadata.get(LANGUAGE) or self._terms.lang
            stream = await SpeechStream.open(start.raw_format, lang=lang, options=self._terms.options)
            try:
                await context.send_initial_metadata(
                    ()
                )  # it is open: a client may wait for it before it says more
                await self._converse(Conversation(dialog, context, stream, start))
            finally:
                await stream.close()
        finally:
            self._open -= 1

    async def _converse(self, conversation: Conversation) -> None:
        """Until everything was said; raises why it ended where that was no end of the client's."""
        hearing = asyncio.create_task(conversation.hear())
        answering = asyncio.create_task(conversation.answer())
        draining = asyncio.create_task(self._draining.wait())
        try:
            await asyncio.wait({hearing, answering, draining}, return_when=asyncio.FIRST_COMPLETED)
            why = _why(hearing, answering)
            hearing.cancel()
            await conversation.stream.end()
            await asyncio.wait({answering, draining}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({answering}, timeout=self._terms.drain_s)
            if answering.done():
                answering.result()
            else:
                why = RESTARTING
        finally:
            for task in (hearing, answering, draining):
                task.cancel()
        if why is not None:
            raise Refused(why)

    async def _abort(self, context: Any, refusal: Refusal) -> None:
        level = logging.DEBUG if refusal.code in OF_STRANGERS else logging.INFO
        logger.log(level, "stream ended early", extra={"code": refusal.code})
        await context.abort(STATUS[refusal.code], refusal.message)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Two directions, each in a task of its own: who does not read holds up neither its own audio nor anybody else."""

    dialog: Dialog
    context: Any
    stream: SpeechStream
    start: Start

    async def hear(self) -> Refusal | None:
        """Until the client has said everything (None), or has been silent for too long."""
        await self.stream.feed(self.start.audio)
        within_s = self.start.first_audio_within_s
        no_audio = first_audio_late(within_s)
        while True:
            try:
                message = await _next_message(self.context, within_s)
            except TimeoutError:
                return no_audio
            if message is None:
                return None
            await self.stream.feed(self.dialog.audio(message))
            within_s, no_audio = PAUSE_WITHIN_S, paused(PAUSE_WITHIN_S)

    async def answer(self) -> None:
        """Until everything was said."""
        async with aclosing(self.stream.updates()) as updates:
            async for update in updates:
                answer = self.dialog.answer(update)
                if answer is not None:
                    await self._write(answer)

    async def _write(self, answer: bytes) -> None:
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                await self.context.write(answer)
        except TimeoutError:
            raise Refused(not_read(READ_WITHIN_S)) from None


def _why(hearing: asyncio.Task[Refusal | None], answering: asyncio.Task[None]) -> Refusal | None:
    """What ends a stream: its client (None), silence, the end of its session, or of this server. Raises Refused."""
    if hearing.done():
        return hearing.result()
    if answering.done():
        answering.result()
        return NOT_NOW  # its session was closed by somebody else
    return RESTARTING


async def _next_message(context: Any, within_s: float) -> bytes | None:
    """None: the client sends no more. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        message = await context.read()
    return None if message is aio.EOF else bytes(message)
